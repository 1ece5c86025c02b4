package media

import (
	"bytes"
	"strconv"
	"time"
)

// An AdBreak is where advertising may be shown instead of what is live.
type AdBreak struct {
	ID     string
	Length time.Duration // whole milliseconds
}

// Data returns the break as a unit of codec AdMarker carries it: its length in
// milliseconds, a space and its id.
func (a AdBreak) Data() []byte {
	b := strconv.AppendInt(nil, a.Length.Milliseconds(), 10)
	return append(append(b, ' '), a.ID...)
}

// ParseAdBreak is the reverse of AdBreak.Data.
func ParseAdBreak(b []byte) (AdBreak, bool) {
	ms, id, ok := bytes.Cut(b, []byte{' '})
	n, err := strconv.ParseInt(string(ms), 10, 32)
	if !ok || err != nil || n < 0 || len(id) == 0 {
		return AdBreak{}, false
	}
	return AdBreak{ID: string(id), Length: time.Duration(n) * time.Millisecond}, true
}

package transcode

import (
	"fmt"
	"sync"
	"time"

	"openivs/internal/media"
)

const (
	// bookSize is how many units are remembered that a child was given: as many
	// as may be on their way through one, and those that other outputs lag behind.
	bookSize = 1024

	// firstTime is the timestamp of the first unit that a child is given, in ms.
	// What encoders put before it is not negative then.
	firstTime = 1000
)

// A book gives units the timestamps that a child sees, and finds the unit that
// belongs to a timestamp of its output. So what comes out has exactly the time
// that went in, however a container rounds it, and a child never sees a clock
// that jumps.
type book struct {
	mu      sync.Mutex
	entries map[int64]entry // by timestamp of presentation, in ms
	order   []int64         // the oldest first
	line    Line
	any     bool
	shift   int64     // what is added to a unit's own ms
	newest  int64     // the latest timestamp of presentation
	last    int64     // the newest timestamp of decoding
	silent  int       // units given since something came out
	since   time.Time // when the first of them was given
	writing time.Time // since when a unit is being written; zero: none is
}

type entry struct {
	pts  media.Ticks
	at   time.Time
	line Line
}

const ticksPerMS = media.Clock / 1000

func ms(t media.Ticks) int64 { return int64((t + ticksPerMS/2) / ticksPerMS) }

// enter returns the timestamps that a unit is given to the child with.
func (b *book) enter(u fed, now time.Time) (dts, pts int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	const step = 34 // between timelines, in ms
	if b.entries == nil {
		b.entries = make(map[int64]entry)
	}
	switch {
	case !b.any:
		b.shift = firstTime - ms(u.DTS)
	case b.line != u.line:
		b.shift = b.newest + step - ms(u.DTS)
	}
	dts, pts = ms(u.DTS)+b.shift, ms(u.PTS)+b.shift
	if b.any && dts <= b.last {
		dts = b.last + 1
	}
	pts = max(pts, dts)
	for _, taken := b.entries[pts]; taken; _, taken = b.entries[pts] {
		pts++
	}
	b.any, b.line, b.last, b.newest = true, u.line, dts, max(b.newest, pts)
	b.entries[pts] = entry{u.PTS, u.At, u.line}
	b.order = append(b.order, pts)
	if len(b.order) > bookSize {
		delete(b.entries, b.order[0])
		b.order = b.order[1:]
	}
	if b.silent == 0 {
		b.since = now
	}
	b.silent++
	b.writing = now
	return dts, pts
}

// wrote notes that the child has taken the unit that was entered last.
func (b *book) wrote() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writing = time.Time{}
}

// find returns what a timestamp of the output stands for. What is up to slack
// ms off is found too.
func (b *book) find(pts, slack int64) (entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for d := range slack + 1 {
		for _, at := range [2]int64{pts - d, pts + d} {
			if e, ok := b.entries[at]; ok {
				b.silent = 0
				return e, nil
			}
		}
	}
	return entry{}, fmt.Errorf("%w: a time of %d ms, which nothing had that went in", errGarbage, pts)
}

// enough is how many units a child may be given before anything comes out: more
// than any decoder holds back.
const enough = 40

// stuck reports whether the child has not answered, or not even read, since a
// time. An encoder that pauses is none of its fault.
func (b *book) stuck(since time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.silent >= enough && b.since.Before(since) || !b.writing.IsZero() && b.writing.Before(since)
}

package token

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strconv"
)

// maxMembers is how many members an object may have.
const maxMembers = 64

// members are those of a JSON object, by their exact names. A null is not there.
type members map[string]json.RawMessage

// object reads a JSON object. One that has a member twice is refused: readers
// differ in which of the two counts.
func object(b []byte) (members, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, ErrMalformed
	}
	out := make(members)
	seen := make(map[string]bool)
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok || seen[name] || len(seen) == maxMembers {
			return nil, ErrMalformed
		}
		seen[name] = true
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, ErrMalformed
		}
		if string(value) != "null" {
			out[name] = value
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, ErrMalformed
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, ErrMalformed
	}
	return out, nil
}

// text reads a string, if the member is there, and reports whether it is one.
func (m members) text(name string, to *string) bool {
	v, there := m[name]
	return !there || json.Unmarshal(v, to) == nil
}

// truth reads a boolean, if the member is there, and reports whether it is one.
func (m members) truth(name string, to *bool) bool {
	v, there := m[name]
	return !there || json.Unmarshal(v, to) == nil
}

// seconds reads a NumericDate (RFC 7519, 2), rounded down. One beyond all
// calendars is far away.
func (m members) seconds(name string, to *int64) (there, ok bool) {
	v, there := m[name]
	if !there {
		return false, true
	}
	var n json.Number
	if v[0] == '"' || json.Unmarshal(v, &n) != nil {
		return true, false
	}
	if whole, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		*to = min(max(whole, -maxSeconds), maxSeconds)
		return true, true
	}
	f, err := strconv.ParseFloat(n.String(), 64)
	if err != nil {
		return true, false
	}
	*to = int64(math.Floor(min(max(f, -maxSeconds), maxSeconds)))
	return true, true
}

// maxSeconds is further away than any date, and can be added to.
const maxSeconds = 1 << 53

// whole reads a whole number that is not negative, written as one or in a string.
func (m members) whole(name string, to *int64) bool {
	v, there := m[name]
	if !there {
		return true
	}
	digits := string(v)
	if v[0] == '"' && json.Unmarshal(v, &digits) != nil {
		return false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	*to = n
	return err == nil && n >= 0
}

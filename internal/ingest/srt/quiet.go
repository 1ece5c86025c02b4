package srt

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// quietFor is how long a refusal is not logged again: some encoders come back
	// a hundred times a second.
	quietFor = 10 * time.Second

	// maxQuiet is how many refusals are remembered for that.
	maxQuiet = 1024
)

// A quiet keeps the log free of repeated refusals.
type quiet struct {
	mu   sync.Mutex
	last map[refused]time.Time
}

// refused is who was refused, and why.
type refused struct {
	from netip.Prefix
	code string
}

// may reports whether a refusal is to be logged.
func (q *quiet) may(from netip.Prefix, code string, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	k := refused{from, code}
	if at, ok := q.last[k]; ok && now.Sub(at) < quietFor {
		return false
	}
	if q.last == nil || len(q.last) >= maxQuiet {
		q.last = make(map[refused]time.Time)
	}
	q.last[k] = now
	return true
}

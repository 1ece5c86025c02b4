// Package rate says whether something may happen once more now: token buckets,
// alone and by name.
//
// It does not know what is counted, nor what is answered to who comes too often.
package rate

import (
	"sync"
	"time"
)

// A Limit is how often something may happen.
type Limit struct {
	PerSecond int // above 0
	Burst     int // at once, after a pause; above 0
}

func (l Limit) interval() time.Duration { return time.Second / time.Duration(l.PerSecond) }

// A level is how full a bucket is, as the moment at which it is full again.
// The zero level is full.
type level time.Time

// take takes a token at a moment, if there is one.
func (v *level) take(l Limit, now time.Time) bool {
	full := time.Time(*v)
	if full.Before(now) {
		full = now
	}
	full = full.Add(l.interval())
	if full.Sub(now) > l.interval()*time.Duration(l.Burst) {
		return false
	}
	*v = level(full)
	return true
}

// A Bucket holds tokens of one limit. It is full at first.
type Bucket struct {
	Limit Limit

	mu sync.Mutex
	at level
}

// Take takes a token, if there is one.
func (b *Bucket) Take() bool {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at.take(b.Limit, now)
}

// Return gives back a token that was taken and not used.
func (b *Bucket) Return() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = level(time.Time(b.at).Add(-b.Limit.interval()))
}

// Buckets hold tokens by name, all of one limit. Those that are full again are
// forgotten, so that there are never many more than were used of late.
type Buckets struct {
	Limit Limit

	mu     sync.Mutex
	levels map[string]level
	sweep  int // how many there may be until the full ones are looked for
}

// fewest is how many buckets are too few to tidy up.
const fewest = 256

// Take takes a token from a bucket, if there is one.
func (b *Buckets) Take(name string) bool {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	v := b.levels[name]
	if !v.take(b.Limit, now) {
		return false
	}
	if b.levels == nil {
		b.levels, b.sweep = make(map[string]level), fewest
	}
	b.levels[name] = v
	if len(b.levels) > b.sweep {
		b.tidy(now)
	}
	return true
}

// tidy forgets the full buckets. Doubling the mark makes its cost for each Take
// a constant.
func (b *Buckets) tidy(now time.Time) {
	for name, v := range b.levels {
		if !time.Time(v).After(now) {
			delete(b.levels, name)
		}
	}
	b.sweep = max(fewest, 2*len(b.levels))
}

// Len returns how many buckets are remembered.
func (b *Buckets) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.levels)
}

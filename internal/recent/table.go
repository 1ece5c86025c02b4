package recent

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"openivs/internal/ivs"
)

const (
	// maxRemembered is how many resources of a kind are remembered.
	maxRemembered = 8192
	// doubt is how long nothing is remembered after a change that may have been
	// made although it failed, for it may yet take effect.
	doubt = time.Minute
)

// A table remembers values of one kind. When they would weigh more than it
// holds, all are forgotten. Everything in it was read after the
// last change, so that whoever made a change, and whoever hears of it, reads what
// it made:
//
//   - A change counts itself in changes once it is over, before its maker is told.
//   - What is read is remembered together with the count from before the read, and
//     is good only while that is the count. A read that began before a change was
//     over is therefore never used after it.
//   - While a change is under way nothing is taken from memory, so that two reads
//     in a row do not see it come and go.
type table[K comparable, V any] struct {
	most  int         // that all values may weigh; 0: maxRemembered
	weigh func(V) int // nil: each is 1

	changes  atomic.Int64 // that are over
	underWay atomic.Int64
	doubtful atomic.Int64 // until when, as unix nanoseconds

	mu    sync.RWMutex
	count int64 // what changes was when all of byKey was read
	load  int   // what all of byKey weighs
	byKey map[K]V
}

// get returns a value from memory, or else reads it. The caller must not change
// what it refers to.
func (t *table[K, V]) get(ctx context.Context, key K, read func(context.Context, K) (V, error)) (V, error) {
	count := t.changes.Load()
	usable := t.underWay.Load() == 0 && time.Now().UnixNano() > t.doubtful.Load()
	if usable {
		if v, ok := t.remembered(key, count); ok {
			return v, nil
		}
	}
	v, err := read(ctx, key)
	if err == nil && usable {
		t.remember(key, v, count)
	}
	return v, err
}

func (t *table[K, V]) remembered(key K, count int64) (V, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	v, ok := t.byKey[key]
	return v, ok && t.count == count
}

func (t *table[K, V]) remember(key K, v V, count int64) {
	weight := 1
	if t.weigh != nil {
		weight = t.weigh(v)
	}
	most := cmp.Or(t.most, maxRemembered)
	if weight > most {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count > count {
		return // a change has come between
	}
	if _, ok := t.byKey[key]; ok && t.count == count {
		return // somebody else has read it
	}
	if t.count < count || t.load+weight > most || t.byKey == nil {
		t.byKey, t.count, t.load = make(map[K]V), count, 0
	}
	t.byKey[key] = v
	t.load += weight
}

// change begins a change and returns what ends it, given how it went.
func (t *table[K, V]) change() (end func(err *error)) {
	t.underWay.Add(1)
	return func(err *error) {
		switch ivs.CodeOf(*err) { //nolint:exhaustive // the others are refusals: nothing was changed
		case ivs.Unavailable, ivs.Internal:
			if *err != nil {
				t.doubtful.Store(time.Now().Add(doubt).UnixNano())
			}
		}
		t.changes.Add(1)
		t.underWay.Add(-1)
	}
}

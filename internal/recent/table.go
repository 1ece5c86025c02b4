package recent

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"openivs/internal/ivs"
)

const (
	// maxRemembered is how many resources of a kind are remembered. When there
	// would be more, all are forgotten.
	maxRemembered = 8192
	// doubt is how long nothing is remembered after a change that may have been
	// made although it failed, for it may yet take effect.
	doubt = time.Minute
)

// A table remembers resources of one kind. Everything in it was read after the
// last change, so that whoever made a change, and whoever hears of it, reads what
// it made:
//
//   - A change counts itself in changes once it is over, before its maker is told.
//   - What is read is remembered together with the count from before the read, and
//     is good only while that is the count. A read that began before a change was
//     over is therefore never used after it.
//   - While a change is under way nothing is taken from memory, so that two reads
//     in a row do not see it come and go.
type table[V any] struct {
	changes  atomic.Int64 // that are over
	underWay atomic.Int64
	doubtful atomic.Int64 // until when, as unix nanoseconds

	mu    sync.RWMutex
	count int64 // what changes was when all of byARN was read
	byARN map[ivs.ARN]V
}

// get returns a resource from memory, or else reads it. The caller must not
// change what it refers to.
func (t *table[V]) get(ctx context.Context, arn ivs.ARN, read func(context.Context, ivs.ARN) (V, error)) (V, error) {
	count := t.changes.Load()
	usable := t.underWay.Load() == 0 && time.Now().UnixNano() > t.doubtful.Load()
	if usable {
		if v, ok := t.remembered(arn, count); ok {
			return v, nil
		}
	}
	v, err := read(ctx, arn)
	if err == nil && usable {
		t.remember(arn, v, count)
	}
	return v, err
}

func (t *table[V]) remembered(arn ivs.ARN, count int64) (V, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	v, ok := t.byARN[arn]
	return v, ok && t.count == count
}

func (t *table[V]) remember(arn ivs.ARN, v V, count int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.count > count:
		return // a change has come between
	case t.count < count, len(t.byARN) >= maxRemembered, t.byARN == nil:
		t.byARN, t.count = make(map[ivs.ARN]V), count
	}
	t.byARN[arn] = v
}

// change begins a change and returns what ends it, given how it went.
func (t *table[V]) change() (end func(err *error)) {
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

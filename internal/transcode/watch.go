package transcode

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	defaultStall  = 5 * time.Second
	firstPause    = 250 * time.Millisecond
	longestPause  = 30 * time.Second
	defaultStable = 30 * time.Second
)

// A Watch says how children are looked after. The zero Watch is ready.
type Watch struct {
	// Lost is told that a child has failed, that the next one starts after a
	// pause, and how many have failed in a row. nil: nobody is.
	Lost func(err error, failures int, pause time.Duration)

	Grace   time.Duration // how long one has to end by itself; 0: 2 s
	Stall   time.Duration // how long one may say nothing of what it was given; 0: 5 s
	Pause   time.Duration // before the second child, longer before each further one; 0: 250 ms
	Stable  time.Duration // one that ran for this long starts the count anew; 0: 30 s
	Environ []string      // of children; nil: what they need
}

// errStalled is a child that answers nothing.
var errStalled = errors.New("the process has stalled")

// alive watches the book of a child.
func (w Watch) alive(b *book) func(time.Time) error {
	limit := cmp.Or(w.Stall, defaultStall)
	return func(now time.Time) error {
		if b.stuck(now.Add(-limit)) {
			return fmt.Errorf("%w: nothing came out for %v", errStalled, limit)
		}
		return nil
	}
}

// pause returns how long to wait after so many failures in a row.
func (w Watch) pause(failures int) time.Duration {
	p := cmp.Or(w.Pause, firstPause)
	for range failures - 1 {
		if p *= 2; p >= longestPause {
			return longestPause
		}
	}
	return p
}

// A loop runs one child after the other on a feed.
type loop struct {
	once sync.Once
	feed *feed
}

func (l *loop) get() *feed {
	l.once.Do(func() { l.feed = newFeed() })
	return l.feed
}

// run runs children until the feed is over or ctx is. A child starts when there
// is something for it.
func (l *loop) run(ctx context.Context, w Watch, next func(*feed) *process) {
	f := l.get()
	failures := 0
	for f.ready(ctx) {
		began := time.Now()
		err := next(f).run(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if time.Since(began) >= cmp.Or(w.Stable, defaultStable) {
			failures = 0
		}
		failures++
		pause := w.pause(failures)
		if w.Lost != nil {
			w.Lost(err, failures, pause)
		}
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return
		}
		f.restart()
	}
}

package transcode

import (
	"context"
	"errors"
	"sync"

	"openivs/internal/media"
)

const (
	// maxFed is how many units wait for a child, and maxFedBytes how many bytes.
	// When there are more, they are dropped up to the next keyframe.
	maxFed      = 240
	maxFedBytes = 24 << 20
)

// A fed unit waits for a child.
type fed struct {
	media.Unit
	line Line
}

// A Line says which units follow on one another: those that have the same.
type Line struct {
	Timeline int64 // as whoever writes units counts
	Gaps     int64 // how often units are missing before this one
}

// A feed stands between a live input and a child that may fall behind. Nobody
// who puts units in waits.
type feed struct {
	mu      sync.Mutex
	units   []fed
	size    int
	skip    bool  // until the next keyframe
	gaps    int64 // so far
	dropped int64 // units
	over    bool
	more    chan struct{} // holds one: something changed
}

func newFeed() *feed { return &feed{skip: true, more: make(chan struct{}, 1)} }

// put adds a unit, or drops it.
func (f *feed) put(u media.Unit, timeline int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	full := len(f.units) >= maxFed || f.size+len(u.Data) > maxFedBytes
	switch {
	case f.over:
		return
	case full || f.skip && !u.Key:
		if full && !f.skip {
			f.gaps++
		}
		f.skip = true
		f.dropped++
		return
	}
	f.skip = false
	f.units = append(f.units, fed{u, Line{timeline, f.gaps}})
	f.size += len(u.Data)
	f.wake()
}

func (f *feed) wake() {
	select {
	case f.more <- struct{}{}:
	default:
	}
}

// end says that nothing follows.
func (f *feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	f.wake()
}

// restart has the next unit be a keyframe, as a new child has seen nothing.
func (f *feed) restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gaps++
	n := 0
	for n < len(f.units) && !f.units[n].Key {
		f.size -= len(f.units[n].Data)
		n++
	}
	f.dropped += int64(n)
	f.units = append(f.units[:0:0], f.units[n:]...)
	for i := range f.units {
		f.units[i].line.Gaps++
	}
	f.skip = f.skip || len(f.units) == 0
}

// errDone means that the input is over.
var errDone = errors.New("the input is over")

// take returns what waits, and waits for it. It ends with errDone or with ctx.
func (f *feed) take(ctx context.Context) ([]fed, error) {
	for {
		f.mu.Lock()
		units, over := f.units, f.over
		f.units, f.size = nil, 0
		f.mu.Unlock()
		if len(units) > 0 {
			return units, nil
		}
		if over {
			return nil, errDone
		}
		select {
		case <-f.more:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// ready waits until there is something to take, and reports whether there is;
// if not, the input is over or ctx is.
func (f *feed) ready(ctx context.Context) bool {
	for {
		f.mu.Lock()
		n, over := len(f.units), f.over
		f.mu.Unlock()
		if n > 0 || over {
			return n > 0
		}
		select {
		case <-f.more:
		case <-ctx.Done():
			return false
		}
	}
}

func (f *feed) lost() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dropped
}

// Package tally counts how much of each stream is recorded.
//
// It records nothing: it stands between a stream and its recording.
package tally

import (
	"sync"
	"time"

	"openivs/internal/hls"
	"openivs/internal/media"
)

// A Recording is what is counted.
type Recording interface {
	Segment(w *hls.Window, seg *hls.Segment, f hls.Facts)
	Picture(u media.Unit)
	Playable()
	End(final bool)

	// Taking reports whether segments are kept: it has not failed, and has more to
	// keep than thumbnails.
	Taking() bool
}

// A Book knows how much was recorded of each stream that is recorded now. The zero
// Book is ready.
type Book struct {
	mu      sync.Mutex
	streams map[string]*Counted // by stream id
}

// Open counts what a recording takes of a stream, until its end.
func (b *Book) Open(stream string, r Recording) *Counted {
	c := &Counted{Recording: r, book: b, stream: stream}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.streams == nil {
		b.streams = make(map[string]*Counted)
	}
	b.streams[stream] = c
	return c
}

// Of returns how much media of a stream was recorded; -1: it is not recorded.
func (b *Book) Of(stream string) time.Duration {
	b.mu.Lock()
	c := b.streams[stream]
	b.mu.Unlock()
	if c == nil {
		return -1
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.longest.Duration()
}

// A Counted is a recording that is counted. Several renditions of the same media
// count once.
type Counted struct {
	Recording

	book   *Book
	stream string

	mu      sync.Mutex
	lengths map[string]media.Ticks // by rendition
	longest media.Ticks
}

// Segment counts a segment that is taken.
func (c *Counted) Segment(w *hls.Window, seg *hls.Segment, f hls.Facts) {
	c.Recording.Segment(w, seg, f)
	if w.OnDemand || !c.Taking() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lengths == nil {
		c.lengths = make(map[string]media.Ticks)
	}
	c.lengths[w.Rendition] += seg.Duration
	c.longest = max(c.longest, c.lengths[w.Rendition])
}

// End says that nothing follows.
func (c *Counted) End(final bool) {
	c.Recording.End(final)
	c.book.mu.Lock()
	defer c.book.mu.Unlock()
	if c.book.streams[c.stream] == c {
		delete(c.book.streams, c.stream)
	}
}

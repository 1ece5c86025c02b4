package hls

import (
	"slices"
	"sync/atomic"
	"time"

	"openivs/internal/media"
)

// A Stream is the renditions of one stream, best first.
type Stream struct {
	ID         string
	Renditions []*Window // those that it began with

	grown   atomic.Pointer[[]*Window] // all of them, once there are more
	waiting atomic.Bool               // for more of them
}

// NewStream joins renditions that no viewer has seen yet.
func NewStream(id string, renditions ...*Window) *Stream {
	s := &Stream{ID: id, Renditions: renditions}
	for _, w := range renditions {
		w.stream = s
	}
	return s
}

// Await has the stream be nothing to watch until Grow.
func (s *Stream) Await() { s.waiting.Store(true) }

// Grow adds renditions that no viewer has seen yet, behind the others.
func (s *Stream) Grow(renditions ...*Window) {
	for _, w := range renditions {
		w.stream = s
	}
	all := append(slices.Clone(s.all()), renditions...)
	s.grown.Store(&all)
	s.waiting.Store(false)
}

func (s *Stream) all() []*Window {
	if all := s.grown.Load(); all != nil {
		return *all
	}
	return s.Renditions
}

// Playable reports whether there is anything that every player can watch, in
// every rendition that is to come.
func (s *Stream) Playable() bool { return s.ready((*Snapshot).Playable) }

// ready reports whether one rendition is, and all are that are neither away nor
// only made when wanted.
func (s *Stream) ready(is func(*Snapshot) bool) bool {
	if s.waiting.Load() {
		return false
	}
	one := false
	for _, w := range s.all() {
		snap := w.Snapshot()
		if !is(snap) && !snap.Away && !w.OnDemand {
			return false
		}
		one = one || is(snap) && !w.OnDemand
	}
	return one
}

// Window returns the window of the rendition of a name.
func (s *Stream) Window(rendition string) (*Window, bool) {
	for _, w := range s.all() {
		if w.Rendition == rendition {
			return w, true
		}
	}
	return nil, false
}

// Size is how many bytes of media the stream keeps in memory.
func (s *Stream) Size() (n int64) {
	for _, w := range s.all() {
		n += w.Snapshot().size
	}
	return n
}

// Shed lets go of the media of a stream that ended. Its playlists still tell of the
// end.
func (s *Stream) Shed() {
	for _, w := range s.all() {
		w.shed()
	}
}

// Next is where the numbers of the channel's next stream begin: after those of
// every rendition.
func (s *Stream) Next() (p Position) {
	for _, w := range s.all() {
		snap := w.Snapshot()
		gone, longest := snap.discontinuities, media.Ticks(0)
		for _, seg := range snap.Segments {
			longest = max(longest, seg.Duration)
			if seg.Discontinuity {
				gone++
			}
		}
		if snap.Open != nil && snap.Open.Discontinuity {
			gone++
		}
		next := snap.next
		if snap.Open != nil {
			next++ // what was seen of it stays with its number
		}
		p.MSN, p.Discontinuities = max(p.MSN, next), max(p.Discontinuities, gone)
		p.Target = max(p.Target, longest.Duration().Round(time.Second))
	}
	return p
}

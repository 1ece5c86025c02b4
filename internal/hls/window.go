package hls

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"openivs/internal/media"
)

const (
	// windowLength is how much media a playlist lists, as Amazon IVS does.
	windowLength = 30 * media.Clock
	// maxListed is the most segments a playlist lists, however short they are.
	maxListed = 64
	// maxLeft is how many segments are still served after a playlist has let
	// go of them, for the viewers who have the playlist before.
	maxLeft = 3
	// maxWindowBytes is the most that one rendition keeps, whatever its bitrate.
	maxWindowBytes = 64 << 20
)

// A Segment is a piece of a rendition that can be fetched. It never changes.
type Segment struct {
	MSN           int64 // media sequence number
	Duration      media.Ticks
	Date          time.Time // wall clock of its first picture
	Discontinuity bool      // what came before is of another timeline or coding
	Key           bool      // it begins with a keyframe
	Data          []byte    // an MPEG transport stream
}

// A Stream is the renditions of one stream, best first. It never changes.
type Stream struct {
	ID         string
	Renditions []*Window
}

// Window returns the window of the rendition of a name.
func (s *Stream) Window(rendition string) (*Window, bool) {
	for _, w := range s.Renditions {
		if w.Rendition == rendition {
			return w, true
		}
	}
	return nil, false
}

// Size is how many bytes of media the stream keeps in memory.
func (s *Stream) Size() (n int64) {
	for _, w := range s.Renditions {
		n += w.Snapshot().size
	}
	return n
}

// A Window is what is published of one rendition: written by one Packager, read
// by every viewer. Set the fields before its first use and leave them alone
// afterwards.
type Window struct {
	Stream    string // id of the stream, part of every path
	Rendition string // name of the rendition, part of every path

	now atomic.Pointer[Snapshot]
}

// A Snapshot is what a Window held at one moment. It never changes.
type Snapshot struct {
	Facts    Facts
	Target   time.Duration // EXT-X-TARGETDURATION, whole seconds; 0 before the first segment
	Segments []*Segment    // listed, oldest first
	Ended    bool          // nothing will follow

	window          *Window
	left            []*Segment  // no longer listed but still served, oldest first
	size            int64       // bytes of Segments and left
	discontinuities int64       // EXT-X-DISCONTINUITY tags that have left the playlist
	elapsed         media.Ticks // media before Segments[0]
	total           media.Ticks // media until now
	text            func() []byte
	zipOnce         sync.Once
	zipped          []byte
	replaced        chan struct{} // closed when a newer snapshot is published
}

// Facts are what a multivariant playlist says of a rendition.
type Facts struct {
	Video, Audio  *media.Track // Audio is nil if there is none
	Framerate     float64      // frames per second, declared or else measured
	Peak, Average Bitrate      // measured, container included
}

// A Bitrate is in bits per second.
type Bitrate int64

// Snapshot returns what is published now. It is never nil.
func (w *Window) Snapshot() *Snapshot {
	s := w.now.Load()
	if s == nil {
		w.now.CompareAndSwap(nil, newSnapshot(w))
		s = w.now.Load()
	}
	return s
}

// Wait returns the first snapshot that is ready, or why ctx ended. A snapshot
// that has ended is the last one and returned in any case.
func (w *Window) Wait(ctx context.Context, ready func(*Snapshot) bool) (*Snapshot, error) {
	for {
		s := w.Snapshot()
		if s.Ended || ready(s) {
			return s, nil
		}
		select {
		case <-s.replaced:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Playable reports whether there is anything to watch.
func (s *Snapshot) Playable() bool { return len(s.Segments) > 0 }

// Segment returns a segment that is listed or has left the playlist a short
// while ago.
func (s *Snapshot) Segment(msn int64) (*Segment, bool) {
	for _, list := range [2][]*Segment{s.Segments, s.left} {
		if len(list) == 0 {
			continue
		}
		if i := msn - list[0].MSN; i >= 0 && i < int64(len(list)) {
			return list[i], true
		}
	}
	return nil, false
}

// newSnapshot returns an empty snapshot of w.
func newSnapshot(w *Window) *Snapshot {
	s := &Snapshot{window: w, replaced: make(chan struct{})}
	s.text = sync.OnceValue(s.render)
	return s
}

// publish makes seg the newest segment. Only the window's packager calls it.
func (w *Window) publish(seg *Segment, target time.Duration, facts Facts) {
	old := w.Snapshot()
	s := newSnapshot(w)
	s.Facts, s.Target = facts, target
	s.discontinuities = old.discontinuities
	s.elapsed, s.total = old.elapsed, old.total+seg.Duration
	s.Segments = append(append(make([]*Segment, 0, len(old.Segments)+1), old.Segments...), seg)
	s.left = append(make([]*Segment, 0, maxLeft+1), old.left...)
	s.size = old.size + int64(len(seg.Data))
	s.trim()
	w.replace(old, s)
}

// end publishes that nothing will follow.
func (w *Window) end() {
	old := w.Snapshot()
	s := newSnapshot(w)
	s.Facts, s.Target, s.Ended = old.Facts, old.Target, true
	s.discontinuities, s.elapsed, s.total = old.discontinuities, old.elapsed, old.total
	s.Segments, s.left, s.size = old.Segments, old.left, old.size
	w.replace(old, s)
}

func (w *Window) replace(old, s *Snapshot) {
	w.now.Store(s)
	close(old.replaced)
}

// trim lets go of what exceeds the window's length and size. The newest segment
// always stays.
func (s *Snapshot) trim() {
	s.forget()
	for len(s.Segments) > 1 {
		oldest := s.Segments[0]
		if s.total-s.elapsed-oldest.Duration < windowLength && len(s.Segments) <= maxListed && s.size <= maxWindowBytes {
			return
		}
		s.Segments[0] = nil // the array must not keep what the slice let go of
		s.Segments = s.Segments[1:]
		s.left = append(s.left, oldest)
		s.elapsed += oldest.Duration
		if oldest.Discontinuity {
			s.discontinuities++
		}
		s.forget()
	}
}

// forget drops what left the playlist too long ago or takes too much room.
func (s *Snapshot) forget() {
	for len(s.left) > maxLeft || len(s.left) > 0 && s.size > maxWindowBytes {
		s.size -= int64(len(s.left[0].Data))
		s.left[0] = nil
		s.left = s.left[1:]
	}
}

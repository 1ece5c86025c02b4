package hls

import "slices"

// A Stream is the renditions of one stream, best first. It never changes.
type Stream struct {
	ID         string
	Renditions []*Window
}

// NewStream joins renditions that no viewer has seen yet.
func NewStream(id string, renditions ...*Window) *Stream {
	for i, w := range renditions {
		w.others = slices.Delete(slices.Clone(renditions), i, i+1)
	}
	return &Stream{ID: id, Renditions: renditions}
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

// Next is where the numbers of the channel's next stream begin: after those of
// every rendition.
func (s *Stream) Next() (p Position) {
	for _, w := range s.Renditions {
		snap := w.Snapshot()
		gone := snap.discontinuities
		for _, seg := range snap.Segments {
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
		p.MSN, p.Discontinuities, p.Target = max(p.MSN, next), max(p.Discontinuities, gone), max(p.Target, snap.Target)
	}
	return p
}

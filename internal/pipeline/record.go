package pipeline

import (
	"openivs/internal/hls"
	"openivs/internal/ivs"
	"openivs/internal/media"
)

// A Recording keeps what is published of a stream. None of its methods waits.
type Recording interface {
	// Segment takes a segment of a rendition, in the order of each rendition.
	Segment(w *hls.Window, seg *hls.Segment, f hls.Facts)

	// Picture takes each keyframe of the encoder's.
	Picture(u media.Unit)

	// Playable says that the stream can be watched: every rendition that it begins
	// with has had a segment.
	Playable()

	// End says that nothing follows; final as in Pipeline.Close. It is called once.
	End(final bool)
}

// Unrecorded keeps nothing.
type Unrecorded struct{}

// Segment drops a segment.
func (Unrecorded) Segment(*hls.Window, *hls.Segment, hls.Facts) {}

// Picture drops a keyframe.
func (Unrecorded) Picture(media.Unit) {}

// Playable is nothing to Unrecorded.
func (Unrecorded) Playable() {}

// End is nothing to Unrecorded.
func (Unrecorded) End(bool) {}

// recording begins the recording of a session.
func (b *Builder) recording(s ivs.Session) Recording {
	if b.Record == nil {
		return Unrecorded{}
	}
	return b.Record(s)
}

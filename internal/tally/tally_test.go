package tally_test

import (
	"testing"
	"time"

	"openivs/internal/hls"
	"openivs/internal/media"
	"openivs/internal/tally"
)

// A recording takes segments while it has not failed.
type recording struct {
	failed          bool
	segments, ended int
}

func (r *recording) Segment(*hls.Window, *hls.Segment, hls.Facts) { r.segments++ }
func (r *recording) Picture(media.Unit)                           {}
func (r *recording) Playable()                                    {}
func (r *recording) End(bool)                                     { r.ended++ }
func (r *recording) Taking() bool                                 { return !r.failed }

func TestARecordingIsAsLongAsItsLongestRendition(t *testing.T) {
	var b tally.Book
	var r recording
	c := b.Open("one", &r)
	take := func(rendition string, d time.Duration) {
		c.Segment(&hls.Window{Rendition: rendition}, &hls.Segment{Duration: media.TicksOf(d)}, hls.Facts{})
	}
	want := func(stream string, d time.Duration) {
		t.Helper()
		if got := b.Of(stream); got != d {
			t.Errorf("of %s %v was recorded, want %v", stream, got, d)
		}
	}
	want("other", -1)
	want("one", 0)
	take("source", 2*time.Second)
	take("480p30", 2*time.Second)
	take("source", 2*time.Second)
	want("one", 4*time.Second)
	c.Segment(&hls.Window{Rendition: "audio", OnDemand: true}, &hls.Segment{Duration: media.TicksOf(time.Hour)}, hls.Facts{})
	want("one", 4*time.Second)
	r.failed = true
	take("source", 2*time.Second)
	want("one", 4*time.Second)
	next := b.Open("one", &r)
	c.End(true)
	want("one", 0) // that of the next
	next.End(true)
	want("one", -1)
	if r.segments != 5 || r.ended != 2 {
		t.Errorf("the recording was told of %d segments and %d ends", r.segments, r.ended)
	}
}

package hls_test

import (
	"testing"
	"time"

	"openivs/internal/hls"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
)

// TestWhoWantsSpoilsNoLongGOP has somebody wait for a stream whose keyframes are
// four seconds apart: what the first segment is cut short for is not paid for by
// all that follow.
func TestWhoWantsSpoilsNoLongGOP(t *testing.T) {
	for _, tc := range []struct {
		name     string
		delivery hls.Delivery
		known    time.Duration // of the stream before
		target   time.Duration
		first    time.Duration
	}{
		{"parts, nothing is known", hls.Parts, 0, 6 * time.Second, 200 * time.Millisecond},
		{"parts, it was so before", hls.Parts, 4 * time.Second, 4 * time.Second, 200 * time.Millisecond},
		{"ahead, nothing is known", hls.Ahead, 0, 4 * time.Second, 4 * time.Second},
		{"ahead, it was so before", hls.Ahead, 4 * time.Second, 4 * time.Second, 200 * time.Millisecond},
		{"whole", hls.Whole, 0, 4 * time.Second, 4 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := &hls.Window{Stream: "st-1", Rendition: hls.Source, Delivery: tc.delivery, From: hls.Position{Target: tc.known}}
			w.Want()
			p := hls.Packager{Window: w}
			for u := range mediatest.Plain(t).Units(25 * time.Second) {
				if u.Track.Kind == media.Video {
					u.Key = u.Key && u.DTS%(4*media.Clock) == 0
				}
				if err := p.WriteUnit(u); err != nil {
					t.Fatal(err)
				}
			}
			snap := w.Snapshot()
			if snap.Target != tc.target {
				t.Errorf("EXT-X-TARGETDURATION of %v, want %v\n%s", snap.Target, tc.target, snap.Playlist(false))
			}
			for i, seg := range snap.Segments {
				want := 4 * time.Second
				rest := want - tc.first // of the first GOP
				switch {
				case i == 0:
					want = tc.first
				case i == 1 && rest > 0:
					want = rest
				}
				got := seg.Duration.Duration().Round(10 * time.Millisecond)
				if key := i != 1 || rest == 0; got != want || seg.Key != key {
					t.Errorf("segment %d lasts %v, want %v; it begins with a keyframe: %t", i, got, want, seg.Key)
				}
			}
			if next := hls.NewStream("st-1", w).Next(); next.Target != 4*time.Second {
				t.Errorf("the next stream is told of segments of %v", next.Target)
			}
		})
	}
}

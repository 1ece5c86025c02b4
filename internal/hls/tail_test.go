package hls_test

import (
	"fmt"
	"testing"
	"time"

	"openivs/internal/hls"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
)

// TestTheEndIsSeenAndHeard ends streams whose audio comes behind its pictures, as
// it does from every encoder that reorders pictures: the last part is no longer
// than what there is of both, or hls.js waits for the rest for ever.
func TestTheEndIsSeenAndHeard(t *testing.T) {
	for _, behind := range []time.Duration{0, 60 * time.Millisecond, 90 * time.Millisecond} {
		for last := range 12 {
			t.Run(fmt.Sprint(behind, " ", last), func(t *testing.T) {
				w := &hls.Window{Stream: "st-1", Rendition: hls.Source, Container: hls.MP4, Delivery: hls.Parts}
				p := hls.Packager{Window: w}
				length := 4*time.Second + time.Duration(last)*time.Second/mediatest.Rate
				var heard media.Ticks
				for u := range mediatest.Plain(t).Units(length) {
					if u.Track.Kind == media.Audio {
						if u.PTS+media.TicksOf(behind) > media.TicksOf(length) {
							continue
						}
						heard = u.PTS + 1024*media.Clock/media.Ticks(u.Track.Sound.SampleRate)
					}
					if err := p.WriteUnit(u); err != nil {
						t.Fatal(err)
					}
				}
				before := w.Snapshot()
				if err := p.Close(true); err != nil {
					t.Fatal(err)
				}
				s := w.Snapshot()
				var told, tail media.Ticks
				if n := s.Segments[len(s.Segments)-1]; n.MSN == before.Next() && len(n.Parts) > before.Made() && before.Made() > 0 {
					t.Errorf("segment %d had %d parts before the end and has %d", n.MSN, before.Made(), len(n.Parts))
				}
				for _, seg := range s.Segments {
					if len(seg.Parts) == 0 || len(seg.Data) == 0 {
						t.Fatalf("segment %d is empty: %d parts, %d bytes, %v\n%s", seg.MSN, len(seg.Parts), len(seg.Data), seg.Duration, s.Playlist(false))
					}
					told += seg.Duration
					tail = seg.Parts[len(seg.Parts)-1].Duration
				}
				if !s.Ended || told-tail/2 >= heard {
					t.Errorf("the playlist is %v long, its last part %v, audio ends at %v", told.Duration(), tail.Duration(), heard.Duration())
				}
			})
		}
	}
}

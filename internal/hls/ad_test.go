package hls_test

import (
	"strings"
	"testing"
	"time"

	"openivs/internal/hls"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
)

// TestAnAdBreakIsListedWhileItRuns looks for a break that is far longer than the
// playlist, in every delivery.
func TestAnAdBreakIsListedWhileItRuns(t *testing.T) {
	const begins, lasts = 10, 100 // seconds
	ad := &media.Track{Kind: media.Data, Codec: media.AdMarker}
	for _, delivery := range []hls.Delivery{hls.Whole, hls.Ahead, hls.Parts} {
		w := &hls.Window{Stream: "st-1", Rendition: hls.Source, Container: hls.MP4, Delivery: delivery}
		p := hls.Packager{Window: w}
		put := func(u media.Unit) {
			if err := p.WriteUnit(u); err != nil {
				t.Fatal(err)
			}
		}
		second := media.Ticks(0)
		for u := range mediatest.Plain(t).Units(180 * time.Second) {
			put(u)
			if u.Track.Kind != media.Video || u.DTS < second*media.Clock {
				continue
			}
			if second == begins {
				put(media.Unit{Track: ad, PTS: u.PTS, DTS: u.PTS, Data: media.AdBreak{ID: "aBc", Length: lasts * time.Second}.Data()})
			}
			snap := w.Snapshot()
			for _, delta := range []bool{false, true} {
				n := strings.Count(string(snap.Playlist(delta)), `AD-BREAK-ID="aBc"`)
				listed := second > begins+4 && second < begins+lasts
				gone := second <= begins || second > begins+lasts+40 // 30 s of the playlist, and some
				if n > 1 || listed && n == 0 || gone && n > 0 {
					t.Errorf("delivery %d, after %d s, delta %t: it is listed %d times", delivery, second, delta, n)
				}
			}
			second++
		}
	}
}

package hls_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"openivs/internal/hls"
	"openivs/internal/media/mediatest"
)

// TestGapsLeadUpToTheFirstSegment opens a window where a server has ended: who
// watched then finds every moment since in the playlist, until there is enough
// that is not missing.
func TestGapsLeadUpToTheFirstSegment(t *testing.T) {
	w := &hls.Window{
		Stream: "st-1", Rendition: hls.Source, Container: hls.MP4, Delivery: hls.Parts,
		From: hls.Position{MSN: 1000, Gap: hls.MaxGap, Discontinuities: 960},
	}
	p := hls.Packager{Window: w}
	clip := mediatest.Plain(t)
	send := func(from, length time.Duration) string {
		for u := range mediatest.Shift(clip.Units(length), from) {
			if err := p.WriteUnit(u); err != nil {
				t.Fatal(err)
			}
		}
		return string(w.Snapshot().Playlist(false))
	}
	text := send(0, 9*time.Second)
	var want strings.Builder
	fmt.Fprint(&want, "#EXT-X-MEDIA-SEQUENCE:980\n#EXT-X-DISCONTINUITY-SEQUENCE:960\n")
	first := mediatest.Epoch()
	gaps := ""
	for i := range 20 {
		gaps += fmt.Sprintf("#EXT-X-GAP\n#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:2.000,live\n../../segment/st-1/source/%d.mp4\n",
			first.Add(time.Duration(i-20)*2*time.Second).Format("2006-01-02T15:04:05.000Z"), 980+i)
	}
	gaps = "#EXT-X-MAP:URI=\"../../segment/st-1/source/init-1000.mp4\"\n" + gaps +
		"#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:" + first.Format("2006-01-02T15:04:05.000Z") + "\n"
	if !strings.Contains(text, want.String()) || !strings.Contains(text, gaps) {
		t.Errorf("the playlist does not lead up to its first segment with\n%s%s\nbut is\n%s", want.String(), gaps, text)
	}
	if delta := string(w.Snapshot().Playlist(true)); delta != text {
		t.Errorf("a delta update leaves something out\n%s", delta)
	}
	if !w.Gapped(980) || !w.Gapped(999) || w.Gapped(1000) || w.Gapped(1000-hls.MaxGap-1) {
		t.Error("the numbers of gaps are others than those that are listed")
	}
	text = send(9*time.Second, 40*time.Second)
	if strings.Contains(text, "GAP") || !strings.Contains(text, "#EXT-X-DISCONTINUITY-SEQUENCE:961\n") {
		t.Errorf("gaps outlast the first segment\n%s", text)
	}
}

func TestNoGapsWithoutParts(t *testing.T) {
	for _, delivery := range []hls.Delivery{hls.Whole, hls.Ahead} {
		w := &hls.Window{Stream: "st-1", Rendition: hls.Source, Delivery: delivery, From: hls.Position{MSN: 1000, Gap: hls.MaxGap}}
		p := hls.Packager{Window: w}
		for u := range mediatest.Plain(t).Units(9 * time.Second) {
			if err := p.WriteUnit(u); err != nil {
				t.Fatal(err)
			}
		}
		if text := string(w.Snapshot().Playlist(false)); strings.Contains(text, "GAP") || !strings.Contains(text, "#EXT-X-MEDIA-SEQUENCE:1000\n") {
			t.Errorf("delivery %d\n%s", delivery, text)
		}
	}
}

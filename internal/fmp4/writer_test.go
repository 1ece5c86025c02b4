package fmp4_test

import (
	"testing"
	"time"

	reader "github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"openivs/internal/fmp4"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
)

// TestWhatIsHeardStaysWithThePictures leaves audio out in the middle of a fragment:
// what comes after it is heard when it should be.
func TestWhatIsHeardStaysWithThePictures(t *testing.T) {
	clip := mediatest.Plain(t)
	for name, missing := range map[string]func(n int) bool{
		"none":        func(int) bool { return false },
		"one":         func(n int) bool { return n == 20 },
		"half second": func(n int) bool { return n > 10 && n < 33 },
		"two holes":   func(n int) bool { return n%25 < 5 && n > 5 },
	} {
		t.Run(name, func(t *testing.T) {
			var w fmp4.Writer
			w.SetTracks(clip.Video, clip.Audio)
			var want []media.Ticks
			n := 0
			for u := range clip.Units(2 * time.Second) {
				if u.Track.Kind == media.Video {
					w.Video(u)
					continue
				}
				if n++; missing(n) {
					continue
				}
				w.Audio(u)
				want = append(want, u.PTS)
			}
			var got reader.Parts
			if err := got.Unmarshal(w.End(nil, 3000)); err != nil || len(got) != 1 || len(got[0].Tracks) != 2 {
				t.Fatalf("read back: %v, %v", err, got)
			}
			sounds := got[0].Tracks[1]
			if len(sounds.Samples) != len(want) {
				t.Fatalf("%d units of audio, want %d", len(sounds.Samples), len(want))
			}
			at, rate := int64(sounds.BaseTime), int64(clip.Audio.Sound.SampleRate)
			for i, s := range sounds.Samples {
				if off := media.Ticks(at*media.Clock/rate) - want[i]; off > 270 || off < -270 {
					t.Fatalf("unit %d is heard %d ticks late", i, off)
				}
				at += int64(s.Duration)
			}
		})
	}
}

func BenchmarkFragment(b *testing.B) {
	clip := mediatest.Plain(b)
	var units []media.Unit
	for u := range clip.Units(time.Second) {
		units = append(units, u)
	}
	var w fmp4.Writer
	w.SetTracks(clip.Video, clip.Audio)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		for _, u := range units {
			if u.Track.Kind == media.Video {
				w.Video(u)
			} else {
				w.Audio(u)
			}
		}
		buf = w.End(buf[:0], 3000)
	}
}

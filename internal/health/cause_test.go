package health_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"openivs/internal/health"
	"openivs/internal/ivs"
	"openivs/internal/media"
)

// An encoder sends 25 pictures a second with a keyframe every two, and 44.1 kHz
// audio, and does what a test changes of that.
type encoder struct {
	keyEvery func(n int) int                          // pictures from the nth keyframe to the next
	size     func(n int) int                          // bytes of the nth picture
	dts      func(n int) (media.Ticks, bool)          // of the nth picture; false: it does not come
	delay    media.Ticks                              // PTS-DTS
	sound    func(at media.Ticks) (media.Ticks, bool) // its time; false: it does not come
}

// diagnose plays a minute and a half of it.
func diagnose(e encoder, say health.Declared) []ivs.Cause {
	const seconds, fps = 90, 25
	var m health.Meter
	var s health.Sampler
	var d health.Diagnosis
	video := &media.Track{Kind: media.Video}
	audio := &media.Track{Kind: media.Audio, Sound: media.Sound{SampleRate: 44100}}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	nextKey, keys, heard := 0, 0, media.Ticks(0)
	const frame = media.Ticks(1024 * media.Clock / 44100)
	for n := range seconds * fps {
		at := start.Add(time.Duration(n) * time.Second / fps)
		key := n == nextKey
		if key {
			nextKey += e.keyEvery(keys)
			keys++
		}
		dts, comes := e.dts(n)
		for ; heard < media.Ticks(n)*media.Clock/fps; heard += frame {
			if t, ok := e.sound(heard); ok {
				m.Observe(media.Unit{Track: audio, PTS: t, DTS: t, At: at, Data: make([]byte, 180)})
			}
		}
		if comes {
			m.Observe(media.Unit{Track: video, PTS: dts + e.delay, DTS: dts, Key: key, At: at, Data: make([]byte, e.size(n))})
		}
		if n%fps == fps-1 {
			t := m.Totals()
			d.Look(at, t, s.Sample(at, t), say)
		}
	}
	return d.Causes()
}

func TestCausesAreFoundAndOnlyThose(t *testing.T) {
	plain := func() encoder {
		return encoder{
			keyEvery: func(int) int { return 50 },
			size:     func(int) int { return 10000 },
			dts:      func(n int) (media.Ticks, bool) { return media.Ticks(n) * 3600, true },
			sound:    func(at media.Ticks) (media.Ticks, bool) { return at, true },
		}
	}
	say := health.Declared{Bitrate: 2_062_000, Framerate: 25, LowLatency: true}
	for _, tc := range []struct {
		name string
		make func(e *encoder, say *health.Declared)
		want []ivs.CauseCode
		less float64 // Measured, within a tenth of it
	}{
		{"nothing", func(*encoder, *health.Declared) {}, nil, 0},
		{"nothing declared", func(_ *encoder, s *health.Declared) { *s = health.Declared{} }, nil, 0},
		{"keyframes 8 s apart", func(e *encoder, _ *health.Declared) { e.keyEvery = func(int) int { return 200 } }, []ivs.CauseCode{ivs.KeyframesFar}, 8},
		{"keyframes 1 and 2 s apart", func(e *encoder, _ *health.Declared) { e.keyEvery = func(n int) int { return 25 + n%2*25 } }, []ivs.CauseCode{ivs.KeyframesUneven}, 2},
		{"twice the bitrate", func(e *encoder, _ *health.Declared) { e.size = func(int) int { return 20000 } }, []ivs.CauseCode{ivs.BitrateOff}, 1.97},
		{"a third of the bitrate", func(e *encoder, _ *health.Declared) { e.size = func(int) int { return 3200 } }, []ivs.CauseCode{ivs.BitrateOff}, 0.34},
		{"a second of four times the bitrate in ten", func(e *encoder, _ *health.Declared) {
			e.size = func(n int) int {
				if n/25%10 == 9 {
					return 40000
				}
				return 7000
			}
		}, []ivs.CauseCode{ivs.BitrateSwings}, 3.86},
		{"a third of the pictures gone after a while", func(e *encoder, _ *health.Declared) {
			e.dts = func(n int) (media.Ticks, bool) { return media.Ticks(n) * 3600, n < 1000 || n%3 != 1 || n%50 == 0 }
		}, []ivs.CauseCode{ivs.FramerateDrops}, 0.67},
		{"half a second of silence", func(e *encoder, _ *health.Declared) {
			e.sound = func(at media.Ticks) (media.Ticks, bool) { return at, at%(20*media.Clock) > media.Clock/2 }
		}, []ivs.CauseCode{ivs.AudioGaps}, 0.5},
		{"audio that is slower by a hundredth", func(e *encoder, _ *health.Declared) {
			e.sound = func(at media.Ticks) (media.Ticks, bool) { return at * 99 / 100, true }
		}, []ivs.CauseCode{ivs.AudioDrifts}, -0.79},
		{"a clock that jumps by ten seconds", func(e *encoder, _ *health.Declared) {
			jump := func(n int) media.Ticks { return media.Ticks(n/1000) * 10 * media.Clock }
			e.dts = func(n int) (media.Ticks, bool) { return media.Ticks(n)*3600 + jump(n), true }
			e.sound = func(at media.Ticks) (media.Ticks, bool) { return at + jump(int(at/3600)), true }
		}, []ivs.CauseCode{ivs.TimestampJumps}, 10},
		{"a clock that goes back", func(e *encoder, _ *health.Declared) {
			e.dts = func(n int) (media.Ticks, bool) { return media.Ticks(n%1000) * 3600, true }
			e.sound = func(at media.Ticks) (media.Ticks, bool) { return at % (1000 * 3600), true }
		}, []ivs.CauseCode{ivs.TimestampJumps}, -40},
		{"B-frames in low latency", func(e *encoder, _ *health.Declared) { e.delay = 7200 }, []ivs.CauseCode{ivs.ReorderedInLow}, 25},
		{"two renditions of five", func(_ *encoder, s *health.Declared) { s.Renditions, s.Wanted = 2, 5 }, []ivs.CauseCode{ivs.Renditionless}, 2},
		{"all renditions", func(_ *encoder, s *health.Declared) { s.Renditions, s.Wanted = 5, 5 }, nil, 0},
		{"B-frames where there is time", func(e *encoder, s *health.Declared) { e.delay, s.LowLatency = 7200, false }, nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, says := plain(), say
			tc.make(&e, &says)
			causes := diagnose(e, says)
			var got []ivs.CauseCode
			for _, c := range causes {
				got = append(got, c.Code)
			}
			if !slices.Equal(got, tc.want) {
				t.Fatalf("found %+v, want %q", causes, tc.want)
			}
			for _, c := range causes {
				if math.Abs(c.Measured-tc.less) > math.Abs(tc.less)/10 {
					t.Errorf("%s measured %.2f, want %.2f", c.Code, c.Measured, tc.less)
				}
				if c.Seconds < 1 || c.First.IsZero() || c.Last.Before(c.First) {
					t.Errorf("it was seen %+v", c)
				}
			}
		})
	}
}

// TestEveryCauseIsExplained has the numbers in the text and something to do.
func TestEveryCauseIsExplained(t *testing.T) {
	for _, code := range []ivs.CauseCode{
		ivs.KeyframesFar, ivs.KeyframesUneven, ivs.BitrateOff, ivs.BitrateSwings, ivs.FramerateDrops,
		ivs.AudioGaps, ivs.AudioDrifts, ivs.TimestampJumps, ivs.ReorderedInLow,
	} {
		a, b := health.Explain(ivs.Cause{Code: code, Measured: 3}), health.Explain(ivs.Cause{Code: code, Measured: 7})
		if a.Text == b.Text || strings.Contains(a.Text, "%!") || len(a.Remedy) < 20 {
			t.Errorf("%s: %s", code, fmt.Sprint(a))
		}
	}
}

func BenchmarkLook(b *testing.B) {
	var m health.Meter
	var d health.Diagnosis
	u := media.Unit{Track: &media.Track{Kind: media.Video}, Data: make([]byte, 4096)}
	at := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		u.DTS += media.Clock
		m.Observe(u)
		at = at.Add(time.Second)
		d.Look(at, m.Totals(), health.Rates{}, health.Declared{})
	}
}

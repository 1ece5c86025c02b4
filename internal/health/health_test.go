package health_test

import (
	"math"
	"testing"
	"time"

	"openivs/internal/health"
	"openivs/internal/ivs"
	"openivs/internal/media"
)

// A stream is played to a Meter and a Sampler on a clock of its own.
type stream struct {
	meter   health.Meter
	sampler health.Sampler
	video   *media.Track
	now     time.Time
	tick    time.Time // of the next look
	dts     media.Ticks
	rates   health.Rates
	verdict ivs.Health
	events  []string
}

func newStream() *stream {
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return &stream{video: &media.Track{Kind: media.Video}, now: t0, tick: t0.Add(time.Second), verdict: ivs.HealthUnknown}
}

// pass lets time pass and looks once a second.
func (s *stream) pass(d time.Duration) {
	for end := s.now.Add(d); !s.tick.After(end); s.tick = s.tick.Add(time.Second) {
		s.rates = s.sampler.Sample(s.tick, s.meter.Totals())
		to := health.Judge(s.verdict, s.rates)
		if name := health.Event(s.verdict, to); name != "" {
			s.events = append(s.events, name)
		}
		s.verdict = to
	}
	s.now = s.now.Add(d)
}

// send plays d of wall clock, at a picture each 1/fps s; step is how much
// media time a picture advances.
func (s *stream) send(d time.Duration, fps int, step time.Duration) {
	wall := time.Second / time.Duration(fps)
	for range int(d / wall) {
		s.meter.Observe(media.Unit{Track: s.video, DTS: s.dts, At: s.now, Data: make([]byte, 1000)})
		s.dts += media.TicksOf(step)
		s.pass(wall)
	}
}

// play sends at real time.
func (s *stream) play(d time.Duration) { s.send(d, 25, 40*time.Millisecond) }

func TestVerdicts(t *testing.T) {
	start, end := ivs.StarvationStart, ivs.StarvationEnd
	for _, tc := range []struct {
		name   string
		run    func(s *stream)
		want   ivs.Health
		events []string
	}{
		{"nothing came yet", func(s *stream) { s.pass(20 * time.Second) }, ivs.HealthUnknown, nil},
		{"the first four seconds", func(s *stream) { s.play(4 * time.Second) }, ivs.HealthUnknown, nil},
		{"five seconds in real time", func(s *stream) { s.play(5 * time.Second) }, ivs.Healthy, nil},
		{"five seconds after a late beginning", func(s *stream) {
			s.pass(20 * time.Second)
			s.play(5 * time.Second)
		}, ivs.Healthy, nil},
		{"a third of real time from the first", func(s *stream) {
			s.send(6*time.Second, 25, 40*time.Millisecond/3)
		}, ivs.Starving, []string{start}},
		{"70 % of real time is no verdict", func(s *stream) {
			s.send(20*time.Second, 25, 28*time.Millisecond)
		}, ivs.HealthUnknown, nil},
		{"70 % of real time after better days", func(s *stream) {
			s.play(10 * time.Second)
			s.send(20*time.Second, 25, 28*time.Millisecond)
		}, ivs.Healthy, nil},
		{"a stall under a second, again and again", func(s *stream) {
			for range 20 {
				s.play(5 * time.Second)
				s.pass(900 * time.Millisecond)
				s.dts += media.TicksOf(900 * time.Millisecond)
			}
		}, ivs.Healthy, nil},
		{"a stall of two seconds that is made up for", func(s *stream) {
			s.play(10 * time.Second)
			s.pass(2 * time.Second)
			s.send(time.Second, 75, 40*time.Millisecond)
			s.play(5 * time.Second)
		}, ivs.Healthy, nil},
		{"media that stops", func(s *stream) {
			s.play(10 * time.Second)
			s.pass(20 * time.Second)
		}, ivs.Starving, []string{start}},
		{"media that stops and returns", func(s *stream) {
			s.play(10 * time.Second)
			s.pass(20 * time.Second)
			s.play(10 * time.Second)
		}, ivs.Healthy, []string{start, end}},
		{"media that returns at 70 % of real time", func(s *stream) {
			s.play(10 * time.Second)
			s.pass(20 * time.Second)
			s.send(20*time.Second, 25, 28*time.Millisecond)
		}, ivs.Starving, []string{start}},
		{"holes in the timestamps are not media", func(s *stream) {
			s.play(10 * time.Second)
			for range 10 { // one picture, then four seconds of nothing
				s.send(40*time.Millisecond, 25, 4*time.Second)
				s.pass(3960 * time.Millisecond)
			}
		}, ivs.Starving, []string{start}},
		{"a slide show of a picture a second", func(s *stream) {
			s.send(20*time.Second, 1, time.Second)
		}, ivs.Healthy, nil},
		{"timestamps that begin again", func(s *stream) {
			s.play(10 * time.Second)
			s.dts = 0
			s.play(10 * time.Second)
		}, ivs.Healthy, nil},
		{"timestamps that jump by a day", func(s *stream) {
			s.play(10 * time.Second)
			s.dts += media.TicksOf(24 * time.Hour)
			s.play(10 * time.Second)
			s.pass(10 * time.Second)
		}, ivs.Starving, []string{start}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStream()
			tc.run(s)
			if s.verdict != tc.want {
				t.Errorf("verdict %s, want %s (%+v)", s.verdict, tc.want, s.rates)
			}
			if len(s.events) != len(tc.events) {
				t.Fatalf("events %q, want %q", s.events, tc.events)
			}
			for i, ev := range s.events {
				if ev != tc.events[i] {
					t.Errorf("events %q, want %q", s.events, tc.events)
				}
			}
		})
	}
}

// Starvation is noticed and forgotten within a window.
func TestVerdictsAreInTime(t *testing.T) {
	s := newStream()
	s.play(20 * time.Second)
	s.pass(2 * time.Second)
	if s.verdict != ivs.Healthy {
		t.Errorf("after two seconds of nothing %s", s.verdict)
	}
	s.pass(2 * time.Second)
	if s.verdict != ivs.Starving {
		t.Errorf("after four seconds of nothing %s", s.verdict)
	}
	s.play(3 * time.Second)
	if s.verdict != ivs.Starving {
		t.Errorf("three seconds later %s", s.verdict)
	}
	s.play(3 * time.Second)
	if s.verdict != ivs.Healthy {
		t.Errorf("six seconds later %s", s.verdict)
	}
}

func TestEvent(t *testing.T) {
	for _, tc := range []struct {
		from, to ivs.Health
		want     string
	}{
		{ivs.HealthUnknown, ivs.Healthy, ""},
		{ivs.HealthUnknown, ivs.Starving, ivs.StarvationStart},
		{ivs.Healthy, ivs.Starving, ivs.StarvationStart},
		{ivs.Starving, ivs.Healthy, ivs.StarvationEnd},
		{ivs.Starving, ivs.Starving, ""},
		{ivs.Healthy, ivs.Healthy, ""},
	} {
		if got := health.Event(tc.from, tc.to); got != tc.want {
			t.Errorf("Event(%s, %s) = %q, want %q", tc.from, tc.to, got, tc.want)
		}
	}
}

func TestRates(t *testing.T) {
	s := newStream()
	audio := &media.Track{Kind: media.Audio}
	for i := range 250 { // 25 pictures and 5 sounds a second
		s.meter.Observe(media.Unit{Track: s.video, DTS: s.dts, Key: i%50 == 0, At: s.now, Data: make([]byte, 10000)})
		if i%5 == 0 {
			s.meter.Observe(media.Unit{Track: audio, DTS: s.dts, At: s.now, Data: make([]byte, 2000)})
		}
		s.dts += media.Clock / 25
		s.pass(time.Second / 25)
	}
	want := health.Rates{
		Window: 5 * time.Second, Video: 25 * 10000 * 8, Audio: 5 * 2000 * 8,
		Media: 1, Framerate: 25, KeyInterval: 2 * time.Second,
	}
	if s.rates != want {
		t.Errorf("rates %+v, want %+v", s.rates, want)
	}
}

// Further video tracks carry the same pictures again: they add bytes, not time.
func TestFurtherTracks(t *testing.T) {
	var m health.Meter
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range media.Ticks(10) {
		for id := range 3 {
			m.Observe(media.Unit{Track: &media.Track{ID: id, Kind: media.Video}, DTS: i * 3000, At: at, Data: make([]byte, 100)})
		}
		m.Observe(media.Unit{Track: &media.Track{Kind: media.Data}, DTS: i * 3000, At: at.Add(time.Second), Data: make([]byte, 100)})
	}
	got := m.Totals()
	want := health.Totals{VideoBytes: 3000, Frames: 10, Media: 9 * 3000, First: at, Last: at.Add(time.Second)}
	if got != want {
		t.Errorf("totals %+v, want %+v", got, want)
	}
}

// A look that comes late, because the machine was busy, does not bend the rates.
func TestLateLooks(t *testing.T) {
	var m health.Meter
	var s health.Sampler
	track := &media.Track{Kind: media.Video}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 3000 {
		m.Observe(media.Unit{Track: track, DTS: media.Ticks(i) * 900, At: at})
		if i%100 == 0 && i%700 != 0 || i%170 == 0 {
			if r := s.Sample(at, m.Totals()); r.Window != 0 && math.Abs(r.Media-1) > 0.01 {
				t.Errorf("after %d: %+v", i, r)
			}
		}
		at = at.Add(10 * time.Millisecond)
	}
}

func FuzzMeter(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 255, 254, 128, 7})
	f.Fuzz(func(t *testing.T, in []byte) {
		s := newStream()
		for _, b := range in {
			s.dts += (media.Ticks(b) - 100) << (b % 50)
			s.meter.Observe(media.Unit{Track: s.video, DTS: s.dts, Key: b%7 == 0, At: s.now, Data: in})
			s.pass(time.Duration(b) * 37 * time.Millisecond)
			r := s.rates
			if r.Media < 0 || r.Video < 0 || r.Framerate < 0 || r.KeyInterval < 0 || math.IsNaN(r.Media) || math.IsInf(r.Framerate, 0) {
				t.Fatalf("rates %+v", r)
			}
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	var m health.Meter
	u := media.Unit{Track: &media.Track{Kind: media.Video}, At: time.Now(), Data: make([]byte, 4096)}
	b.ReportAllocs()
	for b.Loop() {
		u.DTS += 3000
		m.Observe(u)
	}
}

func BenchmarkSample(b *testing.B) {
	var m health.Meter
	var s health.Sampler
	at := time.Now()
	u := media.Unit{Track: &media.Track{Kind: media.Video}, At: at}
	b.ReportAllocs()
	for b.Loop() {
		u.DTS += media.Clock
		m.Observe(u)
		at = at.Add(time.Second)
		s.Sample(at, m.Totals())
	}
}

package health

import (
	"math"
	"time"
)

// Window is how far back rates look, hence over how long a stream is judged.
const Window = 5 * time.Second

// slack is how much shorter than Window a window may be, so that a second's
// tick that comes a moment early does not stretch it by another second.
const slack = Window / 10

// samples is one more than the ticks of a second in a Window.
const samples = int(Window/time.Second) + 1

// Bitrate is in bits per second.
type Bitrate int64

// Rates is how fast a stream arrived over a window. The zero Rates says that
// not enough of it was seen.
type Rates struct {
	Window      time.Duration // how far back it looks; 0: not a whole window yet
	Video       Bitrate
	Audio       Bitrate
	Media       float64       // seconds of media per second of wall clock
	Framerate   float64       // pictures per second of media; 0: no picture
	KeyInterval time.Duration // between the two newest keyframes; 0: unknown
}

// A Sampler turns totals into rates over the last Window. It belongs to one
// goroutine and wants to be called about once a second. The zero Sampler is
// ready.
type Sampler struct {
	ring [samples]sample
	n    int // how many were taken
}

type sample struct {
	at     time.Time
	totals Totals
}

// Sample notes the totals of now and returns the rates since a Window ago.
// Before the first unit it does nothing: a stream's window begins with its media.
func (s *Sampler) Sample(now time.Time, t Totals) Rates {
	if t.First.IsZero() {
		return Rates{}
	}
	if s.n == 0 {
		s.add(sample{at: t.First, totals: Totals{First: t.First}})
	}
	then, ok := s.before(now)
	s.add(sample{at: now, totals: t})
	if !ok {
		return Rates{}
	}
	return between(then, sample{at: now, totals: t})
}

// before returns the newest sample that is a Window old.
func (s *Sampler) before(now time.Time) (sample, bool) {
	for i := s.n - 1; i >= 0 && i >= s.n-samples; i-- {
		if v := s.ring[i%samples]; now.Sub(v.at) >= Window-slack {
			return v, true
		}
	}
	return sample{}, false
}

func (s *Sampler) add(v sample) {
	s.ring[s.n%samples] = v
	s.n++
}

// between is the rate of change from a to b, which is later.
func between(a, b sample) Rates {
	d := b.at.Sub(a.at)
	t, u := a.totals, b.totals
	r := Rates{
		Window:      d,
		Video:       rate(u.VideoBytes-t.VideoBytes, d),
		Audio:       rate(u.AudioBytes-t.AudioBytes, d),
		KeyInterval: u.KeyInterval.Duration(),
	}
	covered := (u.Media - t.Media).Duration().Seconds()
	r.Media = covered / d.Seconds()
	if covered > 0 {
		frames := u.Frames - t.Frames
		if t.Frames == 0 {
			frames-- // n pictures are n-1 steps apart
		}
		r.Framerate = math.Max(0, float64(frames)) / covered
	}
	return r
}

// rate reports how fast n bytes arrived over d, which is positive.
func rate(n int64, d time.Duration) Bitrate {
	return Bitrate(float64(n*8) / d.Seconds())
}

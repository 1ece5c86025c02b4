package interleave

import "openivs/internal/media"

const (
	// fraction is how many bits of a tick a Smoother counts.
	fraction = 16
	// pull is the part of the difference to the encoder's clock that a Smoother
	// takes over with each unit: fast enough for any drift, too slow for the
	// rounding of timestamps to milliseconds.
	pull = 64
)

// A Smoother gives audio units the timestamps they would have if the encoder's
// wire did not round them: each begins where the one before it ends, and the
// encoder's clock is followed in the long run. Its zero value is ready.
type Smoother struct {
	track *media.Track
	next  int64 // where the next unit begins, in ticks with fraction
}

// At returns the time of a unit of track t that says it begins at pts. A unit
// that is half a frame or more from where it should be is believed.
func (s *Smoother) At(t *media.Track, pts media.Ticks) media.Ticks {
	step := int64(FrameSamples*media.Clock) << fraction / int64(t.Sound.SampleRate)
	said := int64(pts) << fraction
	off := said - s.next
	if s.track != t || off > step/2 || off < -step/2 {
		s.track, s.next = t, said
		off = 0
	}
	s.next += off / pull
	at := media.Ticks((s.next + 1<<(fraction-1)) >> fraction)
	s.next += step
	return at
}

package srt

import "openivs/internal/media"

const (
	// wrap is where the timestamps of a transport stream begin anew.
	wrap = 1 << 33

	// maxStepBack is how far timestamps may fall back between packets, as audio
	// and video that are not perfectly interleaved do. An encoder that falls back
	// further has restarted its clock.
	maxStepBack = 3 * media.Clock

	// maxOffset is the most by which a picture may be shown after it is decoded.
	maxOffset = 10 * media.Clock
)

// A clock unwraps the timestamps of one connection's audio and video, which share
// it, into ticks that begin at the first and never fall back by more than
// maxStepBack.
type clock struct {
	started bool
	last    int64 // as received
	now     media.Ticks
}

func (c *clock) unwrap(ts int64) media.Ticks {
	if !c.started {
		c.started, c.last, c.now = true, ts, media.Ticks(ts)
		return c.now
	}
	step := difference(ts, c.last)
	if step < -maxStepBack {
		step = 0
	}
	c.last = ts
	c.now += step
	return c.now
}

// difference is how far a is behind b, whichever of them has wrapped.
func difference(a, b int64) media.Ticks {
	d := (a - b) & (wrap - 1)
	if d >= wrap/2 {
		d -= wrap
	}
	return media.Ticks(d)
}

package rtmp

const (
	// wrapSlack is how far from 2^24 ms a step may be to count as the wrap of an
	// encoder that keeps 24 bits only.
	wrapSlack = 60_000

	// maxStepBack is how far, in ms, timestamps may fall back between messages,
	// as audio and video that are not perfectly interleaved do. An encoder that
	// falls back further has restarted its clock.
	maxStepBack = 3_000
)

// A clock unwraps the timestamps of one connection's audio and video, which
// share it, into milliseconds that begin at the first and never fall back by
// more than maxStepBack.
type clock struct {
	started bool
	short   bool   // the encoder keeps 24 bits
	last    uint32 // as received
	now     int64
}

func (c *clock) unwrap(ts uint32) int64 {
	if !c.started {
		c.started, c.last, c.now = true, ts, int64(ts)
		return c.now
	}
	step := int64(int32(ts - c.last))
	switch {
	case near(step, -1<<24) && ts < 1<<24:
		c.short = true
		step += 1 << 24
	case c.short && near(step, 1<<24): // from before the wrap
		step -= 1 << 24
	}
	if step < -maxStepBack {
		step = 0
	}
	c.last = ts
	c.now += step
	return c.now
}

func near(step, n int64) bool { return n-wrapSlack < step && step < n+wrapSlack }

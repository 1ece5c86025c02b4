package hls

import (
	"slices"

	"openivs/internal/media"
)

// learning is what a cutter holds back of a stream in parts until it knows how far
// apart its pictures are, where the bitstream does not say: PART-TARGET, which
// never changes, goes by that.
type learning struct {
	units []held
	steps []media.Ticks // from one picture to the next, in order of size
	first media.Ticks   // when the first picture is shown
	last  media.Ticks   // and the newest
}

// A held unit is one that waits: a picture that is shown at a time and comes with
// an audio track, or audio.
type held struct {
	media.Unit
	shown media.Ticks
	audio *media.Track
}

// hold takes a unit if it has to wait.
func (c *cutter) hold(h held) bool {
	l, first := &c.learning, len(c.learning.units) == 0
	switch {
	case !c.parts.wished || c.parts.length > 0 || c.follows.plan != nil:
		return false
	case h.Track.Kind == media.Audio:
		if first {
			return false
		}
	case stated(h.Track) > 0:
		c.parts.measure(stated(h.Track))
		return false
	case first && !h.Key:
		return false // which is let go of
	case first:
		l.first, l.last = h.shown, h.shown
	default:
		step := max(h.shown-l.last, 1)
		i, _ := slices.BinarySearch(l.steps, step)
		l.steps, l.last = slices.Insert(l.steps, i, step), h.shown
	}
	l.units = append(l.units, h)
	return true
}

// learned takes the length of parts from the steps so far, if they tell: they are
// all the same, or most would do for parts as long as they are wished, or there is
// no more time.
func (l *learning) learned(p *parts) bool {
	n, since := len(l.steps), l.last-l.first
	if n == 0 {
		return false
	}
	switch usual := l.steps[(n-1)/2]; {
	case n > 1 && l.steps[n-1]-l.steps[0] < rounding:
		p.measure(min(l.steps[n-1], maxJump))
	case since >= partLength && usual <= partLength, n > 1 && since >= maxJump:
		p.measure(min(usual, partLength))
	default:
		return false
	}
	return true
}

// release hands over what was held back.
func (c *cutter) release() error {
	if len(c.learning.units) == 0 {
		return nil
	}
	if c.parts.length == 0 {
		c.parts.measure(partLength) // nothing told otherwise
	}
	units := c.learning.units
	c.learning = learning{}
	for _, h := range units {
		if h.Track.Kind == media.Audio {
			c.addAudio(h.Unit)
			continue
		}
		if err := c.addVideo(h.Unit, h.shown, h.audio); err != nil {
			return err
		}
	}
	return nil
}

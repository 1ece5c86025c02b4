package hls

import (
	"fmt"

	"openivs/internal/interleave"
	"openivs/internal/media"
)

// A follower is what a cutter knows that keeps to the plan of another.
type follower struct {
	plan   *Plan
	joined bool // it has made a segment that the next one follows
	ends   int  // of the parts in the plan of its segment, how many have ended here
}

// followVideo takes a picture, as addVideo does.
func (c *cutter) followVideo(u media.Unit, shown media.Ticks, audio *media.Track) error {
	m, ok := c.follows.plan.at(c.timeline, shown)
	if !ok {
		return nil
	}
	if c.open && m.msn != c.seg.MSN {
		c.followEnd()
	}
	if !c.open {
		fits := u.Key && shown-m.first < sameTime || c.follows.joined && !c.broken && m.msn == c.seg.MSN
		if !fits || m.msn < c.seg.MSN {
			return nil // the rest of a segment, whose beginning is missing
		}
		switch {
		case !u.Key || m.audio && audio == nil: // which may only be late
			audio = c.audio
		case !m.audio:
			audio = nil
		}
		if err := c.followBegin(m, u.Track, audio, u.Key); err != nil {
			return err
		}
		if c.window.Container == TS {
			c.fill()
			c.buf = c.mux.data(c.buf, u.PTS, segmentTag(make([]byte, 0, 96), c.seg.Date))
		}
	}
	c.followParts(shown)
	c.put(u, shown)
	c.followParts(shown + c.frame)
	return nil
}

// followAudio takes an audio unit of a rendition without pictures, and reports
// whether it could be told where it belongs.
func (c *cutter) followAudio(u media.Unit) (bool, error) {
	m, found, wait := c.follows.plan.sounding(interleave.Middle(&u))
	if wait {
		return false, nil
	}
	if !found || m.msn < c.seg.MSN {
		return true, nil
	}
	if c.open && m.msn != c.seg.MSN {
		c.followEnd()
	}
	if !c.open {
		if !c.follows.joined && interleave.Middle(&u)-m.start > 2*interleave.Frame(u.Track) {
			return true, nil // the rest of a segment
		}
		if err := c.followBegin(m, nil, u.Track, true); err != nil {
			return true, err
		}
	}
	c.followParts(interleave.Middle(&u))
	c.fill()
	c.parts.key = true
	c.parts.pictures++
	c.last, c.frame = u.PTS, interleave.Frame(u.Track)
	c.buf = c.mux.audio(c.buf, u)
	c.followParts(u.PTS + interleave.Frame(u.Track))
	return true, nil
}

// followBegin opens the segment of a mark.
func (c *cutter) followBegin(m mark, video, audio *media.Track, key bool) error {
	if changed := !c.follows.joined && c.video == nil && c.audio == nil || video != c.video || audio != c.audio; changed {
		init, err := c.mux.setTracks(video, audio)
		if err != nil {
			return fmt.Errorf("begin a segment: %w", err)
		}
		c.video, c.audio, c.init = video, audio, nil
		c.buf, c.parts.filled = c.buf[:0], false // what was heard before is of other tracks
		if video != nil {
			c.frame = usualFrame
			if f := stated(video); f > 0 {
				c.frame = f
			}
		}
		if init != nil {
			c.init = &Init{First: m.msn, Data: init}
		}
	}
	discontinuity := m.discontinuity
	if !c.follows.joined && m.msn != c.window.From.MSN || c.follows.joined && m.msn != c.seg.MSN {
		discontinuity = m.breaks > 0
		before := m.breaks
		if discontinuity {
			before--
		}
		c.window.resume(m.msn, before)
	}
	c.start, c.heard = m.start, max(c.heard, m.start-media.Clock)
	if m.discontinuity || !c.follows.joined {
		c.heard = m.start
	}
	c.seg = Segment{
		MSN: m.msn, Date: m.date, Discontinuity: discontinuity, Key: key, Init: c.init, FirstPart: m.firstPart,
	}
	c.open, c.broken, c.follows.joined = true, false, true
	c.last, c.frames, c.follows.ends = m.start, 0, 0
	p := &c.parts
	p.start, p.pictures, p.key, p.number = m.start, 0, false, m.firstPart
	return nil
}

// followParts ends the parts that end at or before a time.
func (c *cutter) followParts(upto media.Ticks) {
	if !c.parts.wished || !c.open {
		if c.open && c.window.Container == MP4 && upto-c.parts.start >= fragment {
			c.buf = c.mux.end(c.buf, c.frame)
			c.parts.start = upto
		}
		return
	}
	m, ok := c.follows.plan.of(c.seg.MSN)
	c.parts.length, _ = c.follows.plan.lengths()
	for ok && c.follows.ends < len(m.parts) && m.parts[c.follows.ends] <= upto+sameTime {
		c.followPart(m.parts[c.follows.ends])
	}
}

// followPart ends the part at a time. One in which nothing is has its place
// all the same.
func (c *cutter) followPart(end media.Ticks) {
	c.follows.ends++
	c.fill()
	if c.mux.held() == 0 && len(c.buf) == c.parts.from {
		c.buf = append(c.buf, "\x00\x00\x00\x08free"...)
	}
	c.endPart(end)
}

// followEnd ends the segment where the plan does.
func (c *cutter) followEnd() {
	m, ok := c.follows.plan.of(c.seg.MSN)
	if !ok || !m.closed {
		m.end = c.end()
	}
	if c.parts.wished {
		c.parts.length, _ = c.follows.plan.lengths()
		for c.follows.ends < len(m.parts) {
			c.followPart(m.parts[c.follows.ends])
		}
		if len(c.seg.Parts) == 0 {
			c.leave()
			return
		}
	} else {
		c.buf = c.mux.end(c.buf, max(m.end-c.last, 1))
		c.parts.from, c.parts.filled = len(c.buf), false
	}
	if _, declared := c.follows.plan.lengths(); declared > 0 {
		c.declared = declared
	}
	tail, ok := c.follows.plan.of(c.seg.MSN + 1)
	if !ok || !tail.tail || c.parts.pictures == 0 {
		c.close(m.end)
		return
	}
	c.frames -= int64(c.parts.pictures)
	c.close(m.end)
	c.followSplit(tail)
}

// followSplit opens the segment that begins with what came since the newest part,
// as the leader has split the end off (see split).
func (c *cutter) followSplit(m mark) {
	p := &c.parts
	c.seg = Segment{MSN: m.msn, Date: m.date, Key: p.key, Init: c.init, FirstPart: m.firstPart}
	c.start, c.frames, c.open, c.follows.ends = m.start, int64(p.pictures), true, 0
}

// followStop ends the segment, if there is one, as what follows does not continue
// it.
func (c *cutter) followStop() {
	if c.open {
		c.followEnd()
	}
	if m, ok := c.follows.plan.of(c.seg.MSN); !c.open && ok && m.tail && c.follows.joined {
		c.followSplit(m) // nothing of it came here
	}
	if c.open {
		c.followEnd()
	}
	c.broken = true
}

// leave lets go of the segment: what belongs to it is missing. Nothing is made
// again under its number.
func (c *cutter) leave() {
	if c.open {
		c.seg.MSN++
	}
	c.follows.joined = false
	c.mux.drop()
	c.buf, c.open, c.broken = nil, false, true
	c.parts.from, c.parts.filled, c.parts.pictures = 0, false, 0
}

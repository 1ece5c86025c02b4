package hls

import (
	"math"

	"openivs/internal/media"
)

// partLength is how long a part is wished to be. A part has as many pictures as
// come nearest to it.
const partLength = media.Clock / 5

// parts is what a cutter knows of the parts of its segment. They are one behind
// the other: where one ends the next begins, and their lengths are those that
// playlists say. What is in a part may begin and end up to a picture later.
type parts struct {
	wished bool
	length media.Ticks // PART-TARGET; 0 before the first part
	fixed  bool        // a part was published, the length cannot change any more

	start    media.Ticks // where the part begins
	from     int         // and in the cutter's buffer
	filled   bool        // something is in it
	pictures int
	key      bool  // its first picture is a keyframe
	number   int64 // of the part
}

// begin is called with each segment, which begins at a time. Pictures are frame
// apart as the bitstream says, or 0.
func (p *parts) begin(at, frame media.Ticks) {
	p.start, p.pictures, p.key = at, 0, false
	switch {
	case p.length > 0:
	case frame > 0:
		p.measure(frame)
		p.fixed = true
	default:
		p.length = partLength // until the second picture
	}
}

// measure sets the length for pictures that are so far apart: in whole
// milliseconds, which timestamps are often rounded to.
func (p *parts) measure(frame media.Ticks) {
	const ms = media.Clock / 1000
	n := max(math.Round(partLength/float64(frame)), 1)
	p.length = (media.Ticks(n*float64(frame)) + ms - 1) / ms * ms
}

// follow returns where a segment begins whose first picture is shown at a time:
// where the last part ended, unless there is a hole.
func (p *parts) follow(shown, frame media.Ticks) media.Ticks {
	if hole := shown - p.start; hole > -frame && hole < frame {
		return p.start
	}
	return shown
}

// cutPart ends the part, or the segment, if the next picture of the segment, to
// be shown at a time, cannot be in it.
func (c *cutter) cutPart(shown media.Ticks) {
	p := &c.parts
	if !p.wished {
		if c.window.Container == MP4 && shown-p.start >= fragment {
			c.buf = c.mux.end(c.buf, shown-c.last)
			p.start = shown
		}
		return
	}
	if !p.fixed && c.frames == 1 {
		p.measure(min(shown-c.last, maxJump))
		p.fixed = true
	}
	c.cutAt(shown)
	switch hole := shown - p.start; {
	case !p.filled && hole+c.frame > p.length:
		c.finish(p.start) // nothing is there that a part could have
	case p.filled && hole+c.frame > p.length+c.frame/2:
		c.endPart(shown)
	}
}

// cutAt ends the part where it is longest, if what comes at a time is beyond.
func (c *cutter) cutAt(at media.Ticks) {
	for p := &c.parts; p.wished && p.filled && at-p.start >= p.length; {
		c.endPart(p.start + p.length)
	}
}

// cutAfter ends the part if no other picture has room in it: there is no need
// to wait for one, unless it cannot be told when it will come.
func (c *cutter) cutAfter() {
	p := &c.parts
	if p.wished && c.even && c.last+2*c.frame > p.start+p.length+c.frame/4 {
		c.endPart(c.last + c.frame)
	}
}

// endPart ends the part at a time, or where it is longest, and publishes it.
func (c *cutter) endPart(end media.Ticks) {
	c.closePart(end)
	seg := c.seg
	facts := c.window.Snapshot().Facts
	if facts.Video == nil && facts.Audio == nil {
		r := rate(seg.size()*8, seg.length())
		facts = Facts{Video: c.video, Audio: c.audio, Framerate: framerate(c.video, c.frames, seg.length()), Peak: r, Average: r}
	}
	c.window.grow(&seg, c.parts.length, facts)
}

// closePart adds the part to the segment.
func (c *cutter) closePart(end media.Ticks) {
	p := &c.parts
	end = min(max(end, p.start+1), p.start+p.length)
	c.buf = c.mux.end(c.buf, max(end-c.last, 1))
	n := len(c.buf)
	c.seg.Parts = append(c.seg.Parts, Part{
		Duration:    end - p.start,
		Independent: p.key && p.pictures > 0,
		Data:        c.buf[p.from:n:n], // which nothing writes to again: what follows goes behind it
	})
	p.start, p.from, p.filled, p.pictures, p.key, p.fixed = end, n, false, 0, false, true
	p.number++
	if c.follows.plan == nil {
		c.plan.part(end, p.length)
	}
}

// endParts ends the parts of a segment that is to end at a time, and returns
// where they do. What was heard since the last of them, if that is no longer
// than a picture is shown, begins the next segment.
func (c *cutter) endParts(end media.Ticks) media.Ticks {
	c.cutAt(end - 1)
	if p := &c.parts; p.filled && (p.pictures > 0 || end-p.start >= c.frame) {
		c.closePart(end)
	}
	return c.parts.start
}

// dropTail lets go of what came since the last part, if nothing was seen or heard
// of it before the end, as no segment will take it up: a part without pictures or
// audio at the end is one that players wait for in vain.
func (c *cutter) dropTail(end media.Ticks) {
	if p := &c.parts; p.wished && p.filled && (p.pictures == 0 || end <= p.start) {
		c.mux.drop()
		c.buf, p.filled, p.pictures = c.buf[:p.from], false, 0
	}
}

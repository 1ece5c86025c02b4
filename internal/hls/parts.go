package hls

import (
	"math"

	"openivs/internal/media"
)

// partLength is how long a part is wished to be. A part has as many pictures as
// come nearest to it.
const partLength = media.Clock / 5

// shortest is the least that a part has of PART-TARGET, in percent, unless its
// segment ends with it (RFC 8216bis, 4.4.3.7).
const shortest = 85

// parts is what a cutter knows of the parts of its segment. They are one behind
// the other: where one ends the next begins, and their lengths are those that
// playlists say. What is in a part may begin and end up to a picture later.
type parts struct {
	wished bool
	length media.Ticks // PART-TARGET, once it is known

	start    media.Ticks // where the part begins
	from     int         // and in the cutter's buffer
	filled   bool        // something is in it
	pictures int
	key      bool  // its first picture is a keyframe
	number   int64 // of the part
}

// begin is called with each segment, which begins at a time.
func (p *parts) begin(at media.Ticks) { p.start, p.pictures, p.key = at, 0, false }

// measure sets the length for pictures that are so far apart. A keyframe each
// second, or half a second, begins a part if that many pictures can be had with
// parts that are not much shorter than wished. It is in whole milliseconds, which
// timestamps are often rounded to.
func (p *parts) measure(frame media.Ticks) {
	const ms = media.Clock / 1000
	n := int64(max(math.Round(partLength/float64(frame)), 1))
	for second, k := int64(math.Round(media.Clock/float64(frame))), n; k*int64(frame) > partLength*3/4; k-- {
		if second%k == 0 {
			n = k
			break
		}
	}
	p.length = (media.Ticks(n)*frame + ms - 1) / ms * ms
}

// enough reports whether a part that ends at a time is long enough.
func (p *parts) enough(end media.Ticks) bool { return 100*(end-p.start) >= shortest*p.length }

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
	c.cutAt(shown)
	switch hole := shown - p.start; {
	case !p.filled && hole+c.frame > p.length:
		c.finish(p.start) // nothing is there that a part could have
	case p.filled && hole+c.frame > p.length+c.frame/2 && p.enough(shown):
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
	p, end := &c.parts, c.last+c.frame
	if p.wished && c.even && end+c.frame > p.start+p.length+c.frame/4 && p.enough(end) {
		c.endPart(end)
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
	p.start, p.from, p.filled, p.pictures, p.key = end, n, false, 0, false
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

package hls

import (
	"bytes"
	"fmt"
	"time"

	"openivs/internal/media"
	"openivs/internal/mpegts"
)

const (
	// maxTarget is the highest EXT-X-TARGETDURATION. Where keyframes are
	// further apart, segments are cut between them.
	maxTarget = 6 * time.Second
	// maxSegment is where a segment is cut whatever its length, in bytes.
	maxSegment = 16 << 20
	// early is the part of the target that a keyframe may come before it, for
	// encoders whose keyframes are not quite that far apart.
	early = 20
	// late is how far a segment may go over EXT-X-TARGETDURATION: less than
	// what would round up (RFC 8216, 4.3.3.1).
	late = 2 * media.Clock / 5
)

const (
	// usualFrame is from one picture to the next where there is only one.
	usualFrame = media.Clock / 30
	// maxFrame is the longest that a last picture is taken to be shown.
	maxFrame = media.Clock / 6
)

// A cutter writes ordered units into segments and publishes them.
type cutter struct {
	window *Window
	target media.Ticks // length of a segment
	writer mpegts.Writer
	buf    []byte // the segment that is being written

	video, audio *media.Track  // of the segment; video is nil before the first
	declared     time.Duration // EXT-X-TARGETDURATION, fixed with the first segment; 0 before

	open     bool        // a segment is being written
	broken   bool        // the next segment is a discontinuity and needs a keyframe
	anchored bool        // origin and date hold for what comes next
	seg      Segment     // what is known of the segment
	start    media.Ticks // where it begins
	heard    media.Ticks // where the newest audio of its timeline ends
	last     media.Ticks // where its newest picture is shown
	frame    media.Ticks // from one picture to the next, newest measure
	frames   int64       // pictures in the segment
	origin   media.Ticks // where the timeline begins
	date     time.Time   // wall clock of origin
	until    time.Time   // wall clock of the end of what is published
	counted  tally
}

// A tally counts over the segments that are published.
type tally struct {
	bits, frames int64
	span         media.Ticks
	peak         Bitrate
	whole        bool // peak is from a segment of usual length
}

func newCutter(w *Window, target time.Duration) *cutter {
	if target <= 0 {
		target = defaultTarget
	}
	return &cutter{window: w, target: media.TicksOf(min(target, maxTarget)), frame: usualFrame}
}

// addVideo takes a picture that is shown at a time, and the audio track that
// comes with it or nil.
func (c *cutter) addVideo(u media.Unit, shown media.Ticks, audio *media.Track) error {
	if c.open {
		shown = max(shown, c.last+1) // whatever delays an encoder makes up
		c.cutBefore(u, shown, audio)
	}
	if !c.open {
		if !u.Key && (c.broken || c.video == nil) {
			return nil // nothing to decode it with
		}
		if err := c.begin(u, shown, audio); err != nil {
			return err
		}
	}
	if c.frames > 0 && shown > c.last {
		c.frame = min(shown-c.last, maxFrame)
	}
	c.last = shown
	c.frames++
	c.buf = c.writer.AppendVideo(c.buf, u)
	return nil
}

// cutBefore ends the segment if picture u is not to be in it.
func (c *cutter) cutBefore(u media.Unit, shown media.Ticks, audio *media.Track) {
	length := shown - c.start
	switch {
	case length > c.hard():
		c.stop() // the pictures have a hole that no segment may span
	case u.Key && (length >= c.target-c.target/early || audio != c.audio && length > 0),
		length+c.frame/2 > c.longest(),
		len(c.buf) >= maxSegment:
		c.finish(shown)
	}
}

// longest is where a segment is cut if no keyframe comes.
func (c *cutter) longest() media.Ticks {
	limit := media.TicksOf(maxTarget)
	if c.declared > 0 {
		limit = min(limit, media.TicksOf(c.declared)+late)
	}
	return limit
}

// hard is the longest that a segment may be without its rounded length
// exceeding EXT-X-TARGETDURATION.
func (c *cutter) hard() media.Ticks {
	declared := maxTarget
	if c.declared > 0 {
		declared = c.declared
	}
	return media.TicksOf(declared) + media.Clock/2 - media.Clock/1000
}

// begin opens a segment with picture u. Only a keyframe can change the audio
// track.
func (c *cutter) begin(u media.Unit, shown media.Ticks, audio *media.Track) error {
	if !u.Key {
		audio = c.audio
	}
	changed := u.Track != c.video || audio != c.audio
	if changed {
		if err := c.writer.SetTracks(u.Track, audio); err != nil {
			return fmt.Errorf("begin a segment: %w", err)
		}
		c.video, c.audio = u.Track, audio
	}
	c.seg = Segment{
		MSN:           c.seg.MSN,
		Date:          c.dateOf(shown, u.At),
		Discontinuity: (c.broken || changed) && c.seg.MSN > 0,
		Key:           u.Key,
	}
	if c.broken || changed {
		c.heard = shown
	}
	c.open, c.broken = true, false
	c.start, c.last, c.frames = shown, shown, 0
	c.buf = c.writer.AppendTables(c.buf[:0])
	return nil
}

// dateOf returns the wall clock of a segment that begins at a time with a
// picture that arrived at another. A timeline is dated by the arrival of its
// beginning, and never before the end of the one before.
func (c *cutter) dateOf(shown media.Ticks, at time.Time) time.Time {
	date := c.date.Add((shown - c.origin).Duration())
	if !c.anchored {
		date = at
	}
	if c.until.Sub(date) > time.Millisecond { // more than rounding
		date, c.anchored = c.until, false
	}
	if !c.anchored {
		c.anchored, c.origin, c.date = true, shown, date
	}
	return date
}

// addAudio takes an audio unit. What is heard before the segment's pictures, or
// before what was written already, or belongs to a track that the segment does
// not have, is left out.
func (c *cutter) addAudio(u media.Unit) {
	if !c.open || u.Track != c.audio || middle(&u) < max(c.start, c.heard) {
		return
	}
	c.heard = u.PTS + frame(u.Track)
	c.buf = c.writer.AppendAudio(c.buf, u.PTS, u.Data)
}

// end is where the segment ends if no picture follows.
func (c *cutter) end() media.Ticks { return c.last + c.frame }

// stop ends the segment, if there is one, as the pictures that follow do not
// continue it.
func (c *cutter) stop() {
	if c.open {
		c.finish(min(c.end(), c.start+c.hard()))
	}
	c.broken = true
}

// finish ends the segment at a time and publishes it.
func (c *cutter) finish(end media.Ticks) {
	c.buf = c.writer.Flush(c.buf)
	c.open = false
	seg := c.seg
	seg.Duration = max(end-c.start, 1)
	seg.Data = bytes.Clone(c.buf) // of exactly its size; buf is used again
	c.until = seg.Date.Add(seg.Duration.Duration())
	if c.declared == 0 {
		c.declared = c.declare(seg.Duration)
	}
	c.counted.add(seg, c.frames, c.target)
	c.window.publish(&seg, c.declared, Facts{
		Video:     c.video,
		Audio:     c.audio,
		Framerate: framerate(c.video, c.counted.frames, c.counted.span),
		Peak:      c.counted.peak,
		Average:   rate(c.counted.bits, c.counted.span),
	})
	c.seg.MSN++
}

// declare returns the EXT-X-TARGETDURATION of a stream whose first segment has
// a length: that length or the usual one, in whole seconds.
func (c *cutter) declare(first media.Ticks) time.Duration {
	return min(max(first, c.target).Duration().Round(time.Second), maxTarget)
}

// add counts a segment. Its rate counts for the peak if it is long enough to
// mean something (RFC 8216, 4.3.4.2: half a target duration), or if none was.
func (t *tally) add(seg Segment, frames int64, target media.Ticks) {
	bits := int64(len(seg.Data)) * 8
	t.bits += bits
	t.frames += frames
	t.span += seg.Duration
	r, whole := rate(bits, seg.Duration), seg.Duration >= target/2
	if whole && !t.whole || whole == t.whole && r > t.peak {
		t.peak, t.whole = r, whole
	}
}

// rate is how fast bits pass in a span of media.
func rate(bits int64, span media.Ticks) Bitrate {
	return Bitrate(float64(bits) * media.Clock / float64(span))
}

package hls

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"openivs/internal/interleave"
	"openivs/internal/media"
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
	// spareRoom is the part of a segment's size that the next may be larger.
	spareRoom = 16
	// maxSilence is how much of the end may be without audio because that came
	// too late; where more is, the audio had ended before.
	maxSilence = media.Clock / 2
	// rounding is less than what timestamps in milliseconds differ by.
	rounding = 3 * media.Clock / 2000
	// fragment is how long the fragments of an MP4 segment are that has no parts.
	fragment = media.Clock
)

// errNumbers is the end of a stream that was cut more often than any encoder
// could wish.
var errNumbers = errors.New("the stream has no media sequence numbers left")

// A cutter writes ordered units into segments and publishes them.
type cutter struct {
	window *Window
	target media.Ticks // length of a segment
	mux    muxer
	buf    []byte // the segment that is being written

	video, audio *media.Track  // of the segment; video is nil before the first
	init         *Init         // of the tracks; nil if they need none
	declared     time.Duration // EXT-X-TARGETDURATION, fixed with the first segment; 0 before

	open     bool           // a segment is being written
	short    bool           // the first segment was ended for somebody who waits
	broken   bool           // the next segment is a discontinuity and needs a keyframe
	anchored bool           // origin and date hold for what comes next
	seg      Segment        // what is known of the segment
	start    media.Ticks    // where it begins
	heard    media.Ticks    // where the newest audio of its timeline ends
	last     media.Ticks    // where its newest picture is shown
	frame    media.Ticks    // from one picture to the next, newest measure
	even     bool           // the measure before was the same
	keyed    media.Ticks    // where its newest keyframe is shown
	gops     [2]media.Ticks // from one keyframe to the next, the newest first
	frames   int64          // pictures in the segment
	origin   media.Ticks    // where the timeline begins
	date     time.Time      // wall clock of origin
	until    time.Time      // wall clock of the end of what is published
	counted  tally
	parts    parts
	learning learning

	plan     *Plan    // what it leads
	follows  follower // what it keeps to, if there is a plan in it
	timeline int64    // which runs now
	breaks   int64    // discontinuities so far
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
	return &cutter{
		window: w,
		target: media.TicksOf(min(target, maxTarget)),
		mux:    w.Container.muxer(),
		frame:  usualFrame,
		seg:    Segment{MSN: w.From.MSN},
		parts:  parts{wished: w.Delivery != Whole},
		plan:   new(Plan),
		breaks: w.From.Discontinuities,
	}
}

// addVideo takes a picture that is shown at a time, and the audio track that
// comes with it or nil.
func (c *cutter) addVideo(u media.Unit, shown media.Ticks, audio *media.Track) error {
	if c.hold(held{u, shown, audio}) {
		if c.learning.learned(&c.parts) {
			return c.release()
		}
		return nil
	}
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
	c.put(u, shown)
	c.cutAfter()
	c.plan.reach(c.timeline, shown)
	return nil
}

// put writes a picture that is shown at a time into the segment.
func (c *cutter) put(u media.Unit, shown media.Ticks) {
	if c.frames > 0 && shown > c.last {
		c.measure(shown - c.last)
	}
	c.last = shown
	c.frames++
	c.fill()
	if c.parts.pictures == 0 {
		c.parts.key = u.Key
	}
	c.parts.pictures++
	c.buf = c.mux.video(c.buf, u)
}

// measure takes the step from one picture to the next. It is what the bitstream
// says if it differs from that by no more than rounding does.
func (c *cutter) measure(step media.Ticks) {
	if f := stated(c.video); f > 0 && step-f < rounding && f-step < rounding {
		step = f
	}
	step = min(step, max(maxFrame, c.parts.length))
	c.even = step-c.frame < rounding && c.frame-step < rounding
	c.frame = step
}

// stated is from one picture to the next as the bitstream says, or 0.
func stated(video *media.Track) media.Ticks {
	if r := video.Picture.Framerate; r >= 1 && r <= 300 {
		return media.Ticks(media.Clock / r)
	}
	return 0
}

// cutBefore ends the segment or its part if picture u is not to be in it.
func (c *cutter) cutBefore(u media.Unit, shown media.Ticks, audio *media.Track) {
	length := shown - c.start
	if u.Key {
		c.gops = [2]media.Ticks{shown - c.keyed, c.gops[0]}
		c.keyed = shown
	}
	switch {
	case length > c.hard():
		c.stop() // the pictures have a hole that no segment may span
	case u.Key && (length >= c.target-c.target/early || length+max(c.gops[0], c.gops[1]) > c.longest() || audio != c.audio && length > 0 || !c.seg.Key),
		length+c.frame/2 > c.longest(),
		len(c.buf)+c.mux.held() >= maxSegment:
		c.finish(shown)
	case c.hurried():
		c.short = true
		c.finish(shown)
	default:
		c.cutPart(shown)
	}
}

// hurried reports whether the segment ends with its newest part, as somebody
// waits for the first. Where players go by the length of segments, as they are not
// told of parts, that length must be known.
func (c *cutter) hurried() bool {
	known := c.window.Delivery == Parts || c.window.From.Target > 0
	return known && c.declared == 0 && len(c.seg.Parts) > 0 && c.parts.pictures == 0 && c.window.wanted.Load()
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
	if limit := c.window.From.Limit; limit > 0 && c.seg.MSN >= limit {
		return errNumbers
	}
	if !u.Key {
		audio = c.audio
	}
	first, changed := c.video == nil, u.Track != c.video || audio != c.audio
	if changed {
		init, err := c.mux.setTracks(u.Track, audio)
		if err != nil {
			return fmt.Errorf("begin a segment: %w", err)
		}
		c.video, c.audio, c.init = u.Track, audio, nil
		c.buf, c.parts.filled = c.buf[:0], false // what was heard before is of other tracks
		c.frame = cmp.Or(stated(u.Track), usualFrame)
		c.even = stated(u.Track) > 0
		if init != nil {
			c.init = &Init{First: c.seg.MSN, Data: init}
		}
	}
	c.start = shown
	if c.parts.wished && !c.broken && !first {
		c.start = c.parts.follow(shown, c.frame)
	}
	c.seg = Segment{
		MSN:           c.seg.MSN,
		Date:          c.dateOf(c.start, u.At),
		Discontinuity: (c.broken || changed) && c.seg.MSN > 0,
		Key:           u.Key,
		Init:          c.init,
		FirstPart:     c.parts.number,
	}
	if c.broken || changed {
		c.heard = shown
		c.keyed, c.gops = shown, [2]media.Ticks{}
	}
	if c.seg.Discontinuity {
		c.breaks++
	}
	c.open, c.broken = true, false
	c.last, c.frames = shown, 0
	c.parts.begin(c.start)
	c.mark(shown, false)
	if c.window.Container == TS {
		c.fill()
		c.buf = c.mux.data(c.buf, u.PTS, segmentTag(make([]byte, 0, 96), c.seg.Date))
	}
	return nil
}

// mark notes the segment, whose first picture is shown at a time, for renditions
// that follow. tail: it was split off.
func (c *cutter) mark(shown media.Ticks, tail bool) {
	c.plan.begin(mark{
		timeline: c.timeline, msn: c.seg.MSN, first: shown, start: c.start, date: c.seg.Date,
		discontinuity: c.seg.Discontinuity, breaks: c.breaks, audio: c.audio != nil, firstPart: c.seg.FirstPart, tail: tail,
	})
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
	if c.hold(held{Unit: u}) {
		return
	}
	if !c.open || u.Track != c.audio || interleave.Middle(&u) < max(c.start, c.heard) {
		return
	}
	if c.follows.plan != nil {
		c.followParts(interleave.Middle(&u))
	} else {
		c.cutAt(interleave.Middle(&u))
	}
	c.heard = u.PTS + interleave.Frame(u.Track)
	c.fill()
	c.buf = c.mux.audio(c.buf, u)
}

// addData takes what comes with the pictures at a time, and reports whether
// there was a segment to take it.
func (c *cutter) addData(u media.Unit, shown media.Ticks) bool {
	if !c.open {
		return false
	}
	at := u.PTS
	if !near(at, shown) {
		at = shown // of another timeline
	}
	switch u.Track.Codec {
	case media.ID3:
		c.fill()
		c.buf = c.mux.data(c.buf, at, u.Data)
	case media.AdMarker:
		if a, ok := media.ParseAdBreak(u.Data); ok {
			date := c.seg.Date.Add((at - c.start).Duration())
			c.seg.Breaks = append(slices.Clip(c.seg.Breaks), AdBreak{a, date})
		}
	default: // nothing a segment carries
	}
	return true
}

// fill begins the part that the next unit is for, if that is not done.
func (c *cutter) fill() {
	if !c.parts.filled {
		c.parts.filled = true
		c.buf = c.mux.begin(c.buf)
	}
}

// end is where the segment ends if no picture follows.
func (c *cutter) end() media.Ticks { return c.last + c.frame }

// silence is where what is heard ends, if that is a little before the pictures
// do: encoders send audio behind the pictures that it belongs to. A player that
// was told of more than it got waits for the rest, even at the end.
func (c *cutter) silence() media.Ticks {
	if end := c.end(); c.window.Delivery != Parts || c.audio == nil || end-c.heard > maxSilence {
		return end
	}
	return c.heard
}

// stop ends the segment, if there is one, as the pictures that follow do not
// continue it.
func (c *cutter) stop() {
	if c.open {
		end := min(c.end(), c.start+c.hard(), c.silence())
		c.dropTail(end)
		if c.parts.wished && len(c.seg.Parts) == 0 && !c.parts.filled {
			c.open = false // nothing of it is left
			if c.seg.Discontinuity {
				c.breaks--
			}
			c.plan.drop()
		} else {
			c.finish(end)
		}
	}
	c.broken = true
}

// split ends the segment with its newest part, as the end of the stream is near.
// What is still to come becomes a segment of its own: hls.js, told of the end,
// takes up no more parts of a segment that it has parts of, and waits for them for
// ever.
func (c *cutter) split() {
	p, limit := &c.parts, c.window.From.Limit
	if !c.open || len(c.seg.Parts) == 0 || limit > 0 && c.seg.MSN+1 >= limit {
		return
	}
	c.frames -= int64(p.pictures)
	c.close(p.start)
	c.plan.finish(p.start, c.declared)
	if p.pictures == 0 {
		return // what was heard begins the next
	}
	c.seg = Segment{MSN: c.seg.MSN, Date: c.dateOf(p.start, c.date), Key: p.key, Init: c.init, FirstPart: p.number}
	c.start, c.frames, c.open = p.start, int64(p.pictures), true
	c.mark(p.start, true)
}

// finish ends the segment at a time and publishes it.
func (c *cutter) finish(end media.Ticks) {
	if c.parts.wished {
		end = c.endParts(end)
	} else {
		c.buf = c.mux.end(c.buf, end-c.last)
		c.parts.from, c.parts.filled = len(c.buf), false
	}
	c.close(end)
	c.plan.finish(end, c.declared)
}

// close publishes the segment, which is written and ends at a time.
func (c *cutter) close(end media.Ticks) {
	c.open = false
	seg := c.seg
	seg.Duration = max(end-c.start, 1)
	seg.settle(c.take())
	c.until = seg.Date.Add(seg.Duration.Duration())
	if c.declared == 0 {
		c.declared = c.declare(seg)
	}
	c.counted.add(seg, c.frames, c.target)
	average := rate(c.counted.bits, c.counted.span)
	c.window.publish(&seg, c.declared, c.parts.length, Facts{
		Video:     c.video,
		Audio:     c.audio,
		Framerate: framerate(c.video, c.counted.frames, c.counted.span),
		Peak:      max(c.counted.peak, average),
		Average:   average,
	})
	c.seg.MSN++
}

// take returns what the segment was written to, and makes room for the next: as
// much as this one took and a little more. What is too large by more than that
// is copied, so that no window keeps much that is empty.
func (c *cutter) take() []byte {
	n := c.parts.from
	data, rest, spare := c.buf[:n:n], c.buf[n:], n/spareRoom
	if cap(c.buf)-n > 2*spare {
		data = bytes.Clone(data)
	}
	c.buf = append(make([]byte, 0, n+spare), rest...) // another: viewers have parts of the old
	c.parts.from = 0
	return data
}

// settle gives a segment its data, of which its parts become pieces.
func (s *Segment) settle(data []byte) {
	s.Data = data
	if s.Parts == nil {
		return
	}
	list, at := make([]Part, len(s.Parts)), 0
	for i, p := range s.Parts {
		n := at + len(p.Data)
		p.Data = data[at:n:n]
		list[i], at = p, n
	}
	s.Parts = list
}

// declare returns the EXT-X-TARGETDURATION of a stream with its first segment:
// that one's length or the usual one, in whole seconds. A segment that was cut
// short says nothing; then it is what the channel's last stream had, or the most
// if there was none: less could cut every GOP in two for as long as it lasts.
func (c *cutter) declare(first Segment) time.Duration {
	length := max(first.Duration.Duration(), c.target.Duration())
	if c.short {
		length = max(length, cmp.Or(c.window.From.Target, maxTarget))
	}
	return min(length.Round(time.Second), maxTarget)
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

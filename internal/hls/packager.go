package hls

import (
	"errors"
	"fmt"
	"time"

	"openivs/internal/interleave"
	"openivs/internal/media"
	"openivs/internal/mpegts"
)

const (
	// defaultTarget is the segment length of a Packager with none.
	defaultTarget = 2 * time.Second
	// maxJump is the longest step from one picture to the next that is still
	// one timeline, and maxBack the furthest that a clock may stand back and
	// be held to have stood still.
	maxJump = 3 * media.Clock / 2
	maxBack = media.Clock / 4
	// maxSkew is the furthest that audio may be from the pictures it comes with.
	// What is further off belongs to a timeline that the pictures may still
	// come to.
	maxSkew = 3 * media.Clock
	// maxHeldData is how many units of data wait for the pictures they come with.
	// When there are more, the oldest are dropped.
	maxHeldData = 64
	// madeWait is how long pictures wait for audio that somebody makes.
	madeWait = 2 * media.Clock
	// maxReorder is the most that a picture may be shown after its decoding.
	maxReorder = 2 * media.Clock
)

// A Packager cuts one rendition into segments and publishes them. Set the fields
// before the first WriteUnit and leave them alone afterwards. One goroutine at
// a time may use it.
//
// A segment begins with a keyframe, unless keyframes are further apart than a
// segment may be long. Where the encoder's clock jumps, or a track changes,
// comes or goes, a new segment begins with the next keyframe, marked as a
// discontinuity. Without pictures there are no segments.
type Packager struct {
	Window  *Window       // required
	Target  time.Duration // segments end with the first keyframe after this; 0: 2 s
	Plan    *Plan         // shared by the renditions of a stream; nil: there is one rendition
	Follows bool          // it cuts where the packager does that has the same Plan
	Made    bool          // audio and pictures are made by others, who may stop for a moment

	timeline int64        // that runs now
	next     int64        // that begins with the next picture, if it is told
	told     bool         // timelines are told by Timeline
	cut      bool         // the next picture begins a timeline
	video    *media.Track // of the pictures that come in
	audio    *media.Track // of the audio that comes in
	lastDTS  media.Ticks  // of the picture that came in last
	smooth   interleave.Smoother
	queue    interleave.Interleaver
	ahead    interleave.Queue // audio that is too far from the pictures
	data     interleave.Queue // what comes with pictures that are still to come out
	segments *cutter          // made with the first picture
	closed   bool
}

// Mistakes of the stage before.
var (
	errNoTrack = errors.New("a unit without a track")
	errClosed  = errors.New("a unit after the end")
)

// WriteUnit takes a unit. Tracks other than the first of each kind are not
// carried, but data of every track is.
func (p *Packager) WriteUnit(u media.Unit) error {
	switch {
	case p.closed:
		return errClosed
	case u.Track == nil:
		return errNoTrack
	case len(u.Data) == 0:
		return nil
	case u.Track.Kind == media.Data:
		p.data.Push(u)
		if p.data.Len() > maxHeldData {
			p.data.Pop()
		}
		return nil
	case u.Track.ID != 0:
		return nil
	case p.Window.SoundOnly:
		return p.writeSound(u)
	case u.Track.Kind == media.Video:
		return p.writeVideo(u)
	case u.Track.Kind == media.Audio:
		return p.writeAudio(u)
	default:
		return nil
	}
}

// Close publishes what has arrived, if any of the stream could be watched
// before. If final, it also publishes that nothing will follow.
func (p *Packager) Close(final bool) error {
	var err error
	if p.Window.Snapshot().Playable() && p.segments != nil {
		if !p.Follows {
			p.segments.split()
		}
		err = p.drain(true)
		p.stop()
	}
	if p.segments != nil && !p.Follows {
		p.segments.plan.close()
	}
	p.closed, p.segments, p.queue, p.ahead, p.data = true, nil, interleave.Interleaver{}, interleave.Queue{}, interleave.Queue{}
	p.Window.close(final)
	return err
}

func (p *Packager) writeVideo(u media.Unit) error {
	u.PTS = min(max(u.PTS, u.DTS), u.DTS+maxReorder)
	step := u.DTS - p.lastDTS
	first, changed := p.video == nil, u.Track != p.video
	jump := p.cut || !p.told && !first && (step > maxJump || step < -maxBack)
	if changed {
		if err := p.Window.Container.carries(u.Track); err != nil {
			return fmt.Errorf("package video: %w", err)
		}
	}
	if p.segments == nil {
		p.segments = p.cutter()
		if p.Made {
			p.queue.Patience = madeWait
		}
	}
	if changed || jump {
		if err := p.breakAt(u.DTS); err != nil {
			return err
		}
		p.video = u.Track
	}
	if jump {
		p.segments.anchored = false
	}
	if !first && !jump && step <= 0 {
		u.DTS = p.lastDTS + 1
		u.PTS = max(u.PTS, u.DTS)
	}
	p.lastDTS = u.DTS
	p.queue.PutVideo(u)
	if p.Follows && p.queue.Video().Len() > interleave.MaxPictures {
		p.Leave() // whoever leads is gone
	}
	return p.drain(false)
}

func (p *Packager) writeAudio(u media.Unit) error {
	if u.Track != p.audio {
		if err := mpegts.Carries(u.Track); err != nil {
			return fmt.Errorf("package audio: %w", err)
		}
		p.audio = u.Track
	}
	u.PTS = p.smooth.At(u.Track, u.PTS)
	if p.video == nil || !near(u.PTS, p.lastDTS) {
		p.ahead.Push(u)
		if p.ahead.Len() > interleave.MaxAudio {
			p.ahead.Pop()
		}
		return nil
	}
	p.queue.PutAudio(u)
	return p.drain(false)
}

// near reports whether audio may belong to pictures at a time.
func near(audio, video media.Ticks) bool {
	return audio-video <= maxSkew && video-audio <= maxSkew
}

// breakAt ends a timeline, as the next picture, decoded at dts, is of another
// timeline or coding. Audio that came before that picture but belongs to it is
// kept.
func (p *Packager) breakAt(dts media.Ticks) error {
	if err := p.drain(true); err != nil {
		return err
	}
	p.stop()
	if p.timeline++; p.told {
		p.timeline = p.next
	}
	p.segments.timeline, p.cut = p.timeline, false
	if !p.Follows {
		p.segments.plan.reach(p.timeline, dts-media.Clock*3600) // nothing of it yet
	}
	old := p.queue
	p.queue = old.Restart()
	for _, list := range [2]*interleave.Queue{old.Audio(), &p.ahead} {
		for list.Len() > 0 {
			if u := list.Pop(); near(u.PTS, dts) {
				p.queue.PutAudio(u)
			}
		}
	}
	return nil
}

// drain hands over the units whose turn it is; with flush all pictures, and the
// audio that belongs before their end.
func (p *Packager) drain(flush bool) error {
	for {
		if p.Follows && !flush && !p.covered() {
			return nil
		}
		u, ok := p.queue.Next(flush)
		if !ok {
			break
		}
		if u.Track.Kind == media.Audio {
			p.segments.addAudio(u)
			continue
		}
		p.addData(p.queue.Reached())
		add := p.segments.addVideo
		if p.Follows {
			add = p.segments.followVideo
		}
		if err := add(u, p.queue.Reached(), p.queue.Coming(p.segments.audio)); err != nil {
			return err
		}
	}
	if flush {
		if err := p.segments.release(); err != nil {
			return err
		}
		end := p.segments.end()
		for a := p.queue.Audio().Front(); a != nil && interleave.Middle(a) < end; a = p.queue.Audio().Front() {
			p.segments.addAudio(p.queue.Audio().Pop())
		}
		p.addData(end)
	}
	return nil
}

// addData hands over the data that comes before the picture shown at a time.
func (p *Packager) addData(shown media.Ticks) {
	for d := p.data.Front(); d != nil && (d.PTS <= shown || !near(d.PTS, shown)); d = p.data.Front() {
		if !p.segments.addData(*d, shown) {
			return
		}
		p.data.Pop()
	}
}

// cutter makes the cutter of the packager.
func (p *Packager) cutter() *cutter {
	c := newCutter(p.Window, p.Target)
	switch {
	case p.Follows:
		c.follows.plan = p.Plan
	case p.Plan != nil:
		c.plan = p.Plan
	}
	return c
}

// stop ends the segment that is being made.
func (p *Packager) stop() {
	if p.Follows {
		p.segments.followStop()
		return
	}
	p.segments.stop()
}

// Timeline says that pictures which are written from now on belong to the
// timeline of a number, and do not follow on those before. Numbers grow. Whoever
// calls it once finds all timelines: the packager looks for none.
func (p *Packager) Timeline(n int64) { p.next, p.told, p.cut = n, true, true }

// Leave lets go of all that is listed, as pictures are missing: the rendition is
// not made at the moment. It comes back with a segment of the plan whose first
// picture it has.
func (p *Packager) Leave() {
	if p.closed {
		return
	}
	if p.segments != nil {
		p.segments.leave()
	}
	p.queue = p.queue.Blank()
	p.Window.Withdraw()
}

// covered reports whether the plan says all about the next picture.
func (p *Packager) covered() bool {
	v := p.queue.Video().Front()
	return v == nil || p.Plan.covers(p.timeline, p.queue.Shown(v))
}

// writeSound takes audio of a rendition without pictures.
func (p *Packager) writeSound(u media.Unit) error {
	if u.Track.Kind != media.Audio {
		return p.drainSound()
	}
	if err := mpegts.Carries(u.Track); err != nil {
		return fmt.Errorf("package audio: %w", err)
	}
	if p.segments == nil {
		p.segments = p.cutter()
	}
	u.PTS = p.smooth.At(u.Track, u.PTS)
	p.ahead.Push(u)
	if p.ahead.Len() > interleave.MaxAudio {
		p.ahead.Pop()
	}
	return p.drainSound()
}

// drainSound hands over the audio of which it is known where it belongs.
func (p *Packager) drainSound() error {
	for p.ahead.Len() > 0 {
		u := *p.ahead.Front()
		p.addSoundData(u.PTS)
		done, err := p.segments.followAudio(u)
		if err != nil || !done {
			return err
		}
		p.ahead.Pop()
	}
	return nil
}

// addSoundData hands over the data that comes before audio of a time.
func (p *Packager) addSoundData(at media.Ticks) {
	if p.segments.open {
		p.addData(at)
	}
}

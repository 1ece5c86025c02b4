// Package interleave puts the pictures and the audio of a stream, each of which come
// in their own order, into the one order that a segment has them in.
package interleave

import "openivs/internal/media"

const (
	// maxHold is the longest that pictures wait for the audio that belongs before
	// them, in media time, and minHold how long they do where audio was never
	// late. After that the audio counts as absent, until it comes back.
	maxHold = 3 * media.Clock / 2
	minHold = media.Clock / 2
	// MaxPictures and maxBytes bound the same wait where the encoder's clock does
	// not move: pictures go on without audio.
	MaxPictures = 512
	maxBytes    = 16 << 20
	// MaxAudio is how many audio units wait for a picture. When there are more,
	// the oldest are dropped.
	MaxAudio = 512
)

// An Interleaver puts the units of a video and an audio track, each in its own
// order, into one order: each audio unit goes before the first picture that is
// shown after the audio's middle. So when a picture comes out, all of the audio
// that is heard before it has come out, and none of the other. Its zero value is ready.
type Interleaver struct {
	// Patience is how long pictures wait for audio at least, once there was some:
	// more than usual where others make it, who may stop for a moment.
	Patience media.Ticks

	video, audio Queue
	pictures     int64       // bytes in video
	newest       media.Ticks // DTS of the newest picture put in
	delay        media.Ticks // PTS-DTS of the last keyframe that came out
	reached      media.Ticks // when the picture that came out last is shown
	late         media.Ticks // how far audio was behind the newest picture, at most
	heard        bool        // there was audio
	absent       bool        // there is no audio to wait for
}

// PutVideo takes a picture.
func (q *Interleaver) PutVideo(u media.Unit) {
	q.newest = u.DTS
	q.pictures += int64(len(u.Data))
	q.video.Push(u)
}

// PutAudio takes an audio unit.
func (q *Interleaver) PutAudio(u media.Unit) {
	q.absent, q.heard = false, true
	q.late = max(q.late, q.newest-u.PTS)
	q.audio.Push(u)
	if q.audio.Len() > MaxAudio {
		q.audio.Pop()
	}
}

// Next returns the unit whose turn it is, or false if that depends on units
// which are still to come. With flush it depends on none.
func (q *Interleaver) Next(flush bool) (media.Unit, bool) {
	v, a := q.video.Front(), q.audio.Front()
	switch {
	case a != nil && (v != nil && Middle(a) < q.Shown(v) || v == nil && Middle(a) < q.reached):
		return q.audio.Pop(), true
	case v != nil && (a != nil || flush || !q.waiting(v)):
		if v.Key {
			q.delay = v.PTS - v.DTS
		}
		q.reached = q.Shown(v)
		q.pictures -= int64(len(v.Data))
		return q.video.Pop(), true
	default:
		return media.Unit{}, false
	}
}

// Shown is where a picture stands on the timeline of presentation. With
// reordering, pictures are shown in another order than they come in; what
// counts for the order of units is the keyframe's delay on every picture.
func (q *Interleaver) Shown(v *media.Unit) media.Ticks {
	if v.Key {
		return v.PTS
	}
	return v.DTS + q.delay
}

// Coming returns the track of the audio that goes with the picture that came out
// last: nil if there is none for a while, known if that cannot be told yet.
func (q *Interleaver) Coming(known *media.Track) *media.Track {
	switch a := q.audio.Front(); {
	case a != nil && a.PTS-q.reached < maxHold:
		return a.Track
	case a != nil || q.absent:
		return nil
	default:
		return known
	}
}

// Reached is when the picture that came out last is shown.
func (q *Interleaver) Reached() media.Ticks { return q.reached }

// Video is the queue of pictures, to be looked at.
func (q *Interleaver) Video() *Queue { return &q.video }

// Audio is the queue of audio units, of which any may be taken.
func (q *Interleaver) Audio() *Queue { return &q.audio }

// Restart returns an Interleaver of another timeline of the same encoder.
func (q *Interleaver) Restart() Interleaver {
	return Interleaver{Patience: q.Patience, heard: q.heard, absent: q.absent, late: q.late}
}

// Blank returns an Interleaver without the pictures.
func (q *Interleaver) Blank() Interleaver {
	return Interleaver{Patience: q.Patience, heard: q.heard, absent: q.absent, audio: q.audio}
}

// waiting reports whether a picture has to wait for audio.
func (q *Interleaver) waiting(v *media.Unit) bool {
	hold := min(max(minHold, 2*q.late), maxHold)
	if q.heard {
		hold = max(hold, q.Patience)
	}
	if !q.absent && q.newest-v.DTS < hold && q.video.Len() <= MaxPictures && q.pictures <= maxBytes {
		return true
	}
	q.absent = true
	return false
}

// Frame is how long a unit of an AAC track lasts.
func Frame(t *media.Track) media.Ticks {
	return media.Ticks(FrameSamples * media.Clock / t.Sound.SampleRate)
}

// FrameSamples is how many samples an AAC-LC frame has.
const FrameSamples = 1024

// Middle is the middle of an audio unit.
func Middle(a *media.Unit) media.Ticks { return a.PTS + Frame(a.Track)/2 }

// A Queue of units, first in, first out. Its zero value is ready.
type Queue struct {
	units []media.Unit
	head  int
}

// Len is how many there are.
func (q *Queue) Len() int { return len(q.units) - q.head }

// Front returns the oldest unit, or nil. It is good until the next pop or push.
func (q *Queue) Front() *media.Unit {
	if q.Len() == 0 {
		return nil
	}
	return &q.units[q.head]
}

// Push adds the newest unit.
func (q *Queue) Push(u media.Unit) {
	if q.head > 0 && len(q.units) == cap(q.units) {
		n := copy(q.units, q.units[q.head:])
		clear(q.units[n:])
		q.units, q.head = q.units[:n], 0
	}
	q.units = append(q.units, u)
}

// Pop removes the oldest unit; there must be one.
func (q *Queue) Pop() media.Unit {
	u := q.units[q.head]
	q.units[q.head] = media.Unit{} // keeps nothing alive
	q.head++
	if q.head == len(q.units) {
		q.units, q.head = q.units[:0], 0
	}
	return u
}

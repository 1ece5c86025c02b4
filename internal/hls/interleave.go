package hls

import "openivs/internal/media"

const (
	// maxHold is the longest that pictures wait for the audio that belongs before
	// them, in media time, and minHold how long they do where audio was never
	// late. After that the audio counts as absent, until it comes back.
	maxHold = 3 * media.Clock / 2
	minHold = media.Clock / 2
	// maxHeldPictures and maxHeldBytes bound the same wait where the encoder's
	// clock does not move: pictures go on without audio.
	maxHeldPictures = 512
	maxHeldBytes    = 16 << 20
	// maxHeldAudio is how many audio units wait for a picture. When there are
	// more, the oldest are dropped.
	maxHeldAudio = 512
)

// An interleaver puts the units of a video and an audio track, each in its own
// order, into one order: each audio unit goes before the first picture that is
// shown after the audio's middle. So when a picture comes out, all of the audio
// that is heard before it has come out, and none of the other.
type interleaver struct {
	video, audio queue
	pictures     int64       // bytes in video
	newest       media.Ticks // DTS of the newest picture put in
	delay        media.Ticks // PTS-DTS of the last keyframe that came out
	reached      media.Ticks // when the picture that came out last is shown
	late         media.Ticks // how far audio was behind the newest picture, at most
	absent       bool        // there is no audio to wait for
}

func (q *interleaver) putVideo(u media.Unit) {
	q.newest = u.DTS
	q.pictures += int64(len(u.Data))
	q.video.push(u)
}

func (q *interleaver) putAudio(u media.Unit) {
	q.absent = false
	q.late = max(q.late, q.newest-u.PTS)
	q.audio.push(u)
	if q.audio.len() > maxHeldAudio {
		q.audio.pop()
	}
}

// next returns the unit whose turn it is, or false if that depends on units
// which are still to come. With flush it depends on none.
func (q *interleaver) next(flush bool) (media.Unit, bool) {
	v, a := q.video.front(), q.audio.front()
	switch {
	case a != nil && (v != nil && middle(a) < q.shown(v) || v == nil && middle(a) < q.reached):
		return q.audio.pop(), true
	case v != nil && (a != nil || flush || !q.waiting(v)):
		if v.Key {
			q.delay = v.PTS - v.DTS
		}
		q.reached = q.shown(v)
		q.pictures -= int64(len(v.Data))
		return q.video.pop(), true
	default:
		return media.Unit{}, false
	}
}

// shown is where a picture stands on the timeline of presentation. With
// reordering, pictures are shown in another order than they come in; what
// counts for the order of units is the keyframe's delay on every picture.
func (q *interleaver) shown(v *media.Unit) media.Ticks {
	if v.Key {
		return v.PTS
	}
	return v.DTS + q.delay
}

// coming returns the track of the audio that goes with the picture that came out
// last: nil if there is none for a while, known if that cannot be told yet.
func (q *interleaver) coming(known *media.Track) *media.Track {
	switch a := q.audio.front(); {
	case a != nil && a.PTS-q.reached < maxHold:
		return a.Track
	case a != nil || q.absent:
		return nil
	default:
		return known
	}
}

// waiting reports whether a picture has to wait for audio.
func (q *interleaver) waiting(v *media.Unit) bool {
	hold := min(max(minHold, 2*q.late), maxHold)
	if !q.absent && q.newest-v.DTS < hold && q.video.len() <= maxHeldPictures && q.pictures <= maxHeldBytes {
		return true
	}
	q.absent = true
	return false
}

// frame is how long a unit of an AAC track lasts.
func frame(t *media.Track) media.Ticks {
	return media.Ticks(frameSamples * media.Clock / t.Sound.SampleRate)
}

const frameSamples = 1024 // of an AAC-LC frame

// middle is the middle of an audio unit.
func middle(a *media.Unit) media.Ticks { return a.PTS + frame(a.Track)/2 }

// A queue of units, first in, first out.
type queue struct {
	units []media.Unit
	head  int
}

func (q *queue) len() int { return len(q.units) - q.head }

// front returns the oldest unit, or nil. It is good until the next pop or push.
func (q *queue) front() *media.Unit {
	if q.len() == 0 {
		return nil
	}
	return &q.units[q.head]
}

func (q *queue) push(u media.Unit) {
	if q.head > 0 && len(q.units) == cap(q.units) {
		n := copy(q.units, q.units[q.head:])
		clear(q.units[n:])
		q.units, q.head = q.units[:n], 0
	}
	q.units = append(q.units, u)
}

// pop removes the oldest unit; there must be one.
func (q *queue) pop() media.Unit {
	u := q.units[q.head]
	q.units[q.head] = media.Unit{} // keeps nothing alive
	q.head++
	if q.head == len(q.units) {
		q.units, q.head = q.units[:0], 0
	}
	return u
}

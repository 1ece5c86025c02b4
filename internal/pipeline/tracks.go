package pipeline

import (
	"strconv"

	"openivs/internal/hls"
	"openivs/internal/interleave"
	"openivs/internal/ivs"
	"openivs/internal/media"
)

const (
	// maxHeldPictures and maxHeldBytes are how much of a track waits for the first
	// one to come as far. When there is more, the oldest are dropped and the
	// rendition leaves until it has a segment's first picture again.
	maxHeldPictures = 512
	maxHeldBytes    = 16 << 20

	// sameTime is how far two times may be apart that mean the same.
	sameTime = media.Clock / 200
)

// tracks are the renditions of an encoder that sends several pictures. The first
// is the source and leads; the others are cut as it is.
type tracks struct {
	source *hls.Packager
	plan   *hls.Plan
	lead   lead
	others []*tracked // by track id, from 1
}

// A tracked rendition is one of a track that is not the first.
type tracked struct {
	packager hls.Packager
	held     interleave.Queue
	bytes    int         // of held
	timeline int64       // of what was written last; 0: nothing was
	last     media.Ticks // DTS of that

	from, to *media.Track // the encoder's track, and the same as the first of the rendition
}

// A lead is where the first track is, and the timeline that it was on before.
type lead struct {
	now, before span
}

// A span is a timeline, as far as it is known.
type span struct {
	number      int64
	first, last media.Ticks // DTS of its pictures
}

// has reports whether a picture decoded at a time may be of the span.
func (s span) has(dts media.Ticks) bool {
	return s.number != 0 && dts >= s.first-sameTime && dts <= s.last+sameTime
}

// take notes a picture of the first track, which is on a timeline.
func (l *lead) take(dts media.Ticks, timeline int64) {
	if timeline != l.now.number {
		l.before, l.now = l.now, span{timeline, dts, dts}
	}
	l.now.last = max(l.now.last, dts)
}

// of returns the timeline of a picture of another track, which is on one of at
// least a number. false: the first track has yet to come there.
func (l *lead) of(dts media.Ticks, least int64) (timeline int64, ok bool) {
	switch {
	case l.now.has(dts):
		return l.now.number, l.now.number >= least
	case l.before.number == 0 || l.before.number < least:
		return 0, false
	case l.before.has(dts):
		return l.before.number, true
	case dts > l.before.last && dts-l.before.last < maxStep && (dts < l.now.first || dts-l.now.last > maxStep):
		return l.before.number, true // a little behind its end
	default:
		return 0, false
	}
}

// newTracks makes the renditions of the tracks that an encoder was told to send.
func newTracks(p *Pipeline, granted []ivs.GrantedTrack) *tracks {
	t := &tracks{source: &p.packager, plan: p.packager.Plan}
	for _, g := range granted[1:] {
		t.others = append(t.others, &tracked{packager: hls.Packager{
			Window: p.packager.Window.Sibling(trackName(g)), Target: p.packager.Target, Plan: t.plan, Follows: true,
		}})
	}
	return t
}

// trackName is what a rendition of a track is called, as in hls.Facts.Name.
func trackName(g ivs.GrantedTrack) string {
	return strconv.Itoa(min(g.Width, g.Height)) + "p" + strconv.Itoa(g.Framerate)
}

// windows are those of the renditions besides the source.
func (t *tracks) windows() (list []*hls.Window) {
	for _, r := range t.others {
		list = append(list, r.packager.Window)
	}
	return list
}

// WriteUnit takes a unit of the encoder's. Audio is that of all renditions.
func (t *tracks) WriteUnit(u media.Unit) error {
	if u.Track == nil || u.Track.Kind != media.Video || u.Track.ID == 0 {
		if err := t.source.WriteUnit(u); err != nil {
			return err
		}
		if u.Track.Kind == media.Video {
			t.lead.take(u.DTS, t.plan.Timeline())
		}
		for _, r := range t.others {
			if u.Track.Kind != media.Video {
				if err := r.packager.WriteUnit(u); err != nil {
					return err
				}
				continue
			}
			if err := r.release(&t.lead); err != nil {
				return err
			}
		}
		return nil
	}
	if u.Track.ID > len(t.others) {
		return nil
	}
	r := t.others[u.Track.ID-1]
	r.hold(u)
	return r.release(&t.lead)
}

// hold keeps a picture until the first track has come as far.
func (r *tracked) hold(u media.Unit) {
	r.held.Push(u)
	r.bytes += len(u.Data)
	lost := false
	for r.held.Len() > maxHeldPictures || r.bytes > maxHeldBytes {
		r.pop()
		lost = true
	}
	if lost {
		r.packager.Leave()
	}
}

func (r *tracked) pop() media.Unit {
	u := r.held.Pop()
	r.bytes -= len(u.Data)
	return u
}

// release writes the pictures up to where the first track is.
func (r *tracked) release(l *lead) error {
	for r.held.Len() > 0 {
		dts := r.held.Front().DTS
		least := r.timeline
		if least != 0 && dts-r.last < -maxBack {
			least++
		}
		timeline, ok := l.of(dts, least)
		if !ok && l.now.number >= max(least, 1) && dts < l.now.first {
			r.pop() // from before the first track began
			continue
		}
		if !ok {
			return nil
		}
		if err := r.write(r.pop(), timeline); err != nil {
			return err
		}
	}
	return nil
}

func (r *tracked) write(u media.Unit, timeline int64) error {
	if timeline != r.timeline {
		r.timeline = timeline
		r.packager.Timeline(timeline)
	}
	if u.Track != r.from {
		first := *u.Track
		first.ID = 0
		r.from, r.to = u.Track, &first
	}
	r.last, u.Track = u.DTS, r.to
	return r.packager.WriteUnit(u)
}

// close ends the renditions, with what has come of them.
func (t *tracks) close(final bool) (err error) {
	for _, r := range t.others {
		for r.held.Len() > 0 && r.timeline != 0 && err == nil {
			err = r.write(r.pop(), r.timeline)
		}
		if e := r.packager.Close(final); e != nil {
			err = e
		}
	}
	return err
}

package pipeline

import "openivs/internal/media"

const (
	// maxStep is the longest step from one picture to the next that is still one
	// timeline, and maxBack the furthest that a clock may stand back and be held
	// to have stood still. Packagers have the same.
	maxStep = 3 * media.Clock / 2
	maxBack = media.Clock / 4
)

// A clock counts the timelines of an encoder's pictures.
type clock struct {
	track *media.Track
	last  media.Ticks
	n     int64
}

// take returns the number of the timeline that a picture is on.
func (c *clock) take(u media.Unit) int64 {
	if step := u.DTS - c.last; c.track != u.Track || step > maxStep || step < -maxBack {
		c.n++
	}
	c.track, c.last = u.Track, u.DTS
	return c.n
}

const (
	// maxEarly is how many units are looked at to find out what an encoder sends,
	// and enoughPictures how many of them that takes at most.
	maxEarly       = 64
	enoughPictures = 12

	usualRate = 30
)

// An opening is the beginning of a stream whose renditions are not known yet.
type opening struct {
	units    []media.Unit
	pictures int
	first    media.Ticks
}

// take keeps a unit, and reports whether enough is known now.
func (o *opening) take(u media.Unit) bool {
	o.units = append(o.units, u)
	if u.Track.Kind == media.Video && u.Track.ID == 0 {
		if o.pictures == 0 {
			o.first = u.DTS
		}
		o.pictures++
		if u.Track.Picture.Framerate > 0 {
			return true
		}
	}
	return o.pictures >= enoughPictures || o.pictures > 0 && len(o.units) >= maxEarly
}

// track is that of the pictures.
func (o *opening) track() *media.Track {
	for _, u := range o.units {
		if u.Track.Kind == media.Video && u.Track.ID == 0 {
			return u.Track
		}
	}
	return nil
}

// rate is how many pictures a second there are.
func (o *opening) rate() float64 {
	t := o.track()
	if t.Picture.Framerate > 0 {
		return t.Picture.Framerate
	}
	var last media.Ticks
	for _, u := range o.units {
		if u.Track == t {
			last = u.DTS
		}
	}
	if o.pictures < 2 || last <= o.first {
		return usualRate
	}
	return float64(o.pictures-1) * media.Clock / float64(last-o.first)
}

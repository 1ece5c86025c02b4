package multitrack

import (
	"math"

	"openivs/internal/ivs"
	"openivs/internal/media"
)

const (
	// patience is how many pictures of the first track may come before a picture
	// of every other has: half a second to two.
	patience = 30

	// silence is how many pictures of the first track may come without one of
	// another: five to ten seconds.
	silence = 300

	// window is over how much media bit rates and frame rates are taken.
	window = 10 * media.Clock

	// bitratePercents is the part of its bit rate, in percent, from where a track
	// has too much, and rateTolerance how many pictures a second it may have more.
	bitratePercents = 125
	rateTolerance   = 3

	// sameTime is how far the times of keyframes may be apart that are of one
	// scene, and misses how many in a row may have none of their time.
	sameTime = media.Clock / 200
	misses   = 3

	// hole is a step between pictures that is no media.
	hole = 2 * media.Clock
)

// Terms are what the pictures of an encoder have to be, and what came so far.
// Set the fields before the first call. Tracks and Unit may not run at a time.
type Terms struct {
	Channel ivs.Multitrack
	Granted []ivs.GrantedTrack // nil: its key is a plain one

	pictures int64 // of the first track
	others   int   // pictures of others since its newest
	key      media.Ticks
	keyed    bool
	tracks   [MaxTracks]seen
}

// seen is what came of a track.
type seen struct {
	any     bool
	at      int64          // pictures of the first track when its newest came
	last    media.Ticks    // DTS of its newest picture
	keys    [2]media.Ticks // when its newest keyframes are shown
	keyed   int            // how many keyframes came
	missed  int            // keyframes of the first track in a row that it had none with
	from    media.Ticks    // where the window begins
	bytes   int64          // in the window
	frames  int64          // in the window
	measure bool           // from is set
}

func end(code, format string, args ...any) error {
	return &ivs.EndError{Code: code, Err: ivs.Errorf(ivs.Invalid, format, args...)}
}

// Tracks says what about the tracks that are known is not as it was agreed, or
// nil.
func (t *Terms) Tracks(tracks []*media.Track) error {
	for _, m := range tracks {
		plain := len(t.Granted) == 0
		switch {
		case m.Kind != media.Video || plain && m.ID == 0:
			continue
		case !t.Channel.Enabled:
			return end(ivs.MultitrackNotAllowed, "this channel takes one picture only: turn multitrack video off in the encoder, or set multitrackInputConfiguration on the channel")
		case plain:
			return end(ivs.MultitrackKeyRequired, "several pictures are taken only from an encoder that has asked how to encode: publish with the key that GetClientConfiguration answers")
		case m.ID >= len(t.Granted):
			return end(ivs.MultitrackTrackCount, "track %d came, and the encoder was told to send %d: start the stream again", m.ID, len(t.Granted))
		}
		if err := differs(m, t.Granted[m.ID]); err != nil {
			return err
		}
	}
	return nil
}

// differs says in what a track is not as its encoder was told, or nil.
func differs(m *media.Track, g ivs.GrantedTrack) error {
	p := m.Picture
	switch {
	case string(m.Codec) != g.Codec:
		return end(ivs.MultitrackMediaProperties, "track %d is %s, and the encoder was told to send %s: start the stream again", m.ID, m.Codec, g.Codec)
	case p.Width != g.Width || p.Height != g.Height:
		return end(ivs.MultitrackMediaProperties, "track %d is %dx%d, and the encoder was told to send %dx%d: start the stream again", m.ID, p.Width, p.Height, g.Width, g.Height)
	case p.Framerate > 0 && math.Abs(p.Framerate-float64(g.Framerate)) > 1:
		return end(ivs.MultitrackMediaProperties, "track %d has %.2f pictures a second, and the encoder was told to send %d: start the stream again", m.ID, p.Framerate, g.Framerate)
	default:
		return nil
	}
}

// Unit takes each unit of the encoder's, and says what is not as it was agreed, or
// nil.
func (t *Terms) Unit(u media.Unit) error {
	if u.Track.Kind != media.Video {
		return nil
	}
	first := u.Track.ID == 0
	if first {
		t.pictures++
	}
	if len(t.Granted) == 0 {
		if t.Channel.Enabled && t.Channel.Policy == ivs.RequireMultitrack && first && t.pictures > patience/2 {
			return end(ivs.MultitrackRequired, "this channel takes multitrack video only: turn it on in the encoder, or change multitrackInputConfiguration on the channel")
		}
		return nil
	}
	if u.Track.ID >= min(len(t.Granted), MaxTracks) {
		return nil // Tracks has said so
	}
	if t.others++; first {
		t.others = 0
		if err := t.whole(); err != nil {
			return err
		}
	}
	if t.others > silence*(len(t.Granted)-1) {
		return end(ivs.MultitrackTrackCount, "nothing comes of track 0, and the encoder was told to send %d: start the stream again", len(t.Granted))
	}
	s := &t.tracks[u.Track.ID]
	s.any, s.at = true, t.pictures
	if u.Key {
		if err := t.keyframe(s, u); err != nil {
			return err
		}
	}
	return s.count(u, t.Granted[u.Track.ID])
}

// whole says that a track is missing, or nil.
func (t *Terms) whole() error {
	for i := 1; i < min(len(t.Granted), MaxTracks); i++ {
		s := &t.tracks[i]
		if !s.any && t.pictures > patience || s.any && t.pictures-s.at > silence {
			return end(ivs.MultitrackTrackCount, "nothing comes of track %d, and the encoder was told to send %d: start the stream again", i, len(t.Granted))
		}
	}
	return nil
}

// keyframe notes a keyframe. With each of the first track it looks whether the
// others had one with the one before that, as all may have come by now.
func (t *Terms) keyframe(s *seen, u media.Unit) error {
	s.keys, s.keyed = [2]media.Ticks{u.PTS, s.keys[0]}, s.keyed+1
	if u.Track.ID != 0 {
		return nil
	}
	before, judge := t.key, t.keyed
	t.key, t.keyed = u.PTS, true
	for i := 1; judge && i < min(len(t.Granted), MaxTracks); i++ {
		s := &t.tracks[i]
		switch {
		case s.keyed == 0, t.pictures-s.at > patience: // whole says so
		case near(s.keys[0], before), s.keyed > 1 && near(s.keys[1], before):
			s.missed = 0
		default:
			s.missed++
		}
		if s.missed >= misses {
			return end(ivs.MultitrackMediaProperties, "the keyframes of track %d are not those of track 0: give all of them the same keyframe interval", i)
		}
	}
	return nil
}

func near(a, b media.Ticks) bool { return a-b < sameTime && b-a < sameTime }

// count measures a track, and says what it has too much of, or nil.
func (s *seen) count(u media.Unit, g ivs.GrantedTrack) error {
	if step := u.DTS - s.last; !s.measure || step < 0 || step > hole {
		s.measure, s.from, s.bytes, s.frames = true, u.DTS, 0, 0
	}
	s.last = u.DTS
	span := u.DTS - s.from
	if span < window {
		s.bytes += int64(len(u.Data))
		s.frames++
		return nil
	}
	seconds := float64(span) / media.Clock
	bits, rate := float64(8*s.bytes)/seconds, float64(s.frames)/seconds
	s.from, s.bytes, s.frames = u.DTS, int64(len(u.Data)), 1
	switch {
	case bits*100 > float64(g.Bitrate)*bitratePercents:
		return end(ivs.MultitrackMediaProperties, "track %d has %.0f kbit/s, and the encoder was told to send %d: start the stream again", u.Track.ID, bits/kbps, g.Bitrate/kbps)
	case rate > float64(g.Framerate+rateTolerance):
		return end(ivs.MultitrackMediaProperties, "track %d has %.1f pictures a second, and the encoder was told to send %d: start the stream again", u.Track.ID, rate, g.Framerate)
	default:
		return nil
	}
}

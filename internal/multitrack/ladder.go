package multitrack

import (
	"openivs/internal/ivs"
	"openivs/internal/media"
)

const kbps = 1000

// A Wish is what an encoder would send, and may.
type Wish struct {
	Width, Height int            // pixels of the picture that it has
	Framerate     int            // per second
	Bitrate       int64          // bits per second of all tracks, at most; 0: any
	Tracks        int            // at most; 0: any
	HEVC          bool           // the pictures are HEVC, otherwise H.264
	Channel       ivs.Multitrack // what the channel takes
}

const (
	// audioRate is the bit rate of the audio that encoders are told to send.
	audioRate = 160 * kbps

	// thinnest is the part of a rung's usual bit rate that it may be lowered to,
	// in percent, before the rung above all is given up instead.
	thinnest = 60

	// smooth is the frame rate above which the rungs below HD have every other
	// picture, and those above have more bits.
	smooth = 30

	// hevcPercents is what HEVC needs of the bits that H.264 does.
	hevcPercents = 70

	// leastEdge is the shortest edge that encoders take, in pixels.
	leastEdge = 64
)

// A step is a rung of the ladder by its shorter edge.
type step struct {
	edge       int   // pixels
	slow, fast int64 // bits per second at up to 30 pictures a second, and above
}

// steps are the rungs, best first. Together they have 10.2 Mbit/s at 60 pictures a
// second, as the largest configuration of Amazon IVS has.
func steps() []step {
	return []step{
		{1080, 4500 * kbps, 6000 * kbps},
		{720, 2200 * kbps, 2700 * kbps},
		{480, 900 * kbps, 900 * kbps},
		{360, 400 * kbps, 400 * kbps},
		{160, 200 * kbps, 200 * kbps},
	}
}

// Frames reports whether a frame rate is one that is taken.
func Frames(numerator, denominator int) bool {
	if denominator != 1 {
		return false
	}
	switch numerator {
	case 24, 25, 30, 48, 50, 60:
		return true
	default:
		return false
	}
}

// Ladder returns the tracks that an encoder is to send, best first: those rungs
// that are not larger than its picture, nor than the channel takes, with as many
// bits as there are. It is an error if there are too few even for the smallest.
func Ladder(w Wish) ([]ivs.GrantedTrack, error) {
	var rungs []ivs.GrantedTrack
	pixels, edge := w.Channel.Largest()
	for _, s := range steps() {
		t := s.rung(w)
		if min(w.Width, w.Height) < s.edge || t.Width*t.Height > pixels || max(t.Width, t.Height) > edge || min(t.Width, t.Height) < leastEdge {
			continue
		}
		rungs = append(rungs, t)
	}
	if len(rungs) == 0 {
		return nil, ivs.Errorf(ivs.Invalid, "the picture is %dx%d, and none of the sizes that are streamed fits it: set the encoder's output to at least 284x160", w.Width, w.Height)
	}
	most := MaxTracks
	if w.Tracks > 0 {
		most = min(most, w.Tracks)
	}
	for ; len(rungs) > 0; rungs = rungs[1:] {
		if fit, ok := fitted(rungs[:min(len(rungs), most)], w.Bitrate); ok {
			return fit, nil
		}
	}
	return nil, ivs.Errorf(ivs.Invalid, "%d kbit/s are too few for any picture: raise the encoder's maximum streaming bandwidth", w.Bitrate/kbps)
}

// rung is the step for a picture, whose shape it keeps.
func (s step) rung(w Wish) ivs.GrantedTrack {
	t := ivs.GrantedTrack{Framerate: w.Framerate, Bitrate: s.slow, Codec: string(media.H264)}
	if w.Framerate > smooth && s.edge >= 720 {
		t.Bitrate = s.fast
	}
	if w.Framerate > smooth && s.edge < 720 {
		t.Framerate /= 2
	}
	if w.HEVC {
		t.Codec = string(media.HEVC)
		t.Bitrate = t.Bitrate * hevcPercents / 100
	}
	long := max(w.Width, w.Height) * s.edge / max(min(w.Width, w.Height), 1) &^ 1
	t.Width, t.Height = long, s.edge
	if w.Height > w.Width {
		t.Width, t.Height = s.edge, long
	}
	return t
}

// fitted lowers bit rates until all of them, and the audio, fit into what there
// is; false: they would be too low.
func fitted(rungs []ivs.GrantedTrack, most int64) ([]ivs.GrantedTrack, bool) {
	total := int64(0)
	for _, t := range rungs {
		total += t.Bitrate
	}
	if most <= 0 || total+audioRate <= most {
		return rungs, true
	}
	left := most - audioRate
	if left*100 < total*thinnest {
		return nil, false
	}
	fit := make([]ivs.GrantedTrack, len(rungs))
	for i, t := range rungs {
		t.Bitrate = t.Bitrate * left / total / kbps * kbps
		fit[i] = t
	}
	return fit, true
}

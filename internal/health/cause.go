package health

import (
	"cmp"
	"math"
	"slices"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/media"
)

// Where causes begin, in the units of ivs.Cause.
const (
	farKeyframes    = 4.1  // Amazon IVS wants 2 s, and takes more
	unevenKeyframes = 1.5  // and at least unevenBy apart
	unevenBy        = 0.5  // seconds
	bitrateBelow    = 0.5  // of what is declared: a still picture needs few bits
	bitrateAbove    = 1.3  // of what is declared
	bitrateSwing    = 2.5  // the highest second to the average
	framerateBelow  = 0.85 // of what is declared
	audioGap        = 0.1  // seconds
	audioDrift      = 0.25 // seconds
	clockJump       = 1.0  // seconds
)

const (
	causeWindow  = 30 // seconds that bitrates are averaged over
	causeSettle  = 10 // seconds of a stream that are not judged by rates
	keptKeys     = 8  // intervals between keyframes that are compared
	driftWindow  = 10 // seconds that the distance of audio is averaged over
	maxOffset    = 5  // seconds that audio is from pictures at most, to mean something
	frameSamples = 1024
)

// Symptoms are what a Meter saw since the stream began that may be a Cause.
type Symptoms struct {
	Reordered int64 // pictures that are shown later than they are decoded
	Jumps     int64 // of the clock of the pictures
	Jump      media.Ticks
	Gaps      int64 // in the audio
	Gap       media.Ticks
	Keys      int64 // intervals between keyframes
	Intervals [keptKeys]media.Ticks

	// The distance of audio from the pictures it comes with, summed up.
	Offset  media.Ticks
	Offsets int64
}

// symptomsOf goes by the units of the first tracks.
type symptomsOf struct {
	Symptoms
	lastSound media.Ticks
	sounded   bool
}

// picture looks at a unit of the first video track; step is the time since the one
// before, if there was one. It reports whether the clock jumped.
func (s *symptomsOf) picture(u media.Unit, step media.Ticks, first bool) (jumped bool) {
	if u.PTS > u.DTS {
		s.Reordered++
	}
	if jumped = !first && (step < 0 || step.Duration().Seconds() > clockJump); jumped {
		s.Jumps, s.Jump = s.Jumps+1, step
		s.sounded = false // audio jumps with it
	}
	if s.sounded {
		if d := s.lastSound - u.DTS; d.Duration().Abs() < maxOffset*time.Second {
			s.Offset, s.Offsets = s.Offset+d, s.Offsets+1
		}
	}
	return jumped
}

// key notes the interval between two keyframes.
func (s *symptomsOf) key(interval media.Ticks) {
	s.Intervals[s.Keys%keptKeys] = interval
	s.Keys++
}

// sound looks at a unit of the first audio track.
func (s *symptomsOf) sound(u media.Unit) {
	if rate := u.Track.Sound.SampleRate; s.sounded && rate > 0 {
		gap := u.DTS - s.lastSound - media.Ticks(frameSamples*media.Clock/rate)
		if d := gap.Duration().Seconds(); d > audioGap && d <= maxOffset {
			s.Gaps, s.Gap = s.Gaps+1, gap
		}
	}
	s.sounded, s.lastSound = true, u.DTS
}

// A Declared is what an encoder says of its first video and audio track, what the
// channel is for, and what is made of the stream.
type Declared struct {
	Bitrate    Bitrate // of both; 0: it does not say
	Framerate  float64 // pictures per second; 0: it does not say
	LowLatency bool
	Renditions int // that can be watched now
	Wanted     int // renditions that the channel's type has for what is sent; 0: not known
}

// A Diagnosis finds causes. It belongs to one goroutine, which calls Look about once
// a second. The zero Diagnosis is ready.
type Diagnosis struct {
	causes  []ivs.Cause
	seconds int // that were looked at, of media
	before  Totals
	at      time.Time
	bits    [causeWindow]float64 // bit/s of each second, a ring
	drift   [driftWindow]float64 // distance of audio in seconds, a ring
	drifts  int
	base    float64 // the distance at the beginning
	jumped  int     // the second of the newest jump, after which rates mean little
}

// Causes returns what was found so far, in the order in which it was found first. It
// may be kept.
func (d *Diagnosis) Causes() []ivs.Cause { return slices.Clone(d.causes) }

// Look compares the totals of now with those of a second before, and reports whether
// anything was found.
func (d *Diagnosis) Look(now time.Time, t Totals, r Rates, say Declared) (found bool) {
	old, then := d.before, d.at
	d.before, d.at = t, now
	if then.IsZero() || t.Frames == old.Frames {
		return false
	}
	span := now.Sub(then).Seconds()
	if span <= 0 {
		return false
	}
	bytes := t.VideoBytes + t.AudioBytes - old.VideoBytes - old.AudioBytes
	d.bits[d.seconds%causeWindow] = float64(bytes*8) / span
	d.seconds++
	note := func(code ivs.CauseCode, measured, limit float64) {
		found = true
		d.note(now, code, measured, limit)
	}
	d.events(t.Symptoms, old.Symptoms, say, note)
	d.offset(t.Symptoms, old.Symptoms, note)
	if d.seconds > causeSettle && say.Renditions < say.Wanted {
		note(ivs.Renditionless, float64(say.Renditions), float64(say.Wanted))
	}
	if d.seconds > causeSettle && r.Window > 0 && r.Media >= healthyFrom {
		d.rates(r, say, note)
	}
	return found
}

type noting func(code ivs.CauseCode, measured, limit float64)

// events looks at what happened within the second.
func (d *Diagnosis) events(t, old Symptoms, say Declared, note noting) {
	if n := t.Reordered - old.Reordered; n > 0 && say.LowLatency {
		note(ivs.ReorderedInLow, float64(n), 1)
	}
	if t.Jumps > old.Jumps {
		d.jumped = d.seconds
		note(ivs.TimestampJumps, t.Jump.Duration().Seconds(), clockJump)
	}
	if t.Gaps > old.Gaps {
		note(ivs.AudioGaps, t.Gap.Duration().Seconds(), audioGap)
	}
	if t.Keys == old.Keys {
		return
	}
	if newest := t.Intervals[(t.Keys-1)%keptKeys].Duration().Seconds(); newest > farKeyframes {
		note(ivs.KeyframesFar, newest, farKeyframes)
	}
	if t.Keys < keptKeys {
		return
	}
	most, least := slices.Max(t.Intervals[:]), slices.Min(t.Intervals[:])
	if ratio := float64(most) / float64(max(least, 1)); ratio > unevenKeyframes && (most-least).Duration().Seconds() > unevenBy {
		note(ivs.KeyframesUneven, ratio, unevenKeyframes)
	}
}

// offset looks at how far audio is from the pictures.
func (d *Diagnosis) offset(t, old Symptoms, note noting) {
	if t.Jumps > old.Jumps || t.Gaps > old.Gaps {
		d.drifts = 0 // another beginning
		return
	}
	n := t.Offsets - old.Offsets
	if n <= 0 {
		return
	}
	d.drift[d.drifts%driftWindow] = (t.Offset - old.Offset).Duration().Seconds() / float64(n)
	d.drifts++
	if d.drifts < driftWindow {
		return
	}
	sum := 0.0
	for _, v := range d.drift {
		sum += v
	}
	mean := sum / driftWindow
	if d.drifts == driftWindow {
		d.base = mean
	}
	if off := mean - d.base; math.Abs(off) > audioDrift {
		note(ivs.AudioDrifts, off, audioDrift)
	}
}

// rates looks at how fast media comes.
func (d *Diagnosis) rates(r Rates, say Declared, note noting) {
	settled := d.jumped == 0 || d.seconds-d.jumped > int(Window/time.Second)+1
	if of := r.Framerate / say.Framerate; say.Framerate > 0 && settled && of < framerateBelow {
		note(ivs.FramerateDrops, of, framerateBelow)
	}
	if d.seconds < causeWindow+causeSettle {
		return
	}
	sum, most := 0.0, 0.0
	for _, b := range d.bits {
		sum, most = sum+b, max(most, b)
	}
	mean := sum / causeWindow
	if mean <= 0 {
		return
	}
	if swing := most / mean; swing > bitrateSwing {
		note(ivs.BitrateSwings, swing, bitrateSwing)
	}
	if say.Bitrate <= 0 {
		return
	}
	switch of := mean / float64(say.Bitrate); {
	case of > bitrateAbove:
		note(ivs.BitrateOff, of, bitrateAbove)
	case of < bitrateBelow:
		note(ivs.BitrateOff, of, bitrateBelow)
	}
}

// note counts a second in which a cause was seen.
func (d *Diagnosis) note(now time.Time, code ivs.CauseCode, measured, limit float64) {
	i := slices.IndexFunc(d.causes, func(c ivs.Cause) bool { return c.Code == code })
	if i < 0 {
		d.causes = append(d.causes, ivs.Cause{Code: code, First: now.UTC(), Measured: measured, Limit: limit})
		i = len(d.causes) - 1
	}
	c := &d.causes[i]
	c.Last, c.Seconds = now.UTC(), c.Seconds+1
	if worse(measured, limit) > worse(c.Measured, c.Limit) {
		c.Measured, c.Limit = measured, limit
	}
}

// worse orders measures of a cause, of which some are bad when high and some when low.
func worse(measured, limit float64) float64 {
	m, l := math.Abs(measured), limit
	if m < l {
		return l / max(m, math.SmallestNonzeroFloat32)
	}
	return m / cmp.Or(l, 1)
}

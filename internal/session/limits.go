package session

import (
	"errors"
	"net/url"
	"strconv"
	"time"

	"openivs/internal/health"
	"openivs/internal/ivs"
	"openivs/internal/media"
)

// What an encoder may send (Amazon IVS service quotas and streaming
// configuration).
const (
	maxPixels = 2_100_000
	maxEdge   = 1920 // pixels, either way

	maxBitrate      = 8_500_000 // bits per second
	maxBasic        = 3_500_000 // of a BASIC channel
	maxBasicSD      = 1_500_000 // of a BASIC channel, up to 480p
	basicSD         = 480       // pixels of the shorter edge
	maxRate         = 60        // pictures a second
	rateTolerance   = 3         // pictures a second that a measure may be off
	bitrateWindow   = 10 * time.Second
	bitratePercents = 110 // of the limit, from where it counts as exceeded
)

// inspect says what about the tracks of an encoder is beyond what is taken, or
// nil.
func inspect(tracks []*media.Track) error {
	for _, t := range tracks {
		var err error
		switch t.Kind {
		case media.Video:
			err = inspectPicture(t.Picture)
		case media.Audio:
			err = inspectSound(t.Sound)
		case media.Data:
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tooLarge says that a picture has more pixels, or more on an edge, or returns nil.
func tooLarge(p media.Picture, pixels, edge int, advice string) error {
	switch longest := max(p.Width, p.Height); {
	case longest > edge:
		return &ivs.LimitError{
			Limit: ivs.IngestResolution, Allowed: int64(edge), Exceeded: int64(longest - edge), Unit: "pixels per edge",
			Err: ivs.Errorf(ivs.Invalid, "the picture is %dx%d, and no edge may have more than %d pixels: %s", p.Width, p.Height, edge, advice),
		}
	case p.Width*p.Height > pixels:
		return &ivs.LimitError{
			Limit: ivs.IngestResolution, Allowed: int64(pixels), Exceeded: int64(p.Width*p.Height - pixels), Unit: "total pixels",
			Err: ivs.Errorf(ivs.Invalid, "the picture is %dx%d, and may have at most %d pixels: %s", p.Width, p.Height, pixels, advice),
		}
	default:
		return nil
	}
}

func inspectPicture(p media.Picture) error {
	if err := tooLarge(p, maxPixels, maxEdge, "set the encoder to 1920x1080 or less"); err != nil {
		return err
	}
	switch {
	case p.HighChroma:
		return ivs.Errorf(ivs.Invalid, "the video is 4:2:2 or 4:4:4: set the encoder's colour format to 4:2:0 (NV12 or I420), profile Main or High")
	case p.Deep:
		return ivs.Errorf(ivs.Invalid, "the video has more than 8 bits: set the encoder's colour format to 8-bit (NV12 or I420), profile Main or High")
	case p.Interlaced:
		return ivs.Errorf(ivs.Invalid, "the video is interlaced: set the encoder to progressive, or deinterlace before it")
	}
	return nil
}

func inspectSound(s media.Sound) error {
	const lowComplexity = 2
	switch {
	case s.ObjectType != lowComplexity:
		return ivs.Errorf(ivs.Invalid, "the audio is AAC of type %d: set the encoder to AAC-LC", s.ObjectType)
	case s.Channels > 2:
		return ivs.Errorf(ivs.Invalid, "the audio has %d channels: set the encoder to mono or stereo", s.Channels)
	case s.SampleRate != 44100 && s.SampleRate != 48000:
		return ivs.Errorf(ivs.Invalid, "the audio has a sampling rate of %d Hz: set the encoder to 44100 or 48000 Hz", s.SampleRate)
	}
	return nil
}

// bitrateLimit is the most bits per second that a channel of a type takes of a
// picture.
func bitrateLimit(t ivs.ChannelType, p media.Picture) int64 {
	switch {
	case t != ivs.Basic:
		return maxBitrate
	case min(p.Width, p.Height) <= basicSD:
		return maxBasicSD
	default:
		return maxBasic
	}
}

// A pace is how much arrived over the last bitrateWindow. Its zero value is
// ready, and wants to be told about once a second.
type pace struct {
	at    []time.Time
	bytes []int64
}

// take notes how many bytes there were so far, and returns how fast they came
// over the window, or 0 if it is not over.
func (p *pace) take(now time.Time, bytes int64) int64 {
	p.at, p.bytes = append(p.at, now), append(p.bytes, bytes)
	first := 0
	for first+1 < len(p.at) && now.Sub(p.at[first+1]) >= bitrateWindow {
		first++
	}
	p.at, p.bytes = p.at[first:], p.bytes[first:]
	d := now.Sub(p.at[0])
	if d < bitrateWindow {
		return 0
	}
	return int64(float64(8*(bytes-p.bytes[0])) / d.Seconds())
}

// measure ends the session if what arrives is beyond what its channel takes.
func (l *live) measure(now time.Time, t health.Totals, r health.Rates) {
	_, tracks := l.facts.get()
	video := firstVideo(tracks)
	if video == nil {
		return
	}
	limit := bitrateLimit(l.rec.s.Channel.Channel.Type, video.Picture)
	if len(l.rec.s.Tracks) > 0 {
		limit = maxMultitrack
	}
	if rate := l.pace.take(now, t.VideoBytes+t.AudioBytes); rate > limit*bitratePercents/100 {
		l.stop(&ivs.LimitError{
			Limit: ivs.IngestBitrate, Allowed: limit, Exceeded: rate - limit, Unit: "bits per second",
			Err: ivs.Errorf(ivs.Invalid, "the stream has %d kbit/s, and this channel takes %d: lower the encoder's bitrate", rate/1000, limit/1000),
		})
		return
	}
	if r.Framerate > maxRate+rateTolerance {
		l.stop(ivs.Errorf(ivs.Invalid, "the video has %.0f pictures a second, and at most %d are taken: lower the encoder's frame rate", r.Framerate, maxRate))
	}
}

// endEvent queues what is told about an end besides that it is one.
func (l *live) endEvent(cause error, at time.Time) {
	var ev ivs.Event
	var err error
	if e, ok := errors.AsType[*ivs.LimitError](cause); ok {
		ev, err = ivs.NewBreach(l.rec.s, e.Limit, e.Allowed, e.Exceeded, e.Unit, at)
	} else if e, ok := errors.AsType[*ivs.FailureError](cause); ok {
		ev, err = ivs.NewFailure(l.rec.s, e.Reason, at)
	} else {
		return
	}
	if err != nil {
		l.log.Error("the event about an end is not reported", "err", err)
		return
	}
	l.rec.add(ev)
}

// keyframeInterval reads what an encoder's address says of its keyframes: how many
// seconds they are apart at most. What is no number from 2 to 6 says nothing.
func keyframeInterval(query url.Values) time.Duration {
	n, err := strconv.Atoi(query.Get("keyframeInterval"))
	if err != nil || n < 2 || n > 6 {
		return 0
	}
	return time.Duration(n) * time.Second
}

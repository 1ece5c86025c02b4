package session

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"openivs/internal/health"
	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/media"
)

// describe says what an encoder sends (API: IngestConfigurations): bitrates and
// frame rate as it declares them, all else as its bitstream has it. A declared
// size that contradicts the SPS is what the encoder was given to scale or
// forgot to update; what is decoded is the SPS's. The channel's settings play
// no part. Before the first track there is nothing to say: nil.
func describe(d ingest.Declaration, tracks []*media.Track, measured int) *ivs.Ingest {
	if len(tracks) == 0 {
		return nil
	}
	in := new(ivs.Ingest)
	for _, t := range tracks {
		switch t.Kind {
		case media.Video:
			in.Video = append(in.Video, describeVideo(d, t, trackName(len(in.Video)), measured))
		case media.Audio:
			in.Audio = append(in.Audio, describeAudio(d, t, trackName(len(in.Audio))))
		case media.Data:
		}
	}
	return in
}

// trackName numbers the tracks of a kind, in track id order.
func trackName(n int) string { return fmt.Sprintf("Track%d", n) }

func describeVideo(d ingest.Declaration, t *media.Track, name string, measured int) ivs.VideoIngest {
	v := ivs.VideoIngest{
		Codec:           t.CodecString(),
		Profile:         profile(t.Picture.Profile),
		Level:           level(t.Picture.Level),
		Encoder:         d.Encoder,
		TargetBitrate:   d.VideoBitrate,
		TargetFramerate: wholeRate(d.Framerate),
		Width:           t.Picture.Width,
		Height:          t.Picture.Height,
		Track:           name,
	}
	if t.Codec == media.HEVC {
		v.Profile, v.Level = hevcProfile(t.Picture.Profile), level(t.Picture.Level/3)
	}
	if v.TargetFramerate == 0 {
		v.TargetFramerate = wholeRate(t.Picture.Framerate)
	}
	if v.TargetFramerate == 0 {
		v.TargetFramerate = measured
	}
	if v.Width == 0 || v.Height == 0 {
		v.Width, v.Height = d.Width, d.Height
	}
	return v
}

func describeAudio(d ingest.Declaration, t *media.Track, name string) ivs.AudioIngest {
	a := ivs.AudioIngest{
		Codec:         t.CodecString(),
		TargetBitrate: d.AudioBitrate,
		SampleRate:    t.Sound.SampleRate,
		Channels:      t.Sound.Channels,
		Track:         name,
	}
	if a.SampleRate == 0 {
		a.SampleRate = d.SampleRate
	}
	if a.Channels == 0 {
		a.Channels = d.Channels
	}
	return a
}

// profile is the one word the API has for a profile_idc (ITU-T H.264, annex A).
func profile(idc byte) string {
	switch idc {
	case 66:
		return "Baseline"
	case 77:
		return "Main"
	case 88:
		return "Extended"
	case 100, 110, 122, 244:
		return "High"
	default:
		return ""
	}
}

// hevcProfile is the same for HEVC (ITU-T H.265, annex A).
func hevcProfile(idc byte) string {
	switch idc {
	case 1:
		return "Main"
	case 2:
		return "Main10"
	default:
		return ""
	}
}

// level is a level_idc as a number with one decimal.
func level(idc byte) string {
	if idc == 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d", idc/10, idc%10)
}

// maxFramerate is beyond what any level allows; more is a mistake.
const maxFramerate = 1000

// wholeRate rounds frames per second to the whole number that the API has:
// 29.97 is 30. What is no rate is 0.
func wholeRate(fps float64) int {
	if !(fps > 0 && fps <= maxFramerate) {
		return 0
	}
	return int(math.Round(fps))
}

// same reports whether two descriptions say the same.
func same(a, b ivs.Ingest) bool {
	return slices.Equal(a.Video, b.Video) && slices.Equal(a.Audio, b.Audio)
}

// A framerate is the rate measured of a video track, for encoders that state
// none. It is taken once a track, over a whole window.
type framerate struct {
	track *media.Track
	since time.Time
	value int // 0: not measured yet
}

// follow notes which track is sent now.
func (f *framerate) follow(t *media.Track, at time.Time) {
	if f.track != t {
		*f = framerate{track: t, since: at}
	}
}

// take keeps the first rate of a window that has only this track, and reports
// whether it did.
func (f *framerate) take(at time.Time, r health.Rates) bool {
	if f.value != 0 || f.track == nil || r.Window == 0 || at.Sub(f.since) < r.Window {
		return false
	}
	f.value = wholeRate(r.Framerate)
	return f.value != 0
}

// targets are the bitrates measured of a stream whose encoder has no way to
// declare them, as over SRT. They are taken once, over the first window.
type targets struct{ video, audio int64 } // bits per second

// take keeps the first rates that there are, and reports whether it did.
func (t *targets) take(r health.Rates) bool {
	if t.video != 0 || r.Video == 0 {
		return false
	}
	t.video, t.audio = int64(r.Video), int64(r.Audio)
	return true
}

// complete puts what was measured in the place of what was not declared.
func (t *targets) complete(d ingest.Declaration) ingest.Declaration {
	if d.VideoBitrate == 0 {
		d.VideoBitrate = t.video
	}
	if d.AudioBitrate == 0 {
		d.AudioBitrate = t.audio
	}
	return d
}

// clip makes text from outside fit to be stored: valid UTF-8 without NUL, at
// most n bytes.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
}

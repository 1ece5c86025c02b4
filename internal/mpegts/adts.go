package mpegts

import (
	"fmt"
	"slices"

	"openivs/internal/media"
)

const (
	adtsHeader   = 7
	maxADTS      = 1<<13 - 1 - adtsHeader // aac_frame_length has 13 bits
	frameSamples = 1024                   // of an AAC-LC frame
)

// rateNumber returns the number that ADTS has for a sample rate, or -1
// (ISO/IEC 14496-3, table 1.18).
func rateNumber(hz int) int {
	return slices.Index([]int{
		96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
	}, hz)
}

// adts makes the header that goes before each AAC frame (ISO/IEC 14496-3,
// 1.A.2.2). Its zero value makes none.
type adts struct {
	profile, rate, channels byte
	duration                media.Ticks // of a frame
}

func newADTS(t *media.Track) (adts, error) {
	s := t.Sound
	rate := rateNumber(s.SampleRate)
	channels := s.Channels
	if channels == 8 {
		channels = 7 // 7.1 is channel configuration 7
	}
	if s.ObjectType < 1 || s.ObjectType > 4 || rate < 0 || channels < 1 || channels > 7 {
		return adts{}, fmt.Errorf("track %d: AAC of object type %d at %d Hz with %d channels has no ADTS form",
			t.ID, s.ObjectType, s.SampleRate, s.Channels)
	}
	return adts{
		profile:  byte(s.ObjectType - 1),
		rate:     byte(rate),
		channels: byte(channels),
		duration: media.Ticks(frameSamples * media.Clock / s.SampleRate),
	}, nil
}

// append writes the header of a frame of n bytes, of unknown buffer fullness.
func (h adts) append(b []byte, n int) []byte {
	n += adtsHeader
	return append(b,
		0xff, 0xf1,
		h.profile<<6|h.rate<<2|h.channels>>2,
		h.channels<<6|byte(n>>11),
		byte(n>>3),
		byte(n<<5)|0x1f,
		0xfc)
}

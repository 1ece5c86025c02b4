package media

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
)

// A Kind is the sort of thing a track carries.
type Kind uint8

// The kinds of track.
const (
	Video Kind = iota + 1
	Audio
	Data
)

// A Codec names a coding, in the words of RFC 6381 tools: "h264", "aac".
type Codec string

// The codecs that the data path carries.
const (
	H264 Codec = "h264"
	HEVC Codec = "hevc"
	AAC  Codec = "aac"
	ID3  Codec = "id3" // data: timed metadata

	AdMarker Codec = "ad-marker" // data: where an ad break begins
)

// A Track describes a run of units that share codec parameters. It never
// changes; new parameters are a new Track.
type Track struct {
	ID     int // 0 for the only or the first track of its kind
	Kind   Kind
	Codec  Codec
	Config []byte // H.264: AVCDecoderConfigurationRecord; HEVC: HEVCDecoderConfigurationRecord; AAC: AudioSpecificConfig

	Picture Picture // video only
	Sound   Sound   // audio only
}

// Picture is what an SPS says (ITU-T H.264, 7.4.2.1.1 and annex E; ITU-T H.265,
// 7.4.3.2.1).
type Picture struct {
	SPS, PPS      [][]byte // NAL units without length or start code
	Profile       byte     // profile_idc
	Constraints   byte     // the byte with constraint_set0_flag to constraint_set5_flag
	Level         byte     // level_idc: H.264 has ten times the level, HEVC thirty times
	Width, Height int      // pixels, cropping applied
	Framerate     float64  // frames per second by the VUI's timing; 0: not stated
	HighChroma    bool     // 4:2:2 or 4:4:4
	Deep          bool     // more than 8 bits
	Interlaced    bool     // pictures may be of two fields
}

// Sound is what an AudioSpecificConfig says (ISO/IEC 14496-3, 1.6.2.1).
type Sound struct {
	ObjectType int // 2 is AAC-LC
	SampleRate int // Hz
	Channels   int
}

// CodecString returns the track's RFC 6381 codec string. The hex digits of an
// avc1 string are upper case, as Amazon IVS writes them.
func (t *Track) CodecString() string {
	switch t.Codec {
	case H264:
		return fmt.Sprintf("avc1.%02X%02X%02X", t.Picture.Profile, t.Picture.Constraints, t.Picture.Level)
	case HEVC:
		return t.hevcString()
	case AAC:
		return fmt.Sprintf("mp4a.40.%d", t.Sound.ObjectType)
	default:
		return string(t.Codec)
	}
}

// hevcString returns the codec string of HEVC whose parameter sets are in its
// description (ISO/IEC 14496-15, annex E).
func (t *Track) hevcString() string {
	const head = 13 // bytes of the description up to the level
	c := t.Config
	if len(c) < head {
		return "hvc1"
	}
	space, tier := "", "L"
	if n := c[1] >> 6; n > 0 {
		space = string('A' + rune(n) - 1)
	}
	if c[1]&0x20 != 0 {
		tier = "H"
	}
	compatible := bits.Reverse32(binary.BigEndian.Uint32(c[2:]))
	var s strings.Builder
	fmt.Fprintf(&s, "hvc1.%s%d.%X.%s%d", space, c[1]&0x1f, compatible, tier, c[12])
	constraints := c[6:12]
	for len(constraints) > 0 && constraints[len(constraints)-1] == 0 {
		constraints = constraints[:len(constraints)-1]
	}
	for _, b := range constraints {
		fmt.Fprintf(&s, ".%X", b)
	}
	return s.String()
}

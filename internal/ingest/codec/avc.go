// Package codec reads how H.264, HEVC and AAC are described and laid out, for every door
// that media comes in by: it makes tracks of headers and units of NAL units.
//
// It knows no container and keeps no state.
package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"openivs/internal/ivs"
	"openivs/internal/media"
)

const (
	// MaxConfig is how many bytes a codec header may have. One with an SPS and a
	// PPS has about 50.
	MaxConfig = 16 << 10

	// MaxSide is the greatest width or height in pixels. Level 6.2 allows 16,888
	// at most.
	MaxSide = 16384

	// MaxFramerate is the greatest frame rate that a VUI is believed.
	MaxFramerate = 1000
)

// The NAL unit types that are looked at (ITU-T H.264, table 7-1).
const (
	naluSlice = 1
	naluIDR   = 5
)

var errNALU = errors.New("NAL unit lengths do not add up")

// H264 makes a track of an AVCDecoderConfigurationRecord (ISO/IEC
// 14496-15, 5.3.3.1), and returns how many bytes a NAL unit's length has.
func H264(avcc []byte) (t *media.Track, prefix int, err error) {
	pic, prefix, err := parseAVCC(avcc)
	if err != nil {
		return nil, 0, ivs.Errorf(ivs.Invalid, "the H.264 header cannot be read: %w; restart the encoder", err)
	}
	return &media.Track{Kind: media.Video, Codec: media.H264, Config: avcc, Picture: pic}, prefix, nil
}

func parseAVCC(b []byte) (pic media.Picture, prefix int, err error) {
	if len(b) < 7 || len(b) > MaxConfig {
		return pic, 0, fmt.Errorf("configuration of %d bytes, between 7 and %d are possible", len(b), MaxConfig)
	}
	if b[0] != 1 {
		return pic, 0, fmt.Errorf("configuration of version %d", b[0])
	}
	prefix = int(b[4]&3) + 1
	count := int(b[5] & 0x1f)
	pic.SPS, b, err = parameterSets(b[6:], count)
	if err != nil {
		return pic, 0, err
	}
	if len(b) == 0 {
		return pic, 0, errNALU
	}
	pic.PPS, _, err = parameterSets(b[1:], int(b[0]))
	if err != nil {
		return pic, 0, err
	}
	if len(pic.SPS) == 0 || len(pic.PPS) == 0 {
		return pic, 0, errors.New("a parameter set is missing")
	}
	return pic, prefix, parseSPS(&pic, pic.SPS[0])
}

// parameterSets reads n NAL units, each behind its length in 2 bytes.
func parameterSets(b []byte, n int) (sets [][]byte, rest []byte, err error) {
	for range n {
		if len(b) < 2 {
			return nil, nil, errNALU
		}
		size := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; size == 0 || size > len(b) {
			return nil, nil, errNALU
		}
		sets = append(sets, b[:size:size])
		b = b[size:]
	}
	return sets, b, nil
}

// parseSPS fills in what a sequence parameter set says.
func parseSPS(pic *media.Picture, nalu []byte) error {
	var sps h264.SPS
	if err := sps.Unmarshal(nalu); err != nil {
		return fmt.Errorf("sequence parameter set: %w", err)
	}
	pic.Profile, pic.Constraints, pic.Level = nalu[1], nalu[2], nalu[3]
	pic.Width, pic.Height = pictureSize(&sps)
	if pic.Width <= 0 || pic.Height <= 0 {
		return errors.New("sequence parameter set: the picture has no possible size")
	}
	const yuv420 = 1
	pic.HighChroma = sps.ChromaFormatIdc > yuv420
	pic.Deep = sps.BitDepthLumaMinus8 > 0 || sps.BitDepthChromaMinus8 > 0
	pic.Interlaced = !sps.FrameMbsOnlyFlag
	if fps := sps.FPS(); fps > 0 && fps <= MaxFramerate && !math.IsNaN(fps) {
		pic.Framerate = fps
	}
	return nil
}

// pictureSize returns the size in pixels after cropping (ITU-T H.264,
// 7.4.2.1.1), or 0, 0 if there can be none.
func pictureSize(s *h264.SPS) (width, height int) {
	if s.PicWidthInMbsMinus1 >= MaxSide/16 || s.PicHeightInMapUnitsMinus1 >= MaxSide/16 {
		return 0, 0
	}
	fields := 2 // map units in a macroblock pair
	if s.FrameMbsOnlyFlag {
		fields = 1
	}
	width = 16 * (int(s.PicWidthInMbsMinus1) + 1)
	height = 16 * fields * (int(s.PicHeightInMapUnitsMinus1) + 1)
	if s.FrameCropping == nil {
		return width, height
	}
	unitX, unitY := 1, fields
	if !s.SeparateColourPlaneFlag {
		if s.ChromaFormatIdc == 1 || s.ChromaFormatIdc == 2 {
			unitX = 2
		}
		if s.ChromaFormatIdc == 1 {
			unitY *= 2
		}
	}
	c := s.FrameCropping
	width -= unitX * (int(c.LeftOffset) + int(c.RightOffset))
	height -= unitY * (int(c.TopOffset) + int(c.BottomOffset))
	if width <= 0 || height <= 0 {
		return 0, 0
	}
	return width, height
}

// AccessUnit checks the NAL units in b, whose lengths have so many bytes, and
// returns them with lengths of 4 bytes and without those that are empty: b itself
// if it has that form. It reports whether there is a picture, and whether decoding
// can start with it.
func AccessUnit(b []byte, prefix int) (nalus []byte, key, picture bool, err error) {
	return unit(b, prefix, false)
}

// unit is AccessUnit for either codec.
func unit(b []byte, prefix int, hevc bool) (nalus []byte, key, picture bool, err error) {
	count, empty := 0, false
	for rest := b; len(rest) > 0; count++ {
		if len(rest) < prefix {
			return nil, false, false, errNALU
		}
		size := bigEndian(rest[:prefix])
		if rest = rest[prefix:]; size > len(rest) {
			return nil, false, false, errNALU
		}
		if size == 0 {
			empty = true
			continue
		}
		if hevc {
			typ := rest[0] >> 1 & 0x3f
			picture = picture || typ <= hevcLastSlice
			key = key || typ >= hevcFirstIRAP && typ <= hevcLastIRAP
		} else {
			typ := rest[0] & 0x1f
			picture = picture || typ >= naluSlice && typ <= naluIDR
			key = key || typ == naluIDR
		}
		rest = rest[size:]
	}
	if prefix == 4 && !empty {
		return b, key, picture, nil
	}
	nalus = make([]byte, 0, len(b)+count*(4-prefix))
	for len(b) > 0 {
		size := bigEndian(b[:prefix])
		if size > 0 {
			nalus = binary.BigEndian.AppendUint32(nalus, uint32(size)) //nolint:gosec // a part of what is in memory
			nalus = append(nalus, b[prefix:prefix+size]...)
		}
		b = b[prefix+size:]
	}
	return nalus, key, picture, nil
}

// bigEndian reads a number of up to 4 bytes.
func bigEndian(b []byte) (n int) {
	for _, c := range b {
		n = n<<8 | int(c)
	}
	return n
}

package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"openivs/internal/ivs"
	"openivs/internal/media"
)

// The NAL unit types that are looked at (ITU-T H.265, table 7-1).
const (
	hevcLastSlice = 31
	hevcFirstIRAP = 16 // a picture that decoding can start with
	hevcLastIRAP  = 21
	hevcSPS       = 33
	hevcPPS       = 34
)

// hvccHead is how many bytes of an HEVCDecoderConfigurationRecord come before its
// parameter sets.
const hvccHead = 23

// HEVC makes a track of an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15,
// 8.3.3.1), and returns how many bytes a NAL unit's length has.
func HEVC(hvcc []byte) (t *media.Track, prefix int, err error) {
	pic, err := parseHVCC(hvcc)
	if err != nil {
		return nil, 0, ivs.Errorf(ivs.Invalid, "the HEVC header cannot be read: %w; restart the encoder", err)
	}
	return &media.Track{Kind: media.Video, Codec: media.HEVC, Config: hvcc, Picture: pic}, int(hvcc[21]&3) + 1, nil
}

func parseHVCC(b []byte) (pic media.Picture, err error) {
	if len(b) < hvccHead || len(b) > MaxConfig {
		return pic, fmt.Errorf("configuration of %d bytes, between %d and %d are possible", len(b), hvccHead, MaxConfig)
	}
	if b[0] != 1 {
		return pic, fmt.Errorf("configuration of version %d", b[0])
	}
	pic.Profile, pic.Level = b[1]&0x1f, b[12]
	arrays := int(b[22])
	b = b[hvccHead:]
	for range arrays {
		if len(b) < 3 {
			return pic, errNALU
		}
		var sets [][]byte
		typ := b[0] & 0x3f
		if sets, b, err = parameterSets(b[3:], int(binary.BigEndian.Uint16(b[1:]))); err != nil {
			return pic, err
		}
		switch typ {
		case hevcSPS:
			pic.SPS = append(pic.SPS, sets...)
		case hevcPPS:
			pic.PPS = append(pic.PPS, sets...)
		}
	}
	if len(pic.SPS) == 0 || len(pic.PPS) == 0 {
		return pic, errors.New("a parameter set is missing")
	}
	return pic, parseHEVCSPS(&pic, pic.SPS[0])
}

// parseHEVCSPS fills in what a sequence parameter set says (ITU-T H.265,
// 7.3.2.2.1).
func parseHEVCSPS(pic *media.Picture, nalu []byte) error {
	var sps h265.SPS
	if err := sps.Unmarshal(nalu); err != nil {
		return fmt.Errorf("sequence parameter set: %w", err)
	}
	if sps.PicWidthInLumaSamples > MaxSide || sps.PicHeightInLumaSamples > MaxSide {
		return errors.New("sequence parameter set: the picture has no possible size")
	}
	pic.Width, pic.Height = sps.Width(), sps.Height()
	if pic.Width <= 0 || pic.Height <= 0 || pic.Width > MaxSide || pic.Height > MaxSide {
		return errors.New("sequence parameter set: the picture has no possible size")
	}
	const yuv420 = 1
	pic.HighChroma = sps.ChromaFormatIdc > yuv420
	pic.Deep = sps.BitDepthLumaMinus8 > 0 || sps.BitDepthChromaMinus8 > 0
	if fps := sps.FPS(); fps > 0 && fps <= MaxFramerate && !math.IsNaN(fps) {
		pic.Framerate = fps
	}
	return nil
}

// HEVCUnit is AccessUnit for HEVC.
func HEVCUnit(b []byte, prefix int) (nalus []byte, key, picture bool, err error) {
	return unit(b, prefix, true)
}

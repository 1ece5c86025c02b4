package codec

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"openivs/internal/ivs"
	"openivs/internal/media"
)

const (
	naluSPS = 7
	naluPPS = 8

	// maxSets is how many parameter sets of a kind a codec header can have.
	maxSets = 31
)

// InBand returns the track of a keyframe, whose NAL units have lengths of 4 bytes,
// if the parameter sets in it are not those of the codec header; nil if they are,
// or make no sense. Encoders that pass a camera's stream on put the sets that hold
// into the pictures and leave the header as it once was.
func InBand(t *media.Track, nalus []byte) *media.Track {
	var sps, pps [][]byte
	for len(nalus) > 4 {
		size := int(binary.BigEndian.Uint32(nalus))
		nalu := nalus[4 : 4+size]
		nalus = nalus[4+size:]
		if size == 0 {
			continue
		}
		switch nalu[0] & 0x1f {
		case naluSPS:
			sps = append(sps, nalu)
		case naluPPS:
			pps = append(pps, nalu)
		}
	}
	now, err := WithSets(t, sps, pps)
	if err != nil || now == t {
		return nil
	}
	return now
}

// WithSets returns the track that parameter sets make of t: each takes the place
// of the one with its id. It is t itself if that changes nothing, or if an SPS or
// a PPS is yet to come. With an error t stays as it is. t may be nil: none came
// before.
func WithSets(t *media.Track, sps, pps [][]byte) (*media.Track, error) {
	var was media.Picture
	if t != nil {
		was = t.Picture
	}
	nowSPS, nowPPS := was.SPS, was.PPS
	for _, s := range sps {
		nowSPS = replaceSet(nowSPS, s, 4)
	}
	for _, s := range pps {
		nowPPS = replaceSet(nowPPS, s, 1)
	}
	same := slices.EqualFunc(nowSPS, was.SPS, bytes.Equal) && slices.EqualFunc(nowPPS, was.PPS, bytes.Equal)
	if same || len(nowSPS) == 0 || len(nowPPS) == 0 {
		return t, nil
	}
	if len(nowSPS) > maxSets || len(nowPPS) > maxSets {
		return t, ivs.Errorf(ivs.Invalid, "the video has more than %d parameter sets of a kind; restart the encoder", maxSets)
	}
	now, _, err := H264(AppendAVCC(nil, nowSPS, nowPPS))
	if err != nil {
		return t, err
	}
	return now, nil
}

// replaceSet puts a parameter set in the place of the one with its id, which is
// written so many bytes from the beginning, in a list of its own if that changes
// anything.
func replaceSet(sets [][]byte, set []byte, at int) [][]byte {
	id, ok := setID(set, at)
	if !ok || len(set) > MaxConfig {
		return sets
	}
	place := len(sets)
	for i, s := range sets {
		if bytes.Equal(s, set) {
			return sets
		}
		if other, ok := setID(s, at); ok && other == id {
			place = i
		}
	}
	next := append(slices.Clone(sets), set)
	if place < len(sets) {
		next[place], next = set, next[:len(sets)]
	}
	return next
}

// setID reads the id of a parameter set: a number in Exp-Golomb code (ITU-T
// H.264, 7.3.2 and 9.1), of which one has at most 17 bits.
func setID(set []byte, at int) (id uint32, ok bool) {
	if len(set) <= at {
		return 0, false
	}
	var first [4]byte
	copy(first[:], set[at:])
	b := binary.BigEndian.Uint32(first[:])
	zeros := bits.LeadingZeros32(b)
	if zeros > 8 { // ids end with 255
		return 0, false
	}
	return b<<zeros>>(31-zeros) - 1, true
}

// AppendAVCC writes an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1)
// with lengths of 4 bytes.
func AppendAVCC(b []byte, sps, pps [][]byte) []byte {
	b = append(b, 1)
	b = append(b, sps[0][1:4]...) // profile, constraints, level
	b = append(b, 0xff, 0xe0|byte(len(sps)))
	b = appendSets(b, sps)
	b = append(b, byte(len(pps)))
	return appendSets(b, pps)
}

func appendSets(b []byte, sets [][]byte) []byte {
	for _, s := range sets {
		b = binary.BigEndian.AppendUint16(b, uint16(len(s))) //nolint:gosec // H264 judges the whole
		b = append(b, s...)
	}
	return b
}

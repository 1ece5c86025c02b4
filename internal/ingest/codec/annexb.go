package codec

import (
	"bytes"
	"encoding/binary"
)

// The NAL unit types that a picture does without: parameter sets are in its
// track, the rest says nothing about it (ITU-T H.264, table 7-1).
const (
	naluDelimiter   = 9
	naluEndSequence = 10
	naluEndStream   = 11
	naluFiller      = 12
)

// A Picture is what an access unit of a byte stream holds.
type Picture struct {
	Data     []byte   // NAL units behind lengths of 4 bytes, in memory of its own
	SPS, PPS [][]byte // parts of what was read
	Key      bool     // decoding can start here
	Coded    bool     // there is a picture
}

// AnnexB reads an access unit of a byte stream (ITU-T H.264, annex B). Parameter
// sets, delimiters and filler are not in its Data, nor is what comes before the
// first start code. It copies each byte of a picture once.
func AnnexB(b []byte) Picture {
	var p Picture
	size := 0
	for nalu := range byteStream(b) {
		switch typ := nalu[0] & 0x1f; typ {
		case naluSPS:
			p.SPS = append(p.SPS, nalu)
		case naluPPS:
			p.PPS = append(p.PPS, nalu)
		case naluDelimiter, naluEndSequence, naluEndStream, naluFiller:
		default:
			size += 4 + len(nalu)
			p.Coded = p.Coded || typ >= naluSlice && typ <= naluIDR
			p.Key = p.Key || typ == naluIDR
		}
	}
	if !p.Coded {
		return p
	}
	p.Data = make([]byte, 0, size)
	for nalu := range byteStream(b) {
		switch nalu[0] & 0x1f {
		case naluSPS, naluPPS, naluDelimiter, naluEndSequence, naluEndStream, naluFiller:
		default:
			p.Data = binary.BigEndian.AppendUint32(p.Data, uint32(len(nalu))) //nolint:gosec // a part of what is in memory
			p.Data = append(p.Data, nalu...)
		}
	}
	return p
}

// byteStream yields the NAL units of a byte stream, except empty ones.
func byteStream(b []byte) func(yield func([]byte) bool) {
	startCode := []byte{0, 0, 1}
	return func(yield func([]byte) bool) {
		i := bytes.Index(b, startCode)
		for i >= 0 {
			b = b[i+len(startCode):]
			i = bytes.Index(b, startCode)
			nalu := b
			if i >= 0 {
				nalu = b[:i]
			}
			// trailing_zero_8bits, and the zero_byte of the next start code
			nalu = bytes.TrimRight(nalu, "\x00")
			if len(nalu) > 0 && !yield(nalu) {
				return
			}
		}
	}
}

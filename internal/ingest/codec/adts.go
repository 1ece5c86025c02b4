package codec

import "errors"

// adtsFixed is how many bytes the header of an ADTS frame has without checksum.
const adtsFixed = 7

// MaxADTS is the longest ADTS frame in bytes: its length has 13 bits.
const MaxADTS = 1<<13 - 1

var (
	errADTSSync  = errors.New("ADTS frame does not begin where it should")
	errADTSSize  = errors.New("ADTS frame is shorter than its header")
	errADTSParts = errors.New("ADTS frame holds more than one access unit")
)

// An ADTSFrame is one AAC access unit in its ADTS header (ISO/IEC 14496-3, 1.A.2).
type ADTSFrame struct {
	Config [2]byte // the AudioSpecificConfig that its header says
	Data   []byte  // of the access unit: part of what was read
}

// ADTS reads the frame that b begins with, and returns what is behind it. whole
// is false, and nothing read, where its end is yet to come.
func ADTS(b []byte) (f ADTSFrame, rest []byte, whole bool, err error) {
	if len(b) < adtsFixed {
		return f, b, false, nil
	}
	if b[0] != 0xff || b[1]&0xf6 != 0xf0 { // syncword, layer
		return f, b, false, errADTSSync
	}
	header := adtsFixed
	if b[1]&1 == 0 { // there is a checksum
		header += 2
	}
	size := int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5])>>5
	if size <= header {
		return f, b, false, errADTSSize
	}
	if b[6]&3 != 0 {
		return f, b, false, errADTSParts
	}
	if len(b) < size {
		return f, b, false, nil
	}
	object, rate, channels := b[2]>>6+1, b[2]>>2&0x0f, b[2]&1<<2|b[3]>>6
	f.Config = [2]byte{object<<3 | rate>>1, rate<<7 | channels<<3}
	f.Data = b[header:size:size]
	return f, b[size:], true, nil
}

// ADTSSync returns the place of the next byte from which a frame may begin, or
// the length of b.
func ADTSSync(b []byte) int {
	for i := range b {
		if b[i] == 0xff && (i+1 == len(b) || b[i+1]&0xf6 == 0xf0) {
			return i
		}
	}
	return len(b)
}

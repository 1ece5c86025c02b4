package probe

import (
	"encoding/binary"
	"iter"
	"time"
)

// A tag is a message of an FLV file.
type tag struct {
	typ  byte
	at   time.Duration
	body []byte
}

// tags are those of an FLV file (FLV 10.1, E.3 and E.4).
func tags(file []byte) iter.Seq[tag] {
	const fileHeader, header, trailer = 9 + 4, 11, 4
	return func(yield func(tag) bool) {
		for b := file[min(fileHeader, len(file)):]; len(b) >= header; {
			n := int(binary.BigEndian.Uint32(b) & 0xffffff)
			if len(b) < header+n+trailer {
				return
			}
			ms := binary.BigEndian.Uint32(b[4:8])>>8 | uint32(b[7])<<24
			if !yield(tag{b[0], time.Duration(ms) * time.Millisecond, b[header : header+n : header+n]}) {
				return
			}
			b = b[header+n+trailer:]
		}
	}
}

// A packet of a transport stream has this many bytes (ISO/IEC 13818-1, 2.4.3.2), and
// a datagram of SRT seven of them.
const (
	packet   = 188
	datagram = 7 * packet
)

// datagrams are a transport stream in pieces, each with when it is due, by the clock
// that the stream has in it.
func datagrams(stream []byte) iter.Seq2[time.Duration, []byte] {
	return func(yield func(time.Duration, []byte) bool) {
		first, now := int64(-1), time.Duration(0)
		for len(stream) >= packet {
			b := stream[:min(datagram, len(stream))]
			for p := b; len(p) >= packet; p = p[packet:] {
				at := clock(p)
				if at < 0 {
					continue
				}
				if first < 0 {
					first = at
				}
				now = time.Duration(at-first) * time.Second / 90000
			}
			if !yield(now, b) {
				return
			}
			stream = stream[len(b):]
		}
	}
}

// clock is the PCR of a packet in units of 1/90000 s (ISO/IEC 13818-1, 2.4.3.5), or -1.
func clock(p []byte) int64 {
	const adaptation, hasPCR = 0x20, 0x10
	if p[3]&adaptation == 0 || p[4] < 7 || p[5]&hasPCR == 0 {
		return -1
	}
	return int64(binary.BigEndian.Uint32(p[6:]))<<1 | int64(p[10]>>7)
}

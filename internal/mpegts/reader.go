package mpegts

import (
	"bytes"
	"errors"
)

const (
	syncByte = 0x47

	// maxPES is the longest PES packet that is put together, several times the
	// largest keyframe.
	maxPES = 8 << 20

	// maxUnsynced is how many bytes without a packet in them are looked through.
	maxUnsynced = 256 << 10

	// maxStreams is how many elementary streams of a program are looked at.
	maxStreams = 32
)

var (
	errNoSync  = errors.New("no MPEG transport stream in what was sent")
	errNoTable = errors.New("no program in the MPEG transport stream")
)

// maxUntold is how many packets may come before the first program map.
const maxUntold = 16 << 10

// A Reader takes a transport stream of one program apart into PES packets (ISO/
// IEC 13818-1). It is given the stream in slices of any length, finds its way
// back after what is no packet, and follows program maps that change. It keeps
// nothing of what it is given. A packet that does not say how long it is, as with
// video, is passed on when the next begins: the last of a stream never is.
type Reader struct {
	// Streams is told the elementary streams of the program, at first and when
	// they change, and returns the PIDs of those that Packet wants.
	Streams func(all []Stream) (wanted []uint16, err error)

	// Packet takes a PES packet. Its Data is only good until it returns.
	Packet func(p PES) error

	Lost int // packets that did not come, as far as their counters tell

	cut      []byte // the beginning of a packet
	unsynced int    // bytes since the last packet
	untold   int    // packets before the first program map

	pat, pmt tables
	program  uint16 // PID of the program map; 0: not known
	told     bool   // there was a program map
	streams  []*stream
}

// A Stream is an elementary stream of the program.
type Stream struct {
	PID  uint16
	Type byte   // stream_type (table 2-34)
	Info string // its descriptors (2.6)
}

// A PES is a PES packet (2.4.3.6).
type PES struct {
	PID      uint16
	Timed    bool  // it has timestamps
	PTS, DTS int64 // 1/90000 s, modulo 2^33
	Damaged  bool  // parts of the stream are missing before it
	Data     []byte
}

// A stream is one that is wanted, and the PES packet of it that comes.
type stream struct {
	Stream
	begun   bool
	want    int // bytes of the packet; 0: up to where the next begins
	buf     []byte
	damaged bool // since the last packet that was passed on
	counter counter
}

// Feed takes what came next of the stream.
func (r *Reader) Feed(b []byte) error {
	if len(r.cut) > 0 {
		n := min(PacketSize-len(r.cut), len(b))
		r.cut = append(r.cut, b[:n]...)
		b = b[n:]
		if len(r.cut) < PacketSize {
			return nil
		}
		if err := r.packet(r.cut); err != nil {
			return err
		}
		r.cut = r.cut[:0]
	}
	for len(b) > 0 {
		if b[0] != syncByte || len(b) > PacketSize && b[PacketSize] != syncByte {
			n := resync(b)
			if r.unsynced += n; r.unsynced > maxUnsynced {
				return errNoSync
			}
			b = b[n:]
			continue
		}
		if len(b) < PacketSize {
			r.cut = append(r.cut, b...)
			return nil
		}
		r.unsynced = 0
		if err := r.packet(b[:PacketSize]); err != nil {
			return err
		}
		b = b[PacketSize:]
	}
	return nil
}

// resync returns how many bytes of b to leave out, at least one, for a packet to
// begin behind them.
func resync(b []byte) int {
	for i := 1; i < len(b); i++ {
		n := bytes.IndexByte(b[i:], syncByte)
		if n < 0 {
			break
		}
		i += n
		if i+PacketSize >= len(b) || b[i+PacketSize] == syncByte {
			return i
		}
	}
	return len(b)
}

// packet takes a transport packet (2.4.3.2).
func (r *Reader) packet(b []byte) error {
	const (
		transportError = 0x80
		scrambled      = 0xc0
	)
	if b[0] != syncByte || b[1]&transportError != 0 || b[3]&scrambled != 0 {
		return nil
	}
	if !r.told {
		if r.untold++; r.untold > maxUntold {
			return errNoTable
		}
	}
	pid := uint16(b[1]&0x1f)<<8 | uint16(b[2])
	start := b[1]&0x40 != 0
	data, broken, ok := payloadOf(b)
	switch {
	case !ok:
		return nil
	case pid == 0:
		return r.pat.take(data, b[3], start, r.association)
	case pid == r.program:
		return r.pmt.take(data, b[3], start, r.programMap)
	}
	for _, s := range r.streams {
		if s.PID == pid {
			return r.elementary(s, data, b[3], start, broken)
		}
	}
	return nil
}

// payloadOf returns what a packet carries, and whether its counter need not be
// the next (discontinuity_indicator, 2.4.3.5).
func payloadOf(b []byte) (data []byte, broken, ok bool) {
	const hasPayload, hasField = 0x10, 0x20
	if b[3]&hasPayload == 0 {
		return nil, false, false
	}
	data = b[4:]
	if b[3]&hasField != 0 {
		n := int(data[0])
		if n+1 > len(data) {
			return nil, false, false
		}
		broken = n > 0 && data[1]&0x80 != 0
		data = data[1+n:]
	}
	return data, broken, len(data) > 0
}

// elementary takes what a packet carries of a stream.
func (r *Reader) elementary(s *stream, data []byte, control byte, start, broken bool) error {
	lost, again := s.counter.next(control, broken)
	if again {
		return nil
	}
	if lost > 0 {
		r.Lost += lost
		s.spoil()
	}
	if start {
		if err := r.finish(s); err != nil {
			return err
		}
		s.begun, s.want = true, 0
	}
	if !s.begun {
		return nil
	}
	if len(s.buf)+len(data) > maxPES {
		s.spoil()
		return nil
	}
	s.buf = append(s.buf, data...)
	if start && len(s.buf) >= 6 {
		if n := int(s.buf[4])<<8 | int(s.buf[5]); n > 0 {
			s.want = 6 + n
		}
	}
	if s.want > 0 && len(s.buf) >= s.want {
		s.buf = s.buf[:s.want]
		return r.finish(s)
	}
	return nil
}

// spoil drops the packet that comes, of which something is missing.
func (s *stream) spoil() {
	s.begun, s.damaged, s.buf = false, true, s.buf[:0]
}

// finish passes on the packet that has come, unless its end has not.
func (r *Reader) finish(s *stream) error {
	if !s.begun {
		return nil
	}
	if s.want > len(s.buf) {
		s.spoil()
		return nil
	}
	p, ok := parsePES(s.buf)
	s.begun, s.buf = false, s.buf[:0]
	if !ok {
		s.damaged = true
		return nil
	}
	p.PID, p.Damaged, s.damaged = s.PID, s.damaged, false
	return r.Packet(p)
}

// parsePES reads a PES packet.
func parsePES(b []byte) (p PES, ok bool) {
	const fixed = 9
	if len(b) < fixed || b[0] != 0 || b[1] != 0 || b[2] != 1 || b[6]&0xc0 != 0x80 {
		return p, false
	}
	head := fixed + int(b[8])
	if head > len(b) {
		return p, false
	}
	p.Data = b[head:]
	switch field := b[fixed:head]; b[7] >> 6 {
	case 2:
		if len(field) < 5 {
			return p, false
		}
		p.Timed, p.PTS = true, timestamp(field)
		p.DTS = p.PTS
	case 3:
		if len(field) < 10 {
			return p, false
		}
		p.Timed, p.PTS, p.DTS = true, timestamp(field), timestamp(field[5:])
	}
	return p, true
}

// timestamp reads 33 bits among marker bits.
func timestamp(b []byte) int64 {
	return int64(b[0]>>1&7)<<30 | int64(b[1])<<22 | int64(b[2]>>1)<<15 | int64(b[3])<<7 | int64(b[4]>>1)
}

// A counter follows the continuity counter of a PID (2.4.3.3).
type counter struct {
	known bool
	last  byte
}

// next takes the byte with the counter of a packet with payload, and returns how
// many packets are missing before it, or that it came before.
func (c *counter) next(control byte, broken bool) (lost int, again bool) {
	now := control & 0x0f
	was, known := c.last, c.known
	c.last, c.known = now, true
	switch {
	case !known || broken:
		return 0, false
	case now == was:
		return 0, true
	default:
		return int((now - was - 1) & 0x0f), false
	}
}

package publisher

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// The chunk stream ids this publisher writes on (RTMP 1.0, 5.3.1.1).
const (
	controlStream = 2
	commandStream = 3
	audioStream   = 4
	videoStream   = 6
)

const (
	defaultChunk   = 128      // bytes, until a peer sets another size (RTMP 1.0, 5.4.1)
	maxMessage     = 1 << 20  // bytes; a server sends far less
	extendedTime   = 0xffffff // stands where the time is too large for 24 bits
	maxChunkHeader = 11
)

// appendMessage encodes a message in chunks with a full header each first.
func appendMessage(dst []byte, csid byte, stream uint32, t Tag, chunk int) []byte {
	short := min(t.Time, extendedTime)
	dst = append(dst, csid)
	dst = append(dst, byte(short>>16), byte(short>>8), byte(short))
	dst = append(dst, byte(len(t.Body)>>16), byte(len(t.Body)>>8), byte(len(t.Body)), t.Type)
	dst = binary.LittleEndian.AppendUint32(dst, stream)
	extend := func() {
		if short == extendedTime {
			dst = binary.BigEndian.AppendUint32(dst, t.Time)
		}
	}
	extend()
	for rest := t.Body; ; {
		n := min(chunk, len(rest))
		dst, rest = append(dst, rest[:n]...), rest[n:]
		if len(rest) == 0 {
			return dst
		}
		dst = append(dst, 3<<6|csid)
		extend()
	}
}

// A messageReader puts the server's chunks together.
type messageReader struct {
	r       *bufio.Reader
	chunk   int
	streams map[int]*partial
}

// partial is a message of which some chunks have come.
type partial struct {
	tag  Tag
	size int
	long bool // has an extended timestamp
}

// next returns the next message. A chunk size that the peer sets is taken over.
func (m *messageReader) next() (Tag, error) {
	for {
		p, err := m.header()
		if err != nil {
			return Tag{}, err
		}
		n := min(m.chunk, p.size-len(p.tag.Body))
		at := len(p.tag.Body)
		p.tag.Body = append(p.tag.Body, make([]byte, n)...)
		if _, err := io.ReadFull(m.r, p.tag.Body[at:]); err != nil {
			return Tag{}, err
		}
		if len(p.tag.Body) < p.size {
			continue
		}
		t := p.tag
		p.tag.Body = nil
		if t.Type == typeSetChunkSize && len(t.Body) == 4 {
			m.chunk = int(binary.BigEndian.Uint32(t.Body) & 0x7fffffff)
			continue
		}
		return t, nil
	}
}

// header reads a chunk's basic and message header (RTMP 1.0, 5.3.1).
func (m *messageReader) header() (*partial, error) {
	first, err := m.r.ReadByte()
	if err != nil {
		return nil, err
	}
	format, csid := first>>6, int(first&0x3f)
	if csid < 2 {
		return nil, fmt.Errorf("chunk stream id in %d more bytes, which no server sends", csid+1)
	}
	p := m.streams[csid]
	if p == nil {
		p = new(partial)
		m.streams[csid] = p
	}
	var h [maxChunkHeader]byte
	if _, err := io.ReadFull(m.r, h[:[4]int{maxChunkHeader, 7, 3, 0}[format]]); err != nil {
		return nil, err
	}
	if format < 3 {
		p.tag.Time = uint24(h[:])
		p.long = p.tag.Time == extendedTime
	}
	if format < 2 {
		p.size, p.tag.Type = int(uint24(h[3:])), h[6]
	}
	if p.size > maxMessage {
		return nil, fmt.Errorf("message of %d bytes, at most %d are expected", p.size, maxMessage)
	}
	if p.long {
		if _, err := io.ReadFull(m.r, h[:4]); err != nil {
			return nil, err
		}
		p.tag.Time = binary.BigEndian.Uint32(h[:])
	}
	return p, nil
}

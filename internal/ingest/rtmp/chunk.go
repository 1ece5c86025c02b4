package rtmp

import (
	"encoding/binary"

	"openivs/internal/ivs"
)

// A message is one RTMP message (Adobe RTMP 1.0, 5.1). Nobody writes into its
// body again.
type message struct {
	typ    byte
	stream uint32 // message stream id
	ts     uint32 // ms, modulo 2^32
	body   []byte
}

const (
	// maxChunkHeader is the longest chunk header: basic header, message header,
	// extended timestamp.
	maxChunkHeader = 3 + 11 + 4

	// maxChunkStreams is how many chunk stream ids one peer may use. Encoders
	// use three to six.
	maxChunkStreams = 64

	// maxAborts is how many messages one peer may abort, because it makes us
	// allocate what it then need not send.
	maxAborts = 64

	// maxChunkSize is the largest chunk size that has a meaning: a message's
	// length has 24 bits.
	maxChunkSize = 1<<24 - 1

	// farTimestamp in a 24-bit timestamp field says that the timestamp follows
	// in 32 bits.
	farTimestamp = 1<<24 - 1
)

// A chunkReader makes messages of the chunks (Adobe RTMP 1.0, 5.3) that it is
// given in slices of any length. It allocates the body of each message exactly
// once, after checking it against the limits, and copies each byte once.
type chunkReader struct {
	maxMessage  int // bytes in one message
	maxBuffered int // bytes of messages begun and not complete, as declared

	size     int // the most payload in one chunk; 0: 128
	streams  []*chunkStream
	buffered int
	aborts   int

	cur  *chunkStream // the chunk whose payload is being read; nil between chunks
	left int          // of its payload

	head [maxChunkHeader]byte // what was read of a header that is not complete
	n    int
}

// A chunkStream is what a header may leave out because the one before said it.
type chunkStream struct {
	id     int
	known  bool   // a header came
	far    bool   // its timestamp had 32 bits
	field  uint32 // its timestamp field: absolute or a delta
	ts     uint32 // of the message, absolute
	delta  uint32
	length int
	typ    byte
	stream uint32

	begun bool // a message is not complete
	body  []byte
}

// read takes bytes from b until a message is complete, or b is used up and done
// is false. The rest is to be passed to the next call.
func (r *chunkReader) read(b []byte) (m message, rest []byte, done bool, err error) {
	for {
		if r.cur == nil {
			used, err := r.header(b)
			if err != nil {
				return message{}, nil, false, err
			}
			b = b[used:]
			if r.cur == nil {
				return message{}, b, false, nil
			}
		}
		b = r.payload(b)
		if r.left > 0 {
			return message{}, b, false, nil
		}
		s := r.cur
		r.cur = nil
		if len(s.body) == s.length {
			m = message{typ: s.typ, stream: s.stream, ts: s.ts, body: s.body}
			r.finish(s)
			return m, b, true, nil
		}
	}
}

// payload appends to the current message what b, or what header read too much,
// has of the current chunk.
func (r *chunkReader) payload(b []byte) []byte {
	if r.n > 0 {
		k := min(r.left, r.n)
		r.cur.body = append(r.cur.body, r.head[:k]...)
		r.left -= k
		r.n = copy(r.head[:], r.head[k:r.n])
	}
	k := min(r.left, len(b))
	r.cur.body = append(r.cur.body, b[:k]...)
	r.left -= k
	return b[k:]
}

// header reads a chunk header, sets cur and left if it is complete, and returns
// how many bytes of b it used.
func (r *chunkReader) header(b []byte) (used int, err error) {
	if r.n == 0 {
		n, err := r.parse(b)
		if n > 0 || err != nil {
			return n, err
		}
		r.n = copy(r.head[:], b)
		return r.n, nil
	}
	k := copy(r.head[r.n:], b)
	n, err := r.parse(r.head[:r.n+k])
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		r.n += k
		return k, nil
	case n >= r.n:
		used, r.n = n-r.n, 0
		return used, nil
	default: // an extended timestamp was looked for and is not there
		r.n = copy(r.head[:], r.head[n:r.n])
		return 0, nil
	}
}

// parse returns the length of the chunk header at the start of b, or 0 if b is
// too short to hold it whole; 18 bytes never are.
func (r *chunkReader) parse(b []byte) (int, error) {
	form, id, n := basicHeader(b)
	size := [...]int{11, 7, 3, 0}[form]
	if n == 0 || len(b) < n+size {
		return 0, nil
	}
	s, err := r.streamOf(id)
	if err != nil {
		return 0, err
	}
	if form == 3 {
		return r.parseShort(s, b, n)
	}
	if s.begun {
		return 0, ivs.Errorf(ivs.Invalid, "chunk stream %d: a message begins inside another", id)
	}
	if form == 2 && !s.known {
		return 0, ivs.Errorf(ivs.Invalid, "chunk stream %d begins without a message header", id)
	}
	h := b[n:]
	n += size
	field := be24(h)
	far := field == farTimestamp
	if far {
		if len(b) < n+4 {
			return 0, nil
		}
		field = binary.BigEndian.Uint32(b[n:])
		n += 4
	}
	s.known, s.far, s.field = true, far, field
	switch form {
	case 0:
		s.ts, s.delta = field, 0
		s.stream = binary.LittleEndian.Uint32(h[7:])
	default:
		s.ts, s.delta = s.ts+field, field
	}
	if form < 2 {
		s.length, s.typ = int(be24(h[3:])), h[6]
	}
	return n, r.begin(s)
}

// parseShort is parse for a chunk without message header. It continues a
// message or begins one like the last, whose timestamp delta it repeats; after
// an absolute timestamp that is 0.
//
// If the last header had an extended timestamp, so has this one (Adobe RTMP
// 1.0, 5.3.1.3), but there are encoders that leave it out; what is no likely
// timestamp is payload. Some write 0 there.
func (r *chunkReader) parseShort(s *chunkStream, b []byte, n int) (int, error) {
	if !s.known {
		return 0, ivs.Errorf(ivs.Invalid, "chunk stream %d begins without a message header", s.id)
	}
	ts := s.ts
	if !s.begun {
		ts += s.delta
	}
	if s.far {
		if len(b) < n+4 {
			return 0, nil
		}
		if v := binary.BigEndian.Uint32(b[n:]); v == s.field || v == ts || v == 0 {
			n += 4
		}
	}
	s.ts = ts
	return n, r.begin(s)
}

// begin prepares for the payload of a chunk of s.
func (r *chunkReader) begin(s *chunkStream) error {
	if !s.begun {
		switch {
		case s.length > r.maxMessage:
			return ivs.Errorf(ivs.Invalid, "message of %d bytes, at most %d are accepted", s.length, r.maxMessage)
		case s.length > r.maxBuffered-r.buffered:
			return ivs.Errorf(ivs.Invalid, "%d bytes in incomplete messages, at most %d are accepted", r.buffered+s.length, r.maxBuffered)
		}
		s.begun = true
		s.body = make([]byte, 0, s.length)
		r.buffered += s.length
	}
	r.cur = s
	r.left = min(s.length-len(s.body), r.chunkSize())
	return nil
}

// finish forgets the message of s.
func (r *chunkReader) finish(s *chunkStream) {
	r.buffered -= s.length
	s.begun, s.body = false, nil
}

// abort drops the incomplete message of a chunk stream, if it has one.
func (r *chunkReader) abort(id int) error {
	if r.aborts++; r.aborts > maxAborts {
		return ivs.Errorf(ivs.Invalid, "more than %d messages were aborted", maxAborts)
	}
	for _, s := range r.streams {
		if s.id == id && s.begun {
			r.finish(s)
		}
	}
	return nil
}

// setChunkSize notes the size that holds from the next chunk on.
func (r *chunkReader) setChunkSize(n uint32) error {
	if n == 0 || n > 1<<31-1 {
		return ivs.Errorf(ivs.Invalid, "chunk size %d is not between 1 and %d", n, 1<<31-1)
	}
	r.size = int(min(n, maxChunkSize))
	return nil
}

func (r *chunkReader) chunkSize() int {
	if r.size == 0 {
		return 128
	}
	return r.size
}

// streamOf returns the chunk stream with an id, new if need be.
func (r *chunkReader) streamOf(id int) (*chunkStream, error) {
	for _, s := range r.streams {
		if s.id == id {
			return s, nil
		}
	}
	if len(r.streams) == maxChunkStreams {
		return nil, ivs.Errorf(ivs.Invalid, "more than %d chunk streams are in use", maxChunkStreams)
	}
	s := &chunkStream{id: id}
	r.streams = append(r.streams, s)
	return s, nil
}

// basicHeader reads the one to three bytes that begin a chunk (Adobe RTMP 1.0,
// 5.3.1.1). With too few, n is 0.
func basicHeader(b []byte) (form, id, n int) {
	if len(b) == 0 {
		return 0, 0, 0
	}
	form, id, n = int(b[0]>>6), int(b[0]&0x3f), 1
	switch id {
	case 0:
		n = 2
	case 1:
		n = 3
	}
	switch {
	case len(b) < n:
		return form, 0, 0
	case n == 2:
		id = int(b[1]) + 64
	case n == 3:
		id = int(b[1]) + int(b[2])<<8 + 64
	}
	return form, id, n
}

func be24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

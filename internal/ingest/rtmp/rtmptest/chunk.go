// Package rtmptest is an RTMP encoder for tests: it speaks the protocol to the
// byte, in whatever way the encoder that it stands in for does, or wrongly.
//
// It encodes no media; tests bring theirs, or use the few headers and frames
// that are here.
package rtmptest

import "encoding/binary"

// A Message is one RTMP message.
type Message struct {
	Chunks    int // chunk stream id
	Type      byte
	Stream    uint32 // message stream id
	Timestamp uint32 // ms
	Body      []byte
}

// The message types that tests send most.
const (
	SetChunkSize  = 1
	Abort         = 2
	UserControl   = 4
	WindowAckSize = 5
	Audio         = 8
	Video         = 9
	CommandAMF3   = 17
	Data          = 18
	Command       = 20
	Aggregate     = 22
)

// A Writer makes chunks of messages.
type Writer struct {
	Size     int  // of chunks; 0: 128
	OmitLong bool // leave the extended timestamp out of chunks without header

	last map[int]state
}

type state struct {
	ts    uint32
	field uint32
}

// Append appends a message whose first chunk has a header of a form from 0 to
// 3. Forms above 0 need an earlier message on the chunk stream whose members
// agree in what the form leaves out.
func (w *Writer) Append(dst []byte, form int, m Message) []byte {
	for _, c := range w.Split(form, m) {
		dst = append(dst, c...)
	}
	return dst
}

// Split returns the chunks of a message.
func (w *Writer) Split(form int, m Message) [][]byte {
	if w.last == nil {
		w.last = make(map[int]state)
	}
	size := w.Size
	if size == 0 {
		size = 128
	}
	s := w.last[m.Chunks]
	switch form {
	case 0:
		s.field = m.Timestamp
	case 1, 2:
		s.field = m.Timestamp - s.ts
	}
	s.ts = m.Timestamp
	w.last[m.Chunks] = s

	var chunks [][]byte
	for body := m.Body; ; form = 3 {
		k := min(size, len(body))
		chunks = append(chunks, append(w.header(form, m, s.field), body[:k]...))
		if body = body[k:]; len(body) == 0 {
			return chunks
		}
	}
}

func (w *Writer) header(form int, m Message, field uint32) []byte {
	b := basic(form, m.Chunks)
	long := field >= 1<<24-1
	if form < 3 {
		b = put24(b, min(field, 1<<24-1))
	}
	if form < 2 {
		b = append(put24(b, uint32(len(m.Body))), m.Type)
	}
	if form == 0 {
		b = binary.LittleEndian.AppendUint32(b, m.Stream)
	}
	if long && (form < 3 || !w.OmitLong) {
		b = binary.BigEndian.AppendUint32(b, field)
	}
	return b
}

// basic makes a basic header, in the shortest form that holds the id.
func basic(form, id int) []byte {
	f := byte(form << 6)
	switch {
	case id < 64:
		return []byte{f | byte(id)}
	case id < 64+256:
		return []byte{f, byte(id - 64)}
	default:
		return []byte{f | 1, byte(id - 64), byte((id - 64) >> 8)}
	}
}

func put24(b []byte, v uint32) []byte { return append(b, byte(v>>16), byte(v>>8), byte(v)) }

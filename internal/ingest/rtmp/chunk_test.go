package rtmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"

	"openivs/internal/ingest/rtmp/rtmptest"
)

func newChunkReader() *chunkReader {
	return &chunkReader{maxMessage: maxMessage, maxBuffered: maxBuffered}
}

// readAll feeds wire in pieces of at most step bytes and acts on Set Chunk Size
// and Abort as a session does.
func readAll(r *chunkReader, wire []byte, step int) (got []message, err error) {
	for len(wire) > 0 {
		k := min(step, len(wire))
		b := wire[:k]
		wire = wire[k:]
		for {
			m, rest, done, err := r.read(b)
			if err != nil {
				return got, err
			}
			if !done {
				break
			}
			b = rest
			switch {
			case m.typ == typeSetChunkSize && len(m.body) == 4:
				err = r.setChunkSize(binary.BigEndian.Uint32(m.body))
			case m.typ == typeAbort && len(m.body) == 4:
				err = r.abort(int(binary.BigEndian.Uint32(m.body)))
			default:
				got = append(got, m)
			}
			if err != nil {
				return got, err
			}
		}
	}
	return got, nil
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

// show describes messages so that two lists can be compared and read.
func show(ms []message) string {
	var b strings.Builder
	for _, m := range ms {
		fmt.Fprintf(&b, "type %d stream %d ts %d body %d:%x\n", m.typ, m.stream, m.ts, len(m.body), crc(m.body))
	}
	return b.String()
}

func crc(b []byte) (v uint32) {
	for _, c := range b {
		v = v*31 + uint32(c)
	}
	return v
}

func TestChunksBecomeMessages(t *testing.T) {
	video := func(id int, ts uint32, n int) rtmptest.Message {
		return rtmptest.Message{Chunks: id, Type: typeVideo, Stream: 1, Timestamp: ts, Body: pattern(n)}
	}
	type part struct {
		form int
		m    rtmptest.Message
	}
	for _, tc := range []struct {
		name  string
		size  int
		omit  bool
		parts []part
	}{
		{name: "every header form", parts: []part{{0, video(6, 1000, 300)}, {1, video(6, 1033, 500)}, {2, video(6, 1067, 500)}, {3, video(6, 1101, 500)}}},
		{name: "an empty message", parts: []part{{0, video(6, 0, 0)}, {3, video(6, 0, 0)}, {1, video(6, 33, 1)}}},
		{name: "a message of one chunk exactly", parts: []part{{0, video(6, 0, 128)}, {2, video(6, 33, 128)}}},
		{name: "the first header has a delta", parts: []part{{1, rtmptest.Message{Chunks: 2, Type: typeUserControl, Body: pattern(6)}}}},
		{name: "id 2", parts: []part{{0, video(2, 5, 200)}, {3, video(2, 5, 200)}}},
		{name: "id 63", parts: []part{{0, video(63, 5, 200)}}},
		{name: "id 64, the first of two bytes", parts: []part{{0, video(64, 5, 200)}, {1, video(64, 9, 210)}}},
		{name: "id 319, the last of two bytes", parts: []part{{0, video(319, 5, 200)}}},
		{name: "id 320, the first of three bytes", parts: []part{{0, video(320, 5, 200)}, {2, video(320, 9, 200)}}},
		{name: "id 65599, the last", parts: []part{{0, video(65599, 5, 200)}, {3, video(65599, 5, 200)}}},
		{name: "chunks of 1 byte", size: 1, parts: []part{{0, video(6, 5, 70)}, {2, video(6, 9, 70)}}},
		{name: "chunks of 65536 bytes", size: 65536, parts: []part{{0, video(6, 5, 200000)}, {1, video(6, 38, 70000)}}},
		{name: "the largest timestamp of 24 bits", parts: []part{{0, video(6, 1<<24-2, 300)}}},
		{name: "the smallest of 32", parts: []part{{0, video(6, 1<<24-1, 300)}, {3, video(6, 1<<24-1, 300)}}},
		{name: "32 bits, absolute", parts: []part{{0, video(6, 1<<31+5, 300)}, {1, video(6, 1<<31+38, 400)}, {3, video(6, 1<<31+71, 400)}}},
		{name: "32 bits, absolute, not repeated", omit: true, parts: []part{{0, video(6, 1<<31+5, 300)}, {1, video(6, 1<<31+38, 400)}}},
		{name: "32 bits, a delta", parts: []part{{0, video(6, 7, 300)}, {1, video(6, 7+1<<25, 400)}, {2, video(6, 7+1<<26, 400)}}},
		{name: "32 bits, a delta, not repeated", omit: true, parts: []part{{0, video(6, 7, 300)}, {1, video(6, 7+1<<25, 400)}, {3, video(6, 7+2<<25, 400)}}},
		{name: "not repeated, and the last chunk is shorter than the field", omit: true, parts: []part{{0, video(6, 1<<30, 128+2)}, {0, video(4, 0, 3)}, {0, video(6, 1<<30+33, 128+1)}, {0, video(4, 0, 9)}}},
		{name: "the timestamp wraps at 32 bits", parts: []part{{0, video(6, 1<<32-10, 50)}, {2, video(6, 23, 50)}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := rtmptest.Writer{Size: tc.size, OmitLong: tc.omit}
			var wire []byte
			if tc.size > 0 {
				small := rtmptest.Writer{}
				wire = small.Append(nil, 0, rtmptest.Message{Chunks: 2, Type: typeSetChunkSize, Body: u32(uint32(tc.size))})
			}
			var want []message
			for _, p := range tc.parts {
				wire = w.Append(wire, p.form, p.m)
				want = append(want, message{typ: p.m.Type, stream: p.m.Stream, ts: p.m.Timestamp, body: p.m.Body})
			}
			for _, step := range []int{1, 2, 3, 5, 17, 4096, len(wire)} {
				got, err := readAll(newChunkReader(), wire, step)
				if err != nil {
					t.Fatalf("%d bytes at a time: %v", step, err)
				}
				if g, w := show(got), show(want); g != w {
					t.Errorf("%d bytes at a time: got\n%swant\n%s", step, g, w)
				}
			}
		})
	}
}

// gortmplib's writer leaves zeros where a chunk without header repeats the
// extended timestamp.
func TestZeroStandsForARepeatedTimestamp(t *testing.T) {
	var wire bytes.Buffer
	w := rawmessage.NewWriter(&wire, nil, false)
	for i := range 3 {
		if err := w.Write(&rawmessage.Message{ChunkStreamID: 6, Timestamp: time.Duration(1<<26+33*i) * time.Millisecond, Type: typeVideo, Body: pattern(500)}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readAll(newChunkReader(), wire.Bytes(), 100)
	if err != nil || len(got) != 3 {
		t.Fatalf("%d messages, %v; want 3", len(got), err)
	}
	for i, m := range got {
		if want := uint32(1<<26 + 33*i); m.ts != want || !bytes.Equal(m.body, pattern(500)) {
			t.Errorf("message %d has timestamp %d and body %x, want %d", i, m.ts, crc(m.body), want)
		}
	}
}

func TestChunkStreamsInterleave(t *testing.T) {
	var w rtmptest.Writer
	a := w.Split(0, rtmptest.Message{Chunks: 6, Type: typeVideo, Timestamp: 1, Body: pattern(400)})
	b := w.Split(0, rtmptest.Message{Chunks: 4, Type: typeAudio, Timestamp: 2, Body: pattern(200)})
	wire := bytes.Join([][]byte{a[0], b[0], a[1], a[2], b[1], a[3]}, nil)
	got, err := readAll(newChunkReader(), wire, 7)
	if err != nil {
		t.Fatal(err)
	}
	want := []message{{typ: typeAudio, ts: 2, body: pattern(200)}, {typ: typeVideo, ts: 1, body: pattern(400)}}
	if g, w := show(got), show(want); g != w {
		t.Errorf("got\n%swant\n%s", g, w)
	}
}

func TestChunkSizeChangesInsideAMessage(t *testing.T) {
	w := rtmptest.Writer{}
	first := w.Split(0, rtmptest.Message{Chunks: 6, Type: typeVideo, Body: pattern(1000)})[0] // 128 bytes of it
	wire := append(first, w.Append(nil, 0, rtmptest.Message{Chunks: 2, Type: typeSetChunkSize, Body: u32(500)})...)
	wire = append(wire, 0xc0|6)
	wire = append(wire, pattern(1000)[128:628]...)
	wire = append(wire, 0xc0|6)
	wire = append(wire, pattern(1000)[628:]...)
	got, err := readAll(newChunkReader(), wire, 33)
	if err != nil || len(got) != 1 || !bytes.Equal(got[0].body, pattern(1000)) {
		t.Errorf("got %s, %v; want one message of 1000 bytes", show(got), err)
	}
}

func TestAbortDropsAnIncompleteMessage(t *testing.T) {
	w := rtmptest.Writer{}
	wire := w.Split(0, rtmptest.Message{Chunks: 6, Type: typeVideo, Body: pattern(1000)})[0]
	wire = w.Append(wire, 0, rtmptest.Message{Chunks: 2, Type: typeAbort, Body: u32(6)})
	wire = w.Append(wire, 0, rtmptest.Message{Chunks: 6, Type: typeVideo, Timestamp: 9, Body: pattern(10)})
	r := newChunkReader()
	got, err := readAll(r, wire, 50)
	if err != nil || show(got) != show([]message{{typ: typeVideo, ts: 9, body: pattern(10)}}) {
		t.Errorf("got %s, %v; want the message after the abort", show(got), err)
	}
	if r.buffered != 0 {
		t.Errorf("%d bytes are still counted", r.buffered)
	}
}

func TestMessageBodiesAreAllocatedExactly(t *testing.T) {
	w := rtmptest.Writer{}
	got, err := readAll(newChunkReader(), w.Append(nil, 0, rtmptest.Message{Chunks: 6, Body: pattern(1001)}), 1<<20)
	if err != nil || len(got) != 1 || cap(got[0].body) != 1001 {
		t.Errorf("capacity %d, %v; want 1001", cap(got[0].body), err)
	}
}

func TestChunksBeyondALimitAreRefused(t *testing.T) {
	for _, tc := range []struct {
		name string
		wire func(w *rtmptest.Writer) []byte
		want string
	}{
		{"a message that is too long", func(*rtmptest.Writer) []byte {
			return []byte{6, 0, 0, 0, 0xff, 0xff, 0xff, 9, 1, 0, 0, 0}
		}, "at most 8388608 are accepted"},
		{"too much in incomplete messages", func(*rtmptest.Writer) (b []byte) {
			for id := byte(3); id < 9; id++ {
				b = append(b, id, 0, 0, 0, 0x7f, 0, 0, 9, 1, 0, 0, 0)
				b = append(b, pattern(128)...)
			}
			return b
		}, "in incomplete messages"},
		{"too many chunk streams", func(w *rtmptest.Writer) (b []byte) {
			for id := range 100 {
				b = w.Append(b, 0, rtmptest.Message{Chunks: id + 2, Body: pattern(1)})
			}
			return b
		}, "more than 64 chunk streams"},
		{"too many aborts", func(w *rtmptest.Writer) (b []byte) {
			for range 100 {
				b = append(b, w.Split(0, rtmptest.Message{Chunks: 6, Body: pattern(1000)})[0]...)
				b = w.Append(b, 0, rtmptest.Message{Chunks: 2, Type: typeAbort, Body: u32(6)})
			}
			return b
		}, "more than 64 messages were aborted"},
		{"chunk size 0", func(w *rtmptest.Writer) []byte {
			return w.Append(nil, 0, rtmptest.Message{Chunks: 2, Type: typeSetChunkSize, Body: u32(0)})
		}, "chunk size 0"},
		{"chunk size with its top bit set", func(w *rtmptest.Writer) []byte {
			return w.Append(nil, 0, rtmptest.Message{Chunks: 2, Type: typeSetChunkSize, Body: u32(1 << 31)})
		}, "chunk size 2147483648"},
		{"a message inside another", func(w *rtmptest.Writer) []byte {
			return append(w.Split(0, rtmptest.Message{Chunks: 6, Body: pattern(1000)})[0], w.Split(0, rtmptest.Message{Chunks: 6, Body: pattern(1000)})[0]...)
		}, "begins inside another"},
		{"a first chunk without header", func(*rtmptest.Writer) []byte { return []byte{0xc6} }, "without a message header"},
		{"a first chunk with a timestamp only", func(*rtmptest.Writer) []byte { return []byte{0x86, 0, 0, 1} }, "without a message header"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := readAll(newChunkReader(), tc.wire(new(rtmptest.Writer)), 64)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

// reference reads wire with gortmplib's reader until it ends or fails.
func reference(wire []byte) (got []message, err error) {
	in := bytecounter.NewReader(bytes.NewReader(wire))
	r := rawmessage.NewReader(in, in, nil)
	for {
		m, err := r.Read()
		if err != nil {
			return got, err
		}
		switch {
		case m.Type == typeSetChunkSize && len(m.Body) == 4:
			err = r.SetChunkSize(binary.BigEndian.Uint32(m.Body))
		case m.Type == typeAbort && len(m.Body) == 4:
			r.AbortChunkStream(binary.BigEndian.Uint32(m.Body))
		default:
			stream := binary.LittleEndian.Uint32(u32(m.MessageStreamID))
			got = append(got, message{typ: m.Type, stream: stream, ts: uint32(m.Timestamp / time.Millisecond), body: m.Body})
		}
		if err != nil {
			return got, err
		}
	}
}

// FuzzChunksMadeHere lets the fuzzer choose messages, their forms, sizes and
// interleaving, and holds both readers to what was meant.
func FuzzChunksMadeHere(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, uint16(100))
	f.Add(bytes.Repeat([]byte{0xff, 0x80, 0x40, 3}, 20), uint16(1))
	f.Add(bytes.Repeat([]byte{7, 0xc8, 0x30, 0xff, 0xff}, 30), uint16(5000))
	f.Fuzz(func(t *testing.T, script []byte, step uint16) {
		wire, want := scripted(script)
		got, err := readAll(newChunkReader(), wire, int(step)+1)
		if err != nil {
			t.Fatalf("our reader: %v", err)
		}
		if g, w := show(got), show(want); g != w {
			t.Fatalf("our reader: got\n%swant\n%s", g, w)
		}
		ref, err := reference(wire)
		if !errors.Is(err, io.EOF) {
			t.Fatalf("gortmplib: %v", err)
		}
		if g, w := show(ref), show(want); g != w {
			t.Fatalf("gortmplib: got\n%swant\n%s", g, w)
		}
	})
}

// scripted makes a wire image, of what both readers support, as script says.
func scripted(script []byte) (wire []byte, want []message) {
	var w rtmptest.Writer
	last := map[int]rtmptest.Message{}
	delta := map[int]uint32{}
	waiting := map[int][][]byte{} // chunks that are held back, of messages in want already
	hold := func(id int) {
		for _, c := range waiting[id] {
			wire = append(wire, c...)
		}
		delete(waiting, id)
	}
	for ; len(script) >= 5; script = script[5:] {
		id := 3 + int(script[0]%5)
		hold(id)
		form := int(script[1] & 3)
		m := rtmptest.Message{Chunks: id, Type: 8 + script[1]>>2&1, Stream: 1, Body: pattern(int(script[2])*int(script[3]) + int(script[3]&1))}
		old, known := last[id]
		if !known {
			form = 0
		}
		step := uint32(script[4])
		if script[1]&8 != 0 {
			step <<= 18
		}
		m.Timestamp = old.Timestamp + step
		switch form {
		case 0:
			delta[id] = 0
		case 1:
			delta[id] = step
		case 2:
			delta[id], m.Type, m.Body = step, old.Type, old.Body
		case 3:
			m.Timestamp, m.Type, m.Body = old.Timestamp+delta[id], old.Type, old.Body
		}
		last[id] = m
		if script[1]&0x70 == 0x70 {
			for other := range 8 {
				hold(other)
			}
			size := int(script[2]) + 1
			wire = w.Append(wire, 0, rtmptest.Message{Chunks: 2, Type: typeSetChunkSize, Body: u32(uint32(size))})
			w.Size = size // of what follows
		}
		chunks := w.Split(form, m)
		wire = append(wire, chunks[0]...)
		waiting[id] = chunks[1:]
		if script[1]&0x80 == 0 {
			hold(id)
		}
	}
	for id := range 8 {
		hold(id)
	}
	return wire, order(wire)
}

// order is what a reader that keeps nothing but the letter of the specification
// makes of a wire image that is known to be right.
func order(wire []byte) (want []message) {
	type stream struct {
		m     message
		n     int
		delta uint32
		field uint32
		far   bool
		part  []byte
	}
	streams := map[byte]*stream{}
	size := 128
	for len(wire) > 0 {
		form, id := wire[0]>>6, wire[0]&0x3f
		wire = wire[1:]
		s := streams[id]
		if s == nil {
			s = new(stream)
			streams[id] = s
		}
		begins := len(s.part) == 0
		h := wire
		wire = wire[[...]int{11, 7, 3, 0}[form]:]
		if form < 3 {
			s.field = be24(h)
			s.far = s.field == 1<<24-1
		}
		if s.far {
			s.field = binary.BigEndian.Uint32(wire)
			wire = wire[4:]
		}
		switch form {
		case 0:
			s.m.ts, s.delta = s.field, 0
			s.m.stream = binary.LittleEndian.Uint32(h[7:])
		case 1, 2:
			s.delta = s.field
		}
		if form < 2 {
			s.n, s.m.typ = int(be24(h[3:])), h[6]
		}
		if begins && form > 0 {
			s.m.ts += s.delta
		}
		k := min(size, s.n-len(s.part))
		s.part = append(s.part, wire[:k]...)
		wire = wire[k:]
		if len(s.part) < s.n {
			continue
		}
		s.m.body, s.part = s.part, nil
		if s.m.typ == typeSetChunkSize {
			size = int(binary.BigEndian.Uint32(s.m.body))
			continue
		}
		want = append(want, s.m)
	}
	return want
}

// FuzzChunksFromRawBytes compares with gortmplib what both readers accept.
func FuzzChunksFromRawBytes(f *testing.F) {
	w := rtmptest.Writer{}
	wire := w.Append(nil, 0, rtmptest.Message{Chunks: 6, Type: typeVideo, Stream: 1, Timestamp: 5, Body: pattern(300)})
	wire = w.Append(wire, 1, rtmptest.Message{Chunks: 6, Type: typeVideo, Stream: 1, Timestamp: 1 << 25, Body: pattern(200)})
	wire = w.Append(wire, 3, rtmptest.Message{Chunks: 6, Type: typeVideo, Stream: 1, Timestamp: 1 << 26, Body: pattern(200)})
	f.Add(wire, uint16(10))
	f.Add([]byte{0x00, 0x05, 1, 2, 3, 0, 0, 1, 9, 0, 0, 0, 0, 0xaa}, uint16(0))
	f.Add([]byte{6, 0xff, 0xff, 0xff, 0, 0, 200, 9, 0, 0, 0, 0, 0, 0, 0, 9}, uint16(3))
	f.Fuzz(func(t *testing.T, wire []byte, step uint16) {
		r := &chunkReader{maxMessage: 1 << 20, maxBuffered: 2 << 20}
		got, err := readAll(r, wire, int(step)+1)
		whole, errWhole := readAll(&chunkReader{maxMessage: 1 << 20, maxBuffered: 2 << 20}, wire, len(wire)+1)
		if show(got) != show(whole) || (err == nil) != (errWhole == nil) {
			t.Fatalf("in steps of %d: %v\n%sat once: %v\n%s", int(step)+1, err, show(got), errWhole, show(whole))
		}
		if r.buffered < 0 || r.buffered > r.maxBuffered || len(r.streams) > maxChunkStreams {
			t.Fatalf("%d bytes in %d chunk streams", r.buffered, len(r.streams))
		}
		if bytes.Contains(wire, []byte{0xff, 0xff, 0xff}) {
			return // gortmplib takes any 4 bytes for a repeated extended timestamp
		}
		ref, _ := reference(wire)
		for i := range min(len(got), len(ref)) {
			if g, w := show(got[i:i+1]), show(ref[i:i+1]); g != w {
				t.Fatalf("message %d: got %sgortmplib %s", i, g, w)
			}
		}
		if err == nil && len(ref) > len(got) {
			t.Fatalf("%d messages, gortmplib reads %d", len(got), len(ref))
		}
	})
}

func BenchmarkChunks(b *testing.B) {
	for _, size := range []int{128, 4096, 65536} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			wire := publisherSecond(size)
			r := newChunkReader()
			if err := r.setChunkSize(uint32(size)); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(wire)))
			messages := 0
			for b.Loop() {
				for rest := wire; len(rest) > 0; {
					buf := rest[:min(largeBuffer, len(rest))]
					rest = rest[len(buf):]
					for {
						_, more, done, err := r.read(buf)
						if err != nil {
							b.Fatal(err)
						}
						if !done {
							break
						}
						messages++
						buf = more
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(messages), "ns/message")
		})
	}
}

// publisherSecond is a second of 2.5 Mb/s video at 30 frames a second and
// 128 kb/s audio: 77 messages.
func publisherSecond(size int) []byte {
	w := rtmptest.Writer{Size: size}
	var wire []byte
	audio := 0
	for i := range 30 {
		ts, nalu, n := uint32(i*33), byte(1), 8000
		if i == 0 {
			nalu, n = 5, 60000
		}
		wire = w.Append(wire, 0, rtmptest.Message{Chunks: 6, Type: typeVideo, Stream: 1, Timestamp: ts, Body: rtmptest.Frame(nalu, n, 0)})
		for ; audio*64/3 < (i+1)*33 && audio < 47; audio++ {
			wire = w.Append(wire, 0, rtmptest.Message{Chunks: 4, Type: typeAudio, Stream: 1, Timestamp: uint32(audio * 64 / 3), Body: rtmptest.Sound(340)})
		}
	}
	return wire
}

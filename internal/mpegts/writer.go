// Package mpegts writes MPEG transport streams (ISO/IEC 13818-1) of one H.264
// track, one AAC track and timed metadata, as HLS segments hold them (RFC 8216,
// 3.2), and takes those of others apart.
//
// Where segments begin and what is in them is decided elsewhere; so is which
// unit comes first. What is read is PES packets: what their bytes code is left to
// who asked for them.
package mpegts

import (
	"encoding/binary"
	"fmt"
	"slices"

	"openivs/internal/media"
)

// PacketSize is the size of a transport packet in bytes.
const PacketSize = 188

const (
	payload  = PacketSize - 4 // bytes of a packet behind its header
	pidPMT   = 0x1000
	pidVideo = 0x100
	pidAudio = 0x101
	pidData  = 0x102
)

// maxData is the longest tag that fits a PES packet.
const maxData = 0xffff - 8

// lead is how far the decoder's clock (PCR) runs behind decoding times: what a
// decoder may have to wait for audio that is written late. Presentation times
// are later than the units' own by as much, so that a clock from zero is not
// negative.
const lead = 7 * media.Clock / 10

const (
	// audioSpan is the most audio that one PES packet holds, for the delay it
	// means.
	audioSpan = media.Clock / 10
	// audioSize is the same in bytes.
	audioSize = 4096
	// audioSlack is how far an audio unit may be from where the one before it
	// ends and yet need no timestamp of its own.
	audioSlack = media.Clock / 2000
)

// A Writer appends transport packets to the caller's buffer. The counters of
// the packets go on from one buffer to the next. It allocates nothing for a
// unit, apart from what the buffer grows.
type Writer struct {
	tables     [2 * PacketSize]byte // PAT and PMT, without their counters
	version    byte                 // of the PMT, modulo 32
	parameters []byte               // SPS and PPS with start codes
	adts       adts
	counters   struct{ pat, pmt, video, audio, data byte }
	tabled     bool // tables were the last to be written
	sound      bool // there is no video: the clock is with the audio

	// Audio that waits for more, to share a PES packet.
	held     []byte
	heldFrom media.Ticks // presentation time of its first unit
	heldTo   media.Ticks // where its last unit ends
}

// SetTracks says what follows, from the next AppendTables on: H.264 video and AAC
// audio, of which one may be nil. Audio that was held for the tracks before is
// gone: Flush comes first.
func (w *Writer) SetTracks(video, audio *media.Track) error {
	if video != nil {
		if err := Carries(video); err != nil {
			return err
		}
	}
	var h adts
	if audio != nil {
		var err error
		if h, err = newADTS(audio); err != nil {
			return err
		}
	}
	w.adts = h
	w.parameters = w.parameters[:0]
	if video != nil {
		for _, set := range [2][][]byte{video.Picture.SPS, video.Picture.PPS} {
			for _, nal := range set {
				w.parameters = append(append(w.parameters, startCode...), nal...)
			}
		}
	}
	w.held = w.held[:0]
	w.version++
	w.sound = video == nil
	w.makeTables(video != nil, audio != nil)
	return nil
}

// Carries says what about a track a Writer cannot write, or nil.
func Carries(t *media.Track) error {
	switch t.Codec {
	case media.H264:
		return nil
	case media.AAC:
		_, err := newADTS(t)
		return err
	default:
		return fmt.Errorf("track %d: %q has no place in the transport streams written here", t.ID, t.Codec)
	}
}

// AppendTables appends PAT and PMT, as every segment begins. The picture that
// follows carries the parameter sets, as a keyframe does in any case, so that
// reading can begin here.
func (w *Writer) AppendTables(b []byte) []byte {
	w.tabled = true
	b = append(b, w.tables[:]...)
	t := b[len(b)-len(w.tables):]
	t[3] |= count(&w.counters.pat)
	t[PacketSize+3] |= count(&w.counters.pmt)
	return b
}

const (
	startCode = "\x00\x00\x00\x01"
	delimiter = startCode + "\x09\xf0" // access unit delimiter: any slice type (H.264, 7.3.2.4)
)

// NAL unit types (H.264, table 7-1).
const nalDelimiter = 9

// AppendVideo appends a picture. Its bytes are copied once. NAL units that are
// empty, or longer than what is there, are left out; a picture of which nothing
// remains appends nothing.
func (w *Writer) AppendVideo(b []byte, u media.Unit) []byte {
	size := 0
	for nal := range nals(u.Data) {
		size += len(startCode) + len(nal)
	}
	if size == 0 {
		return b
	}
	size += len(delimiter)
	parameters := u.Key || w.tabled
	w.tabled = false
	if parameters {
		size += len(w.parameters)
	}
	p := packets{b: b, pid: pidVideo, counter: &w.counters.video}
	p.begin(header{stream: 0xe0, pts: u.PTS, dts: u.DTS, clock: true, entry: u.Key}, size)
	appendTo(&p, delimiter)
	if parameters {
		appendTo(&p, w.parameters)
	}
	for nal := range nals(u.Data) {
		appendTo(&p, startCode)
		appendTo(&p, nal)
	}
	return p.b
}

// AppendAudio appends an audio unit, or holds it back to share a PES packet
// with those that follow: at most a tenth of a second of them. A unit that is
// empty or too long for ADTS is left out.
func (w *Writer) AppendAudio(b []byte, pts media.Ticks, data []byte) []byte {
	if len(data) == 0 || len(data) > maxADTS || w.adts.duration == 0 {
		return b
	}
	if d := pts - w.heldTo; len(w.held) > 0 && (d < -audioSlack || d > audioSlack ||
		pts-w.heldFrom+w.adts.duration > audioSpan || len(w.held)+adtsHeader+len(data) > audioSize) {
		b = w.Flush(b)
	}
	if len(w.held) == 0 {
		w.heldFrom = pts
	}
	w.heldTo = pts + w.adts.duration
	w.held = append(w.adts.append(w.held, len(data)), data...)
	return b
}

// Flush appends the audio that is held back. Every segment ends with it.
func (w *Writer) Flush(b []byte) []byte {
	if len(w.held) == 0 {
		return b
	}
	p := packets{b: b, pid: pidAudio, counter: &w.counters.audio}
	p.begin(header{stream: 0xc0, pts: w.heldFrom, dts: w.heldFrom, clock: w.sound, entry: true}, len(w.held))
	appendTo(&p, w.held)
	w.held = w.held[:0]
	return p.b
}

// Drop lets go of the audio that is held back.
func (w *Writer) Drop() { w.held = w.held[:0] }

// AppendData appends an ID3 tag that belongs to a time (Apple, Timed Metadata
// for HTTP Live Streaming, 2). A tag that is too long is left out.
func (w *Writer) AppendData(b []byte, pts media.Ticks, tag []byte) []byte {
	if len(tag) == 0 || len(tag) > maxData {
		return b
	}
	p := packets{b: b, pid: pidData, counter: &w.counters.data}
	p.begin(header{stream: 0xbd, pts: pts, dts: pts, entry: true}, len(tag))
	appendTo(&p, tag)
	return p.b
}

// nals yields the NAL units of a picture, except empty ones and delimiters, up
// to the first that is cut off.
func nals(data []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(data) > 4 {
			n := binary.BigEndian.Uint32(data)
			data = data[4:]
			if uint64(n) > uint64(len(data)) {
				return
			}
			nal := data[:n]
			data = data[n:]
			if n > 0 && nal[0]&0x1f != nalDelimiter && !yield(nal) {
				return
			}
		}
	}
}

// count returns a continuity counter and steps it (2.4.3.3).
func count(c *byte) byte {
	n := *c
	*c = (n + 1) & 0x0f
	return n
}

// A header is what a PES packet says of its unit.
type header struct {
	stream   byte // stream_id (table 2-22)
	pts, dts media.Ticks
	clock    bool // carry a PCR
	entry    bool // decoding can begin here
}

// packets writes one PES packet as transport packets.
type packets struct {
	b       []byte
	pid     uint16
	counter *byte
	left    int // bytes of the PES packet still to come
	room    int // bytes free in the transport packet at the end of b
}

// begin makes room for a PES packet with size bytes of payload and writes all
// that goes before them.
func (p *packets) begin(h header, size int) {
	var buf [19]byte
	head := h.append(buf[:0], size)
	p.left = len(head) + size
	var field [8]byte // adaptation field without its stuffing
	f := field[:0]
	if h.clock || h.entry {
		f = h.appendField(f)
	}
	// Every packet but the first and the last is full.
	p.b = slices.Grow(p.b, (p.left+len(f)+payload-1)/payload*PacketSize)
	p.packet(0x40, f)
	appendTo(p, head)
}

// packet begins a transport packet with an adaptation field, if f is not empty
// or the rest of the payload does not fill the packet. The first byte of f is
// its length, which is set here.
func (p *packets) packet(start byte, f []byte) {
	p.room = min(payload-len(f), p.left)
	stuffing := payload - len(f) - p.room
	control := byte(0x10)
	if len(f)+stuffing > 0 {
		control = 0x30
	}
	p.b = append(p.b, 0x47, start|byte(p.pid>>8), byte(p.pid), control|count(p.counter))
	at := len(p.b)
	p.b = append(p.b, f...)
	for i := range stuffing {
		if fill := len(f) + i; fill == 1 {
			p.b = append(p.b, 0) // flags
		} else {
			p.b = append(p.b, 0xff)
		}
	}
	if control == 0x30 {
		p.b[at] = byte(len(f) + stuffing - 1)
	}
}

// appendTo writes a piece of the PES packet.
func appendTo[S ~string | ~[]byte](p *packets, s S) {
	for len(s) > 0 {
		if p.room == 0 {
			p.packet(0, nil)
		}
		n := min(p.room, len(s))
		p.b = append(p.b, s[:n]...)
		p.room -= n
		p.left -= n
		s = s[n:]
	}
}

// append writes the header of a PES packet (2.4.3.6). A length that does not
// fit is left open, which only video may.
func (h header) append(b []byte, size int) []byte {
	const fixed = 3 // bytes behind the length and before the timestamps
	flags, extra := byte(0x80), 5
	if h.dts != h.pts {
		flags, extra = 0xc0, 10
	}
	n := fixed + extra + size
	if n > 0xffff {
		n = 0
	}
	b = append(b, 0, 0, 1, h.stream, byte(n>>8), byte(n), 0x84, flags, byte(extra))
	b = appendTime(b, flags>>2, h.pts+lead)
	if h.dts != h.pts {
		b = appendTime(b, 0x10, h.dts+lead)
	}
	return b
}

// appendTime writes a timestamp of 33 bits behind its 4-bit mark.
func appendTime(b []byte, mark byte, t media.Ticks) []byte {
	return append(b,
		mark|byte(t>>29)&0x0e|1,
		byte(t>>22), byte(t>>14)|1,
		byte(t>>7), byte(t<<1)|1)
}

// appendField writes an adaptation field (2.4.3.4) with its length left open.
func (h header) appendField(f []byte) []byte {
	flags := byte(0)
	if h.entry {
		flags |= 0x40 // random_access_indicator
	}
	if !h.clock {
		return append(f, 0, flags)
	}
	pcr := h.dts // DTS + lead is the decoding time, and the clock is lead behind it
	return append(f, 0, flags|0x10,
		byte(pcr>>25), byte(pcr>>17), byte(pcr>>9), byte(pcr>>1), byte(pcr<<7)|0x7e, 0)
}

package rtmp

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"openivs/internal/ingest"
	"openivs/internal/ingest/codec"
)

const (
	// maxEncoderName is how many bytes of an encoder's name are kept.
	maxEncoderName = 256

	// maxDeclaredRate is the greatest bit rate in kbit/s that is believed.
	maxDeclaredRate = 1e9
)

// A metadataReader reads onMetaData, which some encoders repeat on every frame.
type metadataReader struct {
	last     []byte // the message that declared came from
	declared ingest.Declaration
}

// read takes the body of a data message and reports whether it declares
// anything that the one before did not. Whatever else a data message may be is
// ignored, as is one that is malformed.
func (r *metadataReader) read(body []byte) (d ingest.Declaration, changed bool) {
	if len(body) > maxAMF || r.last != nil && bytes.Equal(body, r.last) {
		return d, false
	}
	d, ok := parseMetadata(body)
	if !ok {
		return d, false
	}
	first := r.last == nil
	r.last = body
	if !first && d == r.declared {
		return d, false
	}
	r.declared = d
	return d, true
}

// parseMetadata reads `onMetaData`, which may stand behind `@setDataFrame`, and
// the object or array that follows.
func parseMetadata(body []byte) (d ingest.Declaration, ok bool) {
	s := amfScanner{b: body}
	t, ok := s.next()
	if ok && string(t.text) == "@setDataFrame" {
		t, ok = s.next()
	}
	if !ok || string(t.text) != "onMetaData" {
		return d, false
	}
	object := t.arg + 1
	for {
		t, more := s.next()
		if !more {
			return d, s.err == nil
		}
		if t.arg == object && t.depth == 1 {
			declare(&d, t)
		}
	}
}

// declare notes one member of onMetaData. Rates are in kbit/s there; the
// fraction of a bit that remains is dropped.
func declare(d *ingest.Declaration, t amfToken) {
	switch string(t.key) {
	case "encoder":
		if t.kind == amfText {
			d.Encoder = encoderName(t.text)
		}
	case "videodatarate":
		d.VideoBitrate = int64(amount(t, maxDeclaredRate) * 1000)
	case "audiodatarate":
		d.AudioBitrate = int64(amount(t, maxDeclaredRate) * 1000)
	case "framerate":
		d.Framerate = amount(t, codec.MaxFramerate)
	case "width":
		d.Width = int(amount(t, codec.MaxSide))
	case "height":
		d.Height = int(amount(t, codec.MaxSide))
	case "audiosamplerate":
		d.SampleRate = int(amount(t, 1e6))
	case "audiochannels":
		d.Channels = int(amount(t, 255))
	case "stereo":
		if d.Channels == 0 && t.kind == amfBool {
			d.Channels = 1 + int(t.num)
		}
	}
}

// amount returns a number, or a text that is one, if it lies between 0 and most;
// otherwise 0.
func amount(t amfToken, most float64) float64 {
	v := t.num
	switch t.kind {
	case amfNumber:
	case amfText:
		if len(t.text) > 32 {
			return 0
		}
		f, err := strconv.ParseFloat(strings.TrimSpace(string(t.text)), 64)
		if err != nil {
			return 0
		}
		v = f
	default:
		return 0
	}
	if math.IsNaN(v) || v < 0 || v > most {
		return 0
	}
	return v
}

// encoderName returns valid UTF-8 without NUL of at most maxEncoderName bytes.
func encoderName(b []byte) string {
	s := strings.ReplaceAll(strings.ToValidUTF8(string(b), "\uFFFD"), "\x00", "")
	for len(s) > maxEncoderName {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

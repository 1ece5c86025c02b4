package publisher

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// The types of RTMP message and FLV tag that carry media (FLV 10.1, E.4.1).
const (
	Audio byte = 8
	Video byte = 9
	Data  byte = 18
)

// A Tag is one message of media, as FLV files and RTMP both carry it.
type Tag struct {
	Type byte
	Time uint32 // milliseconds
	Body []byte
}

// Header reports whether the tag is an AVC or AAC sequence header.
func (t Tag) Header() bool {
	if t.Type == Video && enhancedHeader(t.Body) {
		return true
	}
	return len(t.Body) > 1 && t.Body[1] == 0 && (t.Type == Video && t.Body[0]&0xf == 7 || t.Type == Audio && t.Body[0]>>4 == 10)
}

// Key reports whether the tag is a keyframe with media in it.
func (t Tag) Key() bool {
	return t.Type == Video && len(t.Body) > 1 && t.Body[0]>>4 == 1 && t.Body[1] == 1
}

const (
	fileHeader = 9 + 4 // FLV header and the first PreviousTagSize
	tagHeader  = 11
	tagTrailer = 4 // PreviousTagSize
)

// ReadFile returns the tags of an FLV file.
func ReadFile(name string) ([]Tag, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var head [fileHeader]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || string(head[:3]) != "FLV" {
		return nil, fmt.Errorf("%s is not an FLV file", name)
	}
	var tags []Tag
	for {
		var h [tagHeader]byte
		_, err := io.ReadFull(f, h[:])
		if errors.Is(err, io.EOF) {
			return tags, nil
		}
		if err != nil {
			return nil, err
		}
		body := make([]byte, uint24(h[1:])+tagTrailer)
		if _, err := io.ReadFull(f, body); err != nil {
			return nil, err
		}
		tags = append(tags, Tag{
			Type: h[0] & 0x1f,
			Time: uint24(h[4:]) | uint32(h[7])<<24,
			Body: body[:len(body)-tagTrailer],
		})
	}
}

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

// A Property is one member of an AMF object, in the order it is written. Value
// is a string, a float64, a bool or nil.
type Property struct {
	Name  string
	Value any
}

// Metadata is an onMetaData message as encoders send it, @setDataFrame included.
func Metadata(props ...Property) Tag {
	b := amfString(nil, "@setDataFrame")
	b = amfString(b, "onMetaData")
	b = append(b, 8) // ECMA array
	b = binary.BigEndian.AppendUint32(b, uint32(len(props)))
	return Tag{Type: Data, Body: amfMembers(b, props)}
}

// The type markers of AMF 0 (2.1).
const (
	amfNumberMark = 0
	amfBoolMark   = 1
	amfStringMark = 2
	amfObjectMark = 3
	amfNullMark   = 5
	amfEndMark    = 9
)

func amfString(b []byte, s string) []byte {
	b = append(b, amfStringMark)
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

func amfNumber(b []byte, v float64) []byte {
	return binary.BigEndian.AppendUint64(append(b, amfNumberMark), math.Float64bits(v))
}

func amfObject(b []byte, props []Property) []byte {
	return amfMembers(append(b, amfObjectMark), props)
}

func amfMembers(b []byte, props []Property) []byte {
	for _, p := range props {
		b = binary.BigEndian.AppendUint16(b, uint16(len(p.Name)))
		b = append(b, p.Name...)
		switch v := p.Value.(type) {
		case string:
			b = amfString(b, v)
		case float64:
			b = amfNumber(b, v)
		case bool:
			b = append(b, amfBoolMark, 0)
			if v {
				b[len(b)-1] = 1
			}
		default:
			b = append(b, amfNullMark)
		}
	}
	return append(b, 0, 0, amfEndMark)
}

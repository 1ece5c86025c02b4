package rtmp

import (
	"encoding/binary"
	"errors"
	"math"
)

const (
	// maxAMF is how many bytes of AMF one message may have. A longer command is
	// an error, longer data is not looked at.
	maxAMF = 64 << 10

	// maxAMFDepth is how deep objects and arrays may be nested.
	maxAMFDepth = 32

	// maxAMFValues is how many values one message may have.
	maxAMFValues = 8192
)

// The errors of an amfScanner.
var (
	errAMFShort  = errors.New("AMF value is cut off")
	errAMFDepth  = errors.New("AMF values are nested too deep")
	errAMFMany   = errors.New("too many AMF values")
	errAMFMarker = errors.New("unknown AMF type")
)

// An amfKind is what a program may do with a value.
type amfKind byte

const (
	amfOther     amfKind = iota // null, undefined, date, reference, unsupported
	amfNumber                   // num
	amfBool                     // num is 0 or 1
	amfText                     // text
	amfContainer                // an object or array begins; its members follow, one deeper
)

// An amfToken is a value, or the beginning of one that has members.
type amfToken struct {
	arg   int    // which value of the message it is or lies in, from 0
	depth int    // 0: that value itself; 1: a member of it
	key   []byte // the member's name; nil in arrays without names
	kind  amfKind
	num   float64
	text  []byte
}

// An amfScanner goes through AMF 0 (file format specification 2007) value by
// value, without recursion and without allocating. An object that the end of
// the message cuts off between members counts as complete.
type amfScanner struct {
	b      []byte
	err    error // why next returned false, nil at the end
	args   int
	values int

	depth int
	open  [maxAMFDepth]int64 // how many elements are left of an array; -1: members up to an end marker
}

// next returns the next value, or false at the end and after an error.
func (s *amfScanner) next() (t amfToken, ok bool) {
	if s.err != nil {
		return amfToken{}, false
	}
	for s.depth > 0 {
		left := &s.open[s.depth-1]
		if *left > 0 {
			*left--
			break
		}
		if *left == 0 {
			s.depth--
			continue
		}
		if len(s.b) == 0 {
			s.depth--
			continue
		}
		if t.key, ok = s.string16(); !ok {
			return amfToken{}, false
		}
		if len(t.key) > 0 {
			break
		}
		if len(s.b) > 0 && s.b[0] != amfObjectEnd {
			break
		}
		s.take(min(1, len(s.b)))
		s.depth--
	}
	if s.depth == 0 {
		if len(s.b) == 0 {
			return amfToken{}, false
		}
		s.args++
	}
	t.arg, t.depth = s.args-1, s.depth
	if s.values++; s.values > maxAMFValues {
		s.err = errAMFMany
		return amfToken{}, false
	}
	s.value(&t)
	return t, s.err == nil
}

// The type markers of AMF 0.
const (
	amfMarkNumber      = 0x00
	amfMarkBool        = 0x01
	amfMarkString      = 0x02
	amfMarkObject      = 0x03
	amfMarkNull        = 0x05
	amfMarkUndefined   = 0x06
	amfMarkReference   = 0x07
	amfMarkECMAArray   = 0x08
	amfObjectEnd       = 0x09
	amfMarkStrictArray = 0x0a
	amfMarkDate        = 0x0b
	amfMarkLongString  = 0x0c
	amfMarkUnsupported = 0x0d
	amfMarkXML         = 0x0f
	amfMarkTypedObject = 0x10
)

// value reads a value, up to its members if it has any.
func (s *amfScanner) value(t *amfToken) {
	marker := s.take(1)
	if marker == nil {
		return
	}
	switch marker[0] {
	case amfMarkNumber:
		if b := s.take(8); b != nil {
			t.kind, t.num = amfNumber, math.Float64frombits(binary.BigEndian.Uint64(b))
		}
	case amfMarkBool:
		if b := s.take(1); b != nil {
			t.kind, t.num = amfBool, float64(min(b[0], 1))
		}
	case amfMarkString:
		t.kind = amfText
		t.text, _ = s.string16()
	case amfMarkLongString, amfMarkXML:
		t.kind = amfText
		if b := s.take(4); b != nil {
			t.text = s.take(int(binary.BigEndian.Uint32(b)))
		}
	case amfMarkNull, amfMarkUndefined, amfMarkUnsupported:
	case amfMarkReference:
		s.take(2)
	case amfMarkDate:
		s.take(8 + 2)
	case amfMarkTypedObject:
		if _, ok := s.string16(); ok {
			s.enter(t, -1)
		}
	case amfMarkObject:
		s.enter(t, -1)
	case amfMarkECMAArray:
		if s.take(4) != nil { // a count that nobody keeps to
			s.enter(t, -1)
		}
	case amfMarkStrictArray:
		if b := s.take(4); b != nil {
			s.enter(t, int64(binary.BigEndian.Uint32(b)))
		}
	default:
		s.err = errAMFMarker
	}
}

// enter begins the members of an object or array.
func (s *amfScanner) enter(t *amfToken, members int64) {
	if s.depth == maxAMFDepth {
		s.err = errAMFDepth
		return
	}
	t.kind = amfContainer
	s.open[s.depth] = members
	s.depth++
}

// string16 reads a text behind its length in 16 bits.
func (s *amfScanner) string16() ([]byte, bool) {
	b := s.take(2)
	if b == nil {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if n == 0 {
		return nil, true
	}
	b = s.take(n)
	return b, b != nil
}

// take returns the next n bytes, or nil and sets err. For 0 it returns nil.
func (s *amfScanner) take(n int) []byte {
	if n == 0 {
		return nil
	}
	if n < 0 || n > len(s.b) {
		s.err = errAMFShort
		return nil
	}
	b := s.b[:n:n]
	s.b = s.b[n:]
	return b
}

package fmp4

import "encoding/binary"

// Boxes of ISO/IEC 14496-12. Sizes are known before anything is written.
const (
	boxHead  = 8  // size and type
	fullHead = 12 // and version and flags
)

// appendHead appends the head of a box of n bytes, head included.
func appendHead(b []byte, n int, kind string) []byte {
	return append(be32(b, n), kind...)
}

// appendFull appends the head of a box that has version and flags.
func appendFull(b []byte, n int, kind string, versionFlags uint32) []byte {
	return be32(appendHead(b, n, kind), versionFlags)
}

type integer interface {
	~int | ~int32 | ~int64 | ~uint32 | ~uint64
}

// be32 appends the low 32 bits of v.
func be32[T integer](b []byte, v T) []byte { return binary.BigEndian.AppendUint32(b, uint32(v)) }

// be64 appends a time, which in a box is not negative.
func be64[T integer](b []byte, v T) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(max(v, 0)))
}

// be16 appends the low 16 bits of v.
func be16[T integer](b []byte, v T) []byte { return binary.BigEndian.AppendUint16(b, uint16(v)) }

// box returns a box with what is in it.
func box(kind string, parts ...[]byte) []byte {
	n := boxHead
	for _, p := range parts {
		n += len(p)
	}
	b := appendHead(make([]byte, 0, n), n, kind)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// full returns a box that has version and flags.
func full(kind string, versionFlags uint32, parts ...[]byte) []byte {
	return box(kind, append([][]byte{be32(nil, versionFlags)}, parts...)...)
}

package hls

import (
	"strconv"
	"time"
)

// segmentTag returns the ID3 tag by which the IVS player knows when the picture
// that follows was taken in: getLiveLatency and getSyncTime are made of it.
func segmentTag(b []byte, at time.Time) []byte {
	const (
		description = "segmentmetadata"
		before      = `{"cmd":"ld_lat_data","transc_r":`
		head        = 10 // bytes, of a tag as of a frame (ID3v2.4.0, 3.1 and 4)
	)
	var digits [20]byte
	ms := strconv.AppendInt(digits[:0], at.UnixMilli(), 10)
	n := 1 + len(description) + 1 + len(before) + len(ms) + 1 // below 128, so that each size is its last byte
	b = append(b, "ID3\x04\x00\x00\x00\x00\x00"...)
	b = append(b, byte(head+n))
	b = append(b, "TXXX\x00\x00\x00"...)
	b = append(b, byte(n), 0, 0, 3) // UTF-8
	b = append(b, description...)
	b = append(b, 0)
	b = append(b, before...)
	b = append(b, ms...)
	return append(b, '}')
}

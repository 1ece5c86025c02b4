package publisher

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
)

// The packet types of Enhanced RTMP that this publisher writes (Enhanced RTMP v2,
// VideoPacketType).
const (
	sequenceStart = 0
	codedFrames   = 1
	codedFramesX  = 3
	multitrack    = 6
)

const (
	enhancedMark = 0x80
	keyFrame     = 1
	interFrame   = 2
)

// enhancedTag is a video tag of Enhanced RTMP. The first track is written plainly,
// others each in a tag of its own (Multitrack, OneTrack).
func enhancedTag(track byte, fourCC string, time uint32, frame, packet byte, cts, data []byte) Tag {
	var b []byte
	if track == 0 {
		b = append(b, enhancedMark|frame<<4|packet)
		b = append(b, fourCC...)
	} else {
		b = append(b, enhancedMark|frame<<4|multitrack, packet)
		b = append(append(b, fourCC...), track)
	}
	b = append(append(b, cts...), data...)
	return Tag{Type: Video, Time: time, Body: b}
}

// enhancedHeader reports whether the body of a video tag is of Enhanced RTMP and
// begins a sequence.
func enhancedHeader(b []byte) bool {
	if len(b) < 2 || b[0]&enhancedMark == 0 {
		return false
	}
	packet := b[0] & 0xf
	if packet == multitrack {
		packet = b[1] & 0xf
	}
	return packet == sequenceStart
}

// ofOtherTrack reports whether a video tag is of a track that is not the first.
func (t Tag) ofOtherTrack() bool {
	return t.Type == Video && len(t.Body) > 0 && t.Body[0]&(enhancedMark|0xf) == enhancedMark|multitrack
}

// Enhanced returns the pictures of a clip of H.264 as a track of Enhanced RTMP.
func Enhanced(track byte, clip []Tag) (tags []Tag) {
	for _, t := range clip {
		if t.Type != Video || len(t.Body) < 5 || t.Body[1] > 1 {
			continue
		}
		frame, cts, data := t.Body[0]>>4, t.Body[2:5], t.Body[5:]
		packet := byte(sequenceStart)
		switch {
		case t.Body[1] == 0:
			cts = nil
		case bytes.Equal(cts, []byte{0, 0, 0}):
			packet, cts = codedFramesX, nil
		default:
			packet = codedFrames
		}
		tags = append(tags, enhancedTag(track, "avc1", t.Time, frame, packet, cts, data))
	}
	return tags
}

// EnhancedHEVC returns the pictures of an MP4 file, which has one track of HEVC
// without reordering, as a track of Enhanced RTMP.
func EnhancedHEVC(track byte, file string, framerate int) ([]Tag, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	config, sizes, media := boxOf(b, "hvcC"), boxOf(b, "stsz"), boxOf(b, "mdat")
	if len(config) == 0 || len(sizes) < 12 {
		return nil, fmt.Errorf("%s has no HEVC", file)
	}
	tags := []Tag{enhancedTag(track, "hvc1", 0, keyFrame, sequenceStart, nil, config)}
	for i, sizes := 0, sizes[12:]; len(sizes) >= 4; i, sizes = i+1, sizes[4:] {
		n := int(binary.BigEndian.Uint32(sizes))
		if n > len(media) {
			return nil, fmt.Errorf("%s is cut off", file)
		}
		frame := byte(interFrame)
		if random(media[:n]) {
			frame = keyFrame
		}
		tags = append(tags, enhancedTag(track, "hvc1", uint32(i*1000/framerate), frame, codedFramesX, nil, media[:n]))
		media = media[n:]
	}
	return tags, nil
}

// random reports whether decoding of HEVC can start with an access unit.
func random(unit []byte) bool {
	for len(unit) > 5 {
		n := int(binary.BigEndian.Uint32(unit))
		if typ := unit[4] >> 1 & 0x3f; typ >= 16 && typ <= 21 {
			return true
		}
		unit = unit[min(4+n, len(unit)):]
	}
	return false
}

// boxOf returns what is in the first box of a kind, wherever that is in a file.
func boxOf(b []byte, kind string) []byte {
	i := bytes.Index(b, []byte(kind))
	if i < 4 {
		return nil
	}
	n := int(binary.BigEndian.Uint32(b[i-4:]))
	return b[i+4 : max(i+4, min(i-4+n, len(b)))]
}

// Merge puts tracks and what goes with them into the order of their times, headers
// first.
func Merge(tracks ...[]Tag) (tags []Tag) {
	for _, t := range tracks {
		tags = append(tags, t...)
	}
	slices.SortStableFunc(tags, func(a, b Tag) int {
		head := func(t Tag) int {
			if t.Header() || t.Type == Data {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(head(a), head(b)), cmp.Compare(a.Time, b.Time))
	})
	return tags
}

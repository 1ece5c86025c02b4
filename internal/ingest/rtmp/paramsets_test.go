package rtmp

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"openivs/internal/ingest/codec"
	"openivs/internal/ingest/rtmp/rtmptest"
	"openivs/internal/media"
)

// idr is the type of a NAL unit of a keyframe.
const idr = 5

// coded is the body of a video tag with NAL units, a keyframe if it has an IDR.
func coded(nalus ...[]byte) []byte {
	b := []byte{0x27, 1, 0, 0, 0}
	for _, n := range nalus {
		if n[0]&0x1f == idr {
			b[0] = 0x17
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(n)))
		b = append(b, n...)
	}
	return b
}

// TestParameterSetsInThePicturesHold sends a header of one coding and keyframes
// that carry the sets of another, as ffmpeg does that copies a camera's stream.
func TestParameterSetsInThePicturesHold(t *testing.T) {
	old, _, err := codec.H264([]byte(rtmptest.AVC720p30))
	if err != nil {
		t.Fatal(err)
	}
	now, _, err := codec.H264([]byte(rtmptest.AVC1080p60))
	if err != nil {
		t.Fatal(err)
	}
	var s sink
	d := demuxer{out: &s}
	ts := uint32(0)
	send := func(body []byte) *media.Track {
		t.Helper()
		if err := d.videoTag(body, ts, time.Time{}); err != nil {
			t.Fatal(err)
		}
		ts += 33
		return s.last.Track
	}
	key, slice := []byte{0x65, 1, 2, 3}, []byte{0x41, 1, 2, 3}
	header := rtmptest.VideoHeader(rtmptest.AVC720p30)
	send(header)
	first := send(coded(old.Picture.SPS[0], old.Picture.PPS[0], key))
	if first.Picture.Height != old.Picture.Height || first != s.tracks[0] {
		t.Errorf("the same sets in a picture made %+v", first.Picture)
	}
	second := send(coded(now.Picture.SPS[0], now.Picture.PPS[0], key))
	if second == first || !slices.EqualFunc(second.Picture.SPS, now.Picture.SPS, bytes.Equal) || !slices.EqualFunc(second.Picture.PPS, now.Picture.PPS, bytes.Equal) ||
		second.Picture.Width != 1920 || second.Picture.Height != 1080 || s.tracks[0] != second {
		t.Errorf("other sets in a picture made %+v, want those of %+v", second.Picture, now.Picture)
	}
	send(header) // as some encoders do again and again
	for i, body := range [][]byte{coded(slice), coded(key), coded(now.Picture.SPS[0], now.Picture.PPS[0], key), coded([]byte{0x67, 1}, []byte{0x68}, key)} {
		if got := send(body); got != second {
			t.Errorf("picture %d after that made another track: %+v", i, got.Picture)
		}
	}
	if _, _, err := codec.H264(second.Config); err != nil {
		t.Errorf("the track's header cannot be read: %v", err)
	}
	if got := send(coded(old.Picture.SPS[0], old.Picture.PPS[0], key)); got.Picture.Height != old.Picture.Height {
		t.Errorf("when the coding is the old one again: %+v", got.Picture)
	}
}

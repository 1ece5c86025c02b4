package rtmp

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"openivs/internal/ingest/rtmp/rtmptest"
	"openivs/internal/media"
)

// coded is the body of a video tag with NAL units, a keyframe if it has an IDR.
func coded(nalus ...[]byte) []byte {
	b := []byte{0x27, 1, 0, 0, 0}
	for _, n := range nalus {
		if n[0]&0x1f == naluIDR {
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
	old, _, err := h264Track([]byte(rtmptest.AVC720p30))
	if err != nil {
		t.Fatal(err)
	}
	now, _, err := h264Track([]byte(rtmptest.AVC1080p60))
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
	idr, slice := []byte{0x65, 1, 2, 3}, []byte{0x41, 1, 2, 3}
	header := rtmptest.VideoHeader(rtmptest.AVC720p30)
	send(header)
	first := send(coded(old.Picture.SPS[0], old.Picture.PPS[0], idr))
	if first.Picture.Height != old.Picture.Height || first != s.tracks[0] {
		t.Errorf("the same sets in a picture made %+v", first.Picture)
	}
	second := send(coded(now.Picture.SPS[0], now.Picture.PPS[0], idr))
	if second == first || !slices.EqualFunc(second.Picture.SPS, now.Picture.SPS, bytes.Equal) || !slices.EqualFunc(second.Picture.PPS, now.Picture.PPS, bytes.Equal) ||
		second.Picture.Width != 1920 || second.Picture.Height != 1080 || s.tracks[0] != second {
		t.Errorf("other sets in a picture made %+v, want those of %+v", second.Picture, now.Picture)
	}
	send(header) // as some encoders do again and again
	for i, body := range [][]byte{coded(slice), coded(idr), coded(now.Picture.SPS[0], now.Picture.PPS[0], idr), coded([]byte{0x67, 1}, []byte{0x68}, idr)} {
		if got := send(body); got != second {
			t.Errorf("picture %d after that made another track: %+v", i, got.Picture)
		}
	}
	if _, _, err := h264Track(second.Config); err != nil {
		t.Errorf("the track's header cannot be read: %v", err)
	}
	if got := send(coded(old.Picture.SPS[0], old.Picture.PPS[0], idr)); got.Picture.Height != old.Picture.Height {
		t.Errorf("when the coding is the old one again: %+v", got.Picture)
	}
}

func TestParameterSetsOfOtherIDsStay(t *testing.T) {
	track, _, err := h264Track([]byte(rtmptest.AVC720p30))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		set []byte
		id  uint32
		ok  bool
	}{{[]byte{0x68, 0x80}, 0, true}, {[]byte{0x68, 0x40}, 1, true}, {[]byte{0x68, 0x60}, 2, true}, {[]byte{0x68, 0, 0x80, 0x7f}, 255, true}, {[]byte{0x68, 0, 0}, 0, false}, {[]byte{0x68}, 0, false}} {
		if id, ok := setID(tc.set, 1); id != tc.id || ok != tc.ok {
			t.Errorf("the id of %x is %d, %t; want %d, %t", tc.set, id, ok, tc.id, tc.ok)
		}
	}
	other := []byte{0x68, 0x5e} // id 1
	got := inBand(track, coded(other, []byte{0x65, 1})[5:])
	if got == nil || len(got.Picture.PPS) != 2 || !bytes.Equal(got.Picture.PPS[0], track.Picture.PPS[0]) || !bytes.Equal(got.Picture.PPS[1], other) {
		t.Fatalf("with a set of another id: %+v", got)
	}
}

func FuzzInBand(f *testing.F) {
	track, _, err := h264Track([]byte(rtmptest.AVC720p30))
	if err != nil {
		f.Fatal(err)
	}
	other, _, err := h264Track([]byte(rtmptest.AVC1080p60))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(coded(other.Picture.SPS[0], other.Picture.PPS[0], []byte{0x65, 1})[5:])
	f.Add(coded([]byte{0x67, 1}, []byte{0x68}, []byte{0x65, 1})[5:])
	f.Fuzz(func(t *testing.T, b []byte) {
		nalus, _, _, err := accessUnit(b, 4)
		if err != nil {
			return
		}
		if got := inBand(track, nalus); got != nil {
			if again := inBand(got, nalus); again != nil {
				t.Fatalf("the same sets made another track again: %x, then %x", got.Config, again.Config)
			}
		}
	})
}

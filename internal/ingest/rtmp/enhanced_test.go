package rtmp

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"openivs/internal/ingest/rtmp/rtmptest"
	"openivs/internal/ivs"
	"openivs/internal/media"
)

// A witness is a Publication that writes down what comes, briefly.
type witness struct {
	sink
	heard []string
}

func (w *witness) WriteUnit(u media.Unit) error {
	kind := "audio"
	if u.Track.Kind == media.Video {
		kind = string(u.Track.Codec)
	}
	w.heard = append(w.heard, fmt.Sprintf("%s %d at %d+%d key=%t: %x", kind, u.Track.ID, u.DTS/90, (u.PTS-u.DTS)/90, u.Key, u.Data))
	return nil
}

// sized is data behind its length in 24 bits.
func sized(data string) string {
	return string([]byte{byte(len(data) >> 16), byte(len(data) >> 8), byte(len(data))}) + data
}

const (
	idrUnit   = "\x00\x00\x00\x02\x65\x01"
	sliceUnit = "\x00\x00\x00\x02\x41\x02"
	irapUnit  = "\x00\x00\x00\x03\x26\x01\x03" // IDR_W_RADL of HEVC
	trailUnit = "\x00\x00\x00\x03\x02\x01\x04"
)

func TestEveryFormOfTracksIsRead(t *testing.T) {
	avc, hevc := rtmptest.AVC720p30, rtmptest.HEVC360p30
	for _, tc := range []struct {
		name string
		tags []string // of video; those that begin with # are of audio
		want []string
		ids  []int // of the tracks
	}{
		{
			"one track a tag",
			[]string{"\x90avc1" + avc, "\x96\x00avc1\x01" + avc, "\x93avc1" + idrUnit, "\x96\x03avc1\x01" + idrUnit, "\xa6\x01avc1\x01\x00\x00\x21" + sliceUnit},
			[]string{"h264 0 at 20+0 key=true: 000000026501", "h264 1 at 30+0 key=true: 000000026501", "h264 1 at 40+33 key=false: 000000024102"},
			[]int{0, 1},
		},
		{
			"many tracks of one codec",
			[]string{"\x96\x10avc1\x00" + sized(avc) + "\x02" + sized(avc) + "\x01" + sized(avc), "\x96\x13avc1\x00" + sized(idrUnit) + "\x01" + sized(idrUnit) + "\x02" + sized(idrUnit)},
			[]string{"h264 0 at 10+0 key=true: 000000026501", "h264 1 at 10+0 key=true: 000000026501", "h264 2 at 10+0 key=true: 000000026501"},
			[]int{0, 1, 2},
		},
		{
			"many tracks of many codecs",
			[]string{"\x96\x20hvc1\x00" + sized(hevc) + "avc1\x01" + sized(avc), "\xa6\x21hvc1\x00" + sized("\x00\x00\x00"+irapUnit) + "avc1\x01" + sized("\xff\xff\xff"+sliceUnit), "\xa6\x23hvc1\x00" + sized(trailUnit)},
			[]string{"hevc 0 at 10+0 key=true: 00000003260103", "h264 1 at 10+-1 key=false: 000000024102", "hevc 0 at 20+0 key=false: 00000003020104"},
			[]int{0, 1},
		},
		{
			"modifiers before tracks",
			[]string{"\x97\x02\x00\x00\x07\x06\x00avc1\x01" + avc, "\x97\x02\x00\x00\x07\x07\x02\x00\x00\x09\x06\x03avc1\x01" + idrUnit},
			[]string{"h264 1 at 10+0 key=true: 000000026501"},
			[]int{1},
		},
		{
			"old tags beside tracks",
			[]string{string(rtmptest.VideoHeader(avc)), "\x96\x00avc1\x07" + avc, "\x17\x01\x00\x00\x00" + idrUnit, "\x96\x03avc1\x07" + idrUnit},
			[]string{"h264 0 at 20+0 key=true: 000000026501", "h264 7 at 30+0 key=true: 000000026501"},
			[]int{0, 7},
		},
		{
			"audio tracks",
			[]string{"#\xaf\x00\x11\x90", "#\x95\x00mp4a\x01\x11\x90", "#\xaf\x01\xaa", "#\x95\x11mp4a\x01" + sized("\xbb") + "\x02" + sized("\xcc")},
			[]string{"audio 0 at 20+0 key=true: aa", "audio 1 at 30+0 key=true: bb"},
			[]int{0, 1},
		},
		{
			"what is no media", // a command, metadata, the end of a sequence, what is yet to come
			[]string{"\x90avc1" + avc, "\xd0\x00", "\x94zzzz\x02", "\x96\x04avc1\x00\x02", "\x92avc1", "\x96\x02avc1\x00", "\x9bavc1\x00"},
			nil,
			[]int{0},
		},
	} {
		w := witness{sink: sink{hevc: true}}
		d := demuxer{out: &w}
		for i, body := range tc.tags {
			tag := d.videoTag
			if rest, ok := strings.CutPrefix(body, "#"); ok {
				tag, body = d.audioTag, rest
			}
			if err := tag([]byte(body), uint32(10*i), time.Now()); err != nil {
				t.Errorf("%s: tag %d: %v", tc.name, i, err)
			}
		}
		if !slices.Equal(w.heard, tc.want) {
			t.Errorf("%s: heard\n\t%s\nwant\n\t%s", tc.name, strings.Join(w.heard, "\n\t"), strings.Join(tc.want, "\n\t"))
		}
		var ids []int
		for _, m := range w.tracks {
			ids = append(ids, m.ID)
		}
		if !slices.Equal(ids, tc.ids) || d.bad > 1 { // the command has no codec
			t.Errorf("%s: tracks %v, want %v; %d tags malformed", tc.name, ids, tc.ids, d.bad)
		}
	}
}

func TestTracksThatCannotBe(t *testing.T) {
	for name, body := range map[string]string{
		"no form":                    "\x96",
		"a form from the future":     "\x96\x33avc1\x00",
		"tracks within tracks":       "\x96\x06avc1\x00",
		"no codec":                   "\x96\x00avc",
		"no id":                      "\x96\x00avc1",
		"no size":                    "\x96\x10avc1\x00\x00",
		"more than there is":         "\x96\x10avc1\x00\x00\x00\x05abcd",
		"a codec that is cut off":    "\x96\x20avc1\x00\x00\x00\x00av",
		"a modifier that is cut off": "\x97\x09\x00",
		"no composition time":        "\x96\x01avc1\x00\x00",
	} {
		var s sink
		d := demuxer{out: &s}
		if err := d.videoTag([]byte(body), 0, time.Now()); err != nil || d.bad != 1 || s.units > 0 {
			t.Errorf("%s: error %v, %d malformed, %d units; want it skipped", name, err, d.bad, s.units)
		}
	}
}

func TestTheNumberOfTracksIsLimited(t *testing.T) {
	var s sink
	d := demuxer{out: &s}
	var err error
	for id := 0; id < maxTracks+1 && err == nil; id++ {
		err = d.videoTag([]byte("\x96\x00avc1"+string([]byte{byte(255 - id)})+rtmptest.AVC720p30), 0, time.Now())
		if err != nil && id < maxTracks-1 {
			t.Fatalf("track %d: %v", id, err)
		}
	}
	if ivs.CodeOf(err) != ivs.Invalid || !strings.Contains(err.Error(), "tracks of a kind") {
		t.Errorf("after all tracks: %v", err)
	}
	many := strings.Repeat("\x01\x00\x00\x00", 1<<20)
	if err := d.videoTag([]byte("\x96\x10avc1"+many), 0, time.Now()); ivs.CodeOf(err) != ivs.Invalid {
		t.Errorf("a tag of a million tracks: %v", err)
	}
}

func TestHEVCIsRefusedWhereItIsNotTaken(t *testing.T) {
	var s sink
	d := demuxer{out: &s}
	for _, body := range []string{"\x90hvc1" + rtmptest.HEVC360p30, "\x96\x00hvc1\x01" + rtmptest.HEVC360p30} {
		if err := d.videoTag([]byte(body), 0, time.Now()); ivs.CodeOf(err) != ivs.Invalid || !strings.Contains(err.Error(), "HEVC (H.265)") {
			t.Errorf("%.8q: %v", body, err)
		}
	}
	s.hevc = true
	if err := d.videoTag([]byte("\x90hvc1"+rtmptest.HEVC360p30), 0, time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := s.tracks[0]; got.CodecString() != "hvc1.1.6.L63.90" || got.Picture.Width != 640 || got.Picture.Height != 360 || got.Picture.Framerate != 30 {
		t.Errorf("%s %+v", got.CodecString(), got.Picture)
	}
}

func BenchmarkMultitrackTag(b *testing.B) {
	var s sink
	d := demuxer{out: &s}
	for _, id := range []string{"\x00", "\x01", "\x02"} {
		if err := d.videoTag([]byte("\x96\x00avc1"+id+rtmptest.AVC720p30), 0, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
	body := []byte("\xa6\x03avc1\x02" + string(rtmptest.Frame(1, 4000, 0)[5:]))
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	at := time.Now()
	n := uint32(0)
	for b.Loop() {
		n += 33
		if err := d.videoTag(body, n, at); err != nil {
			b.Fatal(err)
		}
	}
}

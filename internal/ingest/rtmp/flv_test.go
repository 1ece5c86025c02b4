package rtmp

import (
	"testing"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ingest/codec"
	"openivs/internal/ingest/rtmp/rtmptest"
	"openivs/internal/media"
)

// A sink is a Publication that keeps the last unit.
type sink struct {
	last   media.Unit
	units  int
	tracks []*media.Track
	hevc   bool // it is taken
}

func (s *sink) Declare(ingest.Declaration)      {}
func (s *sink) SetTracks(tracks []*media.Track) { s.tracks = tracks }
func (s *sink) WriteUnit(u media.Unit) error    { s.last = u; s.units++; return nil }
func (s *sink) SetLink(ingest.Link)             {}
func (s *sink) Takes(c media.Codec) bool        { return s.hevc || c != media.HEVC }
func (s *sink) Done() <-chan struct{}           { return nil }
func (s *sink) Cause() error                    { return nil }
func (s *sink) End(error)                       {}

func TestAACUnitsFitADTS(t *testing.T) {
	var s sink
	d := demuxer{out: &s}
	for _, body := range [][]byte{rtmptest.AudioHeader(rtmptest.AAC48kStereo), rtmptest.Sound(maxAAC), rtmptest.Sound(maxAAC + 1)} {
		if err := d.audioTag(body, 0, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if s.units != 1 || d.bad != 1 {
		t.Errorf("%d units and %d malformed tags, want 1 and 1", s.units, d.bad)
	}
}

func FuzzTags(f *testing.F) {
	f.Add(rtmptest.VideoHeader(rtmptest.AVC720p30), rtmptest.Frame(5, 20, 33), true)
	f.Add(rtmptest.VideoHeader(rtmptest.AVC1080p60), rtmptest.Frame(1, 20, -33), true)
	f.Add(rtmptest.AudioHeader(rtmptest.AAC48kStereo), rtmptest.Sound(20), false)
	f.Add([]byte("\x90avc1"+rtmptest.AVC720p30), []byte("\xa3avc1\x00\x00\x00\x01\x65"), true)
	f.Add([]byte("\x90mp4a\x12\x08"), []byte("\x91mp4a123"), false)
	f.Add([]byte("\x96avc1"), []byte("\x95mp4a"), false)
	f.Add([]byte("\x97\x02\x00\x00\x07\x00avc1"+rtmptest.AVC720p30), []byte("\x97\xff\xff\xff"), true)
	f.Add([]byte("\x96\x00avc1\x02"+rtmptest.AVC720p30), []byte("\xa6\x13avc1\x02\x00\x00\x05\x00\x00\x00\x01\x65"), true)
	f.Add([]byte("\x96\x20avc1\x03\x00\x00\x02\x01\x02hvc1\x00\x00\x00\x01\x00"), []byte("\x96\x16avc1"), true)
	f.Add([]byte("\x95\x10mp4a\x01\x00\x00\x02\x12\x10\x02\x00\x00\x02\x12\x10"), []byte("\x95\x01mp4a\x01123"), false)
	f.Add([]byte("\x90hvc1"+rtmptest.HEVC360p30), []byte("\xa1hvc1\x00\x00\x21\x00\x00\x00\x03\x28\x01\xaf"), true)
	f.Fuzz(func(t *testing.T, first, second []byte, picture bool) {
		s := sink{hevc: true}
		d := demuxer{out: &s}
		tag := d.audioTag
		if picture {
			tag = d.videoTag
		}
		for i, body := range [][]byte{first, second, second} {
			if tag(body, uint32(i), time.Time{}) != nil {
				return
			}
		}
		if s.units == 0 {
			return
		}
		if s.last.Track == nil || len(s.last.Data) == 0 {
			t.Fatalf("unit %+v", s.last)
		}
		if s.last.Track.Kind == media.Video {
			read := codec.AccessUnit
			if s.last.Track.Codec == media.HEVC {
				read = codec.HEVCUnit
			}
			if _, _, ok, err := read(s.last.Data, 4); err != nil || !ok {
				t.Fatalf("unit %x: %v", s.last.Data, err)
			}
		}
	})
}

func BenchmarkPublisherSecond(b *testing.B) {
	var s sink
	session := session{pub: &s, connected: true}
	session.media.out = &s
	session.chunks.maxMessage, session.chunks.maxBuffered = maxMessage, maxBuffered
	if err := session.chunks.setChunkSize(sentChunkSize); err != nil {
		b.Fatal(err)
	}
	w := rtmptest.Writer{Size: sentChunkSize}
	header := w.Append(nil, 0, rtmptest.Message{Chunks: 6, Type: typeVideo, Stream: 1, Body: rtmptest.VideoHeader(rtmptest.AVC720p30)})
	header = w.Append(header, 0, rtmptest.Message{Chunks: 4, Type: typeAudio, Stream: 1, Body: rtmptest.AudioHeader(rtmptest.AAC48kStereo)})
	if err := session.feed(b.Context(), header, time.Now()); err != nil {
		b.Fatal(err)
	}
	wire := publisherSecond(sentChunkSize)
	b.ReportAllocs()
	b.SetBytes(int64(len(wire)))
	n := 0
	for b.Loop() {
		for rest := wire; len(rest) > 0; {
			k := min(largeBuffer, len(rest))
			if err := session.feed(b.Context(), rest[:k], time.Time{}); err != nil {
				b.Fatal(err)
			}
			rest = rest[k:]
		}
		n++
	}
	if s.units != 77*n {
		b.Fatalf("%d units, want %d", s.units, 77*n)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(s.units), "ns/message")
}

package srt

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
	"openivs/internal/mpegts"
)

// A sink is a Publication that keeps what it is given.
type sink struct {
	units  []media.Unit
	tracks [][]*media.Track
}

func (s *sink) Declare(ingest.Declaration)      {}
func (s *sink) SetTracks(tracks []*media.Track) { s.tracks = append(s.tracks, tracks) }
func (s *sink) WriteUnit(u media.Unit) error    { s.units = append(s.units, u); return nil }
func (s *sink) SetLink(ingest.Link)             {}
func (s *sink) Takes(media.Codec) bool          { return true }
func (s *sink) Done() <-chan struct{}           { return nil }
func (s *sink) Cause() error                    { return nil }
func (s *sink) End(error)                       {}

// of returns the units of a kind.
func (s *sink) of(k media.Kind) (us []media.Unit) {
	for _, u := range s.units {
		if u.Track.Kind == k {
			us = append(us, u)
		}
	}
	return us
}

// written is a length of a clip as a transport stream.
func written(tb testing.TB, c *mediatest.Clip, length time.Duration) []byte {
	tb.Helper()
	var w mpegts.Writer
	if err := w.SetTracks(c.Video, c.Audio); err != nil {
		tb.Fatal(err)
	}
	var b []byte
	for u := range c.Units(length) {
		switch {
		case u.Track.Kind == media.Audio:
			b = w.AppendAudio(b, u.PTS, u.Data)
		case u.Key:
			b = w.AppendVideo(w.AppendTables(b), u)
		default:
			b = w.AppendVideo(b, u)
		}
	}
	return w.Flush(b)
}

// demuxed reads a stream as SRT hands it over.
func demuxed(b []byte) (*sink, error) {
	s := new(sink)
	d := demuxer{out: s}
	for at := mediatest.Epoch(); len(b) > 0; at = at.Add(time.Millisecond) {
		n := min(1316, len(b))
		if err := d.feed(b[:n], at); err != nil {
			return s, err
		}
		b = b[n:]
	}
	return s, nil
}

// TestUnitsOfATransportStream writes units as a transport stream and wants them
// back.
func TestUnitsOfATransportStream(t *testing.T) {
	for name, c := range map[string]*mediatest.Clip{"reordered": mediatest.Reordered(t), "plain": mediatest.Plain(t)} {
		t.Run(name, func(t *testing.T) {
			const length = 3 * time.Second
			got, err := demuxed(written(t, c, length))
			if err != nil {
				t.Fatal(err)
			}
			var want sink
			for u := range c.Units(length) {
				want.units = append(want.units, u)
			}
			for _, k := range []media.Kind{media.Video, media.Audio} {
				got, want := got.of(k), want.of(k)
				if len(got) != len(want) {
					t.Fatalf("%d units of kind %d, want %d", len(got), k, len(want))
				}
				shift := got[0].DTS - want[0].DTS
				for i, u := range got {
					w := want[i]
					if off := u.DTS - shift - w.DTS; off < -90 || off > 90 || u.PTS-u.DTS != w.PTS-w.DTS || u.Key != w.Key {
						t.Fatalf("unit %d of kind %d: %d, %d, key %t; want %d, %d, key %t", i, k, u.DTS-shift, u.PTS-u.DTS, u.Key, w.DTS, w.PTS-w.DTS, w.Key)
					}
					if k == media.Audio && !bytes.Equal(u.Data, w.Data) {
						t.Fatalf("audio unit %d is not what was written", i)
					}
					if k == media.Video && !bytes.Contains(w.Data, u.Data[:min(len(u.Data), 64)]) && !bytes.Contains(u.Data, w.Data[len(w.Data)-16:]) {
						t.Fatalf("picture %d is not what was written", i)
					}
				}
			}
			tracks := got.tracks[len(got.tracks)-1]
			if len(tracks) != 2 || tracks[0].CodecString() != c.Video.CodecString() || tracks[1].Sound != c.Audio.Sound || tracks[0].Picture.Width != c.Video.Picture.Width {
				t.Errorf("tracks %+v", tracks)
			}
		})
	}
}

// TestAProgramThatChanges drops the audio and takes it up again with another
// coding, without losing a picture.
func TestAProgramThatChanges(t *testing.T) {
	stereo, mono := mediatest.Reordered(t), mediatest.Plain(t)
	var w mpegts.Writer
	var b []byte
	n := 0
	for _, audio := range []*mediatest.Clip{stereo, nil, mono} {
		var track *media.Track
		if audio != nil {
			track = audio.Audio
		}
		if err := w.SetTracks(mono.Video, track); err != nil {
			t.Fatal(err)
		}
		b = w.AppendTables(b)
		for range mediatest.GOP {
			p := mono.Picture(n)
			n++
			b = w.AppendVideo(b, p)
			if audio != nil {
				b = w.AppendAudio(b, p.PTS, audio.Sound(n).Data)
			}
		}
		b = w.Flush(b)
	}
	got, err := demuxed(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.of(media.Video)) != n {
		t.Errorf("%d pictures, want %d", len(got.of(media.Video)), n)
	}
	var seen []int
	for _, tracks := range got.tracks {
		channels := 0
		for _, track := range tracks {
			if track.Kind == media.Audio {
				channels = track.Sound.Channels
			}
		}
		seen = append(seen, channels)
	}
	if !slices.Equal(slices.Compact(seen), []int{0, 2, 0, 1}) {
		t.Errorf("channels of the audio were %v, want none, 2, none, 1", seen)
	}
}

// program is a stream that has only tables: of streams of these types.
func program(tb testing.TB, types ...byte) []byte {
	tb.Helper()
	c := mediatest.Plain(tb)
	var w mpegts.Writer
	if err := w.SetTracks(c.Video, c.Audio); err != nil {
		tb.Fatal(err)
	}
	b := w.AppendTables(nil)
	pmt := b[mpegts.PacketSize:]
	size := int(pmt[7]) // of the section behind its first 3 bytes
	section := pmt[5 : 5+3+size-4]
	at := 12 + int(section[11])
	for _, typ := range types {
		section[at] = typ
		at += 5
	}
	sum := ^uint32(0)
	for _, x := range section {
		sum ^= uint32(x) << 24
		for range 8 {
			if sum&(1<<31) != 0 {
				sum = sum<<1 ^ 0x04c11db7
			} else {
				sum <<= 1
			}
		}
	}
	copy(pmt[5+len(section):], []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
	return b
}

func TestCodingsThatAreNotTaken(t *testing.T) {
	for _, tc := range []struct {
		video, audio byte
		want         string
	}{
		{0x24, 0x0f, "the video is HEVC"},
		{0x02, 0x0f, "the video is MPEG-2"},
		{0x33, 0x0f, "the video is VVC"},
		{0x1b, 0x11, "the audio is AAC in LATM"},
		{0x1b, 0x03, "the audio is MP2 or MP3"},
		{0x1b, 0x81, "the audio is Dolby"},
	} {
		_, err := demuxed(program(t, tc.video, tc.audio))
		if ivs.CodeOf(err) != ivs.Invalid || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("types %#x and %#x: %v, want %q", tc.video, tc.audio, err, tc.want)
		}
	}
	if _, err := demuxed(program(t, 0x1b, 0x15)); err != nil {
		t.Errorf("data in the place of audio: %v", err)
	}
	if _, err := demuxed(bytes.Repeat([]byte("no transport stream"), 1<<15)); ivs.CodeOf(err) != ivs.Invalid {
		t.Errorf("what is no transport stream: %v", err)
	}
}

func TestClockUnwraps(t *testing.T) {
	var c clock
	at := c.unwrap(wrap - 3000)
	for i, tc := range []struct {
		ts   int64
		step media.Ticks
	}{
		{0, 3000},
		{wrap - 1000, -1000},
		{6000, 7000},
		{6000 - 2*media.Clock, -2 * media.Clock},
		{6000, 2 * media.Clock},
		{6000 + 900*media.Clock, 900 * media.Clock},
		{1000, 0}, // the encoder began anew
		{4000, 3000},
	} {
		was := at
		if at = c.unwrap(tc.ts); at-was != tc.step {
			t.Errorf("step %d is of %d, want %d", i, at-was, tc.step)
		}
	}
}

func FuzzDemux(f *testing.F) {
	f.Add(written(f, mediatest.Plain(f), 200*time.Millisecond))
	f.Add(program(f, 0x24, 0x0f))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := demuxed(b)
		if err != nil && ivs.CodeOf(err) == ivs.Internal {
			t.Fatal(err)
		}
		last := map[media.Kind]media.Ticks{}
		for _, u := range s.units {
			was, any := last[u.Track.Kind]
			if u.Track == nil || len(u.Data) == 0 || any && u.DTS <= was {
				t.Fatalf("unit %+v behind %d", u, was)
			}
			last[u.Track.Kind] = u.DTS
		}
	})
}

// BenchmarkPublisherSecond reads a second of media.
func BenchmarkPublisherSecond(b *testing.B) {
	stream := written(b, mediatest.Reordered(b), time.Second)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := demuxed(stream); err != nil {
			b.Fatal(err)
		}
	}
}

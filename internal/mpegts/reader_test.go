package mpegts_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"openivs/internal/media"
	"openivs/internal/media/mediatest"
	"openivs/internal/mpegts"
)

// written is a length of a clip as a transport stream, its tables repeated each
// half second.
func written(tb testing.TB, c *mediatest.Clip, length time.Duration) []byte {
	tb.Helper()
	var w mpegts.Writer
	if err := w.SetTracks(c.Video, c.Audio); err != nil {
		tb.Fatal(err)
	}
	var b []byte
	pictures := 0
	for u := range c.Units(length) {
		if u.Track.Kind == media.Audio {
			b = w.AppendAudio(b, u.PTS, u.Data)
			continue
		}
		if pictures%(mediatest.Rate/2) == 0 {
			b = w.AppendTables(b)
		}
		pictures++
		b = w.AppendVideo(b, u)
	}
	return w.Flush(b)
}

// firstNAL is the first NAL unit of a picture.
func firstNAL(data []byte) []byte { return data[4 : 4+binary.BigEndian.Uint32(data)] }

// A take is what a Reader passed on.
type take struct {
	streams [][]mpegts.Stream
	video   []mpegts.PES
	audio   []mpegts.PES
	err     error
	lost    int
}

// read reads a stream in slices of so many bytes.
func read(b []byte, size int) take {
	var got take
	kinds := map[uint16]byte{}
	r := mpegts.Reader{
		Streams: func(all []mpegts.Stream) (wanted []uint16, err error) {
			got.streams = append(got.streams, all)
			for _, s := range all {
				kinds[s.PID] = s.Type
				wanted = append(wanted, s.PID)
			}
			return wanted, nil
		},
		Packet: func(p mpegts.PES) error {
			p.Data = bytes.Clone(p.Data)
			switch kinds[p.PID] {
			case 0x1b:
				got.video = append(got.video, p)
			case 0x0f:
				got.audio = append(got.audio, p)
			}
			return nil
		},
	}
	for len(b) > 0 && got.err == nil {
		n := min(size, len(b))
		got.err = r.Feed(b[:n])
		b = b[n:]
	}
	got.lost = r.Lost
	return got
}

func TestReaderTakesApartWhatTheWriterWrote(t *testing.T) {
	c := mediatest.Reordered(t)
	b := written(t, c, 3*time.Second)
	for _, size := range []int{1316, 188, 1, 187, 1000, len(b)} {
		got := read(b, size)
		if got.err != nil || len(got.streams) != 1 || got.lost != 0 {
			t.Fatalf("in slices of %d bytes: %d maps, %d lost, %v", size, len(got.streams), got.lost, got.err)
		}
		var pictures []media.Unit
		for u := range c.Units(3 * time.Second) {
			if u.Track.Kind == media.Video {
				pictures = append(pictures, u)
			}
		}
		if len(got.video) != len(pictures) {
			t.Fatalf("in slices of %d bytes: %d pictures, want %d", size, len(got.video), len(pictures))
		}
		shift := got.video[0].DTS - int64(pictures[0].DTS)
		for i, p := range got.video {
			if want := pictures[i]; !p.Timed || p.DTS-shift != int64(want.DTS) || p.PTS-shift != int64(want.PTS) || !bytes.Contains(p.Data, firstNAL(want.Data)) {
				t.Fatalf("picture %d is at %d, %d; want %d, %d", i, p.PTS-shift, p.DTS-shift, want.PTS, want.DTS)
			}
		}
		if len(got.audio) < 20 {
			t.Fatalf("%d packets of audio", len(got.audio))
		}
	}
}

func TestReaderFindsItsWayBack(t *testing.T) {
	c := mediatest.Plain(t)
	b := written(t, c, 2*time.Second)
	whole := read(b, 1316)
	at := len(b) / mpegts.PacketSize / 2 * mpegts.PacketSize
	t.Run("bytes that are no packet", func(t *testing.T) {
		got := read(slices.Concat(b[:at], []byte("G no packet"), b[at:]), 1316)
		if got.err != nil || len(got.video) < len(whole.video)-1 {
			t.Errorf("%d pictures of %d, %v", len(got.video), len(whole.video), got.err)
		}
	})
	t.Run("packets that are missing", func(t *testing.T) {
		got := read(slices.Concat(b[:at], b[at+3*mpegts.PacketSize:]), 1316)
		damaged := 0
		for _, p := range slices.Concat(got.video, got.audio) {
			if p.Damaged {
				damaged++
			}
		}
		if got.err != nil || got.lost == 0 || damaged == 0 || len(got.video) < len(whole.video)-3 {
			t.Errorf("%d pictures of %d, %d lost, %d say so, %v", len(got.video), len(whole.video), got.lost, damaged, got.err)
		}
	})
	t.Run("packets that come twice", func(t *testing.T) {
		got := read(slices.Concat(b[:at], b[at-mpegts.PacketSize:at], b[at:]), 1316)
		if got.err != nil || got.lost != 0 || len(got.video) != len(whole.video) {
			t.Errorf("%d pictures of %d, %d lost, %v", len(got.video), len(whole.video), got.lost, got.err)
		}
	})
	t.Run("what is no transport stream", func(t *testing.T) {
		if got := read(bytes.Repeat([]byte("FLV"), 1<<20), 1316); got.err == nil {
			t.Error("it is taken")
		}
	})
}

// TestReaderFollowsAProgramMapThatChanges has the stream lose and regain its
// audio, without losing a picture.
func TestReaderFollowsAProgramMapThatChanges(t *testing.T) {
	c := mediatest.Plain(t)
	var w mpegts.Writer
	var b []byte
	n := 0
	for _, audio := range []*media.Track{c.Audio, nil, c.Audio} {
		if err := w.SetTracks(c.Video, audio); err != nil {
			t.Fatal(err)
		}
		b = w.AppendTables(b)
		for range 10 {
			b = w.AppendVideo(b, c.Picture(n))
			n++
		}
	}
	got := read(b, 1316)
	var counts []int
	for _, all := range got.streams {
		counts = append(counts, len(all))
	}
	if !slices.Equal(counts, []int{3, 2, 3}) || len(got.video) != n || got.lost != 0 || got.err != nil {
		t.Errorf("maps of %v streams, %d pictures of %d, %d lost, %v", counts, len(got.video), n, got.lost, got.err)
	}
}

func FuzzReader(f *testing.F) {
	b := written(f, mediatest.Plain(f), 200*time.Millisecond)
	f.Add(b, uint16(188))
	f.Add(b[100:], uint16(1000))
	f.Add([]byte("\x47\x40\x00\x30\xb7"), uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, size uint16) {
		one, other := read(b, len(b)+1), read(b, int(size)+1)
		if (one.err == nil) != (other.err == nil) {
			t.Skip() // where a slice ends may decide where packets are looked for
		}
		total := 0
		for _, p := range slices.Concat(one.video, one.audio) {
			total += len(p.Data)
			if p.PTS>>33 != 0 || p.DTS>>33 != 0 {
				t.Fatalf("%+v", p)
			}
		}
		if total > len(b) {
			t.Fatalf("%d bytes of %d", total, len(b))
		}
	})
}

// BenchmarkReader reads a second of media in the slices that SRT has.
func BenchmarkReader(b *testing.B) {
	stream := written(b, mediatest.Reordered(b), time.Second)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		r := mpegts.Reader{
			Streams: func(all []mpegts.Stream) ([]uint16, error) { return []uint16{all[0].PID, all[1].PID}, nil },
			Packet:  func(mpegts.PES) error { return nil },
		}
		for rest := stream; len(rest) > 0; rest = rest[min(1316, len(rest)):] {
			if err := r.Feed(rest[:min(1316, len(rest))]); err != nil {
				b.Fatal(err)
			}
		}
	}
}

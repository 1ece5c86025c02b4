package mpegts_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	reader "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"openivs/internal/media"
	"openivs/internal/media/mediatest"
	"openivs/internal/mpegts"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// offset is how much later than a unit says its timestamps in the stream are.
const offset = 63000

// mux writes a clip with tables at every keyframe, and returns the units too.
func mux(tb testing.TB, c *mediatest.Clip, length time.Duration, shift media.Ticks) ([]byte, []media.Unit) {
	tb.Helper()
	var w mpegts.Writer
	if err := w.SetTracks(c.Video, c.Audio); err != nil {
		tb.Fatal(err)
	}
	var b []byte
	var units []media.Unit
	for u := range c.Units(length) {
		u.PTS += shift
		u.DTS += shift
		units = append(units, u)
		if u.Track.Kind == media.Audio {
			b = w.AppendAudio(b, u.PTS, u.Data)
			continue
		}
		if u.Key {
			b = w.AppendTables(w.Flush(b))
		}
		b = w.AppendVideo(b, u)
	}
	return w.Flush(b), units
}

// A sample is what an independent reader found.
type sample struct {
	pts, dts int64
	data     []byte
}

// demux reads a stream with somebody else's code.
func demux(tb testing.TB, ts []byte) (video, audio []sample) {
	tb.Helper()
	r := &reader.Reader{R: bytes.NewReader(ts)}
	if err := r.Initialize(); err != nil {
		tb.Fatalf("read the stream: %v", err)
	}
	r.OnDecodeError(func(err error) { tb.Errorf("the reader complains: %v", err) })
	for _, t := range r.Tracks() {
		switch t.Codec.(type) {
		case *codecs.H264:
			r.OnDataH264(t, func(pts, dts int64, au [][]byte) error {
				data, err := h264.AVCC(au).Marshal()
				video = append(video, sample{pts, dts, data})
				return err
			})
		case *codecs.MPEG4Audio:
			r.OnDataMPEG4Audio(t, func(pts int64, aus [][]byte) error {
				for i, au := range aus {
					audio = append(audio, sample{pts: pts + int64(i)*1920, data: au})
				}
				return nil
			})
		}
	}
	for {
		err := r.Read()
		if errors.Is(err, io.EOF) {
			return video, audio
		}
		if err != nil {
			tb.Fatalf("read the stream: %v", err)
		}
	}
}

func TestReaderFindsEveryUnit(t *testing.T) {
	clip := mediatest.Reordered(t)
	for _, tc := range []struct {
		name  string
		shift media.Ticks
	}{
		{"from zero", 0},
		{"at 4 h 39 min, where 24 bits of milliseconds wrap", 1 << 24 * 90},
		{"where 33 bits of ticks wrap", 1<<33 - 90000},
		{"after 48 h", 48 * 3600 * media.Clock},
		{"before zero", -2 * media.Clock},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ts, units := mux(t, clip, 3*time.Second, tc.shift)
			video, audio := demux(t, ts)
			v, a := 0, 0
			for _, u := range units {
				if u.Track.Kind == media.Audio {
					if a == len(audio) || !bytes.Equal(audio[a].data, u.Data) {
						t.Fatalf("audio unit %d differs", a)
					}
					a++
					continue
				}
				want := u.Data
				if u.Key {
					want = append(mediatest.Join(clip.Video.Picture.SPS[0], clip.Video.Picture.PPS[0]), want...)
				}
				if v == len(video) || !bytes.Equal(video[v].data, want) { // the reader leaves out delimiters
					t.Fatalf("picture %d differs", v)
				}
				mask := int64(1<<33 - 1)
				first := video[0].dts // the reader unwraps from the first
				if got, want := (video[v].pts-first)&mask, int64(u.PTS-units[0].DTS); got != want {
					t.Errorf("picture %d: PTS %d after the first DTS, want %d", v, got, want)
				}
				if got, want := (video[v].dts-first)&mask, int64(u.DTS-units[0].DTS); got != want {
					t.Errorf("picture %d: DTS %d after the first, want %d", v, got, want)
				}
				v++
			}
			if v != len(video) || a != len(audio) {
				t.Errorf("found %d pictures and %d audio units, want %d and %d", len(video), len(audio), v, a)
			}
		})
	}
}

// packets splits a stream and checks what holds for each transport packet.
func packets(t *testing.T, ts []byte, counters map[int]byte) (list [][]byte) {
	t.Helper()
	if len(ts)%mpegts.PacketSize != 0 {
		t.Fatalf("a stream of %d bytes is not whole packets", len(ts))
	}
	for ; len(ts) > 0; ts = ts[mpegts.PacketSize:] {
		p := ts[:mpegts.PacketSize]
		pid := int(p[1]&0x1f)<<8 | int(p[2])
		if p[0] != 0x47 || p[1]&0x80 != 0 || p[3]&0xc0 != 0 || p[3]&0x10 == 0 {
			t.Fatalf("packet header % x", p[:4])
		}
		if p[3]&0x20 != 0 && p[4] > 183 {
			t.Fatalf("adaptation field of %d bytes", p[4])
		}
		if last, seen := counters[pid]; seen && p[3]&15 != (last+1)&15 {
			t.Fatalf("pid %#x: counter %d follows %d", pid, p[3]&15, last)
		}
		counters[pid] = p[3] & 15
		list = append(list, p)
	}
	return list
}

func TestCountersGoOnFromBufferToBuffer(t *testing.T) {
	clip := mediatest.Plain(t)
	var w mpegts.Writer
	if err := w.SetTracks(clip.Video, clip.Audio); err != nil {
		t.Fatal(err)
	}
	counters := make(map[int]byte)
	var b []byte
	for u := range clip.Units(4 * time.Second) {
		if u.Track.Kind == media.Audio {
			b = w.AppendAudio(b, u.PTS, u.Data)
			continue
		}
		if u.Key {
			packets(t, w.Flush(b), counters)
			b = w.AppendTables(nil)
		}
		b = w.AppendVideo(b, u)
	}
	packets(t, w.Flush(b), counters)
	if len(counters) != 4 {
		t.Errorf("%d pids, want PAT, PMT, video and audio", len(counters))
	}
}

func TestClockRunsAheadOfNothing(t *testing.T) {
	ts, _ := mux(t, mediatest.Reordered(t), 3*time.Second, 0)
	clock := int64(-1)
	for _, p := range packets(t, ts, map[int]byte{}) {
		if p[3]&0x20 != 0 && p[4] > 0 && p[5]&0x10 != 0 {
			pcr := int64(p[6])<<25 | int64(p[7])<<17 | int64(p[8])<<9 | int64(p[9])<<1 | int64(p[10])>>7
			if pcr <= clock || clock >= 0 && pcr-clock > 100*90 {
				t.Errorf("PCR %d follows %d; it has to rise, at least every 100 ms", pcr, clock)
			}
			clock = pcr
		}
		if p[1]&0x40 == 0 {
			continue
		}
		at := 4
		if p[3]&0x20 != 0 {
			at += 1 + int(p[4])
		}
		if pes := p[at:]; pes[0] == 0 && pes[1] == 0 && pes[2] == 1 {
			stamp := pes[9:]
			if pes[7]&0x40 != 0 {
				stamp = pes[14:] // DTS
			}
			when := int64(stamp[0]>>1&7)<<30 | int64(stamp[1])<<22 | int64(stamp[2]>>1)<<15 | int64(stamp[3])<<7 | int64(stamp[4]>>1)
			if when <= clock || when > clock+90000 {
				t.Errorf("a unit is decoded at %d with the clock at %d, want within a second after it", when, clock)
			}
		}
	}
}

func TestTablesGolden(t *testing.T) {
	clip := mediatest.Reordered(t)
	var w mpegts.Writer
	var b []byte
	for _, audio := range []*media.Track{nil, clip.Audio} {
		if err := w.SetTracks(clip.Video, audio); err != nil {
			t.Fatal(err)
		}
		b = w.AppendTables(b)
	}
	golden := filepath.Join("testdata", "tables.golden")
	if *update {
		if err := os.WriteFile(golden, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, want) {
		t.Errorf("tables are\n% x\nwant\n% x", b, want)
	}
}

func TestDecoderFindsNothingToComplainAbout(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Fatalf("ffmpeg is needed, make setup installs it: %v", err)
	}
	for name, clip := range map[string]*mediatest.Clip{
		"reordered": mediatest.Reordered(t), "plain": mediatest.Plain(t),
	} {
		t.Run(name, func(t *testing.T) {
			ts, _ := mux(t, clip, 4*time.Second, 0)
			cmd := exec.CommandContext(t.Context(), ffmpeg, "-v", "warning", "-f", "mpegts", "-i", "-", "-f", "null", "-")
			cmd.Stdin = bytes.NewReader(ts)
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("ffmpeg: %v\n%s", err, out)
			}
		})
	}
}

func TestHostileUnits(t *testing.T) {
	clip := mediatest.Plain(t)
	slice := []byte{0x65, 1, 2, 3}
	for _, tc := range []struct {
		name string
		data []byte
		want [][]byte // NAL units that are left, nil: no picture
	}{
		{"nothing", nil, nil},
		{"half a length", []byte{0, 0, 0}, nil},
		{"a length and nothing", []byte{0, 0, 0, 4}, nil},
		{"an empty NAL unit", []byte{0, 0, 0, 0}, nil},
		{"empty NAL units around one", append(append([]byte{0, 0, 0, 0}, mediatest.Join(slice)...), 0, 0, 0, 0), [][]byte{slice}},
		{"a length beyond the end", append(mediatest.Join(slice), 0xff, 0xff, 0xff, 0xff, 1), [][]byte{slice}},
		{"only a delimiter", mediatest.Join([]byte{9, 0x10}), nil},
		{"delimiters in between", mediatest.Join([]byte{9, 0x10}, slice, []byte{9, 0x30}, slice), [][]byte{slice, slice}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var w mpegts.Writer
			if err := w.SetTracks(clip.Video, clip.Audio); err != nil {
				t.Fatal(err)
			}
			b := w.AppendVideo(nil, media.Unit{Track: clip.Video, Data: tc.data})
			if (len(b) == 0) != (tc.want == nil) {
				t.Fatalf("wrote %d bytes for %d NAL units", len(b), len(tc.want))
			}
			packets(t, b, map[int]byte{})
			wire := []byte{0, 0, 0, 1, 9, 0xf0}
			for _, nal := range tc.want {
				wire = append(append(wire, 0, 0, 0, 1), nal...)
			}
			if tc.want != nil && !bytes.HasSuffix(b, wire) {
				t.Errorf("the packet ends\n% x, want\n% x", b[len(b)-len(wire):], wire)
			}
		})
	}
}

func TestEverySizeFillsItsPackets(t *testing.T) {
	clip := mediatest.Plain(t)
	var w mpegts.Writer
	if err := w.SetTracks(clip.Video, clip.Audio); err != nil {
		t.Fatal(err)
	}
	counters := make(map[int]byte)
	for n := 1; n < 3*mpegts.PacketSize; n++ {
		nal := bytes.Repeat([]byte{0x41}, n)
		for _, at := range []media.Ticks{0, 3003} { // with DTS and without
			u := mediatest.Video(clip.Video, 0, false, nal)
			u.PTS += at
			var payload []byte
			for _, p := range packets(t, w.AppendVideo(nil, u), counters) {
				from := 4
				if p[3]&0x20 != 0 {
					from += 1 + int(p[4])
				}
				payload = append(payload, p[from:]...)
			}
			if want := append([]byte{0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1}, nal...); !bytes.HasSuffix(payload, want) {
				t.Fatalf("a NAL unit of %d bytes came out as % x", n, payload)
			}
			if size := int(payload[4])<<8 | int(payload[5]); size != len(payload)-6 {
				t.Fatalf("PES packet says it has %d bytes, it has %d", size, len(payload)-6)
			}
		}
	}
}

func TestAudioThatIsNotADTSIsLeftOut(t *testing.T) {
	clip := mediatest.Plain(t)
	var w mpegts.Writer
	if err := w.SetTracks(clip.Video, clip.Audio); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 8185, 1 << 20} {
		if b := w.Flush(w.AppendAudio(nil, 0, make([]byte, n))); len(b) != 0 {
			t.Errorf("a unit of %d bytes became %d bytes", n, len(b))
		}
	}
	if b := w.Flush(w.AppendAudio(nil, 0, make([]byte, 8184))); len(b) == 0 {
		t.Errorf("the longest unit that ADTS can say was left out")
	}
}

func TestTracksThatAreRefused(t *testing.T) {
	video := mediatest.Plain(t).Video
	for _, tc := range []struct {
		name         string
		video, audio *media.Track
	}{
		{"HEVC", &media.Track{Kind: media.Video, Codec: "hevc"}, nil},
		{"MP3", video, &media.Track{Kind: media.Audio, Codec: "mp3"}},
		{"no sample rate", video, &media.Track{Kind: media.Audio, Codec: media.AAC, Sound: media.Sound{ObjectType: 2, Channels: 2}}},
		{"no channels", video, &media.Track{Kind: media.Audio, Codec: media.AAC, Sound: media.Sound{ObjectType: 2, SampleRate: 48000}}},
		{"nothing known", video, &media.Track{Kind: media.Audio, Codec: media.AAC}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var w mpegts.Writer
			if err := w.SetTracks(tc.video, tc.audio); err == nil {
				t.Error("SetTracks accepted it")
			}
		})
	}
}

func TestGapInAudioGetsItsOwnTimestamp(t *testing.T) {
	clip := mediatest.Reordered(t)
	var w mpegts.Writer
	if err := w.SetTracks(clip.Video, clip.Audio); err != nil {
		t.Fatal(err)
	}
	b := w.AppendTables(nil)
	b = w.AppendVideo(b, clip.Picture(0))
	for _, at := range []media.Ticks{0, 1920, 9000} {
		b = w.AppendAudio(b, at, clip.Sound(0).Data)
	}
	_, audio := demux(t, w.Flush(b))
	for i, want := range []int64{offset, offset + 1920, offset + 9000} {
		if i >= len(audio) || audio[i].pts != want {
			t.Fatalf("audio is %+v, want unit %d at %d", audio, i, want)
		}
	}
}

// BenchmarkMux writes 30 s of 2.5 Mb/s video and 128 kb/s audio.
func BenchmarkMux(b *testing.B) {
	clip := mediatest.Plain(b)
	var units []media.Unit
	slice := bytes.Repeat([]byte{0x41}, 2_500_000/8/mediatest.Rate)
	for u := range clip.Units(30 * time.Second) {
		if u.Track.Kind == media.Video {
			u.Data = mediatest.Join(slice)
		} else {
			u.Data = make([]byte, 341)
		}
		units = append(units, u)
	}
	var w mpegts.Writer
	if err := w.SetTracks(clip.Video, clip.Audio); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 0, 1<<20)
	b.ReportAllocs()
	for b.Loop() {
		for _, u := range units {
			if u.Track.Kind == media.Audio {
				buf = w.AppendAudio(buf, u.PTS, u.Data)
				continue
			}
			if u.Key {
				buf = w.AppendTables(w.Flush(buf)[:0])
			}
			buf = w.AppendVideo(buf, u)
		}
	}
}

package transcode_test

import (
	"bytes"
	"encoding/binary"
	"image/jpeg"
	"os/exec"
	"sync"
	"testing"
	"time"

	"openivs/internal/media"
	"openivs/internal/media/mediatest"
	"openivs/internal/transcode"
)

// TestEveryPictureAndKeyframeOfTheSource has the real ffmpeg make two rungs of a
// clip, of all pictures and of every other.
func TestEveryPictureAndKeyframeOfTheSource(t *testing.T) {
	for name, clip := range map[string]*mediatest.Clip{"plain": mediatest.Plain(t), "reordered": mediatest.Reordered(t)} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			got := make([]map[media.Ticks]bool, 2)
			v := &transcode.Video{
				Program: "ffmpeg",
				Rungs: []transcode.Rung{
					{Width: 128, Height: 72, Framerate: 30, Video: 100_000},
					{Width: 64, Height: 36, Framerate: 15, Halved: true, Video: 50_000},
				},
				Write: func(rung int, u media.Unit, _ transcode.Line) {
					mu.Lock()
					defer mu.Unlock()
					if got[rung] == nil {
						got[rung] = map[media.Ticks]bool{}
					}
					got[rung][u.PTS] = u.Key
				},
				Watch: transcode.Watch{Lost: func(err error, _ int, _ time.Duration) { t.Error(err) }},
			}
			const pictures = 120
			keys := map[media.Ticks]bool{}
			for n := range pictures {
				u := clip.Picture(n)
				u.PTS, u.DTS = u.PTS+1<<40, u.DTS+1<<40
				keys[u.PTS] = u.Key
				v.WriteUnit(u, 0)
			}
			v.End()
			v.Run(t.Context())
			if len(got[0]) != pictures || len(got[1]) != pictures/2 {
				t.Errorf("%d and %d pictures, want %d and half of that", len(got[0]), len(got[1]), pictures)
			}
			for i := range got {
				n := 0
				for pts, key := range got[i] {
					if want, ok := keys[pts]; !ok || want != key {
						t.Errorf("rung %d has a picture at %d, key %t; the source %t, %t", i, pts, key, ok, want)
					}
					if key {
						n++
					}
				}
				if n != pictures/mediatest.GOP {
					t.Errorf("rung %d has %d keyframes, want all %d", i, n, pictures/mediatest.GOP)
				}
			}
		})
	}
}

// TestSoundStaysWhereItIs has ffmpeg make two rates, whose units have the times
// of the source's.
func TestSoundStaysWhereItIs(t *testing.T) {
	clip := mediatest.Reordered(t)
	var mu sync.Mutex
	got := make([][]media.Unit, 2)
	s := &transcode.Sound{
		Program: "ffmpeg", Rates: []int64{64_000, 48_000},
		Write: func(rate int, u media.Unit) {
			mu.Lock()
			defer mu.Unlock()
			got[rate] = append(got[rate], u)
		},
		Watch: transcode.Watch{Lost: func(err error, _ int, _ time.Duration) { t.Error(err) }},
	}
	var want []media.Unit
	for n := range 140 {
		u := clip.Sound(n)
		u.PTS, u.DTS = u.PTS+1<<40, u.DTS+1<<40
		want = append(want, u)
		s.WriteUnit(u)
	}
	s.End()
	s.Run(t.Context())
	for i := range got {
		if n := len(got[i]); n < len(want)-2 || n > len(want) {
			t.Fatalf("rate %d has %d units, want %d", i, n, len(want))
		}
		bits := 0
		for k, u := range got[i] {
			if u.PTS != want[k].PTS || u.Track.Sound.SampleRate != 48000 || u.Track.Sound.Channels != 2 {
				t.Errorf("rate %d: unit %d is at %d, want %d; %+v", i, k, u.PTS, want[k].PTS, u.Track.Sound)
			}
			bits += 8 * len(u.Data)
		}
		if rate := float64(bits) / (float64(len(got[i])) * 1024 / 48000); rate > 1.25*float64(s.Rates[i]) {
			t.Errorf("%.0f bit/s, want at most %d", rate, s.Rates[i])
		}
	}
}

func TestThumbnailIsAJPEGOfTheKeyframe(t *testing.T) {
	clip := mediatest.Plain(t)
	for _, size := range [][2]int{{0, 0}, {64, 36}} {
		b, err := transcode.Thumbnail(t.Context(), "ffmpeg", clip.Picture(0), size[0], size[1])
		if err != nil {
			t.Fatal(err)
		}
		image, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		want := size
		if size[0] == 0 {
			want = [2]int{128, 72}
		}
		if got := image.Bounds().Size(); got.X != want[0] || got.Y != want[1] {
			t.Errorf("an image of %v, want %v", got, want)
		}
	}
	if _, err := transcode.Thumbnail(t.Context(), "ffmpeg", clip.Picture(1), 0, 0); err == nil {
		t.Error("an image of what is no keyframe")
	}
}

// TestThumbnailOfHEVC makes one of what libx265 encodes, as it comes in a container.
func TestThumbnailOfHEVC(t *testing.T) {
	stream, err := exec.CommandContext(t.Context(), "ffmpeg", "-loglevel", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=192x108:rate=1",
		"-frames:v", "1", "-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p", "-f", "hevc", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	u := media.Unit{Key: true, Track: &media.Track{Kind: media.Video, Codec: media.HEVC}}
	head, arrays := make([]byte, 22), []byte{}
	n := byte(0)
	for nal := range bytes.SplitSeq(stream, []byte{0, 0, 1}) {
		if nal = bytes.TrimRight(nal, "\x00"); len(nal) == 0 {
			continue
		}
		if kind := nal[0] >> 1 & 0x3f; kind >= 32 && kind <= 34 { // VPS, SPS and PPS
			arrays = append(append(arrays, kind, 0, 1, 0, byte(len(nal))), nal...)
			n++
			continue
		}
		u.Data = append(binary.BigEndian.AppendUint32(u.Data, uint32(len(nal))), nal...)
	}
	u.Track.Config = append(append(head, n), arrays...)
	b, err := transcode.Thumbnail(t.Context(), "ffmpeg", u, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	image, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if got := image.Bounds().Size(); got.X != 192 || got.Y != 108 {
		t.Errorf("an image of %v, want 192x108", got)
	}
	for n := range u.Track.Config { // cut off anywhere: an error, or an image all the same
		short := *u.Track
		short.Config = short.Config[:n]
		u := media.Unit{Key: true, Track: &short}
		if _, err := transcode.Thumbnail(t.Context(), "", u, 0, 0); err == nil {
			t.Errorf("an image of a header of %d bytes", n)
		}
	}
}

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ivs/types"

	"openivs/e2e/publisher"
)

// picture is how a clip's video is encoded.
type picture struct {
	width, height, fps int
	profile            string // baseline, main, high
	kbps               int
}

// sound is how a clip's audio is encoded. The zero sound is silence: no track.
type sound struct {
	channels, rate int
	kbps           int
}

var (
	small = picture{width: 320, height: 180, fps: 30, profile: "main", kbps: 300}
	voice = sound{channels: 2, rate: 48000, kbps: 96}
)

const (
	clipSeconds = 8
	gopSeconds  = 1
)

// A clip is an FLV file, and what ffprobe and its own bytes say of it.
type clip struct {
	file    string
	tags    []publisher.Tag
	encoder string // as the file's onMetaData says
	video   *probed
	audio   *probed
}

// probed is a stream as ffprobe describes it.
type probed struct {
	Type       string `json:"codec_type"`
	Codec      string `json:"codec_name"`
	Profile    string `json:"profile"`
	Level      int    `json:"level"`
	Width      int64  `json:"width"`
	Height     int64  `json:"height"`
	Framerate  string `json:"r_frame_rate"`
	Bitrate    string `json:"bit_rate"`
	SampleRate string `json:"sample_rate"`
	Channels   int64  `json:"channels"`
}

type probe struct {
	Streams []probed `json:"streams"`
	Format  struct {
		Tags map[string]string `json:"tags"`
	} `json:"format"`
}

// ffprobe describes a file or URL.
func ffprobe(t *testing.T, what string) probe {
	t.Helper()
	var p probe
	out := command(t, "ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", what)
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// made remembers what has been encoded: by name, a function that encodes once.
var made struct {
	sync.Mutex
	files map[string]func() error
}

// once makes a file of the shared directory if no test has yet.
func once(t *testing.T, name string, args ...string) string {
	t.Helper()
	file := filepath.Join(built.clips, name)
	made.Lock()
	if made.files == nil {
		made.files = map[string]func() error{}
	}
	encode, ok := made.files[name]
	if !ok {
		encode = sync.OnceValue(func() error {
			all := append([]string{"-hide_banner", "-loglevel", "error", "-nostdin"}, args...)
			_, err := output(context.Background(), "ffmpeg", append(all, file)...) //nolint:usetesting // it is for all tests
			return err
		})
		made.files[name] = encode
	}
	made.Unlock()
	if err := encode(); err != nil {
		t.Fatal(err)
	}
	return file
}

// encode returns a clip of clipSeconds, made once for all tests.
func encode(t *testing.T, p picture, s sound) clip {
	t.Helper()
	length := strconv.Itoa(clipSeconds)
	video := once(t, fmt.Sprintf("v-%dx%d-%d-%s-%d.flv", p.width, p.height, p.fps, p.profile, p.kbps),
		"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%dx%d:rate=%d", p.width, p.height, p.fps), "-t", length,
		"-c:v", "libx264", "-preset", "superfast", "-profile:v", p.profile, "-pix_fmt", "yuv420p",
		"-b:v", fmt.Sprintf("%dk", p.kbps), "-maxrate", fmt.Sprintf("%dk", p.kbps), "-bufsize", fmt.Sprintf("%dk", p.kbps),
		"-g", strconv.Itoa(gopSeconds*p.fps), "-sc_threshold", "0")
	if s == (sound{}) {
		return inspect(t, video)
	}
	audio := once(t, fmt.Sprintf("a-%d-%d-%d.flv", s.channels, s.rate, s.kbps),
		"-f", "lavfi", "-i", fmt.Sprintf("sine=frequency=440:sample_rate=%d", s.rate), "-t", length,
		"-c:a", "aac", "-b:a", fmt.Sprintf("%dk", s.kbps), "-ac", strconv.Itoa(s.channels), "-ar", strconv.Itoa(s.rate))
	name := strings.TrimSuffix(filepath.Base(video), ".flv") + "-" + filepath.Base(audio)
	return inspect(t, once(t, name, "-i", video, "-i", audio, "-map", "0:v", "-map", "1:a", "-c", "copy"))
}

// inspect reads what a clip is from the clip itself.
func inspect(t *testing.T, file string) clip {
	t.Helper()
	tags, err := publisher.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := clip{file: file, tags: tags}
	p := ffprobe(t, file)
	c.encoder = p.Format.Tags["encoder"]
	for i := range p.Streams {
		switch s := &p.Streams[i]; s.Type {
		case "video":
			c.video = s
		case "audio":
			c.audio = s
		}
	}
	return c
}

// declared is the bit rate that Amazon IVS shows for what ffmpeg declares: ffmpeg
// writes bits per second divided by 1024, IVS takes that times 1000.
func declared(t *testing.T, bitrate string) int64 {
	t.Helper()
	n, err := strconv.ParseFloat(bitrate, 64)
	if err != nil {
		t.Fatalf("bit rate %q: %v", bitrate, err)
	}
	return int64(n / 1024 * 1000)
}

// avc is the codec string that the clip's AVCDecoderConfigurationRecord gives
// (ISO/IEC 14496-15, 5.3.3.1: profile, constraints and level are bytes 1 to 3).
func (c clip) avc() string {
	for _, t := range c.tags {
		if t.Type == publisher.Video && t.Header() {
			return fmt.Sprintf("avc1.%02X%02X%02X", t.Body[6], t.Body[7], t.Body[8])
		}
	}
	return ""
}

// wantVideo is what GetStreamSession should say of the clip's video when ffmpeg
// sends it. old adds the members of the deprecated ingestConfiguration.
func (c clip) wantVideo(t *testing.T) types.VideoConfiguration {
	t.Helper()
	v := c.video
	num, den, _ := strings.Cut(v.Framerate, "/")
	n, errN := strconv.Atoi(num)
	d, errD := strconv.Atoi(den)
	if errN != nil || errD != nil {
		t.Fatalf("frame rate %q", v.Framerate)
	}
	profile := strings.TrimPrefix(v.Profile, "Constrained ")
	level := fmt.Sprintf("%d.%d", v.Level/10, v.Level%10)
	codec, track := c.avc(), "Track0"
	return types.VideoConfiguration{
		Codec:           &codec,
		Encoder:         &c.encoder,
		Level:           &level,
		Profile:         &profile,
		TargetBitrate:   declared(t, v.Bitrate),
		TargetFramerate: int64(n / d),
		Track:           &track,
		VideoHeight:     v.Height,
		VideoWidth:      v.Width,
	}
}

// wantAudio is what GetStreamSession should say of the clip's audio.
func (c clip) wantAudio(t *testing.T) types.AudioConfiguration {
	t.Helper()
	rate, err := strconv.ParseInt(c.audio.SampleRate, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	codec, track := "mp4a.40.2", "Track0"
	return types.AudioConfiguration{
		Channels:      c.audio.Channels,
		Codec:         &codec,
		SampleRate:    rate,
		TargetBitrate: declared(t, c.audio.Bitrate),
		Track:         &track,
	}
}

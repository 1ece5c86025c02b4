package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
)

// An input is what an encoder sends to be transcoded.
type input struct {
	width, height, fps int
	kbps               int
	flags              []string // of the encoder, beyond those of every clip
	gop                int      // pictures
}

func (i input) String() string {
	return fmt.Sprintf("%dx%d at %d, GOP %d %s", i.width, i.height, i.fps, i.gop, strings.Join(i.flags, " "))
}

// A rung is what a rendition has to be.
type rung struct {
	name          string
	width, height int
	fps           float64
	kbps          float64 // of the picture; 0: whatever it is
	sound         float64 // kbit/s; 0: whatever it is
}

// A climb is an input to a channel type, and what becomes of it.
type climb struct {
	typ    types.ChannelType
	preset types.TranscodePreset
	in     input
	want   []rung
}

var bFrames = []string{"-bf", "2"}

// climbs are rows of the tables of channel types.
var climbs = []climb{
	{types.ChannelTypeStandardChannelType, "", input{1920, 1080, 60, 6000, nil, 120}, []rung{
		{"1080p60", 1920, 1080, 60, 0, 0},
		{"720p60", 1280, 720, 60, 3400, 0},
		{"480p30", 852, 480, 30, 1400, 0},
		{"360p30", 640, 360, 30, 630, 64},
		{"160p30", 284, 160, 30, 230, 48},
	}},
	{types.ChannelTypeStandardChannelType, "", input{1920, 1080, 30, 5000, bFrames, 60}, []rung{
		{"1080p30", 1920, 1080, 30, 0, 0},
		{"720p30", 1280, 720, 30, 2400, 0},
		{"480p30", 852, 480, 30, 1400, 0},
		{"360p30", 640, 360, 30, 630, 64},
		{"160p30", 284, 160, 30, 230, 48},
	}},
	{types.ChannelTypeStandardChannelType, "", input{1280, 720, 60, 4000, nil, 61}, []rung{
		{"720p60", 1280, 720, 60, 3400, 0}, {"480p30", 852, 480, 30, 1400, 0}, {"360p30", 640, 360, 30, 630, 64}, {"160p30", 284, 160, 30, 230, 48},
	}},
	{types.ChannelTypeStandardChannelType, "", input{1280, 720, 30, 3000, bFrames, 30}, []rung{
		{"720p30", 1280, 720, 30, 2400, 0}, {"480p30", 852, 480, 30, 1400, 0}, {"360p30", 640, 360, 30, 630, 64}, {"160p30", 284, 160, 30, 230, 48},
	}},
	{types.ChannelTypeStandardChannelType, "", input{1024, 576, 25, 2000, nil, 50}, []rung{
		{"480p30", 852, 480, 25, 1400, 0}, {"360p30", 640, 360, 25, 630, 64}, {"160p30", 284, 160, 25, 230, 48},
	}},
	{types.ChannelTypeStandardChannelType, "", input{852, 480, 30, 1500, nil, 59}, []rung{
		{"480p30", 852, 480, 30, 1400, 0}, {"360p30", 640, 360, 30, 630, 64}, {"160p30", 284, 160, 30, 230, 48},
	}},
	{types.ChannelTypeStandardChannelType, "", input{640, 360, 50, 1000, nil, 59}, []rung{
		{"360p30", 640, 360, 25, 630, 64}, {"160p30", 284, 160, 25, 230, 48},
	}},
	{types.ChannelTypeStandardChannelType, "", input{720, 1280, 30, 3000, nil, 60}, []rung{
		{"720p30", 720, 1280, 30, 2400, 0}, {"480p30", 480, 852, 30, 1400, 0}, {"360p30", 360, 640, 30, 630, 64}, {"160p30", 160, 284, 30, 230, 48},
	}},
	{types.ChannelTypeAdvancedHDChannelType, "CONSTRAINED_BANDWIDTH_DELIVERY", input{1280, 720, 30, 3000, nil, 300}, []rung{
		{"720p30", 1280, 720, 30, 1900, 128}, {"480p30", 852, 480, 30, 800, 128}, {"360p30", 640, 360, 30, 400, 64}, {"160p30", 284, 160, 30, 220, 48}, {"audio_only", 0, 0, 0, 0, 64},
	}},
	{types.ChannelTypeAdvancedSDChannelType, "", input{852, 480, 60, 1500, bFrames, 120}, []rung{
		{"480p30", 852, 480, 30, 1300, 128}, {"360p30", 640, 360, 30, 700, 64}, {"160p30", 284, 160, 30, 270, 48}, {"audio_only", 0, 0, 0, 0, 64},
	}},
	{types.ChannelTypeBasicChannelType, "", input{852, 480, 30, 1300, nil, 60}, []rung{{"480p30", 852, 480, 30, 0, 0}}},
}

// TestEveryRungIsWhatTheTableSays publishes with ffmpeg, plays every rendition and
// holds it to its channel type. It is not parallel to other tests, as a ladder takes
// what two processors have.
func TestEveryRungIsWhatTheTableSays(t *testing.T) {
	onlySoak(t)
	s := serve(t, "--transcode", "on")
	for _, c := range climbs {
		for _, container := range []types.ContainerFormat{types.ContainerFormatTs, types.ContainerFormatFragmentedMP4} {
			t.Run(fmt.Sprintf("%s %s of %v", c.typ, container, c.in), func(t *testing.T) { c.hold(t, s, container) })
		}
	}
}

// hold publishes the input and plays what becomes of it.
func (c climb) hold(t *testing.T, s *running, container types.ContainerFormat) {
	t.Helper()
	ch := s.channel(t, func(in *ivs.CreateChannelInput) {
		in.Type, in.Preset, in.ContainerFormat = c.typ, c.preset, container
	})
	enc := stream(t, c.in.clip(t), ch.rtmp())
	id := str(ch.live().StreamId)
	defer func() { // the next has its share of the processors after that
		enc.quit()
		ch.over(id)
	}()
	variants := variantsOf(t, ch.playback)
	var names []string
	for _, v := range variants {
		names = append(names, v.group)
	}
	var want []string
	for _, r := range c.want {
		want = append(want, r.name)
	}
	if !slices.Equal(names, want) {
		t.Fatalf("renditions %v, want %v", names, want)
	}
	var played sync.WaitGroup
	watched := make([]watching, len(variants))
	for i, v := range variants {
		played.Go(func() { watched[i] = watchVariant(t, v.url) })
	}
	played.Wait()
	for i, r := range c.want {
		r.compare(t, variants[i], watched[i])
	}
	if c.want[0].width > 0 {
		aligned(t, c.want, watched)
	}
}

// clip is the input as a file.
func (i input) clip(t *testing.T) clip {
	t.Helper()
	name := fmt.Sprintf("in-%dx%d-%d-%d%s.flv", i.width, i.height, i.fps, i.gop, strings.Join(i.flags, ""))
	args := []string{
		"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%dx%d:rate=%d", i.width, i.height, i.fps),
		"-f", "lavfi", "-i", "aevalsrc=random(0)*0.3|random(1)*0.3:s=48000", "-t", "12",
		"-c:v", "libx264", "-preset", "superfast", "-pix_fmt", "yuv420p", "-bf", "0", "-g", strconv.Itoa(i.gop), "-sc_threshold", "0",
		"-b:v", fmt.Sprintf("%dk", i.kbps), "-maxrate", fmt.Sprintf("%dk", i.kbps), "-bufsize", fmt.Sprintf("%dk", i.kbps), "-c:a", "aac", "-b:a", "128k",
	}
	return inspect(t, once(t, name, append(args, i.flags...)...))
}

// A variant is a rendition as a multivariant playlist has it.
type variant struct {
	group, size, rate, codecs string
	url                       string
}

var (
	attribute = regexp.MustCompile(`([A-Z-]+)=("[^"]*"|[^,]*)`)
	longWatch = 9 * time.Second
)

// variantsOf reads a multivariant playlist.
func variantsOf(t *testing.T, address string) (out []variant) {
	t.Helper()
	code, _, body := fetch(t, address)
	if code != 200 {
		t.Fatalf("multivariant playlist: %d\n%s", code, body)
	}
	base, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	var v variant
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if attributes, ok := strings.CutPrefix(line, "#EXT-X-STREAM-INF:"); ok {
			for _, m := range attribute.FindAllStringSubmatch(attributes, -1) {
				value := strings.Trim(m[2], `"`)
				switch m[1] {
				case "VIDEO":
					v.group = value
				case "RESOLUTION":
					v.size = value
				case "FRAME-RATE":
					v.rate = value
				case "CODECS":
					v.codecs = value
				}
			}
		} else if line != "" && line[0] != '#' {
			u, err := base.Parse(line)
			if err != nil {
				t.Fatal(err)
			}
			v.url = u.String()
			out = append(out, v)
			v = variant{}
		}
	}
	return out
}

// A watching is what ffprobe says of what was played of a rendition.
type watching struct {
	pictures, keys []int64 // presentation times, in 1/90000 s, in order
	bits, sound    float64 // of pictures and of sound
	soundLength    float64 // seconds
	width, height  int
}

// watchVariant plays a rendition for a while and looks into it.
func watchVariant(t *testing.T, address string) (w watching) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "seen.ts")
	command(t, "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-i", address,
		"-t", strconv.Itoa(int(longWatch.Seconds())), "-map", "0:v?", "-map", "0:a?", "-c", "copy", "-copyts", file)
	out, err := output(t.Context(), "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning", "-xerror", "-i", file, "-map", "0", "-f", "null", "-")
	if err != nil || len(out) > 0 {
		t.Errorf("decoding what was played: %v\n%s", err, out)
	}
	var found struct {
		Packets []struct {
			Kind  string `json:"codec_type"`
			PTS   int64  `json:"pts"`
			Size  string `json:"size"`
			Flags string `json:"flags"`
		} `json:"packets"`
		Streams []struct {
			Kind   string `json:"codec_type"`
			Width  int    `json:"width"`
			Height int    `json:"height"`
		} `json:"streams"`
	}
	text := command(t, "ffprobe", "-v", "error", "-i", file, "-show_entries", "packet=codec_type,pts,size,flags:stream=codec_type,width,height", "-of", "json")
	if err := json.Unmarshal(text, &found); err != nil {
		t.Error(err)
	}
	for _, s := range found.Streams {
		if s.Kind == "video" {
			w.width, w.height = s.Width, s.Height
		}
	}
	var first, last int64
	for _, p := range found.Packets {
		size, err := strconv.ParseFloat(p.Size, 64)
		if err != nil {
			t.Error(err)
		}
		if p.Kind == "audio" {
			if w.sound == 0 {
				first = p.PTS
			}
			w.sound += 8 * size
			last = p.PTS
			continue
		}
		w.pictures = append(w.pictures, p.PTS)
		w.bits += 8 * size
		if strings.HasPrefix(p.Flags, "K") {
			w.keys = append(w.keys, p.PTS)
		}
	}
	w.soundLength = float64(last-first) / 90000
	slices.Sort(w.pictures)
	return w
}

// compare holds what was played of a rendition to the table.
func (r rung) compare(t *testing.T, v variant, w watching) {
	t.Helper()
	if w.width != r.width || w.height != r.height {
		t.Errorf("%s is %dx%d, want %dx%d", r.name, w.width, w.height, r.width, r.height)
	}
	if r.width > 0 {
		if size := fmt.Sprintf("%dx%d", r.width, r.height); v.size != size || v.rate != fmt.Sprintf("%.3f", r.fps) || len(w.pictures) < int(r.fps) {
			t.Fatalf("%s is announced as %s at %s, want %s at %v; %d pictures were played", r.name, v.size, v.rate, size, r.fps, len(w.pictures))
		}
		length := float64(w.pictures[len(w.pictures)-1]-w.pictures[0]) / 90000
		if fps := float64(len(w.pictures)-1) / length; math.Abs(fps-r.fps) > 0.03*r.fps {
			t.Errorf("%s has %.2f pictures a second, want %v", r.name, fps, r.fps)
		}
		if kbps := w.bits / length / 1000; r.kbps > 0 && math.Abs(kbps/r.kbps-1) > 0.10 {
			t.Errorf("%s has %.0f kbit/s, want %.0f", r.name, kbps, r.kbps)
		}
	}
	if kbps := w.sound / w.soundLength / 1000; r.sound > 0 && math.Abs(kbps/r.sound-1) > 0.15 {
		t.Errorf("the sound of %s has %.0f kbit/s, want %.0f", r.name, kbps, r.sound)
	}
}

// aligned looks whether all keyframes of one rendition are keyframes of all others,
// where both were played.
func aligned(t *testing.T, rungs []rung, watched []watching) {
	t.Helper()
	for i, w := range watched {
		for k, o := range watched {
			if i == k || len(w.keys) == 0 || len(o.keys) == 0 {
				continue
			}
			both := 0
			for _, key := range w.keys {
				if key < o.pictures[0] || key > o.pictures[len(o.pictures)-1] {
					continue
				}
				both++
				if !slices.Contains(o.keys, key) {
					t.Errorf("%s has a keyframe at %d, %s has none", rungs[i].name, key, rungs[k].name)
				}
			}
			if both == 0 {
				t.Errorf("%s and %s were not played at the same time", rungs[i].name, rungs[k].name)
			}
		}
	}
}

// TestTranscodedSoundAndPictureAreTogether is about a rung whose picture and sound
// are both made.
func TestTranscodedSoundAndPictureAreTogether(t *testing.T) {
	onlySoak(t)
	flashAndBeep(t, serve(t, "--transcode", "on"))
}

// TestLevelsAreSwitchedWithoutAGap has hls.js go from every rendition to every
// other.
func TestLevelsAreSwitchedWithoutAGap(t *testing.T) {
	onlySoak(t)
	s := serve(t, "--transcode", "on")
	b := chromium(t)
	containers := []types.ContainerFormat{types.ContainerFormatTs, types.ContainerFormatFragmentedMP4}
	if !*soak {
		containers = containers[1:] // of which players see parts
	}
	for _, container := range containers {
		t.Run(string(container), func(t *testing.T) {
			ch := s.channel(t, func(in *ivs.CreateChannelInput) { in.ContainerFormat = container })
			in := input{852, 480, 30, 1500, nil, 30}
			enc := stream(t, in.clip(t), ch.rtmp())
			id := str(ch.live().StreamId)
			defer func() {
				enc.quit()
				ch.over(id)
			}()
			levels := len(variantsOf(t, ch.playback))
			if levels != 3 {
				t.Fatalf("%d renditions, want 3", levels)
			}
			player := b.open(t, "levels", ch.playback, nil)
			player.until(2*time.Minute, goal{cues: levels * (levels - 1)})
			found := player.seen()
			t.Log(found)
			if len(found.Stalls) > 0 || len(found.Errors) > 0 || len(found.Holes) > 0 || len(found.Failed) > 0 {
				t.Errorf("while switching: %v", found)
			}
			seen := map[string]bool{}
			for _, c := range found.Cues {
				seen[c.Text] = true
			}
			if len(seen) != levels*(levels-1) {
				t.Errorf("switches %v, want each of %d once", seen, levels*(levels-1))
			}
		})
	}
}

package e2e

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
)

// The numbered clip: a picture that carries its number, so that whoever sees it
// knows how old it is.
const (
	numberedFPS  = 30
	numberedBits = 10
	numberedLen  = 1 << numberedBits // frames: longer than any showing
)

// numbered returns the clip: each picture has its number along the upper edge, in
// blocks a sixteenth of the width wide, the least bit first.
func numbered(t *testing.T) clip {
	t.Helper()
	source := fmt.Sprintf("testsrc2=size=640x360:rate=%d", numberedFPS)
	for bit := range numberedBits {
		box := fmt.Sprintf(",drawbox=x=%d:y=0:w=40:h=40:t=fill:color=", 40*bit)
		source += box + "black" + box + fmt.Sprintf("white:enable='gte(mod(n,%d),%d)'", 2<<bit, 1<<bit)
	}
	length := strconv.Itoa(numberedLen / numberedFPS) // of the sound, which must not be what the clip's length comes from
	return inspect(t, once(t, "numbered.flv",
		"-f", "lavfi", "-i", source, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration="+length,
		"-frames:v", strconv.Itoa(numberedLen), "-c:v", "libx264", "-preset", "superfast", "-profile:v", "high", "-pix_fmt", "yuv420p",
		"-b:v", "800k", "-maxrate", "800k", "-bufsize", "800k", "-g", strconv.Itoa(numberedFPS), "-sc_threshold", "0",
		"-c:a", "aac", "-b:a", "96k", "-ac", "2"))
}

// A clock says when the pictures of the numbered clip were made.
type clock struct {
	Zero   float64 `json:"zero"`   // when picture 0 was, in ms since 1970
	Step   float64 `json:"step"`   // from one picture to the next, in ms
	Period float64 `json:"period"` // from one picture 0 to the next, in ms
	Bits   int     `json:"bits"`
}

var dateTag = regexp.MustCompile(`#EXT-X-PROGRAM-DATE-TIME:(\S+)`)

// clockOf reads the number of a picture that the playlist dates.
func clockOf(t *testing.T, playback string) *clock {
	t.Helper()
	_, _, master := fetch(t, playback)
	variant := firstURI(t, playback, master)
	var segment, prelude string
	var date time.Time
	until(t, liveIn, "a segment is listed", func() (bool, string) {
		_, _, media := fetch(t, variant)
		m := dateTag.FindStringSubmatch(media)
		if m == nil || !strings.Contains(media, "#EXTINF:") {
			return false, media
		}
		at, err := time.Parse(time.RFC3339, m[1])
		if err != nil {
			t.Fatal(err)
		}
		_, entry, _ := strings.Cut(media, m[0])
		_, entry, _ = strings.Cut(entry, "#EXTINF:")
		_, entry, ok := strings.Cut(entry, "\n")
		if !ok {
			return false, media
		}
		date, segment = at, firstURI(t, variant, entry)
		if m := mapTag.FindStringSubmatch(media); m != nil {
			prelude = firstURI(t, variant, m[1])
		}
		return true, ""
	})
	_, _, body := fetch(t, segment)
	if prelude != "" {
		_, _, head := fetch(t, prelude)
		body = head + body
	}
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-hide_banner", "-loglevel", "error", "-i", "pipe:0",
		"-frames:v", "1", "-vf", fmt.Sprintf("crop=%d:20:0:10,scale=%d:1:flags=area", 40*numberedBits, numberedBits),
		"-pix_fmt", "gray", "-f", "rawvideo", "-")
	cmd.Stdin = strings.NewReader(body)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	row, err := cmd.Output()
	if err != nil || len(row) != numberedBits {
		t.Fatalf("reading the number of %s: %v, %d bytes\n%s", segment, err, len(row), errs.String())
	}
	number := 0
	for bit, gray := range row {
		if gray >= 128 {
			number |= 1 << bit
		}
	}
	const step = 1000.0 / numberedFPS
	return &clock{Zero: float64(date.UnixMilli()) - float64(number)*step, Step: step, Period: numberedLen * step, Bits: numberedBits}
}

var mapTag = regexp.MustCompile(`#EXT-X-MAP:URI="([^"]+)"`)

// cell is a container and a latency mode.
type cell struct {
	container types.ContainerFormat
	mode      types.ChannelLatencyMode
}

func (c cell) String() string { return fmt.Sprintf("%s %s", c.container, c.mode) }

func (c cell) set(in *ivs.CreateChannelInput) {
	in.LatencyMode, in.ContainerFormat = c.mode, c.container
}

// A showing is one player on one kind of channel.
type showing struct {
	cell   cell
	player string
}

func (p showing) String() string { return fmt.Sprintf("%v %s", p.cell, p.player) }

// showings returns the whole matrix, a group for each kind of channel, or the group
// that stands for it in a short run.
func showings() [][]showing {
	if !*soak {
		return [][]showing{{{mp4Low, "hls"}, {tsLow, "hls"}, {tsLow, "ivs"}, {tsLow, "native"}}}
	}
	var all [][]showing
	for _, c := range cells {
		var group []showing
		for _, player := range []string{"hls", "ivs", "native", "shaka", "videojs"} {
			group = append(group, showing{c, player})
		}
		all = append(all, group)
	}
	return all
}

var (
	tsLow     = cell{types.ContainerFormatTs, types.ChannelLatencyModeLowLatency}
	tsNormal  = cell{types.ContainerFormatTs, types.ChannelLatencyModeNormalLatency}
	mp4Low    = cell{types.ContainerFormatFragmentedMP4, types.ChannelLatencyModeLowLatency}
	mp4Normal = cell{types.ContainerFormatFragmentedMP4, types.ChannelLatencyModeNormalLatency}
	cells     = []cell{tsLow, tsNormal, mp4Low, mp4Normal}
)

// TestPlayersPlay has the players of the trade play live streams to their end.
// It is not parallel to other tests, as it measures how far the pictures are
// behind.
func TestPlayersPlay(t *testing.T) {
	s := serve(t)
	b := chromium(t)
	c := numbered(t)
	for _, group := range showings() {
		channels := map[cell]channel{}
		clocks := map[cell]*clock{}
		for _, p := range group {
			if _, ok := channels[p.cell]; !ok {
				ch := s.channel(t, p.cell.set)
				stream(t, c, ch.rtmp())
				ch.live()
				channels[p.cell], clocks[p.cell] = ch, clockOf(t, ch.playback)
			}
		}
		tabs := map[showing]tab{}
		for _, p := range group {
			tabs[p] = b.open(t, p.player, channels[p.cell].playback, clocks[p.cell])
		}
		t.Run("play", func(t *testing.T) {
			for _, p := range group {
				t.Run(p.String(), func(t *testing.T) {
					t.Parallel()
					tab := tabs[p].in(t)
					tab.until(playedIn, goal{seconds: playFor})
					p.judge(t, tab.seen())
				})
			}
		})
		for _, ch := range channels {
			if _, err := s.ivs.StopStream(t.Context(), &ivs.StopStreamInput{ChannelArn: &ch.arn}); err != nil {
				t.Fatal(err)
			}
		}
		t.Run("end", func(t *testing.T) {
			for _, p := range group {
				t.Run(p.String(), func(t *testing.T) {
					t.Parallel()
					tab := tabs[p].in(t)
					tab.until(overIn, goal{ended: true})
					p.clean(t, tab.seen())
				})
			}
		})
	}
}

const (
	playFor  = 10          // seconds of media that each player shows
	playedIn = time.Minute // how long that may take
)

// judge holds a play that goes on to what its player can do.
func (p showing) judge(t *testing.T, s seen) {
	t.Helper()
	t.Log(s)
	p.clean(t, s)
	if s.Width != 640 || s.Height != 360 {
		t.Errorf("the picture is %dx%d, want 640x360", s.Width, s.Height)
	}
	if want := playFor * numberedFPS / 2; s.Frames < want {
		t.Errorf("%d pictures were shown, want %d at least", s.Frames, want)
	}
}

// clean fails the test if a play was disturbed.
func (p showing) clean(t *testing.T, s seen) {
	t.Helper()
	if len(s.Stalls)+len(s.Errors)+len(s.Notes)+len(s.Failed)+len(s.Holes) > 0 {
		t.Errorf("stalls %v, errors %q, complaints %q, refused %q, left out %q; want none\nthe page: %q",
			s.Stalls, s.Errors, s.Notes, s.Failed, s.Holes, s.Told)
	}
}

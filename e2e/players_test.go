package e2e

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"regexp"
	"slices"
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
	numberedLen  = 1 << numberedBits // frames: longer than any picture is behind
	numberedRate = 48000             // Hz
)

// numbered returns the clip: each picture has its number along the upper edge, in
// blocks a sixteenth of the width wide, the least bit first.
func numbered(t *testing.T) clip {
	t.Helper()
	source := fmt.Sprintf("testsrc2=size=640x360:rate=%d,trim=end_frame=%d", numberedFPS, numberedLen)
	for bit := range numberedBits {
		box := fmt.Sprintf(",drawbox=x=%d:y=0:w=40:h=40:t=fill:color=", 40*bit)
		source += box + "black" + box + fmt.Sprintf("white:enable='gte(mod(n,%d),%d)'", 2<<bit, 1<<bit)
	}
	// The sound ends with the pictures and is a whole number of AAC frames, so
	// that the clip goes on without a hole when it is played again.
	tone := fmt.Sprintf("sine=frequency=440:sample_rate=%d,atrim=end_sample=%d", numberedRate, numberedLen*numberedRate/numberedFPS)
	return inspect(t, once(t, "numbered.flv",
		"-f", "lavfi", "-i", source, "-f", "lavfi", "-i", tone,
		"-c:v", "libx264", "-preset", "superfast", "-profile:v", "high", "-pix_fmt", "yuv420p",
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

// raises reports whether a player shows an application the metadata of a
// container.
func (p showing) raises() bool {
	switch p.player {
	case "hls", "videojs":
		return true
	case "ivs", "shaka":
		return p.cell.container == types.ContainerFormatTs
	default:
		return false
	}
}

// plays is how many seconds of media a showing shows at least. The IVS player
// begins up to a segment further behind than it stays, and catches up by a
// thirtieth of the time.
func (p showing) plays() int {
	if p.player == "ivs" && p.cell.mode == types.ChannelLatencyModeLowLatency {
		return 3 * playFor
	}
	return playFor
}

// behind is how far a showing may be behind what was sent in the end, in seconds,
// or 0 if that is the player's own affair.
func (p showing) behind() float64 {
	if p.player == "ivs" && p.cell.mode == types.ChannelLatencyModeLowLatency {
		return 3.5
	}
	return 0
}

// toldWithin is how far what the IVS player tells of its latency may be from what
// its picture shows, in seconds.
const toldWithin = 0.5

// showings returns the whole matrix, or what stands for it in a short run: hls.js
// and the IVS player on the kind of channel that is the default.
func showings() []showing {
	var all []showing
	for _, c := range cells {
		for _, player := range []string{"hls", "ivs", "shaka", "videojs", "native"} {
			if *soak || c == tsLow && (player == "hls" || player == "ivs") {
				all = append(all, showing{c, player})
			}
		}
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

const (
	playFor  = 10          // seconds of media that each player shows at least
	playedIn = time.Minute // how long that may take
	// fill is how many segments a player wants to find that keeps three target
	// durations from the end (RFC 8216, 6.3.3). Chromium's own HLS gives up on a
	// stream that has just begun.
	fill = 4
)

// messages are what PutMetadata sends while the players play, one a second.
var messages = []string{"first", "sëcond ✓", `{"third":3}`}

// TestPlayersPlay has the players of the trade play live streams to their end, one
// at a time. It is not parallel to other tests, as it measures how far the pictures
// are behind.
func TestPlayersPlay(t *testing.T) {
	s := serve(t)
	b := chromium(t)
	c := numbered(t)
	for _, p := range showings() {
		t.Run(p.String(), func(t *testing.T) {
			ch := s.in(t).channel(t, p.cell.set)
			stream(t, c, ch.rtmp())
			ch.live()
			clock := clockOf(t, ch.playback)
			if p.waits() {
				ch.lists(fill)
			}
			use := measure(t)
			tab := b.open(t, p.player, ch.playback, clock)
			for i, m := range messages {
				tab.until(playedIn, goal{seconds: i + 1})
				ch.says(m)
			}
			g := goal{seconds: p.plays()}
			if p.raises() {
				g.cues = len(messages)
			}
			tab.until(playedIn, g)
			tab.catchUp(p, g)
			p.judge(t, tab.seen(), use())
			ch.stop()
			tab.until(overIn, goal{ended: true})
			p.clean(t, tab.seen(), use())
			tab.close()
		})
	}
}

// TestHlsIsCloseToLive has hls.js join a low-latency stream again and again. Where it
// starts hangs on when it came: at best the hold-back behind the end, at worst at the
// keyframe before that, and there it stays. So it is half of the viewers that are
// asked for.
func TestHlsIsCloseToLive(t *testing.T) {
	onlySoak(t)
	const (
		joins   = 11
		closeBy = 1.5 // seconds
		watched = 4   // seconds
	)
	s := serve(t)
	b := chromium(t)
	ch := s.channel(t, mp4Low.set)
	stream(t, numbered(t), ch.rtmp())
	ch.live()
	clock := clockOf(t, ch.playback)
	use := measure(t)
	var behind []float64
	for range joins {
		tab := b.open(t, "hls", ch.playback, clock)
		tab.until(playedIn, goal{seconds: watched})
		got := tab.seen()
		tab.close()
		t.Log(got)
		if !got.LowLatency || len(got.Errors)+len(got.Failed) > 0 {
			t.Errorf("it did not play in low latency, or with errors %q, refused %q", got.Errors, got.Failed)
		}
		behind = append(behind, got.Late.P50)
	}
	slices.Sort(behind)
	t.Logf("behind live: %.2f", behind)
	if half := behind[joins/2]; half > closeBy && !use() {
		t.Errorf("half of the viewers are more than %.2f s behind live, want %.1f s", half, closeBy)
	}
}

// catchUp waits while a player comes closer to the end of the stream, for as long as it
// takes to gain the segment that it began further behind at most.
func (p tab) catchUp(s showing, g goal) {
	p.t.Helper()
	for most := 2 * g.seconds; s.behind() > 0 && p.seen().Late.P50 > s.behind() && g.seconds < most; {
		g.seconds += playFor / 2
		p.until(playedIn, g)
	}
}

// waits reports whether a showing begins when there are some segments. Where
// players want several target durations before the end of the playlist, they
// would have none of it at the very beginning of a stream. Shaka looks into some
// segments before it plays, and gives up if it picks the one that is being made.
func (p showing) waits() bool {
	return p.cell != mp4Low || p.player == "native" || p.player == "shaka"
}

// lists waits until the channel's playlist has some segments.
func (c channel) lists(segments int) {
	c.t.Helper()
	_, _, master := fetch(c.t, c.playback)
	variant := firstURI(c.t, c.playback, master)
	until(c.t, liveIn, "there are enough segments", func() (bool, string) {
		_, _, media := fetch(c.t, variant)
		return strings.Count(media, "#EXTINF:") >= segments, media
	})
}

// says puts metadata into the channel's stream.
func (c channel) says(what string) {
	c.t.Helper()
	if _, err := c.s.ivs.PutMetadata(c.t.Context(), &ivs.PutMetadataInput{ChannelArn: &c.arn, Metadata: &what}); err != nil {
		c.t.Fatal(err)
	}
}

// stop ends the channel's stream.
func (c channel) stop() {
	c.t.Helper()
	if _, err := c.s.ivs.StopStream(c.t.Context(), &ivs.StopStreamInput{ChannelArn: &c.arn}); err != nil {
		c.t.Fatal(err)
	}
}

// judge holds a showing that goes on to what its player can do.
func (p showing) judge(t *testing.T, s seen, busy bool) {
	t.Helper()
	t.Log(s)
	p.clean(t, s, busy)
	if s.Width != 640 || s.Height != 360 {
		t.Errorf("the picture is %dx%d, want 640x360", s.Width, s.Height)
	}
	if want := p.plays() * numberedFPS / 2; s.Frames < want {
		t.Errorf("%d pictures were shown, want %d at least", s.Frames, want)
	}
	if p.raises() {
		p.heard(t, s.Cues)
	}
	if p.cell.mode == types.ChannelLatencyModeLowLatency && (p.player == "ivs" || p.cell == mp4Low && p.player == "hls") && !s.LowLatency {
		t.Error("the player does not take the stream for one of low latency")
	}
	if p.player == "ivs" && p.cell.container == types.ContainerFormatTs {
		if off := s.Claimed.P50 - s.Glass.P50; s.Claimed.N == 0 || !busy && math.Abs(off) > toldWithin {
			t.Errorf("getLiveLatency() told %d times, %.2f s beside the picture (p50)", s.Claimed.N, off)
		}
	}
	if most := p.behind(); most > 0 && s.Late.P50 > most {
		if !busy {
			t.Errorf("the picture was %.2f s behind (p50), want %.1f s at most", s.Late.P50, most)
		} else {
			t.Logf("the picture was %.2f s behind (p50), above %.1f s, on a busy machine", s.Late.P50, most)
		}
	}
}

// heard checks that a player raised each message once and in order.
func (p showing) heard(t *testing.T, cues []cue) {
	t.Helper()
	var texts []string
	for _, c := range cues {
		if c.Owner != "metadata.live-video.net" {
			t.Errorf("a cue of %q: %q", c.Owner, c.Text)
		}
		texts = append(texts, c.Text)
	}
	if !slices.Equal(texts, messages) {
		t.Errorf("cues %q, want %q: %+v", texts, messages, cues)
	}
}

// clean fails the test if a showing was disturbed. A busy machine may make it
// stand still.
func (p showing) clean(t *testing.T, s seen, busy bool) {
	t.Helper()
	if len(s.Errors)+len(s.Failed)+len(s.Holes) > 0 {
		t.Errorf("errors %q, refused %q, left out %q; want none\nthe page: %q", s.Errors, s.Failed, s.Holes, s.Told)
	}
	if !busy && len(s.Stalls)+len(s.Notes) > 0 {
		t.Errorf("stalls %v, complaints %q; want none", s.Stalls, s.Notes)
	}
}

// spare is the part of the machine's processors that has to be idle for times to
// mean something.
const spare = 0.25

// measure begins to watch the machine. What it returns reports whether the
// machine has been busy since.
func measure(t *testing.T) (busy func() bool) {
	t.Helper()
	idle, all := processors(t)
	return func() bool {
		i, a := processors(t)
		return float64(i-idle) < spare*float64(a-all)
	}
}

// processors returns how long the machine's processors have been idle, and the
// whole time, in ticks (proc(5), stat).
func processors(t *testing.T) (idle, all int64) {
	t.Helper()
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	for i, field := range strings.Fields(line)[1:] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		all += n
		if i == 3 || i == 4 { // idle, and waiting for disks
			idle += n
		}
	}
	return idle, all
}

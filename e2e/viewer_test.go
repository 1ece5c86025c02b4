package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
)

// viewers asks GetStream and ListStreams how many watch.
func (c channel) viewers() (int64, error) {
	one, err := c.s.ivs.GetStream(c.t.Context(), &ivs.GetStreamInput{ChannelArn: &c.arn})
	if err != nil {
		return 0, err
	}
	list, err := c.s.ivs.ListStreams(c.t.Context(), &ivs.ListStreamsInput{})
	if err != nil {
		return 0, err
	}
	for _, s := range list.Streams {
		if str(s.ChannelArn) == c.arn && s.ViewerCount != one.Stream.ViewerCount {
			return 0, fmt.Errorf("GetStream has %d viewers, ListStreams %d", one.Stream.ViewerCount, s.ViewerCount)
		}
	}
	return one.Stream.ViewerCount, nil
}

// TestViewersAreCountedAndLimited has two viewers where two are allowed, and one
// more: who is turned away, what the API tells of it, and that a viewer who
// watches goes on after a restart.
func TestViewersAreCountedAndLimited(t *testing.T) {
	t.Parallel()
	s := serve(t, "--max-viewers", "2")
	ch := s.channel(t)
	c := encode(t, picture{width: 320, height: 180, fps: 30, profile: "high", kbps: 200}, voice)
	enc := stream(t, c, ch.rtmp())
	id := str(ch.live().StreamId)

	variant := make([]string, 3)
	for i := range variant {
		_, _, text := fetch(t, ch.playback)
		variant[i] = firstURI(t, ch.playback, text)
	}
	for _, address := range variant[:2] {
		if code, _, text := fetch(t, address); code != http.StatusOK {
			t.Fatalf("a viewer is answered %d %s", code, text)
		}
	}
	until(t, 15*time.Second, "both are counted", func() (bool, string) {
		n, err := ch.viewers()
		return err == nil && n == 2, fmt.Sprint(n, " viewers, ", err)
	})
	for _, address := range []string{ch.playback, variant[2]} {
		if code, _, text := fetch(t, address); code != http.StatusTooManyRequests || !strings.Contains(text, `"error_code":"concurrent_viewers_limit"`) {
			t.Errorf("the third is answered %d %s", code, text)
		}
	}
	if code, _, _ := fetch(t, variant[0]); code != http.StatusOK {
		t.Errorf("the first is answered %d", code)
	}
	until(t, overIn, "the breach is an event of the session", func() (bool, string) {
		return strings.Contains(fmt.Sprint(names(ch.session(id))), "Concurrent Viewers"), fmt.Sprint(names(ch.session(id)))
	})
	if sessions := ch.sessions(); len(sessions) != 1 || !sessions[0].HasErrorEvent {
		t.Errorf("the session has no error event: %s", show(t, sessions))
	}

	s.kill()
	enc.left(overIn)
	s.args = append(s.args, "--listen", strings.TrimPrefix(s.At.Playback, "http://"))
	s.start()
	back := make(chan int)
	go func() { // it is held until the encoder is back
		code, _, _ := fetch(t, variant[0])
		back <- code
	}()
	stream(t, c, ch.rtmp())
	if code := <-back; code != http.StatusOK {
		t.Errorf("after a restart the viewer is answered %d", code)
	}
}

// TestThePageOfAChannelPlays opens /watch/ in a browser: it plays, and says how
// far behind live it is.
func TestThePageOfAChannelPlays(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	page := s.At.Watch + ch.arn[strings.LastIndexByte(ch.arn, '/')+1:]
	if code, _, text := fetch(t, page); code != http.StatusOK || !strings.Contains(text, ch.playback) {
		t.Fatalf("the page answers %d\n%s", code, text)
	}
	if code, _, _ := fetch(t, s.At.Watch+"-/hls.js"); code != http.StatusOK {
		t.Fatal("the program was built without hls.js: make player")
	}
	c := encode(t, picture{width: 640, height: 360, fps: 30, profile: "high", kbps: 800}, voice)
	browser := exec.CommandContext(t.Context(), "node", "browser/watch.mjs", page, t.TempDir())
	var complaints strings.Builder
	browser.Stderr = &complaints
	said, err := browser.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := browser.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	if !lines.Scan() || lines.Text() != "offline" {
		t.Fatalf("the page does not say that the channel is offline: %s %v\n%s", lines.Text(), browser.Wait(), complaints.String())
	}
	stream(t, c, ch.rtmp())
	lines.Scan()
	t.Logf("%s", lines.Text())
	var told struct {
		Latency float64
		Width   int
		Errors  []string
	}
	if err := json.Unmarshal(lines.Bytes(), &told); err != nil {
		t.Errorf("the browser printed %q: %v", lines.Text(), err)
	}
	if err := browser.Wait(); err != nil {
		t.Errorf("the browser: %v\n%s", err, complaints.String())
	}
	if told.Width != 640 || told.Latency <= 0 || told.Latency > 15 || len(told.Errors) > 0 {
		t.Errorf("the page shows a picture %d wide, %.2f s behind live, with errors %q", told.Width, told.Latency, told.Errors)
	}
}

// How long everybody is without a server in a restart, and then the server without
// its encoder: longer than players in low latency have media for. Where a playlist has
// stood still for longer than it lists and a target duration, hls.js 1.7.4 looks for
// where it was in the next one, and if that is a new stream it stands still for good.
// So what is listed before is longer than anybody is away.
const (
	serverAway  = 2 * time.Second
	encoderAway = 2 * time.Second
	listed      = 7 // segments
)

// TestPlayersGoOnAfterARestart has players watch, one at a time, while the server goes
// away and comes back, and the encoder a while after it: they go on by themselves, with
// their own defaults. hls.js asks a server that is away three times in three
// seconds: a busy machine that takes longer to start one proves nothing.
func TestPlayersGoOnAfterARestart(t *testing.T) {
	onlySoak(t)
	b := chromium(t)
	c := encode(t, picture{width: 640, height: 360, fps: 30, profile: "high", kbps: 800}, voice)
	for _, p := range []showing{{mp4Low, "hls"}, {tsLow, "hls"}, {tsLow, "ivs"}, {tsNormal, "hls"}, {mp4Normal, "hls"}} {
		t.Run(p.String(), func(t *testing.T) {
			s := serve(t)
			ch := s.channel(t, p.cell.set)
			encoder := stream(t, c, ch.rtmp())
			ch.live()
			ch.lists(fill)
			tab := b.open(t, p.player, ch.playback, nil)
			tab.until(playedIn, goal{seconds: 4})
			for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
				ch.lists(listed)
				before := tab.seen()
				s.restart(signal)
				encoder.left(overIn)
				encoder = stream(t, c, s.At.RTMP+"/"+ch.key)
				tab.until(playedIn, goal{seconds: int(before.Played) + 14}) // more than what was buffered
				got := tab.seen()
				t.Logf("after %v: %v", signal, got)
				if len(got.Errors) > 0 || got.Ended {
					t.Errorf("it did not go on by itself after %v: %q", signal, got.Told)
				}
			}
			tab.close()
		})
	}
}

// restart ends the server and starts it again where it was, and returns when it has
// been back for a while.
func (s *running) restart(signal os.Signal) {
	address := strings.TrimPrefix(s.At.Playback, "http://")
	if signal == syscall.SIGKILL {
		s.kill()
	} else {
		s.end(signal)
	}
	<-time.After(serverAway)
	s.args = []string{"--listen", address}
	s.start()
	<-time.After(encoderAway)
}

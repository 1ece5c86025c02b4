package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"openivs/e2e/server"
)

// A browser is headless Chromium, with a tab for each player.
type browser struct {
	t      *testing.T
	stdin  io.Writer
	exited chan struct{}

	mu      sync.Mutex
	asked   int
	answers map[int]chan answer
	err     error // why there will be no more answers
}

// An answer is what a script in browser/ writes to a command.
type answer struct {
	ID     int    `json:"id"`
	OK     bool   `json:"ok"`
	Error  string `json:"error"`
	Report seen   `json:"report"`
	Origin string `json:"origin"` // of the players' pages
	Text   string `json:"text"`   // of the console
}

// seen is what a player's page saw.
type seen struct {
	Started    int      `json:"started"` // ms from load to a moving picture
	Played     float64  `json:"played"`  // seconds
	Frames     int      `json:"frames"`
	Dropped    int      `json:"dropped"`
	Freeze     int      `json:"freeze"` // the longest time between two pictures, ms
	Width      int      `json:"width"`
	Height     int      `json:"height"`
	Rate       float64  `json:"rate"`
	Stalls     []moment `json:"stalls"`
	Seeks      []moment `json:"seeks"`
	Errors     []string `json:"errors"`
	Notes      []string `json:"notes"` // what the player mended by itself
	Cues       []cue    `json:"cues"`
	Holes      []string `json:"holes"`  // media that hls.js did not load
	Failed     []string `json:"failed"` // requests for media that were refused
	Told       []string `json:"told"`   // the page's console
	Ended      bool     `json:"ended"`
	LowLatency bool     `json:"lowLatency"`
	Parts      int      `json:"parts"`
	Glass      spread   `json:"glass"`   // how old the picture was, by its own number
	Late       spread   `json:"late"`    // the same in the last seconds
	Claimed    spread   `json:"claimed"` // the same as the player says
}

// A moment of a play is when something happened.
type moment struct {
	At   int     `json:"at"`   // ms since load
	Time float64 `json:"time"` // the player's, in seconds
	MS   int     `json:"ms"`
}

// A cue is metadata that a player raised.
type cue struct {
	At    int     `json:"at"`
	Time  float64 `json:"time"`
	Due   float64 `json:"due"`
	Owner string  `json:"owner"`
	Text  string  `json:"text"`
}

// spread is what a list of seconds comes to.
type spread struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	Max float64 `json:"max"`
}

// String says what matters in one line.
func (s seen) String() string {
	return fmt.Sprintf("started %d ms, played %.1f s, %d frames, %d dropped, freeze %d ms, stalls %v, seeks %d, glass %.2f/%.2f/%.2f s, %.2f s at last, claimed %.2f s, low latency %t, %d parts, %d cues, ended %t, errors %q, notes %q, failed %q, holes %q",
		s.Started, s.Played, s.Frames, s.Dropped, s.Freeze, s.Stalls, len(s.Seeks), s.Glass.P50, s.Glass.P95, s.Glass.Max, s.Late.P50, s.Claimed.P50, s.LowLatency, s.Parts, len(s.Cues), s.Ended, s.Errors, s.Notes, s.Failed, s.Holes)
}

// chromium starts a browser that ends with the test.
func chromium(t *testing.T) *browser {
	t.Helper()
	return drive(t, "browser/play.mjs")
}

// drive starts a script that drives a browser and ends with the test.
func drive(t *testing.T, script string) *browser {
	t.Helper()
	if _, err := os.Stat("browser/node_modules"); err != nil {
		t.Fatalf("the browser test's packages are missing, run make setup: %v", err)
	}
	b := &browser{t: t, exited: make(chan struct{}), answers: map[int]chan answer{}}
	said := filepath.Join(t.TempDir(), "browser.log")
	log, err := os.Create(said)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("node", script)
	cmd.Env = server.Environment("TMPDIR=" + t.TempDir())
	cmd.Stderr = log
	cmd.SysProcAttr = server.Background()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.stdin = stdin
	go func() {
		b.read(stdout)
		_ = cmd.Wait() // the tests judge what it said
		close(b.exited)
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		select {
		case <-b.exited:
		case <-time.After(overIn):
			_ = cmd.Process.Kill()
			<-b.exited
		}
		if t.Failed() {
			t.Logf("the browser said last:\n%s", server.Tail(said))
		}
	})
	return b
}

// read hands out answers until there are no more.
func (b *browser) read(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		var a answer
		if err == nil {
			err = json.Unmarshal(line, &a)
		}
		b.mu.Lock()
		if err != nil {
			b.err = fmt.Errorf("the browser left: %w", err)
			for _, c := range b.answers {
				close(c)
			}
			b.mu.Unlock()
			return
		}
		c := b.answers[a.ID]
		delete(b.answers, a.ID)
		b.mu.Unlock()
		if c != nil {
			c <- a
		}
	}
}

// ask sends a command and waits for its answer.
func (b *browser) ask(command map[string]any) (answer, error) {
	c := make(chan answer, 1)
	b.mu.Lock()
	if b.err != nil {
		b.mu.Unlock()
		return answer{}, b.err
	}
	b.asked++
	command["id"] = b.asked
	b.answers[b.asked] = c
	line, err := json.Marshal(command)
	if err == nil {
		_, err = b.stdin.Write(append(line, '\n'))
	}
	b.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	select {
	case a, ok := <-c:
		if !ok {
			return answer{}, b.err
		}
		if a.Error != "" {
			return answer{}, errors.New(a.Error)
		}
		return a, nil
	case <-time.After(commandFor):
		return answer{}, fmt.Errorf("the browser says nothing to %v", command)
	}
}

// A tab is a page with a player.
type tab struct {
	t    *testing.T
	b    *browser
	name string
}

// open has a player play a URL in a tab of its own. With a clock it measures how
// old the pictures are.
func (b *browser) open(t *testing.T, player, url string, clock *clock) tab {
	t.Helper()
	p := tab{t: t, b: b, name: player + " " + url}
	command := map[string]any{"do": "open", "tab": p.name, "player": player, "url": url}
	if clock != nil {
		command["clock"] = clock
	}
	if _, err := b.ask(command); err != nil {
		t.Fatalf("open %s: %v", player, err)
	}
	return p
}

// close ends a play.
func (p tab) close() {
	p.t.Helper()
	if _, err := p.b.ask(map[string]any{"do": "close", "tab": p.name}); err != nil {
		p.t.Fatal(err)
	}
}

// goal is what a play is to come to; see browser/page/watch.mjs.
type goal struct {
	seconds int
	cues    int
	ended   bool
}

// until waits until a play has come to its goal.
func (p tab) until(limit time.Duration, g goal) {
	p.t.Helper()
	a, err := p.b.ask(map[string]any{
		"do": "until", "tab": p.name, "limit": limit.Milliseconds(),
		"seconds": g.seconds, "cues": g.cues, "ended": g.ended,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if !a.OK {
		p.t.Fatalf("after %v still not %+v: %v\n%s", limit, g, p.seen(), strings.Join(p.seen().Told, "\n"))
	}
}

// seen asks what the page saw until now.
func (p tab) seen() seen {
	p.t.Helper()
	a, err := p.b.ask(map[string]any{"do": "report", "tab": p.name})
	if err != nil {
		p.t.Fatal(err)
	}
	return a.Report
}

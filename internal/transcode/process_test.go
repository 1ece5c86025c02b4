package transcode_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"openivs/internal/media"
	"openivs/internal/media/mediatest"
	"openivs/internal/transcode"
)

// A run is a Video whose ffmpeg is this test program.
type run struct {
	*transcode.Video
	file string

	mu    sync.Mutex
	units []media.Unit
	lines []transcode.Line
	lost  []error
	came  chan struct{} // holds one: something was lost or came
}

func start(t *testing.T, mode string) *run {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &run{file: filepath.Join(t.TempDir(), "file"), came: make(chan struct{}, 1)}
	r.Video = &transcode.Video{
		Program: self,
		Rungs:   []transcode.Rung{{Name: "360p30", Width: 640, Height: 360, Framerate: 30, Video: 600_000}},
		Write: func(_ int, u media.Unit, line transcode.Line) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.units, r.lines = append(r.units, u), append(r.lines, line)
			r.wake()
		},
		Watch: transcode.Watch{
			Lost: func(err error, _ int, _ time.Duration) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.lost = append(r.lost, err)
				r.wake()
			},
			Stall: 3 * time.Second, Pause: time.Millisecond,
			Environ: []string{fakeMode + "=" + mode, fakeFile + "=" + r.file},
		},
	}
	return r
}

func (r *run) wake() {
	select {
	case r.came <- struct{}{}:
	default:
	}
}

// until waits for a condition on what was lost and what came.
func (r *run) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.After(60 * time.Second)
	for {
		r.mu.Lock()
		done := ok()
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-r.came:
		case <-limit:
			t.Fatalf("waited long until %s", what)
		}
	}
}

// background runs it until the test ends, and feeds it units over and over.
func (r *run) background(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	t.Cleanup(func() {
		stop()
		wg.Wait()
	})
	wg.Go(func() { r.Run(ctx) })
	wg.Go(func() {
		clip := mediatest.Plain(t)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			r.WriteUnit(clip.Picture(n), 0)
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

// TestABadProcessIsReplaced has every kind of bad ffmpeg fail twice, each within
// its limits and with a reason that says what it did.
func TestABadProcessIsReplaced(t *testing.T) {
	for mode, reason := range map[string]string{
		"crash at start":      "no such encoder",
		"crash in the middle": "segmentation fault",
		"read nothing":        "stalled",
		"say nothing":         "stalled",
		"garbage":             "not what was asked for",
		"garbage in FLV":      "not what was asked for",
		"other times":         "which nothing had that went in",
		"leave early":         "left before",
		"close its output":    "",
		"grandchild":          "left before",
		"descriptors":         "environment 2",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := start(t, mode)
			r.background(t)
			r.until(t, "two have failed", func() bool { return len(r.lost) >= 2 })
			r.mu.Lock()
			defer r.mu.Unlock()
			if !strings.Contains(r.lost[0].Error(), reason) || strings.Contains(r.lost[0].Error(), "descriptor ") {
				t.Errorf("it failed with %q, want %q", r.lost[0], reason)
			}
		})
	}
}

// TestNothingOutlivesTheProcess looks for what a child has left behind.
func TestNothingOutlivesTheProcess(t *testing.T) {
	r := start(t, "grandchild")
	r.background(t)
	r.until(t, "one has failed", func() bool { return len(r.lost) >= 1 })
	pid, err := os.Readlink(r.file)
	if err != nil {
		t.Fatal(err)
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	limit := time.After(60 * time.Second)
	for {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		select {
		case <-again.C: // a kill takes its time on a busy machine
		case <-limit:
			t.Fatalf("process %s is still there: %s", pid, stat)
		}
	}
}

// TestAProcessThatComesBackGoesOnWithAKeyframe compares what comes out before
// and after a crash.
func TestAProcessThatComesBackGoesOnWithAKeyframe(t *testing.T) {
	r := start(t, "crash once")
	r.background(t)
	r.until(t, "pictures come after one was lost", func() bool {
		return len(r.lost) == 1 && len(r.lines) > 0 && r.lines[len(r.lines)-1] != r.lines[0]
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, u := range r.units {
		if (i == 0 || r.lines[i] != r.lines[i-1]) && !u.Key {
			t.Errorf("picture %d begins line %v and is no keyframe", i, r.lines[i])
		}
		if i > 0 && u.PTS <= r.units[i-1].PTS {
			t.Errorf("picture %d is at %v, the one before at %v", i, u.PTS, r.units[i-1].PTS)
		}
	}
}

// TestASlowProcessLosesPicturesAndNobodyWaits feeds far more than is read.
func TestASlowProcessLosesPicturesAndNobodyWaits(t *testing.T) {
	r := start(t, "slow")
	clip := mediatest.Plain(t)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { r.Run(ctx) })
	for n := range 5000 {
		r.WriteUnit(clip.Picture(n), 0)
	}
	if r.Dropped() < 3000 {
		t.Errorf("%d of 5000 pictures were dropped, at most 240 may wait", r.Dropped())
	}
	stop()
	wg.Wait()
}

// TestAnEndIsHeeded ends the input of a child that does as it should, and of one
// that goes on.
func TestAnEndIsHeeded(t *testing.T) {
	for _, mode := range []string{"echo", "ignore the end"} {
		t.Run(mode, func(t *testing.T) {
			r := start(t, mode)
			clip := mediatest.Reordered(t)
			var want []media.Unit
			for n := range 90 {
				want = append(want, clip.Picture(n))
				r.WriteUnit(clip.Picture(n), 7)
			}
			r.End()
			r.Run(t.Context())
			if len(r.units) != len(want) {
				t.Fatalf("%d pictures came out, want %d", len(r.units), len(want))
			}
			for i, u := range r.units {
				if u.PTS != want[i].PTS || u.Key != want[i].Key || !u.At.Equal(want[i].At) || r.lines[i].Timeline != 7 {
					t.Errorf("picture %d is at %v (key %t), line %v; want %v (%t)", i, u.PTS, u.Key, r.lines[i], want[i].PTS, want[i].Key)
				}
			}
		})
	}
}

// TestTimesAreExactWhateverTheClock feeds clocks that jump and ones that no
// millisecond fits.
func TestTimesAreExactWhateverTheClock(t *testing.T) {
	r := start(t, "echo")
	clip := mediatest.Plain(t)
	var want []media.Ticks
	for part, shift := range []media.Ticks{0, 7, 47 * 3600 * media.Clock, -5000, 1 << 40} {
		for n := range 60 {
			u := clip.Picture(n)
			u.DTS = u.DTS/90*91 + shift
			u.PTS = u.DTS
			want = append(want, u.PTS)
			r.WriteUnit(u, int64(part))
		}
	}
	r.End()
	r.Run(t.Context())
	if len(r.units) != len(want) && r.Dropped() == 0 {
		t.Fatalf("%d pictures came out, want %d", len(r.units), len(want))
	}
	for i, u := range r.units {
		if u.PTS != want[i] || r.lines[i].Timeline != int64(i/60) {
			t.Errorf("picture %d is at %d of timeline %d, want %d", i, u.PTS, r.lines[i].Timeline, want[i])
		}
	}
}

func TestFFmpegIsFit(t *testing.T) {
	if f := transcode.Probe(t.Context(), "ffmpeg"); f.Err != nil || !strings.HasPrefix(f.Version, "ffmpeg version ") {
		t.Errorf("%+v", f)
	}
}

func TestWhatIsNoFFmpegIsNotFit(t *testing.T) {
	for _, program := range []string{"no-such-ffmpeg", "/bin/true", "/bin/false", "/bin/cat"} {
		if f := transcode.Probe(t.Context(), program); f.Err == nil {
			t.Errorf("%s is fit: %+v", program, f)
		}
	}
}

package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/config"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestStepsRunBackwardsAndKeepTheirErrors(t *testing.T) {
	var s steps
	var order []string
	boom := errors.New("boom")
	for _, name := range []string{"first", "second", "third"} {
		s.add(name, time.Second, func(context.Context) error {
			order = append(order, name)
			if name == "second" {
				return boom
			}
			return nil
		})
	}
	err := s.run(t.Context(), quiet())
	if want := []string{"third", "second", "first"}; !slices.Equal(order, want) {
		t.Errorf("steps ran in order %v, want %v", order, want)
	}
	if !errors.Is(err, boom) || !strings.Contains(err.Error(), "second") {
		t.Errorf("run = %v, want boom of the second step", err)
	}
}

func TestAStepThatHangsIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s steps
		ran := false
		let := make(chan struct{})
		s.add("after it", time.Second, func(context.Context) error { ran = true; return nil })
		s.add("hang", 3*time.Second, func(context.Context) error { <-let; return nil })
		start := time.Now()
		err := s.run(t.Context(), quiet())
		if took := time.Since(start); took != 3*time.Second+grace {
			t.Errorf("run took %v, want the limit and the grace", took)
		}
		if err == nil || !strings.Contains(err.Error(), "hang") || !ran {
			t.Errorf("run = %v, the step after ran: %v", err, ran)
		}
		close(let)
	})
}

func TestAHurriedStopCutsWaitingShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &App{log: quiet(), hurried: make(chan struct{})}
		closed := false
		a.steps.add("close the database", time.Second, func(context.Context) error { closed = true; return nil })
		a.steps.add("wait for players", time.Hour, func(ctx context.Context) error {
			<-ctx.Done()
			if cause := context.Cause(ctx); !errors.Is(cause, errHurried) {
				t.Errorf("the wait ended with %v, want %v", cause, errHurried)
			}
			return nil
		})
		time.AfterFunc(2*time.Second, func() { a.Hurry(); a.Hurry() })
		start := time.Now()
		if err := a.stop(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != 2*time.Second || !closed {
			t.Errorf("stop took %v and closed the database: %v; want 2s, true", took, closed)
		}
	})
}

func TestPlaybackIsWaitedForOnlyWhereSomebodyWatches(t *testing.T) {
	for _, tc := range []struct {
		name  string
		since time.Duration // of the last viewer's request
		want  time.Duration
	}{
		{"a moment ago", time.Second, lingerLimit},
		{"long ago", time.Minute, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &App{log: quiet(), web: &web{}}
				a.http = httpServer(a.web, a.log)
				a.web.watched.Store(time.Now().Add(-tc.since).Unix())
				start := time.Now()
				if err := a.closePlayback(t.Context()); err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took != tc.want {
					t.Errorf("closing playback took %v, want %v", took, tc.want)
				}
			})
		})
	}
}

func TestPlaybackIsClosedWhenNobodyAsks(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer time.Duration // to the last request
		most   time.Duration
	}{
		{"nobody asks", 0, 0},
		{"somebody is answered in a while", 300 * time.Millisecond, 320 * time.Millisecond},
		{"somebody is never answered", time.Hour, drainLimit},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := new(web)
				if tc.answer > 0 {
					w.asking.Add(1)
					time.AfterFunc(tc.answer, func() { w.asking.Add(-1) })
				}
				start := time.Now()
				w.drain(t.Context(), drainLimit)
				if took := time.Since(start); took < min(tc.answer, drainLimit) || took > tc.most {
					t.Errorf("it took %v, want %v at most", took, tc.most)
				}
			})
		})
	}
}

func TestStoppingIsStartingBackwards(t *testing.T) {
	cfg, err := config.Load(config.Source{Flags: map[string][]string{"data": {t.TempDir()}, "listen": {"127.0.0.1:0"}, "srt": {"127.0.0.1:0"}}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), cfg, quiet())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	select {
	case <-a.Ready():
	case err := <-ended:
		t.Fatal(err)
	}
	var order []string
	for _, s := range slices.Backward(a.steps) {
		order = append(order, s.op)
	}
	want := []string{
		"close the doors", "end the sessions", "close playback", "halt the housekeeping",
		"finish the recordings", "close the database", "close the ports", "release the data directory",
	}
	if !slices.Equal(order, want) {
		t.Errorf("a stop does %q, want %q", order, want)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

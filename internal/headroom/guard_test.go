package headroom_test

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/headroom"
)

func TestLevelsFollowTheDisk(t *testing.T) {
	for _, tt := range []struct {
		name  string
		marks [headroom.NoRecordings]int64
		free  []int64 // what is free, one look after the other
		want  []headroom.Level
		says  int // lines of the log
	}{
		{"down and up", [3]int64{1000, 500, 100}, []int64{5000, 999, 499, 99, 5000}, []headroom.Level{0, 1, 2, 3, 0}, 4},
		{"at the marks", [3]int64{1000, 500, 100}, []int64{1000, 500, 100}, []headroom.Level{0, 1, 2}, 2},
		{"a level is left a tenth above its mark", [3]int64{1000, 500, 100}, []int64{99, 100, 109, 110, 549, 550, 1099, 1100}, []headroom.Level{3, 3, 3, 2, 2, 1, 1, 0}, 4},
		{"without marks", [3]int64{}, []int64{5000, 0, 1}, []headroom.Level{0, 0, 0}, 0},
		{"with the last alone", [3]int64{0, 0, 100}, []int64{5000, 99, 200}, []headroom.Level{0, 3, 0}, 2},
		{"marks out of order", [3]int64{100, 500, 1000}, []int64{700, 300, 50}, []headroom.Level{3, 3, 3}, 1},
		{"what is not known", [3]int64{1000, 500, 100}, []int64{99, -1, 5000}, []headroom.Level{3, 3, 0}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log strings.Builder
			free := int64(0)
			g := headroom.Guard{
				Free:  func() (int64, bool) { return free, free >= 0 },
				Marks: tt.marks, Log: slog.New(slog.NewTextHandler(&log, nil)),
			}
			for i, n := range tt.free {
				free = n
				if g.Look(); g.Level() != tt.want[i] {
					t.Errorf("with %v free: level %d, want %d", tt.free[:i+1], g.Level(), tt.want[i])
				}
			}
			if n := strings.Count(log.String(), "\n"); n != tt.says {
				t.Errorf("%d lines in the log, want %d:\n%s", n, tt.says, log.String())
			}
		})
	}
}

func TestAGuardNoticesWithinSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var free atomic.Int64
		free.Store(5000)
		g := headroom.Guard{
			Free:  func() (int64, bool) { return free.Load(), true },
			Marks: [headroom.NoRecordings]int64{1000, 500, 100}, Log: slog.New(slog.DiscardHandler),
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { g.Run(ctx); close(ended) }()
		<-time.After(time.Second)
		free.Store(50)
		<-time.After(5 * time.Second)
		if g.Level() != headroom.NoRecordings || g.Bytes() != 50 {
			t.Errorf("level %d with %d bytes", g.Level(), g.Bytes())
		}
		stop()
		<-ended
	})
}

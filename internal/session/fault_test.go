package session_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ivs"
)

func TestFaultsOnPurposeLookLikeRealOnes(t *testing.T) {
	bitrate := ivs.LimitError{Limit: ivs.IngestBitrate, Allowed: 1, Exceeded: 1, Unit: "bits per second"}
	viewers := ivs.LimitError{Limit: ivs.ConcurrentViewers, Allowed: 5, Exceeded: 1, Unit: "viewers"}
	for _, tt := range []struct {
		name string
		do   func(ctx context.Context, h *house, ch ivs.ARN) error
		want []string // after the stream's start
	}{
		{"starvation", func(_ context.Context, h *house, ch ivs.ARN) error { return h.Starve(ch, 10*time.Second) }, []string{ivs.StarvationStart, ivs.StarvationEnd}},
		{"disconnect", func(_ context.Context, h *house, ch ivs.ARN) error { return h.Disconnect(ch) }, []string{ivs.SessionEnded, ivs.StreamEnd}},
		{"breach of the stream", func(ctx context.Context, h *house, ch ivs.ARN) error { return h.Breach(ctx, ch, bitrate) }, []string{ivs.IngestBitrate, ivs.SessionEnded, ivs.StreamEnd}},
		{"breach of the account", func(ctx context.Context, h *house, ch ivs.ARN) error { return h.Breach(ctx, ch, viewers) }, []string{ivs.ConcurrentViewers}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch := testChannel("")
				h := open(t, newDisk(ch))
				wantCode(t, "while nobody publishes", tt.do(t.Context(), h, ch.ARN), ivs.NotLive)
				e := h.admit(t, ch)
				e.headers()
				if err := e.send(8 * time.Second); err != nil {
					t.Fatal(err)
				}
				if err := tt.do(t.Context(), h, ch.ARN); err != nil {
					t.Fatal(err)
				}
				_ = e.send(20 * time.Second) // it may have been sent away
				wait(time.Second)
				want := append([]string{ivs.SessionCreated, ivs.StreamStart}, tt.want...)
				if got := h.disk.history(e.id); !slices.Equal(got, want) {
					t.Errorf("events %v, want %v", got, want)
				}
			})
		})
	}
}

package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ivs"
)

// A stream too many is refused, and leaves a session that says so.
func TestStreamsBeyondTheQuotaAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := testChannel("a"), testChannel("b"), testChannel("c")
		h := open(t, newDisk(a, b, c))
		h.MaxStreams = 2
		first, second := h.admit(t, a), h.admit(t, b)
		for range 2 { // who was refused does not count
			_, err := h.Admit(t.Context(), request(c))
			wantCode(t, "a third stream", err, ivs.QuotaExceeded)
			wait(time.Second)
		}
		var refused []ivs.Session
		for _, s := range h.disk.all() {
			if s.Channel.Channel.ARN == c.ARN {
				refused = append(refused, s)
			}
		}
		if len(refused) != 2 {
			t.Fatalf("%d sessions tell of it, want 2", len(refused))
		}
		for _, s := range refused {
			if !s.HasError || s.Ended.IsZero() || !s.Started.IsZero() || s.Reason == "" {
				t.Errorf("session %+v, want one that ended with an error", s)
			}
			if got, want := h.disk.history(s.StreamID), []string{"Session Created", "Concurrent Broadcasts", "Session Ended"}; !slices.Equal(got, want) {
				t.Errorf("events %q, want %q", got, want)
			}
			ev := h.disk.log(s.StreamID)[1]
			var detail struct {
				Limit    string `json:"limit_name"`
				Value    int    `json:"limit_value"`
				Exceeded int    `json:"exceeded_by"`
				Unit     string `json:"limit_unit"`
			}
			if err := json.Unmarshal(ev.Detail, &detail); err != nil || ev.Type != ivs.LimitBreach || detail.Limit != ev.Name ||
				detail.Value != 2 || detail.Exceeded != 1 || detail.Unit != "active streams" {
				t.Errorf("event %+v with %s, %v", ev, ev.Detail, err)
			}
		}
		if err := first.send(time.Second); err != nil {
			t.Errorf("who was there before: %v", err)
		}
		second.pub.End(nil)
		h.admit(t, c).pub.End(nil)
		first.pub.End(nil)
	})
}

func TestTheQuotaHoldsForAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var chs []ivs.Channel
		for range 16 {
			chs = append(chs, testChannel(""))
		}
		h := open(t, newDisk(chs...))
		h.MaxStreams = 5
		var in, out int
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, ch := range chs {
			all.Go(func() {
				pub, err := h.Admit(t.Context(), request(ch))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					in++
					t.Cleanup(func() { pub.End(nil) })
				case ivs.CodeOf(err) == ivs.QuotaExceeded:
					out++
				default:
					t.Errorf("Admit: %v", err)
				}
			})
		}
		all.Wait()
		if in != 5 || out != 11 {
			t.Errorf("%d were let in and %d refused, want 5 and 11", in, out)
		}
	})
}

// What is to be recorded is frozen when the session begins.
func TestRecordingConfigurationGoesIntoTheSession(t *testing.T) {
	cfg := ivs.RecordingConfiguration{
		ARN: ivs.NewARN("us-east-1", "123456789012", ivs.KindRecordingConfiguration), Name: "archive", State: ivs.RecordingActive,
		Destination: ivs.Destination{S3: ivs.S3Destination{Bucket: "bucket"}}, Tags: ivs.Tags{},
	}
	for _, tc := range []struct {
		name string
		find func() (ivs.RecordingConfiguration, error)
		code ivs.Code // of Admit
		kept bool
	}{
		{"as it is", func() (ivs.RecordingConfiguration, error) { return cfg, nil }, "", true},
		{"none, if it is gone", func() (ivs.RecordingConfiguration, error) { return cfg, ivs.Errorf(ivs.NotFound, "gone") }, "", false},
		{"nobody is let in while it cannot be read", func() (ivs.RecordingConfiguration, error) { return cfg, errors.New("away") }, ivs.Unavailable, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch, bare := testChannel("recorded"), testChannel("bare")
				ch.Recording = cfg.ARN
				h := open(t, newDisk(ch, bare))
				h.Recording = func(_ context.Context, arn ivs.ARN) (ivs.RecordingConfiguration, error) {
					if arn != cfg.ARN {
						t.Errorf("asked for %s, want %s", arn, cfg.ARN)
					}
					return tc.find()
				}
				pub, err := h.Admit(t.Context(), request(ch))
				if tc.code != "" {
					wantCode(t, "Admit", err, tc.code)
					return
				}
				if err != nil {
					t.Fatalf("Admit: %v", err)
				}
				defer pub.End(nil)
				defer h.admit(t, bare).pub.End(nil)
				for _, s := range h.disk.all() {
					want := ""
					if s.Channel.Channel.ARN == ch.ARN && tc.kept {
						b, err := json.Marshal(cfg)
						if err != nil {
							t.Fatal(err)
						}
						want = string(b)
					}
					if got := string(s.Recording); got != want {
						t.Errorf("%s: recording %q, want %q", s.Channel.Channel.Name, got, want)
					}
				}
			})
		})
	}
}

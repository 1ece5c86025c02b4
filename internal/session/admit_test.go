package session_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ivs"
)

func TestAdmitRefuses(t *testing.T) {
	open1, strict := testChannel("open"), testChannel("strict")
	strict.InsecureIngest = false
	for _, tc := range []struct {
		name   string
		key    ivs.Secret
		secure bool
		fault  fault
		code   ivs.Code
		says   string // a part of the message that helps the streamer
	}{
		{"an unknown key", "sk_unknown", true, none, ivs.NotFound, "stream key"},
		{"plain RTMP on a strict channel", keyOf(strict), false, none, ivs.Denied, "rtmps://live.example/app/"},
		{"everybody while the database is away", keyOf(open1), true, failing, ivs.Unavailable, "try again"},
		{"everybody while the database hangs", keyOf(open1), true, hanging, ivs.Unavailable, "try again"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := open(t, newDisk(open1, strict))
				h.store.behave(func(string) fault { return tc.fault })
				q := request(open1)
				q.Key, q.Secure = tc.key, tc.secure
				_, err := h.Admit(t.Context(), q)
				if got := ivs.CodeOf(err); got != tc.code || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("Admit = %q with code %q, want %q in it and code %q", err, got, tc.says, tc.code)
				}
				if strings.Contains(err.Error(), "sk_") {
					t.Errorf("the message shows the key: %q", err)
				}
				if n := len(h.disk.all()); n != 0 {
					t.Errorf("%d sessions are stored, want none", n)
				}
			})
		})
	}
}

func TestAdmitLetsIn(t *testing.T) {
	for _, tc := range []struct {
		name             string
		secure, insecure bool
	}{
		{"RTMPS on a strict channel", true, false},
		{"RTMPS on a channel with insecure ingest", true, true},
		{"RTMP on a channel with insecure ingest", false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch := testChannel("c")
				ch.InsecureIngest = tc.insecure
				h := open(t, newDisk(ch))
				q := request(ch)
				q.Secure = tc.secure
				pub, err := h.Admit(t.Context(), q)
				if err != nil {
					t.Fatalf("Admit: %v", err)
				}
				s := h.disk.all()[0]
				if want := "Session Created"; len(h.disk.history(s.StreamID)) != 1 || h.disk.history(s.StreamID)[0] != want {
					t.Errorf("stored before Admit returned: %v, want %q", h.disk.history(s.StreamID), want)
				}
				if len(s.StreamID) != 26 || !strings.HasPrefix(s.StreamID, "st-1") || s.Protocol != "rtmp" || !s.Created.Equal(time.Now()) {
					t.Errorf("session %q over %q at %v", s.StreamID, s.Protocol, s.Created)
				}
				snap := s.Channel
				if snap.Channel.Name != "c" || snap.IngestEndpoint != "live.example" || snap.SRTEndpoint != "live.example" ||
					snap.PlaybackURL != h.Addresses.PlaybackURL(ch.ARN) || snap.Channel.SRTPassphrase != "" {
					t.Errorf("snapshot %+v", snap)
				}
				pub.End(nil)
			})
		})
	}
}

func TestSecondPublisherIsRefusedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		first := h.admit(t, ch)
		start := time.Now()
		_, err := h.Admit(t.Context(), request(ch))
		if ivs.CodeOf(err) != ivs.Conflict {
			t.Errorf("second Admit = %v, want a conflict", err)
		}
		if took := time.Since(start); took > 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if n := len(h.disk.all()); n != 1 {
			t.Errorf("%d sessions, want 1", n)
		}
		if err := first.send(time.Second); err != nil {
			t.Errorf("the first publisher: %v", err)
		}
		first.pub.End(nil)
	})
}

func TestEncoderMayStopAndStartAtOnce(t *testing.T) {
	for _, tc := range []struct {
		name string
		tail time.Duration // how long the pipeline takes to close
		code ivs.Code
	}{
		{"with a short tail", 0, ivs.Internal},
		{"with a tail of a second", time.Second, ivs.Internal},
		{"but not while a long tail is processed", 5 * time.Second, ivs.Conflict},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch := testChannel("")
				h := open(t, newDisk(ch))
				h.build = func(p *pipeline) error {
					p.stuck = make(chan struct{})
					time.AfterFunc(tc.tail+3*time.Second, func() { close(p.stuck) })
					return nil
				}
				first := h.admit(t, ch)
				if err := first.send(3 * time.Second); err != nil {
					t.Fatal(err)
				}
				first.pub.End(nil)
				pub, err := h.Admit(t.Context(), request(ch))
				if ivs.CodeOf(err) != tc.code || (err == nil) != (tc.code == ivs.Internal) {
					t.Fatalf("Admit = %v, want code %q", err, tc.code)
				}
				if err == nil {
					if got := len(h.disk.all()); got != 2 {
						t.Errorf("%d sessions, want a new one", got)
					}
					pub.End(nil)
				}
				wait(10 * time.Second)
			})
		})
	}
}

// A write whose outcome nobody knows must leave neither a channel that is taken
// for ever nor a session without an end.
func TestAdmitWithALostAnswer(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fault  fault
		stored []string
	}{
		{"of a session that was stored", forgetful, []string{ivs.SessionCreated, ivs.SessionEnded}},
		{"of a session that was not", failing, nil},
		{"of a session that was not, in time", hanging, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch := testChannel("")
				h := open(t, newDisk(ch))
				h.store.behave(func(op string) fault {
					if op == "open" {
						return tc.fault
					}
					return none
				})
				_, err := h.Admit(t.Context(), request(ch))
				if ivs.CodeOf(err) != ivs.Unavailable {
					t.Fatalf("Admit = %v, want unavailable", err)
				}
				h.store.behave(nil)
				h.admit(t, ch).pub.End(nil)
				wait(time.Second)
				all := h.disk.all()
				if len(tc.stored) > 0 {
					equal(t, "history of the lost session", h.disk.history(all[0].StreamID), tc.stored)
				} else if len(all) != 1 {
					t.Errorf("%d sessions, want the second only", len(all))
				}
			})
		})
	}
}

func TestAdmitWithoutAPipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		h.build = func(*pipeline) error { return errors.New("no space left") }
		_, err := h.Admit(t.Context(), request(ch))
		if ivs.CodeOf(err) != ivs.Unavailable || strings.Contains(err.Error(), "space") {
			t.Errorf("Admit = %v, want unavailable without our reasons", err)
		}
		synctest.Wait()
		equal(t, "history", h.disk.history(h.disk.all()[0].StreamID), []string{ivs.SessionCreated, ivs.SessionEnded})
		h.build = nil
		h.admit(t, ch).pub.End(nil)
	})
}

func TestPublisherThatLeavesDuringAdmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		h.store.behave(func(op string) fault {
			if op == "open" {
				return hanging
			}
			return none
		})
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("peer hung up"))
		defer cancel()
		start := time.Now()
		if _, err := h.Admit(ctx, request(ch)); err == nil || time.Since(start) != time.Second {
			t.Errorf("Admit = %v after %v, want an error after 1s", err, time.Since(start))
		}
		h.store.behave(nil)
		wait(10 * time.Second)
		h.admit(t, ch).pub.End(nil)
	})
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, ", "), strings.Join(want, ", "))
	}
}

package session_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/trace"
)

// account is what is stored of a session's account.
func (d *disk) account(t *testing.T, id string) string {
	t.Helper()
	d.mu.Lock()
	text := d.traces[id]
	d.mu.Unlock()
	a, err := trace.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return lines(a)
}

func lines(a trace.Account) string {
	var b strings.Builder
	for _, e := range a.Entries {
		fmt.Fprintf(&b, "%d %s: %s (%d)\n", e.Peer, e.What, e.Text, e.Times)
	}
	return b.String()
}

func wantLines(t *testing.T, got string, want ...string) {
	t.Helper()
	rest := got
	for _, w := range want {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			t.Errorf("the account does not tell %q where it is expected:\n%s", w, got)
		}
		rest = after
	}
}

// TestTheAccountOfASession follows one from its key to its end, with others that are
// refused and one that takes over.
func TestTheAccountOfASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("one")
		h := open(t, newDisk(ch))
		come := func(priority, remote string) (*encoder, error) {
			q := request(ch)
			q.Remote, q.Trace = remote, new(trace.Peer)
			if priority != "" {
				q.Query = map[string][]string{"priority": {priority}}
			}
			q.Trace.Note("metadata", "%s", string(keyOf(ch))+" and "+string(ch.SRTPassphrase))
			pub, err := h.Admit(t.Context(), q)
			return &encoder{pub: pub, video: videoTrack(), audio: audioTrack()}, err
		}
		first, err := come("", "192.0.2.1:1")
		if err != nil {
			t.Fatal(err)
		}
		id := h.disk.all()[0].StreamID
		first.headers()
		if err := first.send(5 * time.Second); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, err := come("", "192.0.2.9:9"); ivs.CodeOf(err) != ivs.Conflict {
				t.Fatal(err)
			}
		}
		if err := first.send(11 * time.Second); err != nil {
			t.Fatal(err)
		}
		if live, ok := h.Trace(id); !ok || lines(live) != h.disk.account(t, id) {
			t.Errorf("live it is %s\nstored %s", lines(live), h.disk.account(t, id))
		}
		second, err := come("4", "192.0.2.2:2")
		if err != nil {
			t.Fatal(err)
		}
		second.headers()
		if err := second.send(time.Second); err != nil {
			t.Fatal(err)
		}
		first.obey()
		second.pub.End(nil)
		synctest.Wait()
		wait(time.Second)
		if _, live := h.Trace(id); live {
			t.Error("the session still lives")
		}
		got := h.disk.account(t, id)
		wantLines(
			t, got,
			"1 metadata: [secret] and [secret]", "0 session: "+id+" begins on channel "+ch.ARN.String(),
			"1 metadata: encoder Lavf59.27.100; video 2500000 bit/s, 1280 x 720, 30 pictures a second; audio 160000 bit/s",
			"1 media headers: video avc1.", "1280 x 720, 30 pictures a second; audio mp4a.40.2, 48000 Hz, 2 channels",
			"0 stream start: it can be watched, 2", "0 refused: 192.0.2.9 was refused: another encoder is streaming to this channel: stop it first (10)",
			"0 takeover: 192.0.2.2:2 asks for it with priority 4, over 0", "2 media headers: ", "0 takeover: 192.0.2.2:2 has the stream now",
			"0 ended: the encoder ended the stream", "0 stream end: ",
		)
		if s := h.disk.session(id); s.Ended.IsZero() || s.Reason != "the encoder ended the stream" {
			t.Errorf("the session is %+v", s)
		}
	})
}

func TestTheAccountTellsWhyASessionWasEnded(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(t *testing.T, h *house, ch ivs.Channel, e *encoder)
		want []string
	}{
		"by StopStream": {func(t *testing.T, h *house, ch ivs.Channel, e *encoder) {
			t.Helper()
			go func() { _ = e.obey() }()
			if err := h.Stop(t.Context(), ch.ARN); err != nil {
				t.Error(err)
			}
		}, []string{"0 ended: the stream was stopped by StopStream"}},
		"by one that came in its place": {func(t *testing.T, h *house, ch ivs.Channel, e *encoder) {
			t.Helper()
			go func() { _ = e.obey() }()
			wait(4 * time.Second)
			pub, err := h.Admit(t.Context(), ingest.Request{Protocol: "rtmp", Key: keyOf(ch), Remote: "192.0.2.7:7"})
			if err != nil {
				t.Error(err)
				return
			}
			pub.End(nil)
		}, []string{"0 replaced: nothing came for 4", "192.0.2.7:7 connected in its place", "0 ended: nothing came of this encoder for a while"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch := testChannel("one")
				h := open(t, newDisk(ch))
				e := h.admit(t, ch)
				e.headers()
				if err := e.send(5 * time.Second); err != nil {
					t.Fatal(err)
				}
				tc.end(t, h, ch, e)
				wait(time.Second)
				wantLines(t, h.disk.account(t, e.id), tc.want...)
			})
		})
	}
}

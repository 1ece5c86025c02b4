package session_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ivs"
)

// A logbook keeps the messages of a log.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(b))
	return len(b), nil
}

func (l *logbook) count(part string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

// Media never waits for the database, and nothing is lost when it comes back.
func TestDatabaseAwayInMidStream(t *testing.T) {
	for _, f := range []fault{failing, forgetful, hanging} {
		t.Run(fmt.Sprint(f), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch := testChannel("")
				h := open(t, newDisk(ch))
				book := new(logbook)
				h.Log = slog.New(slog.NewTextHandler(book, nil))
				e := h.admit(t, ch)
				h.store.behave(func(string) fault { return f })
				e.headers()
				start := time.Now()
				if err := e.send(10 * time.Second); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took != 10*time.Second {
					t.Errorf("ten seconds of media took %v", took)
				}
				if _, live := h.Stream(ch.ARN); live {
					t.Error("live before Stream Start is stored")
				}
				h.store.behave(nil)
				if err := e.send(6 * time.Second); err != nil {
					t.Fatal(err)
				}
				if st, live := h.Stream(ch.ARN); !live || !st.Start.Equal(start.Add(2*time.Second)) {
					t.Errorf("Stream = %+v, %v; want it live since the first segment", st, live)
				}
				e.pub.End(nil)
				synctest.Wait()
				equal(t, "history", h.disk.history(e.id), whole)
				if h.disk.session(e.id).Ingest == nil {
					t.Error("no ingest configuration")
				}
				if n := book.count("store fails"); n != 2 { // the session's writes, the checkpoints
					t.Errorf("the outage is logged %d times, want 2:\n%s", n, strings.Join(book.lines, ""))
				}
			})
		})
	}
}

// What changed without an event is not forgotten either.
func TestIngestIsStoredAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		e := h.admit(t, ch)
		h.store.behave(func(string) fault { return failing })
		e.headers()
		wait(3 * time.Second)
		h.store.behave(nil)
		wait(3 * time.Second)
		if h.disk.session(e.id).Ingest == nil {
			t.Error("no ingest configuration")
		}
		e.pub.End(nil)
	})
}

func TestDatabaseAwayAtTheEnd(t *testing.T) {
	for _, f := range []fault{failing, forgetful, hanging} {
		t.Run(fmt.Sprint(f), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch := testChannel("")
				h := open(t, newDisk(ch))
				e := h.admit(t, ch)
				if err := e.send(3 * time.Second); err != nil {
					t.Fatal(err)
				}
				h.store.behave(func(op string) fault {
					if op == "publisher" {
						return none
					}
					return f
				})
				ended := time.Now()
				e.pub.End(nil)
				wait(10 * time.Minute)
				if _, err := h.Admit(t.Context(), request(ch)); ivs.CodeOf(err) != ivs.Conflict {
					t.Errorf("Admit while the end is not stored = %v", err)
				}
				h.store.behave(nil)
				wait(10 * time.Second)
				equal(t, "history", h.disk.history(e.id), whole)
				if s := h.disk.session(e.id); !s.IngestEnded.Equal(ended) || s.Ended.Sub(ended) > time.Second {
					t.Errorf("ended at %v and %v, want %v", s.IngestEnded, s.Ended, ended)
				}
				h.admit(t, ch).pub.End(nil)
			})
		})
	}
}

// Stream End tells when the tail was processed, however late it is stored.
func TestDatabaseAwayDuringALongTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		h.build = func(p *pipeline) error {
			p.stuck = make(chan struct{})
			time.AfterFunc(6*time.Second, func() { close(p.stuck) })
			return nil
		}
		e := h.admit(t, ch)
		if err := e.send(3 * time.Second); err != nil {
			t.Fatal(err)
		}
		h.store.behave(func(string) fault { return failing })
		e.pub.End(nil)
		wait(time.Hour)
		h.store.behave(nil)
		wait(10 * time.Second)
		equal(t, "history", h.disk.history(e.id), whole)
		s := h.disk.session(e.id)
		if got := s.Ended.Sub(s.IngestEnded); got != 3*time.Second {
			t.Errorf("Stream End is %v after Session Ended, want 3s", got)
		}
	})
}

// A flapping stream during a long outage must not gather events without end.
func TestPendingEventsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		e := h.admit(t, ch)
		if err := e.send(3 * time.Second); err != nil {
			t.Fatal(err)
		}
		h.store.behave(func(string) fault { return failing })
		for range 500 {
			wait(6 * time.Second)
			if err := e.send(6 * time.Second); err != nil {
				t.Fatal(err)
			}
		}
		h.store.behave(nil)
		wait(6 * time.Second)
		e.pub.End(nil)
		synctest.Wait()
		got := h.disk.history(e.id)
		if n := len(got); n < 256 || n > 262 {
			t.Errorf("%d events", n)
		}
		if err := legal(got); err != nil {
			t.Error(err)
		}
	})
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := testChannel("a"), testChannel("b")
		h := open(t, newDisk(a, b))
		e, never := h.admit(t, a), h.admit(t, b)
		if err := e.send(3 * time.Second); err != nil {
			t.Fatal(err)
		}
		causes := make(chan error, 2)
		go func() { causes <- e.obey() }()
		go func() { causes <- never.obey() }()
		if err := h.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
		for range 2 {
			if err := <-causes; ivs.CodeOf(err) != ivs.Unavailable || err.Error() != "server is stopping" {
				t.Errorf("cause %v", err)
			}
		}
		equal(t, "history", h.disk.history(e.id), whole)
		equal(t, "history of what never started", h.disk.history(never.id), []string{ivs.SessionCreated, ivs.SessionEnded})
		if got := h.pipe(0).closed(); !slices.Equal(got, []bool{false}) {
			t.Errorf("pipeline closed as final %v, want once, not for good", got)
		}
		if _, err := h.Admit(t.Context(), request(a)); ivs.CodeOf(err) != ivs.Unavailable {
			t.Errorf("Admit after Close = %v", err)
		}
		if err := h.Close(t.Context()); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}

func TestCloseIsBounded(t *testing.T) {
	t.Run("with a stuck pipeline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ch := testChannel("")
			h := open(t, newDisk(ch))
			stuck := make(chan struct{})
			h.build = func(p *pipeline) error { p.stuck = stuck; return nil }
			e := h.admit(t, ch)
			if err := e.send(3 * time.Second); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			start := time.Now()
			if err := h.Close(ctx); err != nil || time.Since(start) > 9*time.Second {
				t.Errorf("Close = %v after %v", err, time.Since(start))
			}
			equal(t, "history", h.disk.history(e.id), whole)
			close(stuck)
		})
	})
	for _, f := range []fault{failing, hanging} {
		t.Run(fmt.Sprintf("with the database away (%d)", f), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch := testChannel("")
				d := newDisk(ch)
				h := open(t, d)
				e := h.admit(t, ch)
				if err := e.send(4 * time.Second); err != nil {
					t.Fatal(err)
				}
				h.store.behave(func(string) fault { return f })
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				start := time.Now()
				if err := h.Close(ctx); err == nil || time.Since(start) != 10*time.Second {
					t.Errorf("Close = %v after %v, want an error after 10s", err, time.Since(start))
				}
				next := build(d)
				if err := next.Recover(t.Context()); err != nil {
					t.Fatal(err)
				}
				equal(t, "history", d.history(e.id), whole)
			})
		})
	}
}

func TestCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := testChannel("a"), testChannel("b")
		h := open(t, newDisk(a, b))
		ea, eb := h.admit(t, a), h.admit(t, b)
		for range 105 {
			for _, e := range []*encoder{ea, eb} {
				if err := e.one(); err != nil {
					t.Fatal(err)
				}
			}
			wait(frame)
		}
		if _, marks := h.disk.written(); marks != 10 {
			t.Errorf("%d checkpoints of two sessions in 10.5 s, want 10", marks)
		}
		for _, e := range []*encoder{ea, eb} {
			if ago := time.Since(h.disk.session(e.id).LastMedia); ago > time.Second {
				t.Errorf("last media of a live session %v ago", ago)
			}
		}
		wait(10 * time.Second)
		if _, marks := h.disk.written(); marks != 11 {
			t.Errorf("%d checkpoints, want one more and none without media", marks)
		}
		ea.pub.End(nil)
		eb.pub.End(nil)
	})
}

func TestRecover(t *testing.T) {
	t0 := time.Now().UTC().Truncate(time.Second)
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	for _, tc := range []struct {
		name   string
		state  ivs.Session
		events []string // that are stored with it
		want   []string
		ended  time.Time
		reason string
	}{
		{
			"nothing came",
			ivs.Session{Created: at(0)},
			whole[:1],
			[]string{ivs.SessionCreated, ivs.SessionEnded},
			at(0), "server restarted",
		},
		{
			"before the first segment",
			ivs.Session{Created: at(0), LastMedia: at(1)},
			whole[:1],
			[]string{ivs.SessionCreated, ivs.SessionEnded},
			at(1), "server restarted",
		},
		{
			"in mid-stream",
			ivs.Session{Created: at(0), Started: at(2), LastMedia: at(9)},
			whole[:2],
			whole,
			at(9), "server restarted",
		},
		{
			"between Session Ended and Stream End",
			ivs.Session{Created: at(0), Started: at(2), LastMedia: at(9), IngestEnded: at(10), Reason: "left"},
			whole[:3],
			whole,
			at(10), "left",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ch := testChannel("")
			d := newDisk(ch)
			s := tc.state
			s.StreamID = ivs.NewStreamID()
			s.Channel = ivs.Addresses{}.Snapshot(ch)
			d.sessions[s.StreamID] = s
			for _, name := range tc.events {
				d.append([]ivs.Event{ivs.NewEvent(s, ivs.StreamStateChange, name, s.Created)})
			}
			h := build(d)
			for range 2 { // again does nothing
				if err := h.Recover(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			equal(t, "history", d.history(s.StreamID), tc.want)
			got := d.session(s.StreamID)
			if !got.Ended.Equal(tc.ended) || got.Reason != tc.reason {
				t.Errorf("ended %v because %q, want %v because %q", got.Ended, got.Reason, tc.ended, tc.reason)
			}
		})
	}
}

// A server that is killed has noted the last media to within two seconds.
func TestKilledServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		d := newDisk(ch)
		h := open(t, d)
		e := h.admit(t, ch)
		if err := e.send(7700 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		last := time.Now().Add(-frame)
		h.store.behave(func(string) fault { return failing }) // it is no more
		if err := build(d).Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := d.session(e.id)
		if off := last.Sub(s.Ended); off < 0 || off > 2*time.Second || !s.IngestEnded.Equal(s.Ended) {
			t.Errorf("ended %v and %v, the last media came at %v", s.IngestEnded, s.Ended, last)
		}
		equal(t, "history", d.history(e.id), whole)
	})
}

// A server that is killed while a stream starves has an event that is younger
// than the last media. The end is not before it.
func TestKilledServerWhileStarving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		d := newDisk(ch)
		h := open(t, d)
		e := h.admit(t, ch)
		if err := e.send(8 * time.Second); err != nil {
			t.Fatal(err)
		}
		wait(10 * time.Second)
		equal(t, "history before", d.history(e.id), []string{ivs.SessionCreated, ivs.StreamStart, ivs.StarvationStart})
		h.store.behave(func(string) fault { return failing }) // it is no more
		if err := build(d).Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		equal(t, "history", d.history(e.id), []string{ivs.SessionCreated, ivs.StreamStart, ivs.StarvationStart, ivs.SessionEnded, ivs.StreamEnd})
		evs := d.log(e.id)
		for i := 1; i < len(evs); i++ {
			if evs[i].At.Before(evs[i-1].At) {
				t.Errorf("%s at %v comes after %s at %v", evs[i].Name, evs[i].At, evs[i-1].Name, evs[i-1].At)
			}
		}
		if s := d.session(e.id); !s.IngestEnded.Equal(evs[2].At) || !s.Ended.Equal(s.IngestEnded) {
			t.Errorf("ended %v and %v, want the time of Starvation Start, %v", s.IngestEnded, s.Ended, evs[2].At)
		}
	})
}

// A recovery that dies half-way is completed by the next.
func TestRecoverInTwoGoes(t *testing.T) {
	d := newDisk()
	for range 10 {
		s := ivs.Session{StreamID: ivs.NewStreamID(), Channel: ivs.Addresses{}.Snapshot(testChannel("")), Created: time.Now().UTC()}
		s.Started = s.Created
		d.sessions[s.StreamID] = s
		d.append([]ivs.Event{
			ivs.NewEvent(s, ivs.StreamStateChange, ivs.SessionCreated, s.Created),
			ivs.NewEvent(s, ivs.StreamStateChange, ivs.StreamStart, s.Created),
		})
	}
	h := build(d)
	calls := 0
	h.store.behave(func(op string) fault {
		if calls++; calls == 6 {
			return forgetful
		}
		return none
	})
	if err := h.Recover(t.Context()); err == nil {
		t.Error("a recovery that failed reports nothing")
	}
	h.store.behave(nil)
	if err := h.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, s := range d.all() {
		equal(t, "history", d.history(s.StreamID), whole)
	}
}

func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		add := func(ago time.Duration) string {
			id := ivs.NewStreamID()
			d.sessions[id] = ivs.Session{StreamID: id, Created: time.Now().Add(-ago - time.Hour), Ended: time.Now().Add(-ago)}
			return id
		}
		const day = 24 * time.Hour
		for range 1200 {
			add(61 * day)
		}
		young := add(59 * day)
		soon := add(60*day - 30*time.Minute)
		open(t, d)
		wait(time.Second)
		if got := len(d.all()); got != 2 {
			t.Errorf("%d sessions are left, want the 2 that are younger", got)
		}
		wait(2 * time.Hour)
		if _, ok := d.sessions[soon]; ok {
			t.Error("a session is kept past its retention")
		}
		if _, ok := d.sessions[young]; !ok {
			t.Error("a session is forgotten before its time")
		}
	})
}

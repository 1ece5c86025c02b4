package recent_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/recent"
)

// records are a database of sessions that counts reads. Its errors are of
// changes that are made all the same.
type records struct {
	recent.SessionDatabase // what is not there panics

	mu       sync.Mutex
	sessions []ivs.Session
	events   []ivs.Event
	reads    atomic.Int64
	fails    error
}

func (r *records) Session(_ context.Context, channel ivs.ARN, id string) (ivs.Session, error) {
	r.reads.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range slices.Backward(r.sessions) {
		if s.Channel.Channel.ARN == channel && (id == "" || id == s.StreamID) {
			return s, nil
		}
	}
	return ivs.Session{}, ivs.Errorf(ivs.NotFound, "none")
}

func (r *records) SessionEvents(_ context.Context, id string, limit int) (out []ivs.Event, _ error) {
	r.reads.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ev := range slices.Backward(r.events) {
		if ev.StreamID == id && len(out) < limit {
			out = append(out, ev)
		}
	}
	return out, nil
}

func (r *records) OpenSession(_ context.Context, s ivs.Session, ev ivs.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions, r.events = append(r.sessions, s), append(r.events, ev)
	return r.fails
}

func (r *records) SaveSession(_ context.Context, s ivs.Session, evs ...ivs.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.sessions, func(have ivs.Session) bool { return have.StreamID == s.StreamID })
	r.sessions[i], r.events = s, append(r.events, evs...)
	return r.fails
}

func (r *records) InsertAdBreak(_ context.Context, _ ivs.AdBreak, ev ivs.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, ev)
	return r.fails
}

func (r *records) ForgetSessions(context.Context, time.Time, int) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.sessions)
	r.sessions, r.events = nil, nil
	return n, r.fails
}

func session(id string) ivs.Session {
	return ivs.Session{StreamID: id, Channel: ivs.Snapshot{Channel: ivs.Channel{ARN: channel}}}
}

func happened(id, name string) ivs.Event {
	return ivs.Event{Channel: channel, StreamID: id, Name: name}
}

// told reads a session and its events, as one line.
func told(t *testing.T, h *recent.History, id string) string {
	t.Helper()
	s, err := h.Session(t.Context(), channel, id)
	if err != nil {
		return string(ivs.CodeOf(err))
	}
	evs, err := h.SessionEvents(t.Context(), s.StreamID, 10)
	if err != nil {
		t.Fatal(err)
	}
	out := s.StreamID + " " + s.Reason
	for _, ev := range evs {
		out += " " + ev.Name
	}
	return out
}

func TestASessionThatIsReadAgainIsNotAskedFor(t *testing.T) {
	r := &records{sessions: []ivs.Session{session("a")}, events: []ivs.Event{happened("a", "created")}}
	h := recent.NewHistory(r)
	for range 3 {
		for _, id := range []string{"a", ""} {
			if got, want := told(t, h, id), "a  created"; got != want {
				t.Errorf("session %q: %q, want %q", id, got, want)
			}
		}
	}
	if got := r.reads.Load(); got != 3 { // by id, newest, events
		t.Errorf("%d reads, want 3", got)
	}
}

func TestAChangeOfASessionIsSeen(t *testing.T) {
	steps := []struct {
		name   string
		change func(ctx context.Context, h *recent.History) error
		newest string
		a      string
	}{
		{"saved", func(ctx context.Context, h *recent.History) error {
			s := session("a")
			s.Reason = "gone"
			return h.SaveSession(ctx, s, happened("a", "ended"))
		}, "a gone ended created", "a gone ended created"},
		{"ad break", func(ctx context.Context, h *recent.History) error {
			return h.InsertAdBreak(ctx, ivs.AdBreak{}, happened("a", "ads"))
		}, "a gone ads ended created", "a gone ads ended created"},
		{"a newer one", func(ctx context.Context, h *recent.History) error {
			return h.OpenSession(ctx, session("b"), happened("b", "created"))
		}, "b  created", "a gone ads ended created"},
		{"forgotten", func(ctx context.Context, h *recent.History) error {
			_, err := h.ForgetSessions(ctx, time.Time{}, 10)
			return err
		}, string(ivs.NotFound), string(ivs.NotFound)},
	}
	for _, fails := range []error{nil, ivs.Errorf(ivs.Unavailable, "the answer was lost")} {
		t.Run(fmt.Sprint(fails), func(t *testing.T) {
			r := &records{sessions: []ivs.Session{session("a")}, events: []ivs.Event{happened("a", "created")}, fails: fails}
			h := recent.NewHistory(r)
			told(t, h, "")
			told(t, h, "a")
			for _, step := range steps {
				if err := step.change(t.Context(), h); err != fails { //nolint:errorlint // this very one
					t.Fatalf("%s: %v, want %v", step.name, err, fails)
				}
				for range 2 {
					if got := told(t, h, ""); got != step.newest {
						t.Errorf("%s: the newest is %q, want %q", step.name, got, step.newest)
					}
					if got := told(t, h, "a"); got != step.a {
						t.Errorf("%s: a is %q, want %q", step.name, got, step.a)
					}
				}
			}
		})
	}
}

func TestSessionsOfADeletedChannelAreNotRemembered(t *testing.T) {
	d, _ := open()
	r := &records{sessions: []ivs.Session{session("a")}}
	h := recent.NewHistory(r)
	s := recent.New(d, h)
	told(t, h, "")
	r.sessions = nil
	if err := s.DeleteChannel(t.Context(), channel, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := told(t, h, ""), string(ivs.NotFound); got != want {
		t.Errorf("after the channel was deleted: %q, want %q", got, want)
	}
}

func TestManyEventsAreNotAllRemembered(t *testing.T) {
	const sessions, events = 200, 500
	r := &records{}
	h := recent.NewHistory(r)
	for i := range sessions {
		id := fmt.Sprint(i)
		r.sessions = append(r.sessions, session(id))
		for range events {
			r.events = append(r.events, happened(id, "event"))
		}
	}
	for range 2 {
		r.reads.Store(0)
		for i := range sessions {
			if _, err := h.SessionEvents(t.Context(), fmt.Sprint(i), events); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := r.reads.Load(); got == 0 {
		t.Errorf("%d events are remembered", sessions*events)
	}
}

func TestOneSessionIsChangedAndReadAtOnce(t *testing.T) {
	r := &records{sessions: []ivs.Session{session("a")}}
	h := recent.NewHistory(r)
	var both sync.WaitGroup
	both.Go(func() {
		for i := range 500 {
			s := session("a")
			s.Reason = fmt.Sprint(i)
			if err := h.SaveSession(t.Context(), s); err != nil {
				t.Error(err)
			}
			if got, err := h.Session(t.Context(), channel, ""); err != nil || got.Reason != s.Reason {
				t.Errorf("%q, %v; want %q, which was saved", got.Reason, err, s.Reason)
			}
		}
	})
	for range 2 {
		both.Go(func() {
			for range 1000 {
				if _, err := h.Session(t.Context(), channel, "a"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	both.Wait()
}

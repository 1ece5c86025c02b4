package store_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"openivs/internal/ivs"
)

func outboxClauses() []clause {
	return []clause{
		{"events of all channels are read in the order of their commits", outboxOrder},
		{"a replay finds where a time begins", outboxSince},
		{"whoever waits for events is told of each write", outboxBell},
		{"a new sink begins with what comes next, one that is gone is forgotten", outboxSinks},
		{"a dead letter is kept once, listed in order and forgotten when asked", outboxDead},
	}
}

func outboxOrder(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	a, b := plain(t, db), plain(t, db)
	sa, sb := begin(t, db, a, noon()), begin(t, db, b, noon())
	end(t, db, sb, noon())
	end(t, db, sa, noon())
	var got []string
	for at := int64(0); ; {
		evs, err := db.EventsAfter(t.Context(), at, 4)
		must(t, "EventsAfter", err)
		if len(evs) == 0 {
			break
		}
		for _, ev := range evs {
			if ev.Position != at+1 {
				t.Errorf("position %d follows %d", ev.Position, at)
			}
			at = ev.Position
			got = append(got, fmt.Sprint(map[ivs.ARN]string{a.ARN: "a", b.ARN: "b"}[ev.Channel], ev.Seq, ev.Name))
		}
	}
	want := []string{"a1Session Created", "b1Session Created", "b2Session Ended", "b3Stream End", "a2Session Ended", "a3Stream End"}
	if !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if n, err := db.NewestEvent(t.Context()); err != nil || n != 6 {
		t.Errorf("NewestEvent = %d, %v; want 6", n, err)
	}
}

func outboxSince(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c := plain(t, db)
	end(t, db, begin(t, db, c, noon()), noon().Add(time.Minute))
	end(t, db, begin(t, db, c, noon().Add(time.Hour)), noon().Add(2*time.Hour))
	for _, tc := range []struct {
		at   time.Time
		want int64
	}{
		{noon().Add(-time.Hour), 0},
		{noon(), 0},
		{noon().Add(time.Second), 1},
		{noon().Add(time.Minute), 1},
		{noon().Add(2 * time.Minute), 3},
		{noon().Add(3 * time.Hour), 6},
	} {
		if got, err := db.PositionBefore(t.Context(), tc.at); err != nil || got != tc.want {
			t.Errorf("PositionBefore(noon + %v) = %d, %v; want %d", tc.at.Sub(noon()), got, err, tc.want)
		}
	}
}

func outboxBell(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c := plain(t, db)
	told := db.EventsWritten()
	select {
	case <-told:
		t.Fatal("told before anything was written")
	default:
	}
	s := begin(t, db, c, noon())
	<-told
	told = db.EventsWritten()
	must(t, "SaveSession", db.SaveSession(t.Context(), s))
	select {
	case <-told:
		t.Error("told of a save that has no event")
	default:
	}
	end(t, db, s, noon())
	<-told
}

func outboxSinks(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c := plain(t, db)
	set := func(want map[string]int64, names ...string) {
		t.Helper()
		if got, err := db.SetSinks(t.Context(), names); err != nil || !maps.Equal(got, want) {
			t.Errorf("SetSinks(%q) = %v, %v; want %v", names, got, err, want)
		}
	}
	set(map[string]int64{"file": 0}, "file")
	end(t, db, begin(t, db, c, noon()), noon())
	set(map[string]int64{"file": 0, "hook": 3}, "file", "hook")
	must(t, "MoveSink", db.MoveSink(t.Context(), "file", 2))
	set(map[string]int64{"file": 2, "hook": 3}, "hook", "file")
	set(map[string]int64{"hook": 3}, "hook")
	set(map[string]int64{"file": 3, "hook": 3}, "file", "hook")
}

func outboxDead(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	letter := func(sink string, position int64, reason string) ivs.DeadLetter {
		return ivs.DeadLetter{
			Sink: sink, Position: position, Seq: 7, EventID: fmt.Sprint("id", position), Channel: "arn", Type: ivs.LimitBreach,
			Body: []byte(`{"x":"ü"}`), Reason: reason, Tries: 3, At: noon(),
		}
	}
	for i := range int64(3) {
		must(t, "BuryEvent", db.BuryEvent(t.Context(), letter("hook", i, "no")))
	}
	must(t, "BuryEvent", db.BuryEvent(t.Context(), letter("file", 1, "no")))
	must(t, "BuryEvent", db.BuryEvent(t.Context(), letter("hook", 1, "still no")))
	page, err := db.DeadLetters(t.Context(), "hook", 0, 2)
	must(t, "DeadLetters", err)
	if len(page.Items) != 2 || page.Items[1].Reason != "still no" || string(page.Items[0].Body) != `{"x":"ü"}` || page.Items[0].At != noon() || page.Next == 0 {
		t.Errorf("DeadLetters = %+v", page)
	}
	page, err = db.DeadLetters(t.Context(), "hook", page.Next, 2)
	if err != nil || len(page.Items) != 1 || page.Items[0].Position != 2 || page.Next != 0 {
		t.Errorf("the second page = %+v, %v", page, err)
	}
	must(t, "ForgetDeadLetter", db.ForgetDeadLetter(t.Context(), "hook", 1))
	for sink, want := range map[string]int{"hook": 2, "file": 1, "none": 0} {
		if n, err := db.CountDeadLetters(t.Context(), sink); err != nil || n != want {
			t.Errorf("CountDeadLetters(%s) = %d, %v; want %d", sink, n, err, want)
		}
	}
}

package store_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"openivs/internal/ivs"
)

func eventClauses() []clause {
	return []clause{
		{"events read back, the newest first", eventReadsBack},
		{"of 501 events the 500 newest are answered and the error is not forgotten", eventLimit},
		{"events of a channel are numbered without a gap over its sessions", eventNumbers},
		{"a state and its events are stored together or not at all", eventWithState},
		{"a save may be repeated: its events are stored once", eventOnce},
	}
}

func eventReadsBack(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c, _ := create(t, db, fullChannel())
	s := newSession(c, noon())
	created := change(s, ivs.SessionCreated, noon())
	must(t, "OpenSession", db.OpenSession(t.Context(), s, created))
	// All within one second, some at the same moment: the order is the caller's.
	start := change(s, ivs.StreamStart, noon())
	starving := ivs.NewEvent(s, ivs.StreamHealthChange, ivs.StarvationStart, noon().Add(-time.Second))
	over := change(s, ivs.SessionEnded, noon().Add(time.Millisecond))
	over.Code, over.Detail = "MultitrackInputNotAllowed", json.RawMessage(`{"limit":1,"unit":"x"}`)
	must(t, "SaveSession", db.SaveSession(t.Context(), s, start, starving))
	must(t, "SaveSession", db.SaveSession(t.Context(), s, over))

	want := []ivs.Event{created, start, starving, over}
	for i := range want {
		want[i].Seq = int64(i + 1)
	}
	slices.Reverse(want)
	if got, err := db.SessionEvents(t.Context(), s.StreamID, 500); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("SessionEvents = %+v, %v\nwant %+v", got, err, want)
	}
	if got, err := db.SessionEvents(t.Context(), s.StreamID, 2); err != nil || !reflect.DeepEqual(got, want[:2]) {
		t.Errorf("two of them: %+v, %v\nwant %+v", got, err, want[:2])
	}
	if got, err := db.SessionEvents(t.Context(), "st-1nothing", 2); err != nil || len(got) != 0 {
		t.Errorf("of no session: %v, %v; want none", got, err)
	}
}

func eventLimit(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c := plain(t, db)
	s := begin(t, db, c, noon())
	evs := []ivs.Event{ivs.NewEvent(s, ivs.LimitBreach, "Ingest Bitrate", noon())}
	for i := range 501 {
		evs = append(evs, ivs.NewEvent(s, ivs.StreamHealthChange, fmt.Sprintf("event %d", i), noon()))
	}
	must(t, "SaveSession", db.SaveSession(t.Context(), s, evs...))
	got, err := db.SessionEvents(t.Context(), s.StreamID, ivs.MaxSessionEvents)
	if err != nil || len(got) != 500 || got[0].Name != "event 500" || got[499].Name != "event 1" {
		t.Errorf("%d events, %v; want event 500 to event 1", len(got), err)
	}
	if got, err := db.Session(t.Context(), c.ARN, ""); err != nil || !got.HasError {
		t.Errorf("has error: %t, %v; want it kept", got.HasError, err)
	}
}

func eventNumbers(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	a, b := plain(t, db), plain(t, db)
	seqs := map[ivs.ARN][]int64{}
	for range 3 {
		for _, c := range []ivs.Channel{a, b} {
			s := end(t, db, begin(t, db, c, noon()), noon())
			evs, err := db.SessionEvents(t.Context(), s.StreamID, 10)
			must(t, "SessionEvents", err)
			slices.Reverse(evs)
			for _, ev := range evs {
				seqs[c.ARN] = append(seqs[c.ARN], ev.Seq)
			}
		}
	}
	want := []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}
	for arn, got := range seqs {
		if !slices.Equal(got, want) {
			t.Errorf("%s: numbers %v, want %v", arn, got, want)
		}
	}
}

func eventWithState(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	db := open(t, url)
	c := plain(t, db)
	s := begin(t, db, c, noon())
	// The next event's number is taken, so that its insertion fails.
	mustExec(t, raw(t, url), `UPDATE channels SET event_seq = 0`)
	s.Started = noon()
	if err := db.SaveSession(t.Context(), s, change(s, ivs.StreamStart, noon())); err == nil {
		t.Fatal("an event was stored under a number that is taken")
	}
	if got, err := db.Session(t.Context(), c.ARN, ""); err != nil || !got.Started.IsZero() {
		t.Errorf("the state without its event: started %v, %v", got.Started, err)
	}
}

func eventOnce(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	s := begin(t, db, plain(t, db), noon())
	start, over := change(s, ivs.StreamStart, noon()), change(s, ivs.SessionEnded, noon())
	must(t, "SaveSession", db.SaveSession(t.Context(), s, start))
	for range 2 { // the same again, with what has happened since
		must(t, "SaveSession", db.SaveSession(t.Context(), s, start, over))
	}
	evs, err := db.SessionEvents(t.Context(), s.StreamID, 10)
	must(t, "SessionEvents", err)
	var got []string
	for _, ev := range evs {
		got = append(got, fmt.Sprint(ev.Seq, " ", ev.Name))
	}
	if want := []string{"3 Session Ended", "2 Stream Start", "1 Session Created"}; !slices.Equal(got, want) {
		t.Errorf("events are %q, want %q", got, want)
	}
}

package store_test

import (
	"database/sql"
	"testing"
	"time"

	"openivs/internal/ivs"
)

func retentionClauses() []clause {
	return []clause{
		{"sessions are forgotten oldest first, a batch at a time, never an open one", retentionBatches},
		{"an event goes when its session is forgotten and every sink has it", retentionSinks},
	}
}

func retentionBatches(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	db := open(t, url)
	c := plain(t, db)
	var all []ivs.Session
	for i := range 5 {
		at := noon().Add(time.Duration(i) * time.Hour)
		all = append(all, end(t, db, begin(t, db, c, at), at))
	}
	live := begin(t, db, c, noon())
	before := noon().Add(4 * time.Hour) // the fifth ended just then, and stays
	for i, want := range []int{3, 1, 0} {
		if got, err := db.ForgetSessions(t.Context(), before, 3); err != nil || got != want {
			t.Errorf("batch %d: %d, %v; want %d", i+1, got, err, want)
		}
		if i == 0 {
			if _, err := db.Session(t.Context(), c.ARN, all[3].StreamID); err != nil {
				t.Errorf("the fourth went before its turn: %v", err)
			}
		}
	}
	for i, s := range all {
		_, err := db.Session(t.Context(), c.ARN, s.StreamID)
		if gone := ivs.CodeOf(err) == ivs.NotFound; gone != (i < 4) {
			t.Errorf("session %d: %v", i, err)
		}
	}
	if _, err := db.Session(t.Context(), c.ARN, live.StreamID); err != nil {
		t.Errorf("the open session: %v", err)
	}
	if n := count(t, raw(t, url), "events"); n != 3+1 {
		t.Errorf("%d events are left, want those of the sessions that are", n)
	}
}

func retentionSinks(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	db, past := open(t, url), raw(t, url)
	c := plain(t, db)
	s := end(t, db, begin(t, db, c, noon()), noon()) // events 1 to 3
	end(t, db, begin(t, db, c, noon().Add(time.Hour)), noon().Add(time.Hour))
	mustExec(t, past, `INSERT INTO sinks (name, event) VALUES ('quick', 6), ('slow', 1)`)
	forget := func(wantSessions, wantEvents int) {
		t.Helper()
		n, err := db.ForgetSessions(t.Context(), noon().Add(time.Minute), 100)
		if err != nil || n != wantSessions {
			t.Errorf("forgot %d, %v; want %d", n, err, wantSessions)
		}
		if got := count(t, past, "events"); got != wantEvents {
			t.Errorf("%d events are left, want %d", got, wantEvents)
		}
	}
	forget(1, 5)
	_, err := db.Session(t.Context(), c.ARN, s.StreamID)
	wantCode(t, "the forgotten session", err, ivs.NotFound)
	if evs, err := db.SessionEvents(t.Context(), s.StreamID, 10); err != nil || len(evs) != 0 {
		t.Errorf("its events answer: %v, %v", evs, err)
	}
	mustExec(t, past, `UPDATE sinks SET event = 2 WHERE name = 'slow'`)
	forget(0, 4)
	mustExec(t, past, `UPDATE sinks SET event = 6 WHERE name = 'slow'`)
	forget(0, 3) // the events of the session that is remembered stay
	if s := begin(t, db, c, noon()); s.StreamID == "" {
		t.Fatal("no session")
	}
	var last int64
	must(t, "read the newest number", past.QueryRowContext(t.Context(), `SELECT MAX(seq) FROM events`).Scan(&last))
	if last != 7 {
		t.Errorf("the next event has number %d, want 7: numbers are not used again", last)
	}
}

func count(t *testing.T, db *sql.DB, table string) int {
	t.Helper()
	var n int
	must(t, "count", db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n))
	return n
}

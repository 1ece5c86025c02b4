package store_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/store"
)

func viewerClauses() []clause {
	return []clause{
		{"a revoked version never goes back", revocationGrows},
		{"revocations go with their channel", revocationGoes},
		{"revocations are followed in the order of commits", revocationsFollowed},
		{"a token is used once, whoever asks at the same time", tokenOnce},
	}
}

func revoked(t *testing.T, db *store.DB, channel ivs.ARN, viewer string) int64 {
	t.Helper()
	v, err := db.Revocation(t.Context(), channel, viewer)
	must(t, "Revocation", err)
	if v.Channel != channel || v.Viewer != viewer {
		t.Errorf("Revocation = %+v, want that of %s on %s", v, viewer, channel)
	}
	return v.Version
}

func revocationGrows(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c := plain(t, db).ARN
	_, err := db.Revocation(t.Context(), c, "v")
	wantCode(t, "a viewer of whom nothing is noted", err, ivs.NotFound)
	for _, step := range []struct{ version, want int64 }{{0, 0}, {5, 5}, {3, 5}, {5, 5}, {1 << 40, 1 << 40}, {0, 1 << 40}} {
		must(t, "Revoke", db.Revoke(t.Context(), ivs.Revocation{Channel: c, Viewer: "v", Version: step.version}))
		if got := revoked(t, db, c, "v"); got != step.want {
			t.Errorf("after %d: %d, want %d", step.version, got, step.want)
		}
	}
	must(t, "Revoke", db.Revoke(t.Context(), ivs.Revocation{Channel: c, Viewer: "日本", Version: 2}))
	if got := revoked(t, db, c, "日本"); got != 2 {
		t.Errorf("another viewer: %d, want 2", got)
	}
	inParallel(writers, func(i int) {
		if err := db.Revoke(t.Context(), ivs.Revocation{Channel: c, Viewer: "crowd", Version: int64(i)}); err != nil {
			t.Errorf("Revoke: %v", err)
		}
	})
	if got := revoked(t, db, c, "crowd"); got != writers-1 {
		t.Errorf("of %d at once: %d, want the highest", writers, got)
	}
}

func revocationGoes(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c := plain(t, db).ARN
	must(t, "Revoke", db.Revoke(t.Context(), ivs.Revocation{Channel: c, Viewer: "v"}))
	must(t, "DeleteChannel", db.DeleteChannel(t.Context(), c, func(bool) error { return nil }))
	_, err := db.Revocation(t.Context(), c, "v")
	wantCode(t, "after the channel", err, ivs.NotFound)
	wantCode(t, "Revoke", db.Revoke(t.Context(), ivs.Revocation{Channel: c, Viewer: "v"}), ivs.NotFound)
}

func adClauses() []clause {
	return []clause{
		{"a stream has one ad break at a time, with its event", adBreakOne},
		{"a stream that is over has no ad break", adBreakOver},
		{"16 breaks at once are one", adBreakRace},
		{"a save may be repeated over an ad break", adBreakBetween},
	}
}

func insertBreak(t *testing.T, db *store.DB, s ivs.Session, at time.Time, d time.Duration) error {
	t.Helper()
	b := ivs.NewAdBreak(s.StreamID, d, at)
	ev, err := b.Event(s, at)
	must(t, "Event", err)
	return db.InsertAdBreak(t.Context(), b, ev)
}

func adBreakOne(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	s := begin(t, db, plain(t, db), noon())
	must(t, "InsertAdBreak", insertBreak(t, db, s, noon(), 30*time.Second))
	ends := noon().Add(10*time.Second + 30*time.Second) // 10 s from the call to the break
	wantCode(t, "another at once", insertBreak(t, db, s, noon(), time.Second), ivs.Conflict)
	wantCode(t, "another just before the end", insertBreak(t, db, s, ends.Add(-time.Microsecond), time.Second), ivs.Conflict)
	must(t, "another at the end", insertBreak(t, db, s, ends, time.Second))

	evs, err := db.SessionEvents(t.Context(), s.StreamID, 10)
	must(t, "SessionEvents", err)
	if len(evs) != 3 || evs[0].Name != ivs.AdBreakInserted || evs[0].Seq != 3 || !evs[0].At.Equal(ends) {
		t.Errorf("events %+v, want two breaks after the start", evs)
	}
	must(t, "SaveSession", db.SaveSession(t.Context(), s, change(s, ivs.StreamStart, ends)))
	other := begin(t, db, plain(t, db), noon())
	must(t, "another stream's", insertBreak(t, db, other, noon(), time.Second))
}

func adBreakOver(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c := plain(t, db)
	s := begin(t, db, c, noon())
	s.IngestEnded = noon()
	must(t, "SaveSession", db.SaveSession(t.Context(), s, change(s, ivs.SessionEnded, noon())))
	wantCode(t, "while the tail is processed", insertBreak(t, db, s, noon(), time.Second), ivs.NotLive)
	end(t, db, s, noon())
	wantCode(t, "after the end", insertBreak(t, db, s, noon(), time.Second), ivs.NotLive)
	must(t, "DeleteChannel", db.DeleteChannel(t.Context(), c.ARN, func(bool) error { return nil }))
	wantCode(t, "after the channel", insertBreak(t, db, s, noon(), time.Second), ivs.NotFound)
}

func adBreakRace(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	s := begin(t, db, plain(t, db), noon())
	done := make(chan error, writers)
	inParallel(writers, func(int) { done <- insertBreak(t, db, s, noon(), time.Minute) })
	made := 0
	for range writers {
		if err := <-done; err == nil {
			made++
		} else if ivs.CodeOf(err) != ivs.Conflict {
			t.Errorf("InsertAdBreak: %v", err)
		}
	}
	if evs, err := db.SessionEvents(t.Context(), s.StreamID, 100); made != 1 || err != nil || len(evs) != 2 {
		t.Errorf("%d breaks, %d events, %v; want one of both and the start", made, len(evs), err)
	}
}

func adBreakBetween(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	s := begin(t, db, plain(t, db), noon())
	start := change(s, ivs.StreamStart, noon())
	must(t, "SaveSession", db.SaveSession(t.Context(), s, start)) // whose answer is lost
	must(t, "InsertAdBreak", insertBreak(t, db, s, noon(), time.Second))
	must(t, "SaveSession", db.SaveSession(t.Context(), s, start))
	if evs, err := db.SessionEvents(t.Context(), s.StreamID, 10); err != nil || len(evs) != 3 {
		t.Errorf("%d events, %v, want three", len(evs), err)
	}
}

func revocationsFollowed(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	a, b := plain(t, db).ARN, plain(t, db).ARN
	note := func(c ivs.ARN, viewer string, version int64) ivs.Revocation {
		v := ivs.Revocation{Channel: c, Viewer: viewer, Version: version}
		must(t, "Revoke", db.Revoke(t.Context(), v))
		return v
	}
	read := func(after int64, limit int, want ...ivs.Revocation) int64 {
		t.Helper()
		got, next, err := db.RevocationsAfter(t.Context(), after, limit)
		must(t, "RevocationsAfter", err)
		if !slices.Equal(got, want) {
			t.Errorf("after %d: %+v, want %+v", after, got, want)
		}
		return next
	}
	if next := read(0, 10); next != 0 {
		t.Errorf("nothing is followed by %d", next)
	}
	one, two := note(a, "one", 3), note(b, "two", 0)
	at := read(0, 1, one)
	at = read(at, 10, two)
	read(at, 10)
	again := note(a, "one", 7)
	next := read(at, 10, again)
	read(0, 10, two, again)
	read(next, 10)

	inParallel(writers, func(i int) {
		if err := db.Revoke(t.Context(), ivs.Revocation{Channel: a, Viewer: "crowd", Version: int64(i)}); err != nil {
			t.Errorf("Revoke: %v", err)
		}
	})
	read(next, 10, ivs.Revocation{Channel: a, Viewer: "crowd", Version: writers - 1})
}

func tokenOnce(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c := plain(t, db).ARN
	until := time.Now().Add(time.Minute)
	use := func(id string) bool {
		first, err := db.UseToken(t.Context(), c, id, until)
		if err != nil {
			t.Errorf("UseToken: %v", err)
		}
		return first
	}
	var won atomic.Int64
	inParallel(writers, func(int) {
		if use("same") {
			won.Add(1)
		}
	})
	if won.Load() != 1 {
		t.Errorf("%d of %d were the first", won.Load(), writers)
	}
	if !use("other") {
		t.Error("another token counts as used")
	}
	must(t, "ForgetTokens", db.ForgetTokens(t.Context(), until.Add(-time.Second)))
	if use("same") {
		t.Error("it was forgotten before it ran out")
	}
	must(t, "ForgetTokens", db.ForgetTokens(t.Context(), until.Add(time.Second)))
	if !use("same") {
		t.Error("it was not forgotten")
	}
}

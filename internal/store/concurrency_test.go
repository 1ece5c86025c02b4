package store_test

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"openivs/internal/ivs"
)

const writers = 16

func concurrencyClauses() []clause {
	return []clause{
		{"no update of 16 writers is lost", noLostUpdate},
		{"16 openers of one channel get one session", oneOpenSession},
		{"no session opens on a channel that is being deleted", noSessionOnDeleted},
		{"events of 16 writers are numbered without a gap", noLostEvent},
	}
}

func inParallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

func noLostUpdate(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c := plain(t, db)
	const each = 8
	inParallel(writers, func(i int) {
		for n := range each {
			_, err := db.UpdateChannel(t.Context(), c.ARN, func(c *ivs.Channel, _ bool) error {
				was, _ := strconv.Atoi(c.Name)
				c.Name = strconv.Itoa(was + 1)
				return nil
			})
			if err != nil {
				t.Errorf("UpdateChannel: %v", err)
			}
			err = db.UpdateTags(t.Context(), c.ARN, func(tags ivs.Tags) error {
				tags[strconv.Itoa(i*each+n)] = ""
				return nil
			})
			if err != nil {
				t.Errorf("UpdateTags: %v", err)
			}
		}
	})
	got, err := db.Channel(t.Context(), c.ARN)
	if want := strconv.Itoa(writers * each); err != nil || got.Name != want || len(got.Tags) != writers*each {
		t.Errorf("counted to %s with %d tags, %v; want %s", got.Name, len(got.Tags), err, want)
	}
}

func oneOpenSession(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c := plain(t, db)
	for range 4 {
		var winner atomic.Pointer[ivs.Session]
		inParallel(writers, func(int) {
			s := newSession(c, noon())
			err := db.OpenSession(t.Context(), s, change(s, ivs.SessionCreated, noon()))
			if err == nil && winner.Swap(&s) != nil {
				t.Error("two sessions were opened")
			}
			if err != nil && ivs.CodeOf(err) != ivs.Conflict {
				t.Errorf("OpenSession: %v, want a conflict", err)
			}
		})
		if winner.Load() == nil {
			t.Fatal("no session was opened")
		}
		end(t, db, *winner.Load(), noon())
	}
}

func noSessionOnDeleted(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	errLive := errors.New("live")
	for range 8 {
		c := plain(t, db)
		s := newSession(c, noon())
		var opened, deleted error
		inParallel(2, func(i int) {
			if i == 0 {
				opened = db.OpenSession(t.Context(), s, change(s, ivs.SessionCreated, noon()))
				return
			}
			deleted = db.DeleteChannel(t.Context(), c.ARN, func(live bool) error {
				if live {
					return errLive
				}
				return nil
			})
		})
		openFirst := opened == nil && errors.Is(deleted, errLive)
		deleteFirst := deleted == nil && ivs.CodeOf(opened) == ivs.NotFound
		if !openFirst && !deleteFirst {
			t.Errorf("opened: %v, deleted: %v; want exactly one of them done", opened, deleted)
		}
	}
}

func noLostEvent(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	db := open(t, url)
	shared := plain(t, db)
	sharedSession := begin(t, db, shared, noon())
	const each = 5
	inParallel(writers, func(int) {
		own := plain(t, db)
		s := begin(t, db, own, noon())
		for range each {
			if err := db.SaveSession(t.Context(), s, change(s, ivs.StreamStart, noon())); err != nil {
				t.Errorf("SaveSession: %v", err)
			}
			if err := db.SaveSession(t.Context(), sharedSession, change(sharedSession, ivs.StreamStart, noon())); err != nil {
				t.Errorf("SaveSession: %v", err)
			}
		}
		end(t, db, s, noon())
	})
	var rows, lastID, lastSeq int
	q := `SELECT COUNT(*), MAX(id), (SELECT MAX(seq) FROM events WHERE stream_id = $1) FROM events`
	must(t, "count", raw(t, url).QueryRowContext(t.Context(), q, sharedSession.StreamID).Scan(&rows, &lastID, &lastSeq))
	if want := 1 + writers*(each+each+3); rows != want || lastID != want {
		t.Errorf("%d events up to id %d, want %d of both", rows, lastID, want)
	}
	if want := 1 + writers*each; lastSeq != want {
		t.Errorf("the shared channel's last event has number %d, want %d", lastSeq, want)
	}
}

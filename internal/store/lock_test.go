package store_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/store"
	"openivs/internal/store/storetest"
)

func ownerClauses() []clause {
	return []clause{{"a database has one owner, who is named to the second", ownerAlone}}
}

func ownerAlone(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	first, err := store.Open(t.Context(), store.Options{URL: url, Key: masterKey(t, 1)})
	must(t, "Open", err)
	c := plain(t, first)
	was := dump(t, url)

	_, err = store.Open(t.Context(), store.Options{URL: url, Key: masterKey(t, 2)}) // even its key is not looked at
	wantCode(t, "a second owner", err, ivs.Conflict)
	host, _ := os.Hostname()
	for _, want := range []string{host, "pid " + strconv.Itoa(os.Getpid()), "since " + time.Now().UTC().Format("2006-")} {
		if err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("the refusal does not say %q: %v", want, err)
		}
	}
	if got := dump(t, url); got != was {
		t.Error("the second owner changed something")
	}
	openAs(t, store.Options{URL: url, Key: masterKey(t, 1), Mode: store.Guest})
	openAs(t, store.Options{URL: url, Mode: store.Reader})

	must(t, "Close", first.Close())
	if got, err := open(t, url).Channel(t.Context(), c.ARN); err != nil || got.ARN != c.ARN {
		t.Errorf("the next owner: %v, %v", got.ARN, err)
	}
}

func TestOwnerNoticesThatPostgresLetItGo(t *testing.T) {
	server := storetest.Start(t)
	url := server.Database(t)
	db := open(t, url)
	c := plain(t, db)
	select {
	case <-db.Lost():
		t.Fatal("lost before anything happened")
	default:
	}
	mustExec(t, raw(t, url), `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	select {
	case <-db.Lost():
	case <-time.After(10 * time.Second):
		t.Fatal("not noticed")
	}
	next := openAs(t, store.Options{URL: url, Key: masterKey(t, 1)}) // the lock is free
	_, err := db.UpdateChannel(t.Context(), c.ARN, func(c *ivs.Channel, _ bool) error { c.Name = "late"; return nil })
	wantCode(t, "a write of who lost the database", err, ivs.Unavailable)
	if got, err := next.Channel(t.Context(), c.ARN); err != nil || got.Name != "" {
		t.Errorf("the next owner sees %q, %v", got.Name, err)
	}
}

func TestDatabaseThatIsAwayIsUnavailableUntilItIsBack(t *testing.T) {
	server := storetest.Start(t)
	url := server.Database(t)
	var log bytes.Buffer
	guest, err := func() (*store.DB, error) {
		db, err := store.Open(t.Context(), store.Options{URL: url, Key: masterKey(t, 1)})
		must(t, "Open", err)
		c := plain(t, db)
		begin(t, db, c, noon())
		must(t, "Close", db.Close())
		return store.Open(t.Context(), store.Options{URL: url, Key: masterKey(t, 1), Mode: store.Guest, Log: jsonLog(&log)})
	}()
	must(t, "Open", err)
	defer guest.Close()

	read := func() error {
		_, err := guest.OpenSessions(t.Context())
		return err
	}
	write := func() error { return guest.Checkpoint(t.Context(), map[string]time.Time{"st-1": noon()}) }
	must(t, "read", read())
	server.Stop()
	for range 2 {
		wantCode(t, "a read while it is away", read(), ivs.Unavailable)
		wantCode(t, "a write while it is away", write(), ivs.Unavailable)
	}
	if err := read(); strings.Contains(err.Error(), "/") {
		t.Errorf("the error tells an address: %v", err)
	}
	_, err = store.Open(t.Context(), store.Options{URL: url, Key: masterKey(t, 1)})
	wantCode(t, "opening while it is away", err, ivs.Unavailable)
	server.Run(t)
	must(t, "a read when it is back", read())
	must(t, "a write when it is back", write())
	if away, back := strings.Count(log.String(), "database is away"), strings.Count(log.String(), "database is back"); away != 1 || back != 1 {
		t.Errorf("said away %d times and back %d times, want once each:\n%s", away, back, log.String())
	}
}

func TestStatementsEndWithTheirContext(t *testing.T) {
	db := open(t, sqliteEngine().url(t))
	c := plain(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := db.Channel(ctx, c.ARN)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v, want context.Canceled", err)
	}
	err = db.Checkpoint(ctx, map[string]time.Time{"st-1": noon()})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("write: %v, want context.Canceled", err)
	}
}

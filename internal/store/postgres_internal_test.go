package store

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"openivs/internal/store/storetest"
)

// An ownership lasts while its connection answers, however often it is asked,
// and is released without a trace.
func TestOwnershipLasts(t *testing.T) {
	cfg, err := pgx.ParseConfig(storetest.Start(t).Admin())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		own, err := ownPostgres(t.Context(), cfg, time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		select {
		case <-own.lost():
			t.Error("lost while the connection lives")
		case <-ctx.Done():
		}
		cancel()
		if err := own.release(); err != nil {
			t.Errorf("release: %v", err)
		}
	}
}

// What was released can be taken again at once, without waiting for PostgreSQL
// to notice.
func TestReleaseFreesTheDatabaseAtOnce(t *testing.T) {
	cfg, err := pgx.ParseConfig(storetest.Start(t).Admin())
	if err != nil {
		t.Fatal(err)
	}
	look, err := pgx.ConnectConfig(t.Context(), cfg.Copy())
	if err != nil {
		t.Fatal(err)
	}
	defer look.Close(t.Context())
	for range 50 {
		own, err := ownPostgres(t.Context(), cfg, time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if err := own.release(); err != nil {
			t.Fatalf("release: %v", err)
		}
		var held int
		if err := look.QueryRow(t.Context(), `SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory'`).Scan(&held); err != nil || held != 0 {
			t.Fatalf("after the release the lock is held %d times (%v)", held, err)
		}
	}
}

// A start right after a kill waits for what the killed server held.
func TestAnOwnerThatGoesIsWaitedFor(t *testing.T) {
	cfg, err := pgx.ParseConfig(storetest.Start(t).Admin())
	if err != nil {
		t.Fatal(err)
	}
	first, err := ownPostgres(t.Context(), cfg, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-time.After(500 * time.Millisecond)
		_ = first.release()
	}()
	next, err := ownPostgres(t.Context(), cfg, time.Minute)
	if err != nil {
		t.Fatalf("the next owner: %v", err)
	}
	if err := next.release(); err != nil {
		t.Error(err)
	}
}

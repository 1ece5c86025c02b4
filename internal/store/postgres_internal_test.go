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
	for range 2 { // what was released can be taken again
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

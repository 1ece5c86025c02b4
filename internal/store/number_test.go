package store_test

import (
	"bytes"
	"testing"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/store"
)

func numberClauses() []clause {
	return []clause{
		{"media sequence numbers are reserved once", testNumbers},
		{"media sequence numbers are not reserved again after a restore", testNumbersRestored},
	}
}

func testNumbersRestored(t *testing.T, e engine) {
	t.Helper()
	url, channel := e.url(t), newARN(ivs.KindChannel)
	db := open(t, url)
	reserve := func(db *store.DB) int64 {
		t.Helper()
		first, _, err := db.ReserveNumbers(t.Context(), channel, 1<<19)
		must(t, "ReserveNumbers", err)
		return first
	}
	reserve(db)
	saved, last := backup(t, url), int64(0)
	for range 500 { // a server starts that often before it is lost
		last = reserve(db)
	}
	copied := open(t, e.url(t))
	must(t, "Restore", copied.Restore(t.Context(), bytes.NewReader(saved)))
	if first := reserve(copied); first < last+1<<19 {
		t.Errorf("after a restore the numbers go on with %d; %d was reserved before", first, last)
	}
}

func testNumbers(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	a, b := newARN(ivs.KindChannel), newARN(ivs.KindChannel)
	t.Run("first", func(t *testing.T) {
		db := open(t, url)
		for i, want := range []struct {
			channel  ivs.ARN
			n, first int64
		}{{a, 10, 0}, {a, 5, 10}, {b, 7, 0}, {a, 1, 15}} {
			if got, _, err := db.ReserveNumbers(t.Context(), want.channel, want.n); err != nil || got != want.first {
				t.Errorf("%d: the numbers begin with %d, %v; want %d", i, got, err, want.first)
			}
		}
	})
	db := open(t, url)
	if got, target, err := db.ReserveNumbers(t.Context(), a, 1); err != nil || got != 16 || target != 0 {
		t.Errorf("after a restart the numbers begin with %d, %v, for segments of %v; want 16, of 0", got, err, target)
	}
	for _, target := range []time.Duration{4 * time.Second, 2 * time.Second} {
		must(t, "SaveTarget", db.SaveTarget(t.Context(), a, target))
		if _, got, err := db.ReserveNumbers(t.Context(), a, 1); err != nil || got != target {
			t.Errorf("segments of %v, %v; want %v", got, err, target)
		}
	}
	if _, got, err := db.ReserveNumbers(t.Context(), b, 1); err != nil || got != 0 {
		t.Errorf("another channel has segments of %v, %v", got, err)
	}
}

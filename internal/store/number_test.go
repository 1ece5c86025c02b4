package store_test

import (
	"testing"

	"openivs/internal/ivs"
)

func numberClauses() []clause {
	return []clause{{"media sequence numbers are reserved once", testNumbers}}
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
			if got, err := db.ReserveNumbers(t.Context(), want.channel, want.n); err != nil || got != want.first {
				t.Errorf("%d: the numbers begin with %d, %v; want %d", i, got, err, want.first)
			}
		}
	})
	if got, err := open(t, url).ReserveNumbers(t.Context(), a, 1); err != nil || got != 16 {
		t.Errorf("after a restart the numbers begin with %d, %v; want 16", got, err)
	}
}

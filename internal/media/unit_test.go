package media_test

import (
	"testing"
	"time"

	"openivs/internal/media"
)

func TestTicksConvertExactly(t *testing.T) {
	for _, tc := range []struct {
		d time.Duration
		t media.Ticks
	}{
		{0, 0},
		{time.Second, 90000},
		{time.Millisecond, 90},
		{48 * time.Hour, 48 * 3600 * 90000},
		{-time.Second, -90000},
		{290 * 365 * 24 * time.Hour, 290 * 365 * 24 * 3600 * 90000},
	} {
		if got := media.TicksOf(tc.d); got != tc.t {
			t.Errorf("TicksOf(%v) = %d, want %d", tc.d, got, tc.t)
		}
		if got := tc.t.Duration(); got != tc.d {
			t.Errorf("Ticks(%d).Duration() = %v, want %v", tc.t, got, tc.d)
		}
	}
}

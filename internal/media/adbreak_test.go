package media_test

import (
	"testing"
	"time"

	"openivs/internal/media"
)

func TestAdBreakIsReadBack(t *testing.T) {
	want := media.AdBreak{ID: "aB3 x", Length: 20 * time.Second}
	if got, ok := media.ParseAdBreak(want.Data()); !ok || got != want {
		t.Errorf("read back %+v, %t; want %+v", got, ok, want)
	}
	for _, text := range []string{"", "20000", "20000 ", " id", "-1 id", "1s id", "99999999999 id"} {
		if got, ok := media.ParseAdBreak([]byte(text)); ok {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
}

package session_test

import (
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/media"
)

func TestAnAdBreakBeginsWithThePictureOfItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		wantCode(t, "while nobody publishes", h.PutAdBreak(ch.ARN, ivs.NewAdBreak("st-1", time.Minute, time.Now())), ivs.NotLive)
		e := h.admit(t, ch)
		e.headers()
		if err := e.send(4 * time.Second); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantCode(t, "of another stream", h.PutAdBreak(ch.ARN, ivs.NewAdBreak("st-1", time.Minute, time.Now())), ivs.NotLive)
		b := ivs.NewAdBreak(e.id, time.Minute, time.Now())
		if err := h.PutAdBreak(ch.ARN, b); err != nil {
			t.Fatalf("PutAdBreak: %v", err)
		}
		if err := e.send(5 * time.Second); err != nil {
			t.Fatal(err)
		}
		if err := h.PutMetadata(t.Context(), ch.ARN, "x"); err != nil {
			t.Fatalf("PutMetadata: %v", err)
		}
		if got := h.pipe(0).received(); len(got) != 1 || got[0].Track.Codec != media.ID3 {
			t.Fatalf("before the break's time there are %d units of data, want the metadata alone", len(got))
		}
		if err := e.send(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		got := h.pipe(0).received()
		if len(got) != 2 {
			t.Fatalf("%d units of data, want 2", len(got))
		}
		u := got[1]
		at, ok := media.ParseAdBreak(u.Data)
		if !ok || u.Track.Codec != media.AdMarker || at.ID != b.ID || at.Length != time.Minute {
			t.Errorf("the break is %+v of %+v, want %+v", at, u.Track, b)
		}
		if late := u.At.Sub(b.Start); late < 0 || late > frame {
			t.Errorf("it begins %v after its time, want less than a picture", late)
		}
		e.pub.End(nil)
		wantCode(t, "after the end", h.PutAdBreak(ch.ARN, b), ivs.NotLive)
	})
}

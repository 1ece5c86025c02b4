package session_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ivs"
)

func TestViewersTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := testChannel("a"), testChannel("b")
		d := newDisk(a, b)
		h := open(t, d)
		h.TooManyViewers(10) // nobody is live: nobody is told
		first, second := h.admit(t, a), h.admit(t, b)
		for range 30 {
			for _, e := range []*encoder{first, second} {
				if err := e.one(); err != nil {
					t.Fatal(err)
				}
			}
			wait(frame)
		}
		h.TooManyViewers(10)
		h.TooManyViewers(10) // at once: it may count as one
		synctest.Wait()
		for _, e := range []*encoder{first, second} {
			var found []ivs.Event
			for _, ev := range d.log(e.id) {
				if ev.Name == ivs.ConcurrentViewers {
					found = append(found, ev)
				}
			}
			if len(found) < 1 || len(found) > 2 || found[0].Type != ivs.LimitBreach {
				t.Fatalf("events %+v", found)
			}
			var detail map[string]any
			if err := json.Unmarshal(found[0].Detail, &detail); err != nil {
				t.Fatal(err)
			}
			if detail["limit_name"] != "Concurrent Viewers" || detail["limit_value"] != 10.0 || detail["exceeded_by"] != 1.0 || detail["limit_unit"] != "viewers" {
				t.Errorf("detail %s", found[0].Detail)
			}
			if !d.session(e.id).HasError {
				t.Error("the session does not count as one with an error")
			}
			e.pub.End(nil)
		}
		wait(time.Second)
		h.TooManyViewers(10) // after the end
		synctest.Wait()
		if got := d.history(first.id); got[len(got)-1] != ivs.StreamEnd {
			t.Errorf("history %v", got)
		}
	})
}

func TestViewersTooManyWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("a")
		d := newDisk(ch)
		h := open(t, d)
		e := h.admit(t, ch)
		if err := e.send(3 * time.Second); err != nil {
			t.Fatal(err)
		}
		h.store.behave(func(op string) fault {
			if op == "save" {
				return failing
			}
			return none
		})
		for range 2000 {
			h.TooManyViewers(10)
			wait(frame)
			if err := e.one(); err != nil {
				t.Fatal(err)
			}
		}
		h.store.behave(nil)
		if err := e.send(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		e.pub.End(nil)
		wait(time.Second)
		if n := len(d.history(e.id)); n > 300 || n < 100 {
			t.Errorf("%d events, want as many as may wait", n)
		}
	})
}

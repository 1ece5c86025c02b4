package session_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ivs"
)

// TestNotesAreStoredOnce has events from outside come while a session lives, when
// it is over, with a store that fails, and again.
func TestNotesAreStoredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := testChannel("")
		h := open(t, newDisk(ch))
		e := h.admit(t, ch)
		e.headers()
		if err := e.send(4 * time.Second); err != nil {
			t.Fatal(err)
		}
		note := func(name string) ivs.Event {
			ev := ivs.NewEvent(h.disk.session(e.id), ivs.RecordingStateChange, name, time.Now())
			for i := range 2 {
				if err := h.Note(t.Context(), ev); err != nil {
					t.Errorf("Note %s, time %d: %v", name, i, err)
				}
			}
			return ev
		}
		note(ivs.RecordingStart)
		tries := 0
		h.store.behave(func(op string) fault {
			if op == "save" && tries < 3 {
				tries++
				return fault(tries) // failing, forgetful, hanging
			}
			return none
		})
		note(ivs.RecordingEndFailure)
		if !h.disk.session(e.id).HasError {
			t.Error("a failure is told of, and the session has no error")
		}
		e.pub.End(nil)
		synctest.Wait()
		<-time.After(time.Minute)
		last := note(ivs.RecordingEnd)
		want := []string{ivs.SessionCreated, ivs.StreamStart, ivs.RecordingStart, ivs.RecordingEndFailure, ivs.StarvationStart, ivs.SessionEnded, ivs.StreamEnd, ivs.RecordingEnd}
		if got := h.disk.history(e.id); !slices.Equal(got, want) {
			t.Errorf("events %v, want %v", got, want)
		}
		last.StreamID = "st-1" + ivs.RandomID(22)
		if err := h.Note(t.Context(), last); ivs.CodeOf(err) != ivs.NotFound {
			t.Errorf("Note of a session that is not there: %v", err)
		}
	})
}

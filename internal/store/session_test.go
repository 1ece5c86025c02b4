package store_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/store"
)

func sessionClauses() []clause {
	return []clause{
		{"a session reads back as it was saved", sessionReadsBack},
		{"a channel has one open session", sessionIsAlone},
		{"an error and an end, once recorded, stay", sessionSticky},
		{"the account of a session is kept beside it, and forgotten with it", sessionTrace},
		{"a session is found by its id on its channel only, the newest without an id", sessionFound},
		{"sessions are listed newest first, page by page", sessionPages},
		{"a checkpoint notes the last media of all that are open", sessionCheckpoint},
		{"sessions without an end are found again", sessionRecovery},
		{"a session outlives the deletion of its channel", sessionWithoutChannel},
		{"text from an encoder is stored whatever it is", sessionOddText},
	}
}

func sessionReadsBack(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c, _ := create(t, db, fullChannel())
	s := begin(t, db, c, noon())

	want := s
	want.Channel.Channel.SRTPassphrase = ""
	got, err := db.Session(t.Context(), c.ARN, s.StreamID)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("opened: %+v, %v\nwant %+v", got, err, want)
	}
	if got.Channel.Channel.SRTPassphrase != "" {
		t.Error("the snapshot holds a passphrase")
	}

	want.Recording = json.RawMessage(`{"arn":"arn:x"}`)
	want.Started = noon().Add(6 * time.Second)
	want.LastMedia = noon().Add(9 * time.Second)
	want.IngestEnded = noon().Add(10 * time.Second)
	want.Ended = noon().Add(11 * time.Second)
	want.Reason = "the encoder left"
	want.Protocol = "rtmps"
	want.Ingest = &ivs.Ingest{
		Video: []ivs.VideoIngest{{
			Codec: "avc1.64001F", Profile: "High", Level: "3.1", Encoder: "Lavf59.27.100",
			TargetBitrate: 8789062, TargetFramerate: 30, Width: 1280, Height: 720, Track: "Track0",
		}},
		Audio: []ivs.AudioIngest{{Codec: "mp4a.40.2", TargetBitrate: 46875, SampleRate: 48000, Channels: 2, Track: "Track0"}},
	}
	must(t, "SaveSession", db.SaveSession(t.Context(), want))
	if got, err := db.Session(t.Context(), c.ARN, s.StreamID); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("saved: %+v, %v\nwant %+v", got, err, want)
	}
	// What became of the channel later is no matter.
	_, err = db.UpdateChannel(t.Context(), c.ARN, func(c *ivs.Channel, _ bool) error {
		c.Name, c.Tags = "later", ivs.Tags{}
		return nil
	})
	must(t, "UpdateChannel", err)
	if got, err := db.Session(t.Context(), c.ARN, ""); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("after the channel changed: %+v, %v\nwant %+v", got, err, want)
	}
	wantCode(t, "saving a session that is none", db.SaveSession(t.Context(), newSession(c, noon())), ivs.NotFound)
}

func sessionIsAlone(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	db := open(t, url)
	c := plain(t, db)
	first := begin(t, db, c, noon())
	second := newSession(c, noon())
	wantCode(t, "a second session", db.OpenSession(t.Context(), second, change(second, ivs.SessionCreated, noon())), ivs.Conflict)
	_, err := db.Session(t.Context(), c.ARN, second.StreamID)
	wantCode(t, "what was refused", err, ivs.NotFound)
	wantCode(t, "a session of no channel", db.OpenSession(t.Context(), newSession(ivs.Channel{ARN: newChannelARN()}, noon()),
		change(second, ivs.SessionCreated, noon())), ivs.NotFound)

	end(t, db, first, noon())
	must(t, "OpenSession", db.OpenSession(t.Context(), second, change(second, ivs.SessionCreated, noon())))
	begin(t, db, plain(t, db), noon()) // another channel is not in the way

	// The index holds even against who does not ask first.
	_, err = raw(t, url).ExecContext(t.Context(), `UPDATE sessions SET ended_us = 0`)
	if err == nil {
		t.Error("two sessions of one channel are open")
	}
}

func sessionSticky(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c := plain(t, db)
	s := begin(t, db, c, noon())
	breach := ivs.NewEvent(s, ivs.LimitBreach, "Ingest Bitrate", noon())
	steps := []struct {
		name string
		evs  []ivs.Event
		flag bool
		want bool
	}{
		{"a harmless event", []ivs.Event{change(s, ivs.StreamStart, noon())}, false, false},
		{"a limit breach", []ivs.Event{change(s, ivs.StarvationStart, noon()), breach}, false, true},
		{"nothing", nil, false, true},
		{"the flag itself", nil, true, true},
	}
	for _, step := range steps {
		s.HasError = step.flag
		must(t, step.name, db.SaveSession(t.Context(), s, step.evs...))
		if got, err := db.Session(t.Context(), c.ARN, ""); err != nil || got.HasError != step.want {
			t.Errorf("after %s: has error %t, %v; want %t", step.name, got.HasError, err, step.want)
		}
	}
	page, err := db.Sessions(t.Context(), c.ARN, 0, 10)
	if err != nil || len(page.Items) != 1 || !page.Items[0].HasError {
		t.Errorf("Sessions = %v, %v; want one with an error", page, err)
	}

	at := noon().Add(time.Minute)
	end(t, db, s, at)
	must(t, "an event after the end", db.SaveSession(t.Context(), s, change(s, "Recording End", at)))
	if got, err := db.Session(t.Context(), c.ARN, ""); err != nil || !got.Ended.Equal(at) {
		t.Errorf("the end is %v, %v; want %v", got.Ended, err, at)
	}
	begin(t, db, c, at)
}

func sessionFound(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c, other := plain(t, db), plain(t, db)
	_, err := db.Session(t.Context(), c.ARN, "")
	wantCode(t, "the newest session of a channel that never streamed", err, ivs.NotFound)
	var first ivs.Session
	for i := range 3 {
		at := noon().Add(time.Duration(i) * time.Minute)
		s := end(t, db, begin(t, db, c, at), at)
		if i == 0 {
			first = s
		}
		if got, err := db.Session(t.Context(), c.ARN, ""); err != nil || got.StreamID != s.StreamID {
			t.Errorf("newest is %s, %v; want %s", got.StreamID, err, s.StreamID)
		}
	}
	if got, err := db.Session(t.Context(), c.ARN, first.StreamID); err != nil || got.StreamID != first.StreamID {
		t.Errorf("by id: %s, %v; want %s", got.StreamID, err, first.StreamID)
	}
	_, err = db.Session(t.Context(), other.ARN, first.StreamID)
	wantCode(t, "another channel's session", err, ivs.NotFound)
	_, err = db.Session(t.Context(), newChannelARN(), first.StreamID)
	wantCode(t, "a session of no channel", err, ivs.NotFound)
	_, err = db.Session(t.Context(), c.ARN, "st-1nothing")
	wantCode(t, "a session that is none", err, ivs.NotFound)
}

func sessionPages(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c, other := plain(t, db), plain(t, db)
	end(t, db, begin(t, db, other, noon()), noon())
	var want []ivs.SessionSummary
	for i := range 7 {
		// All begin in the same microsecond; the order is still that of creation.
		s := begin(t, db, c, noon())
		sum := ivs.SessionSummary{StreamID: s.StreamID, Start: noon()}
		if i%2 == 1 {
			s.Started = noon().Add(time.Second)
			sum.Start = s.Started
		}
		if i < 6 {
			s = end(t, db, s, noon().Add(time.Minute))
			sum.Ended = s.Ended
		}
		want = append([]ivs.SessionSummary{sum}, want...)
	}
	want[0].Start = noon() // still open
	for _, limit := range []int{1, 3, 7, 100} {
		if got := listSessions(t, db, c.ARN, limit); !reflect.DeepEqual(got, want) {
			t.Errorf("pages of %d: %v\nwant %v", limit, got, want)
		}
	}
}

func listSessions(t *testing.T, db *store.DB, channel ivs.ARN, limit int) []ivs.SessionSummary {
	t.Helper()
	var out []ivs.SessionSummary
	for after := int64(0); ; {
		page, err := db.Sessions(t.Context(), channel, after, limit)
		must(t, "Sessions", err)
		if len(page.Items) > limit {
			t.Fatalf("a page of %d has %d items", limit, len(page.Items))
		}
		if out = append(out, page.Items...); page.Next == 0 {
			return out
		}
		after = page.Next
	}
}

func sessionCheckpoint(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	const n = 1203 // more than two statements' worth
	var live []ivs.Session
	at := map[string]time.Time{}
	for i := range 3 {
		s := begin(t, db, plain(t, db), noon())
		live = append(live, s)
		at[s.StreamID] = noon().Add(time.Duration(i+1) * time.Second)
	}
	over := end(t, db, begin(t, db, plain(t, db), noon()), noon())
	at[over.StreamID] = noon().Add(time.Hour)
	for i := len(at); i < n; i++ {
		at[fmt.Sprintf("st-1unknown%d", i)] = noon()
	}
	must(t, "Checkpoint", db.Checkpoint(t.Context(), at))
	must(t, "Checkpoint of nothing", db.Checkpoint(t.Context(), nil))
	for _, s := range live {
		check := func(what string) {
			t.Helper()
			got, err := db.Session(t.Context(), s.Channel.Channel.ARN, "")
			if err != nil || !got.LastMedia.Equal(at[s.StreamID]) {
				t.Errorf("%s: last media %v, %v; want %v", what, got.LastMedia, err, at[s.StreamID])
			}
		}
		check("after the checkpoint")
		must(t, "an older checkpoint", db.Checkpoint(t.Context(), map[string]time.Time{s.StreamID: noon()}))
		check("after an older checkpoint")
		must(t, "SaveSession", db.SaveSession(t.Context(), s)) // with the time of its creation
		check("after a save that knows less")
	}
	if got, err := db.Session(t.Context(), over.Channel.Channel.ARN, ""); err != nil || !got.LastMedia.Equal(noon()) {
		t.Errorf("an ended session: last media %v, %v; want it left alone", got.LastMedia, err)
	}
	s := live[0]
	end(t, db, s, noon().Add(time.Minute))
	if got, err := db.Session(t.Context(), s.Channel.Channel.ARN, ""); err != nil || !got.LastMedia.Equal(noon().Add(time.Minute)) {
		t.Errorf("after the end: last media %v, %v; want what was saved", got.LastMedia, err)
	}
}

func sessionRecovery(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	db := open(t, url)
	var want []string
	for i := range 4 {
		s := begin(t, db, plain(t, db), noon())
		if i%2 == 0 {
			end(t, db, s, noon())
			continue
		}
		want = append(want, s.StreamID)
		must(t, "Checkpoint", db.Checkpoint(t.Context(), map[string]time.Time{s.StreamID: noon().Add(time.Minute)}))
	}
	open, err := db.OpenSessions(t.Context())
	must(t, "OpenSessions", err)
	var got []string
	for _, s := range open {
		got = append(got, s.StreamID)
		if !s.LastMedia.Equal(noon().Add(time.Minute)) {
			t.Errorf("last media of %s is %v", s.StreamID, s.LastMedia)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("OpenSessions = %v, want %v", got, want)
	}
}

func sessionWithoutChannel(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c := plain(t, db)
	s := begin(t, db, c, noon())
	must(t, "DeleteChannel", db.DeleteChannel(t.Context(), c.ARN, func(bool) error { return nil }))
	end(t, db, s, noon())
	evs, err := db.SessionEvents(t.Context(), s.StreamID, 10)
	if err != nil || len(evs) != 3 || evs[0].Seq != 3 {
		t.Errorf("SessionEvents = %v, %v; want three, numbered on", evs, err)
	}
}

func sessionOddText(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	c := plain(t, db)
	s := begin(t, db, c, noon())
	s.Reason = "said '; DROP TABLE sessions; --"
	s.Ingest = &ivs.Ingest{Video: []ivs.VideoIngest{{Encoder: "abc'\"\\ \u2028 é"}}}
	ev := change(s, ivs.StreamStart, noon())
	ev.Detail = json.RawMessage(`{"a":"\u2028'"}`)
	must(t, "SaveSession", db.SaveSession(t.Context(), s, ev))
	got, err := db.Session(t.Context(), c.ARN, "")
	must(t, "Session", err)
	if got.Ingest.Video[0].Encoder != s.Ingest.Video[0].Encoder || got.Reason != s.Reason {
		t.Errorf("encoder is %q, reason %q, want %q and %q", got.Ingest.Video[0].Encoder, got.Reason, s.Ingest.Video[0].Encoder, s.Reason)
	}
}

func sessionTrace(t *testing.T, e engine) {
	t.Helper()
	db := open(t, e.url(t))
	s := begin(t, db, plain(t, db), noon())
	if got, err := db.Trace(t.Context(), s.StreamID); err != nil || got.Trace != "" || got.StreamID != s.StreamID {
		t.Errorf("before the first: %+v, %v", got, err)
	}
	for _, text := range []string{"one", "two"} {
		s.Trace = text
		must(t, "SaveSession", db.SaveSession(t.Context(), s))
	}
	s.Trace, s.Ended = "", noon().Add(time.Minute)
	must(t, "SaveSession without it", db.SaveSession(t.Context(), s))
	got, err := db.Trace(t.Context(), s.StreamID)
	if err != nil || got.Trace != "two" || !got.Ended.Equal(s.Ended) || got.Channel.Channel.ARN != s.Channel.Channel.ARN {
		t.Errorf("the account is %q of %+v, %v", got.Trace, got, err)
	}
	if n, err := db.ForgetSessions(t.Context(), noon().Add(time.Hour), 10); err != nil || n != 1 {
		t.Errorf("forgot %d, %v", n, err)
	}
	_, err = db.Trace(t.Context(), s.StreamID)
	wantCode(t, "the account of a forgotten session", err, ivs.NotFound)
}

package store

import (
	"testing"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/store/schema"
)

const (
	oldChannel = "arn:aws:ivs:us-east-1:123456789012:channel/oldOLDoldOLD"
	oldKey     = "arn:aws:ivs:us-east-1:123456789012:stream-key/keyKEYkeyKEY"
	oldStream  = "st-oldOLDoldOLDoldOLDoldOLD"
	oldValue   = "sk_us-east-1_oldOLDoldOLD_abcdef"

	oldSettings = `{"arn":"` + oldChannel + `","name":"studio","latency":"LOW","type":"STANDARD","preset":"","container":"TS",` +
		`"authorized":true,"insecureIngest":false,"multitrack":{"enabled":false,"policy":"","maximumResolution":""},` +
		`"recording":"","restriction":"","adConfiguration":""}`
	oldSnapshot = `{"channel":` + oldSettings + `,"ingestEndpoint":"live.example","srtEndpoint":"live.example","playbackUrl":"https://live.example/a.m3u8"}`
)

// An oldRow is one that an old program wrote.
type oldRow struct {
	query string
	args  []any
}

// oldRows are what the first step has room for: a channel with a stream key, a
// session with an event, and an access key.
func oldRows(db *DB) []oldRow {
	sealed := func(plain, context string) []byte { return db.key.Seal([]byte(plain), context) }
	return []oldRow{
		{
			`INSERT INTO channels (id, arn, event_seq, name, recording, restriction, ad_configuration, settings, tags, passphrase)
			VALUES (1, $1, 1, 'studio', '', '', '', $2, '{"team":"sport"}', $3)`,
			[]any{oldChannel, oldSettings, sealed("passphrase", passphraseContext+oldChannel)},
		},
		{
			`INSERT INTO stream_keys (id, arn, channel, lookup, value, tags) VALUES (2, $1, 1, $2, $3, '{}')`,
			[]any{oldKey, db.key.Hash(oldValue), sealed(oldValue, streamKeyContext+oldKey)},
		},
		{
			`INSERT INTO sessions (id, channel, stream_id, created_us, started_us, last_media_us, ingest_ended_us, ended_us,
			has_error, protocol, reason, snapshot, recording, ingest)
			VALUES (3, 1, $1, 1000000, 2000000, 3000000, 3000000, 4000000, 1, 'rtmp', 'left', $2, '', '')`,
			[]any{oldStream, oldSnapshot},
		},
		{
			`INSERT INTO events (id, session, channel, seq, event_id, channel_arn, channel_name, stream_id, type, name, code, detail, at_us)
			VALUES (1, 3, 1, 1, 'e1', $1, 'studio', $2, 'IVS Stream State Change', 'Session Created', '', '', 1000000)`,
			[]any{oldChannel, oldStream},
		},
		{`UPDATE counters SET value = 1 WHERE name = 'event'`, nil},
		{
			`INSERT INTO access_keys (id, created_us, disabled, secret) VALUES ('AKIAOLD', 1000000, 0, $1)`,
			[]any{sealed("old secret", accessKeyContext+"AKIAOLD")},
		},
	}
}

func insertRows(t *testing.T, db *DB, rows ...oldRow) {
	t.Helper()
	for _, r := range rows {
		if _, err := db.write.db.ExecContext(t.Context(), r.query, r.args...); err != nil {
			t.Fatalf("%s: %v", r.query, err)
		}
	}
}

// TestWhatAnOldProgramWroteIsReadByThisOne fills the tables of the first steps
// and then takes all the others.
func TestWhatAnOldProgramWroteIsReadByThisOne(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		t.Helper()
		files, err := schema.Steps()
		if err != nil {
			t.Fatal(err)
		}
		if err := db.migrate(t.Context(), files[:1]); err != nil {
			t.Fatal(err)
		}
		insertRows(t, db, oldRows(db)...)
		if err := db.migrate(t.Context(), files[:2]); err != nil {
			t.Fatal(err)
		}
		insertRows(
			t, db, oldRow{`INSERT INTO revocations (id, channel, viewer, version) VALUES (5, 1, 'anna', 7)`, nil},
			oldRow{`INSERT INTO revocations (id, channel, viewer, version) VALUES (6, 1, 'ben', 8)`, nil},
		)
		if err := db.prepare(t.Context(), Owner); err != nil {
			t.Fatal(err)
		}
		if s, err := db.Status(t.Context()); err != nil || s.Version != len(files) || len(s.Pending) > 0 {
			t.Errorf("status = %+v, %v", s, err)
		}
		arn, err := ivs.ParseARN(oldChannel)
		if err != nil {
			t.Fatal(err)
		}
		checkOldChannel(t, db, arn)
		checkOldSession(t, db, arn)
		checkOldRevocations(t, db, arn)
		k, err := db.AccessKey(t.Context(), "AKIAOLD")
		if err != nil || k.Secret != "old secret" || k.SessionToken != "" || k.Name != "" || k.Disabled || !k.Expires.IsZero() ||
			!k.Created.Equal(time.Unix(1, 0)) || len(k.Policies) != 1 || k.Policies[0] != "IVSFullAccess" {
			t.Errorf("the access key is %+v, %v", k, err)
		}
	})
}

func checkOldChannel(t *testing.T, db *DB, arn ivs.ARN) {
	t.Helper()
	c, err := db.Channel(t.Context(), arn)
	if err != nil || c.ARN != arn || c.Name != "studio" || c.Latency != ivs.LatencyLow || c.Type != "STANDARD" || !c.Authorized ||
		c.Tags["team"] != "sport" || c.SRTPassphrase != "passphrase" {
		t.Errorf("the channel is %+v, %v", c, err)
	}
	if p, err := db.Publisher(t.Context(), oldValue); err != nil || p.ARN != arn {
		t.Errorf("the stream key lets in to %v, %v", p.ARN, err)
	}
	key, err := ivs.ParseARN(oldKey)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := db.StreamKey(t.Context(), key); err != nil || k.ARN != key || k.Value != oldValue {
		t.Errorf("the stream key is %+v, %v", k, err)
	}

	// The quota counts what was there before quotas were.
	other := ivs.Channel{ARN: ivs.NewARN("us-east-1", "123456789012", ivs.KindChannel), Tags: ivs.Tags{}}
	err = db.CreateChannel(t.Context(), other, ivs.NewStreamKey(other.ARN, ivs.Tags{}), 1)
	if ivs.CodeOf(err) != ivs.QuotaExceeded {
		t.Errorf("a second channel where one may be: %v", err)
	}
}

func checkOldSession(t *testing.T, db *DB, arn ivs.ARN) {
	t.Helper()
	s, err := db.Session(t.Context(), arn, oldStream)
	if err != nil || s.Channel.Channel.ARN != arn || s.Channel.PlaybackURL != "https://live.example/a.m3u8" || s.Protocol != "rtmp" ||
		s.Reason != "left" || !s.HasError || !s.Created.Equal(time.Unix(1, 0)) || !s.Ended.Equal(time.Unix(4, 0)) ||
		len(s.Causes) > 0 || s.Ingest != nil {
		t.Errorf("the session is %+v, %v", s, err)
	}
	if s, err := db.Trace(t.Context(), oldStream); err != nil || s.Trace != "" {
		t.Errorf("the session's trace is %q, %v", s.Trace, err)
	}
	list, err := db.Sessions(t.Context(), arn, 0, 10)
	if err != nil || len(list.Items) != 1 || list.Items[0].StreamID != oldStream {
		t.Errorf("the sessions are %+v, %v", list, err)
	}
	evs, err := db.SessionEvents(t.Context(), oldStream, 10)
	if err != nil || len(evs) != 1 || evs[0].ID != "e1" || evs[0].Seq != 1 || evs[0].Name != ivs.SessionCreated || evs[0].Channel != arn {
		t.Errorf("the events are %+v, %v", evs, err)
	}
	if out, err := db.EventsAfter(t.Context(), 0, 10); err != nil || len(out) != 1 || out[0].ID != "e1" {
		t.Errorf("to be sent are %+v, %v", out, err)
	}

	// Another session goes on counting where the old one stopped.
	next := s
	next.StreamID, next.Ended = "st-newNEWnewNEWnewNEWnewNEW", time.Time{}
	if err := db.OpenSession(t.Context(), next, ivs.NewEvent(next, ivs.StreamStateChange, ivs.SessionCreated, time.Unix(5, 0))); err != nil {
		t.Fatal(err)
	}
	if evs, err := db.EventsAfter(t.Context(), 1, 10); err != nil || len(evs) != 1 || evs[0].Seq != 2 || evs[0].StreamID != next.StreamID {
		t.Errorf("after the old event comes %+v, %v", evs, err)
	}
}

func checkOldRevocations(t *testing.T, db *DB, arn ivs.ARN) {
	t.Helper()
	if r, err := db.Revocation(t.Context(), arn, "anna"); err != nil || r.Version != 7 {
		t.Errorf("anna's revocation is %+v, %v", r, err)
	}
	all, last, err := db.RevocationsAfter(t.Context(), 0, 10)
	if err != nil || len(all) != 2 || all[0].Viewer != "anna" || all[1].Viewer != "ben" {
		t.Errorf("the revocations are %+v, %v", all, err)
	}
	if err := db.Revoke(t.Context(), ivs.Revocation{Channel: arn, Viewer: "anna", Version: 9}); err != nil {
		t.Fatal(err)
	}
	if all, _, err = db.RevocationsAfter(t.Context(), last, 10); err != nil || len(all) != 1 || all[0].Viewer != "anna" || all[0].Version != 9 {
		t.Errorf("what was revoked since is %+v, %v", all, err)
	}
}

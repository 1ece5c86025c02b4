package store_test

import (
	"bytes"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"openivs/internal/control"
	"openivs/internal/ivs"
	"openivs/internal/seal"
	"openivs/internal/session"
	"openivs/internal/store"
	"openivs/internal/store/storetest"
)

var (
	_ control.Store = (*store.DB)(nil)
	_ session.Store = (*store.DB)(nil)
)

// An engine makes empty databases.
type engine struct {
	name string
	url  func(t testing.TB) string
}

func sqliteEngine() engine {
	return engine{"sqlite", func(t testing.TB) string {
		t.Helper()
		return "sqlite://" + filepath.Join(t.TempDir(), "openivs.db")
	}}
}

func postgresEngine(t testing.TB) engine {
	t.Helper()
	return engine{"postgres", storetest.Start(t).Database}
}

// A clause is one thing that both engines must do.
type clause struct {
	name string
	test func(t *testing.T, e engine)
}

func TestContract(t *testing.T) {
	for _, e := range []engine{sqliteEngine(), postgresEngine(t)} {
		t.Run(e.name, func(t *testing.T) {
			for _, list := range [][]clause{
				channelClauses(), streamKeyClauses(), tagClauses(), sessionClauses(), eventClauses(), retentionClauses(),
				accessKeyClauses(), keyClauses(), ownerClauses(), concurrencyClauses(), schemaClauses(), backupClauses(),
				resourceClauses(), viewerClauses(), adClauses(), numberClauses(), outboxClauses(),
			} {
				for _, c := range list {
					t.Run(c.name, func(t *testing.T) { c.test(t, e) })
				}
			}
		})
	}
}

func masterKey(t testing.TB, fill byte) *seal.Key {
	t.Helper()
	k, err := seal.New(bytes.Repeat([]byte{fill}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// open opens a database as its owner and closes it when the test ends.
func open(t testing.TB, url string) *store.DB {
	t.Helper()
	return openAs(t, store.Options{URL: url, Key: masterKey(t, 1)})
}

func openAs(t testing.TB, o store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return db
}

// raw opens a database past the store.
func raw(t testing.TB, url string) *sql.DB {
	t.Helper()
	driver := "pgx"
	if path, ok := strings.CutPrefix(url, "sqlite://"); ok {
		driver, url = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func mustExec(t testing.TB, db *sql.DB, q string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), q, args...); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
}

func wantCode(t testing.TB, what string, err error, want ivs.Code) {
	t.Helper()
	if got := ivs.CodeOf(err); err == nil || got != want {
		t.Errorf("%s: %v (code %q), want code %q", what, err, got, want)
	}
}

func must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func newChannelARN() ivs.ARN { return ivs.NewARN("us-east-1", "123456789012", ivs.KindChannel) }

// fullChannel has a value in every member.
func fullChannel() ivs.Channel {
	return ivs.Channel{
		ARN: newChannelARN(), Name: "studio-1", Latency: ivs.LatencyLow, Type: ivs.AdvancedHD,
		Preset: "HIGHER_BANDWIDTH_DELIVERY", Container: ivs.FragmentedMP4, Authorized: true, InsecureIngest: true,
		Multitrack:      ivs.Multitrack{Enabled: true, Policy: "ALLOW", MaximumResolution: "FULL_HD"},
		Recording:       ivs.NewARN("us-east-1", "123456789012", ivs.KindRecordingConfiguration),
		Restriction:     ivs.NewARN("us-east-1", "123456789012", ivs.KindPlaybackRestrictionPolicy),
		AdConfiguration: ivs.NewARN("us-east-1", "123456789012", ivs.KindAdConfiguration),
		Tags:            ivs.Tags{"team": "sport", "empty": "", "ünï": "日本"},
		SRTPassphrase:   ivs.NewPassphrase(),
	}
}

// many is a limit that no test reaches.
const many = 1 << 20

// prepare stores what a channel points to.
func prepare(t testing.TB, db *store.DB, c ivs.Channel) ivs.Channel {
	t.Helper()
	if c.Recording != (ivs.ARN{}) {
		must(t, "Create", db.RecordingConfigurations().Create(t.Context(), ivs.RecordingConfiguration{ARN: c.Recording}, many))
	}
	if c.Restriction != (ivs.ARN{}) {
		must(t, "Create", db.RestrictionPolicies().Create(t.Context(), ivs.RestrictionPolicy{ARN: c.Restriction}, many))
	}
	if c.AdConfiguration != (ivs.ARN{}) {
		must(t, "Create", db.AdConfigurations().Create(t.Context(), ivs.AdConfiguration{ARN: c.AdConfiguration}, many))
	}
	return c
}

// create stores a channel with a key, and what the channel points to.
func create(t testing.TB, db *store.DB, c ivs.Channel) (ivs.Channel, ivs.StreamKey) {
	t.Helper()
	prepare(t, db, c)
	k := ivs.NewStreamKey(c.ARN, ivs.Tags{})
	must(t, "CreateChannel", db.CreateChannel(t.Context(), c, k, many))
	return c, k
}

// plain stores a channel with defaults.
func plain(t testing.TB, db *store.DB) ivs.Channel {
	t.Helper()
	c, _ := create(t, db, ivs.Channel{ARN: newChannelARN(), Tags: ivs.Tags{}, SRTPassphrase: ivs.NewPassphrase()})
	return c
}

// noon is when sessions begin in tests.
func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC) }

func newSession(c ivs.Channel, at time.Time) ivs.Session {
	a := ivs.Addresses{Host: "live.example", Playback: "https://live.example", Region: "us-east-1", Account: "123456789012"}
	return ivs.Session{StreamID: ivs.NewStreamID(), Channel: a.Snapshot(c), Protocol: "rtmp", Created: at, LastMedia: at}
}

func change(s ivs.Session, name string, at time.Time) ivs.Event {
	return ivs.NewEvent(s, ivs.StreamStateChange, name, at)
}

// begin opens a session.
func begin(t testing.TB, db *store.DB, c ivs.Channel, at time.Time) ivs.Session {
	t.Helper()
	s := newSession(c, at)
	must(t, "OpenSession", db.OpenSession(t.Context(), s, change(s, ivs.SessionCreated, at)))
	return s
}

// end closes a session.
func end(t testing.TB, db *store.DB, s ivs.Session, at time.Time) ivs.Session {
	t.Helper()
	s.IngestEnded, s.Ended, s.LastMedia = at, at, at
	must(t, "SaveSession", db.SaveSession(t.Context(), s, change(s, ivs.SessionEnded, at), change(s, ivs.StreamEnd, at)))
	return s
}

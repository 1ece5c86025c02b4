package store

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"openivs/internal/ivs"
)

// statementsUsed returns all that the store reads with, and what it does with
// sessions and events in transactions.
func statementsUsed(t *testing.T, db *DB) []string {
	t.Helper()
	ctx, arn, name := t.Context(), ivs.NewARN("us-east-1", "123456789012", ivs.KindChannel), "x"
	key := arn
	key.Kind = ivs.KindStreamKey
	// None of these finds anything; what counts is that they are asked.
	_, _ = db.Channel(ctx, arn)
	for _, f := range []ivs.ChannelFilter{{}, {Name: &name}, {Recording: "x"}, {Restriction: "x"}, {AdConfiguration: "x"}} {
		_, _ = db.Channels(ctx, f, 0, 1)
	}
	_, _ = db.Publisher(ctx, "x")
	_, _ = db.StreamKey(ctx, key)
	_, _ = db.StreamKeys(ctx, arn, 0, 1)
	_, _ = db.Tags(ctx, arn)
	_, _ = db.Tags(ctx, key)
	_, _ = db.Session(ctx, arn, "")
	_, _ = db.Session(ctx, arn, "x")
	_, _ = db.Trace(ctx, "x")
	_, _ = db.Sessions(ctx, arn, 0, 1)
	_, _ = db.Sessions(ctx, arn, 1, 1)
	_, _ = db.OpenSessions(ctx)
	_, _ = db.SessionEvents(ctx, "x", 1)
	_, _ = db.Recording(ctx, arn)
	_, _ = db.RecordingConfigurations().List(ctx, 0, 1)
	_, _ = db.PlaybackKeyPairs().Get(ctx, arn)
	_, _ = db.PlaybackKeyPairs().List(ctx, 0, 1)
	_, _ = db.Revocation(ctx, arn, "x")
	_, _ = db.EventsAfter(ctx, 0, 1)
	_, _ = db.RecordingsBegun(ctx, "", 1, 1)
	_, _ = db.RecordingsBegun(ctx, "x", 1, 1)
	_, _ = db.RecordingEventsAfter(ctx, "x", 1, 1)
	_, _ = db.PositionBefore(ctx, time.Time{})
	_, _ = db.DeadLetters(ctx, "x", 0, 1)
	_, _ = db.CountDeadLetters(ctx, "x")
	used := slices.Sorted(maps.Keys(db.read.stmts))
	if len(used) < 17 {
		t.Fatalf("only %d statements were prepared", len(used))
	}
	return append(used, liveSQL, saveSQL, forgetEventsSQL, forgetSessionsSQL, pruneSQL, newestSeqSQL, newestEventsSQL, checkpointSQL(3), trimDeadLettersSQL,
		adBreakSQL, lockSQL(recordingTable), `SELECT COUNT(*) FROM channels WHERE recording = $1`,
		`SELECT COUNT(*) FROM playback_key_pairs WHERE fingerprint = $1`)
}

// Whatever is asked of sessions, channels, keys and events is found by an
// index, so that its cost does not grow with what is stored.
func TestEveryQueryUsesAnIndex(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		t.Helper()
		if err := db.prepare(t.Context(), Owner); err != nil {
			t.Fatal(err)
		}
		explain, bad := explainSQLite, regexp.MustCompile(`SCAN |TEMP B-TREE`)
		if _, ok := db.engine.(postgresEngine); ok {
			explain, bad = explainPostgres, regexp.MustCompile(`Seq Scan`)
		}
		// The values of a statement itself and the sessions that are open, which
		// an index lists, may be gone through.
		few := regexp.MustCompile(`SCAN \d+ CONSTANT ROWS?$|SCAN v$|USING INDEX sessions_open$|ORDER BY \+s\.idUSE TEMP B-TREE`)
		for _, q := range statementsUsed(t, db) {
			for _, step := range explain(t, db, q) {
				if bad.MatchString(step) && !few.MatchString(q+step) {
					t.Errorf("%s\n\tgoes through everything: %s", q, step)
				}
			}
		}
	})
}

func explainSQLite(t *testing.T, db *DB, q string) []string {
	t.Helper()
	args := make([]any, params(q))
	rows, err := db.write.db.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+q, args...)
	steps, err := collect(rows, err, func(row scanner) (string, error) {
		var id, parent, unused int
		var detail string
		err := row.Scan(&id, &parent, &unused, &detail)
		return detail, err
	})
	if err != nil {
		t.Fatalf("explain %s: %v", q, err)
	}
	return steps
}

// explainPostgres asks for the plan that serves any argument, with every way
// there is preferred to reading a whole table.
func explainPostgres(t *testing.T, db *DB, q string) []string {
	t.Helper()
	conn, err := db.read.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	execute := `EXPLAIN EXECUTE asked`
	if n := params(q); n > 0 {
		execute += `(` + strings.Repeat("NULL, ", n-1) + `NULL)`
	}
	for _, set := range []string{`SET enable_seqscan = off`, `SET plan_cache_mode = force_generic_plan`, `PREPARE asked AS ` + q} {
		if _, err := conn.ExecContext(t.Context(), set); err != nil {
			t.Fatalf("%s: %v", set, err)
		}
	}
	rows, err := conn.QueryContext(t.Context(), execute)
	steps, err := collect(rows, err, func(row scanner) (step string, err error) {
		err = row.Scan(&step)
		return step, err
	})
	if err != nil {
		t.Fatalf("explain %s: %v", q, err)
	}
	if _, err := conn.ExecContext(t.Context(), `DEALLOCATE asked`); err != nil {
		t.Fatal(err)
	}
	return steps
}

// params returns how many parameters a statement has.
func params(q string) int {
	most := 0
	for _, m := range regexp.MustCompile(`\$(\d+)`).FindAllStringSubmatch(q, -1) {
		n, _ := strconv.Atoi(m[1])
		most = max(most, n)
	}
	return most
}

// Keys sort by time and never repeat, however fast they are asked for.
func TestKeysGrow(t *testing.T) {
	var i ids
	far := time.Now().Add(time.Hour).UnixMicro()
	last := i.next()
	if now := time.Now().UnixMicro(); last > now || last < now-int64(time.Minute/time.Microsecond) {
		t.Errorf("the first key is %d, want about %d", last, now)
	}
	for range 10000 {
		n := i.next()
		if n <= last {
			t.Fatalf("key %d follows %d", n, last)
		}
		last = n
	}
	i.last.Store(far)
	if n := i.next(); n != far+1 {
		t.Errorf("after a clock that went back: %d, want %d", n, far+1)
	}
}

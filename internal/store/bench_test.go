package store_test

import (
	"cmp"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/store"
)

// benchSessions says how many sessions the large database has; the figures that
// are published were taken with 1000000.
const benchSessions = "OPENIVS_BENCH_SESSIONS"

const (
	benchDefault  = 20_000
	benchChannels = 1_000
)

// BenchmarkSession reads sessions out of a small and out of a large database:
// the cost must be the same.
func BenchmarkSession(b *testing.B) {
	large, err := strconv.Atoi(cmp.Or(os.Getenv(benchSessions), strconv.Itoa(benchDefault)))
	must(b, benchSessions, err)
	for _, n := range []int{benchChannels, large} {
		db, channel, streamID := manySessions(b, n)
		run := func(name string, f func() error) {
			b.Run(fmt.Sprintf("%s/sessions=%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					must(b, name, f())
				}
			})
		}
		run("ByID", func() error { _, err := db.Session(b.Context(), channel, streamID); return err })
		run("Newest", func() error { _, err := db.Session(b.Context(), channel, ""); return err })
		run("Events", func() error { _, err := db.SessionEvents(b.Context(), streamID, ivs.MaxSessionEvents); return err })
		run("Page", func() error { _, err := db.Sessions(b.Context(), channel, 0, 100); return err })
		run("Open", func() error { _, err := db.OpenSessions(b.Context()); return err })
		run("Life", func() error { return life(b, db, channel) })
	}
}

// life is a whole session, as it is written.
func life(b *testing.B, db *store.DB, channel ivs.ARN) error {
	b.Helper()
	s := newSession(ivs.Channel{ARN: channel}, noon())
	if err := db.OpenSession(b.Context(), s, change(s, ivs.SessionCreated, noon())); err != nil {
		return err
	}
	s.Started = noon()
	if err := db.SaveSession(b.Context(), s, change(s, ivs.StreamStart, noon())); err != nil {
		return err
	}
	s.Ended = noon()
	return db.SaveSession(b.Context(), s, change(s, ivs.SessionEnded, noon()), change(s, ivs.StreamEnd, noon()))
}

// BenchmarkLivesAtOnce is what a session costs to write while 15 others are written: on
// the disk that TMPDIR is on, whose commits they share.
func BenchmarkLivesAtOnce(b *testing.B) {
	const atOnce = 16
	db := open(b, sqliteEngine().url(b))
	var channels [atOnce]ivs.ARN
	for i := range channels {
		channels[i] = plain(b, db).ARN
	}
	var next atomic.Int64
	b.SetParallelism(atOnce / runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		channel := channels[next.Add(1)-1]
		for pb.Next() {
			if err := life(b, db, channel); err != nil {
				b.Error(err)
			}
		}
	})
}

// manySessions makes a database of n ended sessions on benchChannels channels,
// and returns one of them: the first, of a channel that has had later ones.
func manySessions(b *testing.B, n int) (*store.DB, ivs.ARN, string) {
	b.Helper()
	url := "sqlite://" + filepath.Join(b.TempDir(), "openivs.db")
	db, err := store.Open(b.Context(), store.Options{URL: url, Key: masterKey(b, 1)})
	must(b, "Open", err)
	first := plain(b, db)
	s := begin(b, db, first, noon())
	s.Ingest = &ivs.Ingest{Video: []ivs.VideoIngest{{Codec: "avc1.64001F", Encoder: "Lavf59.27.100"}}}
	end(b, db, s, noon().Add(time.Hour))
	for range benchChannels - 1 {
		plain(b, db)
	}
	must(b, "Close", db.Close())
	multiply(b, raw(b, url), n)
	return open(b, url), first.ARN, s.StreamID
}

// multiply copies the one session, with its events, until there are n.
func multiply(b *testing.B, db *sql.DB, n int) {
	b.Helper()
	db.SetMaxOpenConns(1) // for the table that only this connection has
	mustExec(b, db, `CREATE TEMP TABLE many AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < $1)
		SELECT i, s.id + i AS id, c.id AS channel, 'st-1' || lower(hex(randomblob(11))) AS stream_id
		FROM c AS count CROSS JOIN sessions s
		JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS nr FROM channels) c ON c.nr = i % $2`, n-1, benchChannels)
	mustExec(b, db, `INSERT INTO sessions SELECT m.id, m.channel, m.stream_id, s.created_us + m.i, s.started_us + m.i,
		s.last_media_us + m.i, s.ingest_ended_us + m.i, s.ended_us + m.i, s.has_error, s.protocol, s.reason, s.snapshot,
		s.recording, s.ingest, s.causes FROM many m CROSS JOIN (SELECT * FROM sessions) s ORDER BY m.id`)
	mustExec(b, db, `INSERT INTO events SELECT e.id + 3 * m.i, m.id, m.channel, e.seq + 3 * m.i, e.event_id, e.channel_arn,
		e.channel_name, m.stream_id, e.type, e.name, e.code, e.detail, e.at_us
		FROM many m CROSS JOIN (SELECT * FROM events) e ORDER BY m.i, e.id`)
	mustExec(b, db, `UPDATE counters SET value = (SELECT MAX(id) FROM events)`)
	mustExec(b, db, `UPDATE channels SET event_seq = (SELECT MAX(seq) FROM events)`)
	mustExec(b, db, `DROP TABLE many`)
	mustExec(b, db, `PRAGMA wal_checkpoint(TRUNCATE)`)
}

// BenchmarkCheckpoint notes 200 live sessions, once a second's work.
func BenchmarkCheckpoint(b *testing.B) {
	db := open(b, sqliteEngine().url(b))
	at := map[string]time.Time{}
	for range 200 {
		at[begin(b, db, plain(b, db), noon()).StreamID] = noon()
	}
	b.ReportAllocs()
	for b.Loop() {
		for id, t := range at {
			at[id] = t.Add(time.Second)
		}
		must(b, "Checkpoint", db.Checkpoint(b.Context(), at))
	}
}

func BenchmarkPublisher(b *testing.B) {
	db := open(b, sqliteEngine().url(b))
	_, k := create(b, db, fullChannel())
	b.ReportAllocs()
	for b.Loop() {
		_, err := db.Publisher(b.Context(), k.Value)
		must(b, "Publisher", err)
	}
}

func BenchmarkAccessKey(b *testing.B) {
	db := open(b, sqliteEngine().url(b))
	must(b, "CreateAccessKey", db.CreateAccessKey(b.Context(), store.AccessKey{ID: "AKIA1", Secret: "s", Created: noon()}))
	b.ReportAllocs()
	for b.Loop() {
		_, err := db.AccessKey(b.Context(), "AKIA1")
		must(b, "AccessKey", err)
	}
}

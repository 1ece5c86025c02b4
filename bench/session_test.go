package bench

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"openivs/e2e/publisher"
	"openivs/e2e/server"
)

const (
	manyChannels = 100
	fewSessions  = 1_000
	manySessions = 1_000_000
)

// BenchmarkGetStreamSession asks over HTTP, signed, with few and with many
// sessions in the database. The cost must not grow with their number.
func BenchmarkGetStreamSession(b *testing.B) {
	for _, n := range []int{fewSessions, manySessions} {
		b.Run(fmt.Sprintf("of %d", n), func(b *testing.B) {
			dir := b.TempDir()
			channels := prepare(b, dir)
			ids := fill(b, filepath.Join(dir, "data", "openivs.db"), n)
			s := serve(b, dir)
			api, err := s.Client(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			ask := func(b *testing.B, pick func(i int) *ivs.GetStreamSessionInput) {
				b.Helper()
				random := rand.New(rand.NewPCG(1, 2))
				before := used(b, s.PID())
				for b.Loop() {
					if _, err := api.GetStreamSession(b.Context(), pick(random.IntN(len(ids)))); err != nil {
						b.Fatal(err)
					}
				}
				cost := used(b, s.PID()) - before
				b.ReportMetric(float64(cost.Microseconds())/float64(b.N), "server-cpu-us/op")
			}
			b.Run("by id", func(b *testing.B) {
				ask(b, func(i int) *ivs.GetStreamSessionInput {
					return &ivs.GetStreamSessionInput{ChannelArn: &channels[i%len(channels)], StreamId: &ids[i]}
				})
			})
			b.Run("newest", func(b *testing.B) {
				ask(b, func(i int) *ivs.GetStreamSessionInput {
					return &ivs.GetStreamSessionInput{ChannelArn: &channels[i%len(channels)]}
				})
			})
		})
	}
}

// prepare makes a database with channels and one session, through the server,
// and stops it. It returns the channels' ARNs.
func prepare(b *testing.B, dir string) []string {
	b.Helper()
	s, err := server.Start(b.Context(), program, dir)
	if err != nil {
		b.Fatal(err)
	}
	api, err := s.Client(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	var arns []string
	var key string
	for range manyChannels {
		out, err := api.CreateChannel(b.Context(), &ivs.CreateChannelInput{InsecureIngest: true})
		if err != nil {
			b.Fatal(err)
		}
		arns = append(arns, aws.ToString(out.Channel.Arn))
		key = aws.ToString(out.StreamKey.Value)
	}
	c, err := publisher.Dial(b.Context(), s.At.RTMP)
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Publish(b.Context(), key); err != nil {
		b.Fatal(err)
	}
	if err := c.Unpublish(key); err != nil {
		b.Fatal(err)
	}
	<-c.Ended()
	if err := s.Stop(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	return arns
}

// fill multiplies the one session, with its events, over all channels in turn.
// It returns the new sessions' ids; number i is on channel i modulo their number.
func fill(b *testing.B, file string, n int) []string {
	b.Helper()
	db, err := sql.Open("sqlite", file+"?_pragma=synchronous(off)&_pragma=cache_size(-200000)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	exec := func(query string, args ...any) {
		b.Helper()
		if _, err := tx.ExecContext(b.Context(), query, args...); err != nil {
			b.Fatal(err)
		}
	}
	exec(`CREATE TEMP TABLE n AS WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < $1 - 1) SELECT i FROM n`, n)
	exec(`CREATE TEMP TABLE c AS SELECT id, row_number() OVER (ORDER BY id) - 1 AS i FROM channels`)
	exec(`CREATE TEMP TABLE one AS SELECT * FROM sessions`)
	exec(`CREATE TEMP TABLE ev AS SELECT * FROM events`)
	exec(`INSERT INTO sessions SELECT one.id + n.i + 1, c.id, printf('st-1%022d', n.i), created_us, started_us, last_media_us,
		ingest_ended_us, ended_us, has_error, protocol, reason, snapshot, recording, ingest, causes
		FROM n CROSS JOIN one JOIN c ON c.i = n.i % $1`, manyChannels)
	exec(`INSERT INTO events SELECT ev.id + (n.i + 1) * 10, one.id + n.i + 1, c.id, ev.seq + (n.i + 1) * 10, event_id, channel_arn, channel_name,
		printf('st-1%022d', n.i), type, name, code, detail, at_us
		FROM n CROSS JOIN one CROSS JOIN ev JOIN c ON c.i = n.i % $1`, manyChannels)
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("st-1%022d", i)
	}
	return ids
}

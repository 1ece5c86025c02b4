package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"openivs/internal/ivs"
)

// sessionFrom reads sessions; while one is open its last media is the later of
// what was saved and what was checkpointed.
const sessionFrom = `SELECT s.stream_id, s.created_us, s.started_us,
	CASE WHEN COALESCE(p.last_media_us, 0) > s.last_media_us THEN p.last_media_us ELSE s.last_media_us END,
	s.ingest_ended_us, s.ended_us, s.has_error, s.protocol, s.reason, s.snapshot, s.recording, s.ingest, s.causes
	FROM sessions s LEFT JOIN checkpoints p ON p.stream_id = s.stream_id `

// The statements whose cost must not grow with the number of sessions, and
// which run inside a transaction. What else reads is on the pool.
const (
	liveSQL = `SELECT COUNT(*) FROM sessions WHERE channel = $1 AND ended_us = 0`
	saveSQL = `UPDATE sessions SET created_us = $1, started_us = $2, last_media_us = $3, ingest_ended_us = $4,
		ended_us = CASE WHEN CAST($5 AS BIGINT) = 0 THEN ended_us ELSE CAST($5 AS BIGINT) END,
		has_error = CASE WHEN has_error = 1 THEN has_error ELSE $6 END,
		protocol = $7, reason = $8, snapshot = $9, recording = $10, ingest = $11, causes = $12
		WHERE stream_id = $13 RETURNING id, channel`
	traceSQL          = `INSERT INTO traces (session, body) VALUES ($1, $2) ON CONFLICT (session) DO UPDATE SET body = excluded.body`
	forgottenSQL      = `SELECT id FROM sessions WHERE ended_us > 0 AND ended_us < $1 ORDER BY ended_us LIMIT $2`
	forgetEventsSQL   = `DELETE FROM events WHERE session IN (` + forgottenSQL + `) AND id <= $3`
	forgetSessionsSQL = `DELETE FROM sessions WHERE id IN (` + forgottenSQL + `)`
)

// OpenSession begins a session and writes the event about it. The channel must
// exist and have no open session.
func (db *DB) OpenSession(ctx context.Context, s ivs.Session, ev ivs.Event) error {
	const insert = `INSERT INTO sessions (id, channel, stream_id, created_us, started_us, last_media_us, ingest_ended_us,
		ended_us, has_error, protocol, reason, snapshot, recording, ingest)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`
	const checkpoint = `INSERT INTO checkpoints (stream_id, last_media_us) VALUES ($1, $2)`
	row, err := newSessionRow(s, []ivs.Event{ev})
	if err != nil {
		return err
	}
	arn := s.Channel.Channel.ARN
	err = db.tx(ctx, func(tx *sql.Tx) error {
		channel, _, live, err := db.lockChannel(ctx, tx, arn)
		if err != nil {
			return err
		}
		if live {
			return ivs.Errorf(ivs.Conflict, "channel %s has an open session", arn)
		}
		id := db.ids.next()
		_, err = tx.ExecContext(ctx, insert, id, channel, s.StreamID, row.created, row.started, row.lastMedia,
			row.ingestEnded, row.ended, row.hasError, row.protocol, row.reason, row.snapshot, row.recording, row.ingest)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, checkpoint, s.StreamID, row.lastMedia); err != nil {
			return err
		}
		return appendEvents(ctx, tx, id, channel, []ivs.Event{ev})
	})
	db.bell.ring()
	return db.found(channelName, arn.String(), err)
}

// SaveSession replaces what is stored of a session and appends events in the
// order given. An error once recorded stays, and so does an end. It may be
// repeated where the first call's outcome is unknown.
func (db *DB) SaveSession(ctx context.Context, s ivs.Session, evs ...ivs.Event) error {
	const lock = `UPDATE channels SET arn = arn WHERE arn = $1`
	row, err := newSessionRow(s, evs)
	if err != nil {
		return err
	}
	err = db.tx(ctx, func(tx *sql.Tx) error {
		// The channel comes first in every transaction, so that none waits for another in a ring.
		if len(evs) > 0 {
			if _, err := tx.ExecContext(ctx, lock, s.Channel.Channel.ARN.String()); err != nil {
				return err
			}
		}
		var id, channel int64
		err := tx.QueryRowContext(ctx, saveSQL, row.created, row.started, row.lastMedia, row.ingestEnded, row.ended,
			row.hasError, row.protocol, row.reason, row.snapshot, row.recording, row.ingest, row.causes, s.StreamID).Scan(&id, &channel)
		if err != nil {
			return err
		}
		if s.Trace != "" {
			if _, err := tx.ExecContext(ctx, traceSQL, id, s.Trace); err != nil {
				return err
			}
		}
		if row.ended != 0 {
			if _, err := tx.ExecContext(ctx, `DELETE FROM checkpoints WHERE stream_id = $1`, s.StreamID); err != nil {
				return err
			}
		}
		fresh, err := unwritten(ctx, tx, id, evs)
		if err != nil {
			return err
		}
		return appendEvents(ctx, tx, id, channel, fresh)
	})
	if len(evs) > 0 {
		db.bell.ring()
	}
	return db.found(sessionName, s.StreamID, err)
}

// checkpointBatch is how many sessions one statement notes, well under the
// number of parameters that either engine takes.
const checkpointBatch = 500

// Checkpoint notes when media last arrived, by stream id, in one transaction.
// Sessions that have ended are left alone, and no time goes back.
func (db *DB) Checkpoint(ctx context.Context, lastMedia map[string]time.Time) error {
	if len(lastMedia) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(lastMedia))
	err := db.tx(ctx, func(tx *sql.Tx) error {
		for batch := range slices.Chunk(ids, checkpointBatch) {
			args := make([]any, 0, 2*len(batch))
			for _, id := range batch {
				args = append(args, id, micros(lastMedia[id]))
			}
			if _, err := tx.ExecContext(ctx, checkpointSQL(len(batch)), args...); err != nil {
				return err
			}
		}
		return nil
	})
	return db.done("checkpoint sessions", err)
}

// checkpointSQL updates n rows; both engines name the columns of VALUES column1
// and column2.
func checkpointSQL(n int) string {
	var b strings.Builder
	b.WriteString(`UPDATE checkpoints SET last_media_us = v.column2 FROM (VALUES `)
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(CAST($" + strconv.Itoa(2*i+1) + " AS TEXT), CAST($" + strconv.Itoa(2*i+2) + " AS BIGINT))")
	}
	b.WriteString(`) AS v WHERE checkpoints.stream_id = v.column1 AND checkpoints.last_media_us < v.column2`)
	return b.String()
}

// OpenSessions returns the sessions without an end, the oldest first.
func (db *DB) OpenSessions(ctx context.Context) ([]ivs.Session, error) {
	// The sign keeps SQLite from reading the whole table in the order of its key.
	rows, err := db.read.query(ctx, sessionFrom+`WHERE s.ended_us = 0 ORDER BY +s.id`)
	out, err := collect(rows, err, scanSession)
	return out, db.done("read open sessions", err)
}

// Session returns a session of a channel; an empty streamID means the newest.
func (db *DB) Session(ctx context.Context, channel ivs.ARN, streamID string) (ivs.Session, error) {
	const byID = sessionFrom + `WHERE s.stream_id = $1 AND s.channel = (SELECT id FROM channels WHERE arn = $2)`
	const newest = sessionFrom + `WHERE s.channel = (SELECT id FROM channels WHERE arn = $1) ORDER BY s.id DESC LIMIT 1`
	if streamID == "" {
		s, err := scanSession(db.read.queryRow(ctx, newest, channel.String()))
		return s, db.found(sessionName, "of "+channel.String(), err)
	}
	s, err := scanSession(db.read.queryRow(ctx, byID, streamID, channel.String()))
	return s, db.found(sessionName, streamID, err)
}

// Trace returns a session with its Trace, by its stream id.
func (db *DB) Trace(ctx context.Context, streamID string) (ivs.Session, error) {
	const q = `SELECT t.body FROM traces t JOIN sessions s ON s.id = t.session WHERE s.stream_id = $1`
	s, err := scanSession(db.read.queryRow(ctx, sessionFrom+`WHERE s.stream_id = $1`, streamID))
	if err != nil {
		return s, db.found(sessionName, streamID, err)
	}
	err = db.read.queryRow(ctx, q, streamID).Scan(&s.Trace)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil // it began before there were any
	}
	return s, db.found(sessionName, streamID, err)
}

// Sessions lists the sessions of a channel, the newest first.
func (db *DB) Sessions(ctx context.Context, channel ivs.ARN, after int64, limit int) (ivs.Page[ivs.SessionSummary], error) {
	const begin = `SELECT id, stream_id, created_us, started_us, ended_us, has_error FROM sessions
		WHERE channel = (SELECT id FROM channels WHERE arn = $1)`
	const end = ` ORDER BY id DESC LIMIT $2`
	q, args := begin+end, []any{channel.String(), limit + 1}
	if after != 0 {
		q, args = begin+` AND id < $3`+end, append(args, after)
	}
	rows, err := db.read.query(ctx, q, args...)
	page, err := collectPage(rows, err, limit, scanSummary)
	return page, db.done("list the sessions of "+channel.String(), err)
}

// ForgetSessions deletes at most limit sessions that ended before a time, the
// oldest first, and reports how many. Events of forgotten sessions that a sink
// still lacks stay until it has them.
func (db *DB) ForgetSessions(ctx context.Context, endedBefore time.Time, limit int) (int, error) {
	var n int64
	err := db.tx(ctx, func(tx *sql.Tx) error {
		delivered, err := deliveredEvents(ctx, tx)
		if err != nil {
			return err
		}
		before := micros(endedBefore)
		if _, err := tx.ExecContext(ctx, forgetEventsSQL, before, limit, delivered); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, forgetSessionsSQL, before, limit)
		if err != nil {
			return err
		}
		if n, err = res.RowsAffected(); err != nil {
			return err
		}
		return pruneEvents(ctx, tx, delivered, limit)
	})
	return int(n), db.done("forget sessions", err)
}

// A sessionRow is a session in the forms that its columns have.
type sessionRow struct {
	created, started, lastMedia, ingestEnded, ended, hasError int64
	protocol, reason, snapshot, recording, ingest, causes     string
}

func newSessionRow(s ivs.Session, evs []ivs.Event) (sessionRow, error) {
	r := sessionRow{
		created: micros(s.Created), started: micros(s.Started), lastMedia: micros(s.LastMedia),
		ingestEnded: micros(s.IngestEnded), ended: micros(s.Ended), protocol: s.Protocol, reason: s.Reason, recording: string(s.Recording),
	}
	if s.HasError || slices.ContainsFunc(evs, ivs.Event.Fault) {
		r.hasError = 1
	}
	b, err := json.Marshal(s.Channel)
	if err != nil {
		return r, fmt.Errorf("encode the channel of session %s: %w", s.StreamID, err)
	}
	r.snapshot = string(b)
	if len(s.Causes) > 0 {
		if b, err = json.Marshal(s.Causes); err != nil {
			return r, fmt.Errorf("encode the causes of session %s: %w", s.StreamID, err)
		}
		r.causes = string(b)
	}
	if s.Ingest == nil {
		return r, nil
	}
	if b, err = json.Marshal(s.Ingest); err != nil {
		return r, fmt.Errorf("encode the ingest of session %s: %w", s.StreamID, err)
	}
	r.ingest = string(b)
	return r, nil
}

// scanSession reads the columns of sessionFrom.
func scanSession(row scanner) (ivs.Session, error) {
	var s ivs.Session
	var r sessionRow
	var snapshot, recording, ingest, causes []byte
	err := row.Scan(&s.StreamID, &r.created, &r.started, &r.lastMedia, &r.ingestEnded, &r.ended, &r.hasError,
		&s.Protocol, &s.Reason, &snapshot, &recording, &ingest, &causes)
	if err != nil {
		return s, err
	}
	s.Created, s.Started, s.LastMedia = instant(r.created), instant(r.started), instant(r.lastMedia)
	s.IngestEnded, s.Ended, s.HasError = instant(r.ingestEnded), instant(r.ended), r.hasError != 0
	if err := json.Unmarshal(snapshot, &s.Channel); err != nil {
		return s, fmt.Errorf("decode the channel of session %s: %w", s.StreamID, err)
	}
	if len(recording) > 0 {
		s.Recording = recording
	}
	if len(causes) > 0 {
		if err := json.Unmarshal(causes, &s.Causes); err != nil {
			return s, fmt.Errorf("decode the causes of session %s: %w", s.StreamID, err)
		}
	}
	if len(ingest) > 0 {
		s.Ingest = new(ivs.Ingest)
		if err := json.Unmarshal(ingest, s.Ingest); err != nil {
			return s, fmt.Errorf("decode the ingest of session %s: %w", s.StreamID, err)
		}
	}
	return s, nil
}

func scanSummary(row scanner) (int64, ivs.SessionSummary, error) {
	var v ivs.SessionSummary
	var id, created, started, ended int64
	if err := row.Scan(&id, &v.StreamID, &created, &started, &ended, &v.HasError); err != nil {
		return 0, v, err
	}
	v.Start = ivs.Session{Created: instant(created), Started: instant(started)}.StartTime()
	v.Ended = instant(ended)
	return id, v, nil
}

// micros is the stored form of a time; a zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// instant is the reverse of micros.
func instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

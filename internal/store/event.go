package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"

	"openivs/internal/ivs"
)

// appendEvents writes events of a session in the order given. They take the
// next numbers of their channel, and ids in the order of commits: the counter
// stays locked until tx ends, so it comes last. The channel is locked already.
func appendEvents(ctx context.Context, tx *sql.Tx, session, channel int64, evs []ivs.Event) error {
	const insert = `INSERT INTO events (id, session, channel, seq, event_id, channel_arn, channel_name, stream_id,
		type, name, code, detail, at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`
	const count = `UPDATE counters SET value = value + $1 WHERE name = 'event' RETURNING value`
	if len(evs) == 0 {
		return nil
	}
	n := int64(len(evs))
	seq, err := takeSeq(ctx, tx, channel, n)
	if err != nil {
		return err
	}
	var id int64
	if err := tx.QueryRowContext(ctx, count, n).Scan(&id); err != nil {
		return err
	}
	for i, ev := range evs {
		back := n - 1 - int64(i)
		_, err := tx.ExecContext(ctx, insert, id-back, session, channel, seq-back, ev.ID, ev.Channel.String(),
			ev.ChannelName, ev.StreamID, string(ev.Type), ev.Name, ev.Code, string(ev.Detail), micros(ev.At))
		if err != nil {
			return err
		}
	}
	return nil
}

const newestEventsSQL = `SELECT event_id FROM events WHERE session = $1 ORDER BY id DESC LIMIT $2`

// othersEvents is how many events others than its saves may add to a session
// between a save and the repetition of it, such as ad breaks.
const othersEvents = 16

// unwritten returns those of evs that a session does not have yet. Whoever
// repeats a save brings the events of the first try again, which then are among
// the session's newest.
func unwritten(ctx context.Context, tx *sql.Tx, session int64, evs []ivs.Event) ([]ivs.Event, error) {
	if len(evs) == 0 {
		return nil, nil
	}
	rows, err := tx.QueryContext(ctx, newestEventsSQL, session, len(evs)+othersEvents)
	stored, err := collect(rows, err, func(row scanner) (id string, err error) {
		err = row.Scan(&id)
		return id, err
	})
	if err != nil {
		return nil, err
	}
	var fresh []ivs.Event
	for _, ev := range evs {
		if !slices.Contains(stored, ev.ID) {
			fresh = append(fresh, ev)
		}
	}
	return fresh, nil
}

const newestSeqSQL = `SELECT COALESCE(MAX(seq), 0) + $1 FROM events WHERE channel = $2`

// takeSeq takes n numbers of a channel and returns the last. A channel that was
// deleted while a session was open counts on from its newest event.
func takeSeq(ctx context.Context, tx *sql.Tx, channel, n int64) (int64, error) {
	const take = `UPDATE channels SET event_seq = event_seq + $1 WHERE id = $2 RETURNING event_seq`
	var seq int64
	err := tx.QueryRowContext(ctx, take, n, channel).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		err = tx.QueryRowContext(ctx, newestSeqSQL, n, channel).Scan(&seq)
	}
	return seq, err
}

// SessionEvents returns at most limit events of a session, the newest first.
func (db *DB) SessionEvents(ctx context.Context, streamID string, limit int) ([]ivs.Event, error) {
	const q = `SELECT event_id, seq, channel_arn, channel_name, stream_id, type, name, code, detail, at_us FROM events
		WHERE session = (SELECT id FROM sessions WHERE stream_id = $1) ORDER BY id DESC LIMIT $2`
	rows, err := db.read.query(ctx, q, streamID, limit)
	out, err := collect(rows, err, func(row scanner) (ivs.Event, error) { return scanEvent(row) })
	return out, db.done("read the events of session "+streamID, err)
}

// scanEvent reads an event and, after its own columns, what more points to.
func scanEvent(row scanner, more ...any) (ivs.Event, error) {
	var ev ivs.Event
	var arn string
	var detail []byte
	var at int64
	err := row.Scan(append([]any{
		&ev.ID, &ev.Seq, &arn, &ev.ChannelName, &ev.StreamID, &ev.Type, &ev.Name, &ev.Code, &detail, &at,
	}, more...)...)
	if err != nil {
		return ev, err
	}
	if len(detail) > 0 {
		ev.Detail = detail
	}
	ev.At = instant(at)
	ev.Channel, err = ivs.ParseARN(arn)
	return ev, err
}

// deliveredEvents returns the id up to which every sink has all events.
func deliveredEvents(ctx context.Context, tx *sql.Tx) (int64, error) {
	var id sql.NullInt64
	if err := tx.QueryRowContext(ctx, `SELECT MIN(event) FROM sinks`).Scan(&id); err != nil {
		return 0, err
	}
	if !id.Valid {
		return math.MaxInt64, nil // nobody waits for any
	}
	return id.Int64, nil
}

const pruneSQL = `DELETE FROM events WHERE id IN
		(SELECT id FROM events WHERE session IS NULL AND id <= $1 ORDER BY id LIMIT $2)`

// pruneEvents deletes at most limit events that only waited for the sinks.
func pruneEvents(ctx context.Context, tx *sql.Tx, delivered int64, limit int) error {
	_, err := tx.ExecContext(ctx, pruneSQL, delivered, limit)
	return err
}

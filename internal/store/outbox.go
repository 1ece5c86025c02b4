package store

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"openivs/internal/ivs"
)

// A bell tells everybody who waits that events were written.
type bell struct {
	mu   sync.Mutex
	next chan struct{} // closed at the next ring; nil: nobody waits
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}

func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

// EventsWritten is closed when this program next writes events. Whoever waits
// asks for it before looking, so as to miss none.
func (db *DB) EventsWritten() <-chan struct{} { return db.bell.wait() }

const eventsAfterSQL = `SELECT event_id, seq, channel_arn, channel_name, stream_id, type, name, code, detail, at_us, id
		FROM events WHERE id > $1 ORDER BY id LIMIT $2`

// EventsAfter returns at most limit events of all channels that come after a
// position, in the order of their commits, which is that of each channel.
func (db *DB) EventsAfter(ctx context.Context, position int64, limit int) ([]ivs.Event, error) {
	rows, err := db.read.query(ctx, eventsAfterSQL, position, limit)
	out, err := collect(rows, err, func(row scanner) (ivs.Event, error) {
		var position int64
		ev, err := scanEvent(row, &position)
		ev.Position = position
		return ev, err
	})
	return out, db.done("read events", err)
}

// NewestEvent returns the position of the newest event; 0: there never was one.
func (db *DB) NewestEvent(ctx context.Context) (int64, error) {
	var id int64
	err := db.read.queryRow(ctx, `SELECT value FROM counters WHERE name = 'event'`).Scan(&id)
	return id, db.done("find the newest event", err)
}

// firstSinceSQL looks at a thousand events: those committed together may be
// about moments that are in another order.
const firstSinceSQL = `SELECT COALESCE(MIN(id), 0) FROM (SELECT id FROM events WHERE at_us >= $1 ORDER BY at_us, id LIMIT 1000) AS first`

// PositionBefore returns the position after which everything comes that
// happened at a time or later and is still stored.
func (db *DB) PositionBefore(ctx context.Context, at time.Time) (int64, error) {
	var id int64
	if err := db.read.queryRow(ctx, firstSinceSQL, micros(at)).Scan(&id); err != nil {
		return 0, db.fail("find events by time", err)
	}
	if id == 0 {
		return db.NewestEvent(ctx)
	}
	return id - 1, nil
}

// SetSinks makes the sinks of these names all there are and returns the
// position up to which each has everything. A new one begins with what comes
// next; one that is gone keeps no event from being forgotten any more.
func (db *DB) SetSinks(ctx context.Context, names []string) (map[string]int64, error) {
	const insert = `INSERT INTO sinks (name, event) SELECT $1, value FROM counters WHERE name = 'event'`
	at := make(map[string]int64)
	err := db.tx(ctx, func(tx *sql.Tx) error {
		clear(at)
		rows, err := tx.QueryContext(ctx, `SELECT name, event FROM sinks`)
		_, err = collect(rows, err, func(row scanner) (struct{}, error) {
			var name string
			var event int64
			err := row.Scan(&name, &event)
			at[name] = event
			return struct{}{}, err
		})
		if err != nil {
			return err
		}
		gone := make(map[string]bool)
		for name := range at {
			gone[name] = true
		}
		for _, name := range names {
			delete(gone, name)
			if _, known := at[name]; known {
				continue
			}
			if _, err := tx.ExecContext(ctx, insert, name); err != nil {
				return err
			}
			var event int64
			if err := tx.QueryRowContext(ctx, `SELECT event FROM sinks WHERE name = $1`, name).Scan(&event); err != nil {
				return err
			}
			at[name] = event
		}
		for name := range gone {
			delete(at, name)
			if _, err := tx.ExecContext(ctx, `DELETE FROM sinks WHERE name = $1`, name); err != nil {
				return err
			}
		}
		return nil
	})
	return at, db.done("set up the sinks", err)
}

// MoveSink notes that a sink has every event up to a position and none after it.
func (db *DB) MoveSink(ctx context.Context, name string, position int64) error {
	err := db.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE sinks SET event = $1 WHERE name = $2`, position, name)
		return err
	})
	return db.done("move sink "+name, err)
}

// maxDeadLetters is how many a sink may have; beyond it the oldest are dropped.
const maxDeadLetters = 10_000

const trimDeadLettersSQL = `DELETE FROM dead_letters WHERE sink = $1 AND id <=
		(SELECT id FROM dead_letters WHERE sink = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)`

// BuryEvent puts an event on a sink's list of dead letters, once.
func (db *DB) BuryEvent(ctx context.Context, l ivs.DeadLetter) error {
	const insert = `INSERT INTO dead_letters (id, sink, position, seq, event_id, channel, type, body, reason, tries, at_us)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (sink, position) DO UPDATE SET reason = $9, tries = $10, at_us = $11`
	err := db.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, insert, db.ids.next(), l.Sink, l.Position, l.Seq, l.EventID, l.Channel,
			string(l.Type), string(l.Body), l.Reason, l.Tries, micros(l.At))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, trimDeadLettersSQL, l.Sink, maxDeadLetters)
		return err
	})
	return db.done("keep a dead letter of sink "+l.Sink, err)
}

const deadLettersSQL = `SELECT id, sink, position, seq, event_id, channel, type, body, reason, tries, at_us FROM dead_letters
		WHERE sink = $1 AND id > $2 ORDER BY id LIMIT $3`

// DeadLetters lists the events that a sink did not take, the oldest first.
func (db *DB) DeadLetters(ctx context.Context, sink string, after int64, limit int) (ivs.Page[ivs.DeadLetter], error) {
	rows, err := db.read.query(ctx, deadLettersSQL, sink, after, limit+1)
	page, err := collectPage(rows, err, limit, func(row scanner) (int64, ivs.DeadLetter, error) {
		var l ivs.DeadLetter
		var id, at int64
		err := row.Scan(&id, &l.Sink, &l.Position, &l.Seq, &l.EventID, &l.Channel, &l.Type, &l.Body, &l.Reason, &l.Tries, &at)
		l.At = instant(at)
		return id, l, err
	})
	return page, db.done("list the dead letters of sink "+sink, err)
}

// ForgetDeadLetter takes an event off a sink's list.
func (db *DB) ForgetDeadLetter(ctx context.Context, sink string, position int64) error {
	err := db.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM dead_letters WHERE sink = $1 AND position = $2`, sink, position)
		return err
	})
	return db.done("forget a dead letter of sink "+sink, err)
}

// CountDeadLetters returns how many events a sink did not take.
func (db *DB) CountDeadLetters(ctx context.Context, sink string) (int, error) {
	var n int
	err := db.read.queryRow(ctx, `SELECT COUNT(*) FROM dead_letters WHERE sink = $1`, sink).Scan(&n)
	return n, db.done("count the dead letters of sink "+sink, err)
}

package store

import (
	"context"
	"database/sql"

	"openivs/internal/ivs"
)

const adBreakSQL = `SELECT COUNT(*) FROM ad_breaks WHERE session = $1 AND end_us > $2`

// InsertAdBreak stores an ad break and the event about it. The stream's encoder
// must still be there, and no break of the stream may be under way.
func (db *DB) InsertAdBreak(ctx context.Context, b ivs.AdBreak, ev ivs.Event) error {
	const open = `SELECT id FROM sessions WHERE stream_id = $1 AND channel = $2 AND ingest_ended_us = 0 AND ended_us = 0`
	const insert = `INSERT INTO ad_breaks (id, session, break_id, start_us, end_us) VALUES ($1, $2, $3, $4, $5)`
	err := db.tx(ctx, func(tx *sql.Tx) error {
		channel, _, _, err := db.lockChannel(ctx, tx, ev.Channel)
		if err != nil {
			return err
		}
		var session int64
		err = tx.QueryRowContext(ctx, open, b.StreamID, channel).Scan(&session)
		if err == sql.ErrNoRows { //nolint:errorlint // Scan returns it as it is
			return ivs.Errorf(ivs.NotLive, "stream %s is over", b.StreamID)
		}
		if err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, adBreakSQL, session, micros(ev.At)).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return ivs.Errorf(ivs.Conflict, "stream %s has an ad break under way", b.StreamID)
		}
		_, err = tx.ExecContext(ctx, insert, db.ids.next(), session, b.ID, micros(b.Start), micros(b.Start.Add(b.Duration)))
		if err != nil {
			return err
		}
		return appendEvents(ctx, tx, session, channel, []ivs.Event{ev})
	})
	db.bell.ring()
	return db.found(channelName, ev.Channel.String(), err)
}

package store

import (
	"context"

	"openivs/internal/ivs"
)

const recordingEventsSQL = `SELECT event_id, seq, channel_arn, channel_name, stream_id, type, name, code, detail, at_us, id
		FROM events WHERE type = 'IVS Recording State Change' AND `

// RecordingsBegun returns at most limit events that tell of the beginning of a
// recording, or why there is none, before a position, the newest first: of a
// channel, or of all if channel is "".
func (db *DB) RecordingsBegun(ctx context.Context, channel string, before int64, limit int) ([]ivs.Event, error) {
	const begun = `name IN ('Recording Start', 'Recording Start Failure') AND id < $1 `
	if channel == "" {
		return db.recordingEvents(ctx, recordingEventsSQL+begun+`ORDER BY id DESC LIMIT $2`, before, limit)
	}
	return db.recordingEvents(ctx, recordingEventsSQL+begun+`AND channel_arn = $2 ORDER BY id DESC LIMIT $3`, before, channel, limit)
}

// RecordingEventsAfter returns at most limit events about the recordings of a
// channel that come after a position, the oldest first.
func (db *DB) RecordingEventsAfter(ctx context.Context, channel string, position int64, limit int) ([]ivs.Event, error) {
	return db.recordingEvents(ctx, recordingEventsSQL+`channel_arn = $1 AND id > $2 ORDER BY id LIMIT $3`, channel, position, limit)
}

func (db *DB) recordingEvents(ctx context.Context, query string, args ...any) ([]ivs.Event, error) {
	rows, err := db.read.query(ctx, query, args...)
	out, err := collect(rows, err, func(row scanner) (ivs.Event, error) {
		var position int64
		ev, err := scanEvent(row, &position)
		ev.Position = position
		return ev, err
	})
	return out, db.done("read events of recordings", err)
}

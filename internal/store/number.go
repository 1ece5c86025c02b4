package store

import (
	"context"
	"database/sql"
	"time"

	"openivs/internal/ivs"
)

// ReserveNumbers returns the first of n media sequence numbers of a channel that
// were never reserved, and reserves them. They outlive the channel, whose ARN
// is never used again. With them comes what SaveTarget kept, or 0.
func (db *DB) ReserveNumbers(ctx context.Context, channel ivs.ARN, n int64) (first int64, target time.Duration, err error) {
	const reserve = `INSERT INTO counters (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = counters.value + $3
		RETURNING value, (SELECT COALESCE(MAX(t.value), 0) FROM counters AS t WHERE t.name = $4)`
	err = db.tx(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, reserve, "numbers "+channel.String(), n, n, "target "+channel.String()).Scan(&first, &target)
	})
	return first - n, target, db.done("reserve media sequence numbers", err)
}

// SaveTarget keeps how long the segments of a channel's last stream were at most.
func (db *DB) SaveTarget(ctx context.Context, channel ivs.ARN, target time.Duration) error {
	const save = `INSERT INTO counters (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`
	return db.done("save the length of segments", db.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, save, "target "+channel.String(), int64(target))
		return err
	}))
}

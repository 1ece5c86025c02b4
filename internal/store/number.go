package store

import (
	"context"
	"database/sql"

	"openivs/internal/ivs"
)

// ReserveNumbers returns the first of n media sequence numbers of a channel that
// were never reserved, and reserves them. They outlive the channel, whose ARN
// is never used again.
func (db *DB) ReserveNumbers(ctx context.Context, channel ivs.ARN, n int64) (first int64, err error) {
	const reserve = `INSERT INTO counters (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = counters.value + $3 RETURNING value`
	err = db.tx(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, reserve, "numbers "+channel.String(), n, n).Scan(&first)
	})
	if err != nil {
		return 0, db.fail("reserve media sequence numbers", err)
	}
	return first - n, nil
}

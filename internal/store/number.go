package store

import (
	"context"
	"database/sql"

	"openivs/internal/ivs"
)

// numberStep is how many media sequence numbers of each channel are left out when
// a backup is restored: more than can have been reserved since it was made.
const numberStep = 1 << 30

// skipNumbers leaves out those that were reserved after a backup was made.
func skipNumbers(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE counters SET value = value + $1 WHERE name LIKE 'numbers %'`, numberStep)
	return err
}

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

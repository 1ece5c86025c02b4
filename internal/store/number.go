package store

import (
	"context"
	"database/sql"
	"time"

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
// is never used again. With them comes what SaveTarget kept, or 0.
func (db *DB) ReserveNumbers(ctx context.Context, channel ivs.ARN, n int64) (first int64, target time.Duration, err error) {
	const reserve = `INSERT INTO counters (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = counters.value + $3 RETURNING value`
	var ms int64
	err = db.tx(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, reserve, "numbers "+channel.String(), n, n).Scan(&first); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, `SELECT value FROM counters WHERE name = $1`, "target "+channel.String()).Scan(&ms)
		if err == sql.ErrNoRows { //nolint:errorlint // Scan returns it as it is
			return nil
		}
		return err
	})
	if err != nil {
		return 0, 0, db.fail("reserve media sequence numbers", err)
	}
	return first - n, time.Duration(ms) * time.Millisecond, nil
}

// SaveTarget keeps how long the segments of a channel's last stream were at most.
func (db *DB) SaveTarget(ctx context.Context, channel ivs.ARN, target time.Duration) error {
	const save = `INSERT INTO counters (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = $3`
	ms := target.Milliseconds()
	err := db.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, save, "target "+channel.String(), ms, ms)
		return err
	})
	if err != nil {
		return db.fail("save the length of segments", err)
	}
	return nil
}

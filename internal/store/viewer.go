package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"openivs/internal/ivs"
)

const revocationName = "revocation of viewer"

// Revoke notes that a viewer's sessions are over. A version once noted never
// goes back.
func (db *DB) Revoke(ctx context.Context, v ivs.Revocation) error {
	const count = `UPDATE counters SET value = value + 1 WHERE name = 'revocation' RETURNING value`
	const q = `INSERT INTO revocations (id, channel, viewer, version, changed) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (channel, viewer) DO UPDATE SET changed = excluded.changed, version =
		CASE WHEN excluded.version > revocations.version THEN excluded.version ELSE revocations.version END`
	err := db.tx(ctx, func(tx *sql.Tx) error {
		channel, _, _, err := db.lockChannel(ctx, tx, v.Channel)
		if err != nil {
			return err
		}
		// The counter stays locked until tx ends, so that who reads on from a
		// number misses none that is committed later.
		var changed int64
		if err := tx.QueryRowContext(ctx, count).Scan(&changed); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, q, db.ids.next(), channel, clean(v.Viewer), v.Version, changed)
		return err
	})
	return db.found(channelName, v.Channel.String(), err)
}

// Revocation returns what is noted of a viewer of a channel.
func (db *DB) Revocation(ctx context.Context, channel ivs.ARN, viewer string) (ivs.Revocation, error) {
	const q = `SELECT version FROM revocations WHERE channel = (SELECT id FROM channels WHERE arn = $1) AND viewer = $2`
	v := ivs.Revocation{Channel: channel, Viewer: viewer}
	err := db.read.queryRow(ctx, q, channel.String(), clean(viewer)).Scan(&v.Version)
	return v, db.found(revocationName, viewer, err)
}

const revocationsSQL = `SELECT c.arn, r.viewer, r.version, r.changed FROM revocations r
	JOIN channels c ON c.id = r.channel WHERE r.changed > $1 ORDER BY r.changed LIMIT $2`

// RevocationsAfter returns at most limit revocations that were noted, or noted
// again, after the change of a number, and the number of the last of them. Any
// number of servers may follow; 0 is before all.
func (db *DB) RevocationsAfter(ctx context.Context, after int64, limit int) ([]ivs.Revocation, int64, error) {
	last := after
	rows, err := db.read.query(ctx, revocationsSQL, after, limit)
	list, err := collect(rows, err, func(row scanner) (v ivs.Revocation, err error) {
		var arn string
		if err = row.Scan(&arn, &v.Viewer, &v.Version, &last); err == nil {
			v.Channel, err = ivs.ParseARN(arn)
		}
		return v, err
	})
	if err != nil {
		return nil, after, db.fail("read revocations", err)
	}
	return list, last, nil
}

// UseToken notes that a token for one use was used on a channel, and reports
// whether that was the first time. It is remembered until it has run out.
func (db *DB) UseToken(ctx context.Context, channel ivs.ARN, id string, until time.Time) (first bool, err error) {
	const q = `INSERT INTO used_tokens (name, expires_us) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`
	err = db.tx(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, q, channel.String()+" "+id, micros(until))
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		first = n == 1
		return err
	})
	if err != nil {
		return false, db.fail("note that a token was used", err)
	}
	return first, nil
}

// ForgetTokens forgets used tokens that had run out at a time.
func (db *DB) ForgetTokens(ctx context.Context, at time.Time) error {
	err := db.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM used_tokens WHERE expires_us < $1`, micros(at))
		return err
	})
	if err != nil {
		return db.fail("forget used tokens", err)
	}
	return nil
}

// clean makes the name of a viewer, which is any text of a client, one that
// PostgreSQL takes: valid UTF-8 without NUL. All other text is cleaned where it
// comes in.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}

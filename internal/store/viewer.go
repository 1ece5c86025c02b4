package store

import (
	"context"
	"database/sql"
	"strings"

	"openivs/internal/ivs"
)

const revocationName = "revocation of viewer"

// Revoke notes that a viewer's sessions are over. A version once noted never
// goes back.
func (db *DB) Revoke(ctx context.Context, v ivs.Revocation) error {
	const q = `INSERT INTO revocations (id, channel, viewer, version) VALUES ($1, $2, $3, $4)
		ON CONFLICT (channel, viewer) DO UPDATE SET version =
		CASE WHEN excluded.version > revocations.version THEN excluded.version ELSE revocations.version END`
	err := db.tx(ctx, func(tx *sql.Tx) error {
		channel, _, _, err := db.lockChannel(ctx, tx, v.Channel)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, q, db.ids.next(), channel, clean(v.Viewer), v.Version)
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

// clean makes the name of a viewer, which is any text of a client, one that
// PostgreSQL takes: valid UTF-8 without NUL. All other text is cleaned where it
// comes in.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"openivs/internal/ivs"
)

const (
	streamKeyFrom    = `SELECT k.id, k.arn, c.arn, k.value, k.tags` + keyTables
	openKeyFrom      = `SELECT k.id, k.arn, c.arn, NULL, k.tags` + keyTables // the same, without what is sealed
	keyTables        = ` FROM stream_keys k JOIN channels c ON c.id = k.channel `
	streamKeyContext = "stream_keys.value "
)

// CreateStreamKey adds a key to a channel that has fewer than limit.
func (db *DB) CreateStreamKey(ctx context.Context, k ivs.StreamKey, limit int) error {
	err := db.tx(ctx, func(tx *sql.Tx) error {
		channel, _, _, err := db.lockChannel(ctx, tx, k.Channel)
		if err != nil {
			return err
		}
		var n int
		const count = `SELECT COUNT(*) FROM stream_keys WHERE channel = $1`
		if err := tx.QueryRowContext(ctx, count, channel).Scan(&n); err != nil {
			return err
		}
		if n >= limit {
			return ivs.Errorf(ivs.QuotaExceeded, "channel %s has %d stream keys, at most %d are allowed", k.Channel, n, limit)
		}
		return db.insertStreamKey(ctx, tx, channel, k)
	})
	return db.found(channelName, k.Channel.String(), err)
}

func (db *DB) insertStreamKey(ctx context.Context, tx *sql.Tx, channel int64, k ivs.StreamKey) error {
	const q = `INSERT INTO stream_keys (id, arn, channel, lookup, value, tags) VALUES ($1, $2, $3, $4, $5, $6)`
	tags, err := tagsJSON(k.Tags)
	if err != nil {
		return err
	}
	value, arn := string(k.Value), k.ARN.String()
	_, err = tx.ExecContext(ctx, q, db.ids.next(), arn, channel,
		db.key.Hash(value), db.key.Seal([]byte(value), streamKeyContext+arn), tags)
	return err
}

// StreamKey returns a stream key.
func (db *DB) StreamKey(ctx context.Context, arn ivs.ARN) (ivs.StreamKey, error) {
	_, k, err := db.scanStreamKey(db.read.queryRow(ctx, streamKeyFrom+`WHERE k.arn = $1`, arn.String()))
	return k, db.found(streamKeyName, arn.String(), err)
}

// StreamKeysByARN returns those of the stream keys that exist.
func (db *DB) StreamKeysByARN(ctx context.Context, arns []ivs.ARN) ([]ivs.StreamKey, error) {
	if len(arns) == 0 {
		return nil, nil
	}
	rows, err := db.read.db.QueryContext(ctx, streamKeyFrom+`WHERE k.arn IN `+list(len(arns)), texts(arns)...)
	out, err := collect(rows, err, func(row scanner) (ivs.StreamKey, error) {
		_, k, err := db.scanStreamKey(row)
		return k, err
	})
	return out, db.done("read stream keys", err)
}

// StreamKeys lists the keys of a channel, the oldest first, without their values.
func (db *DB) StreamKeys(ctx context.Context, channel ivs.ARN, after int64, limit int) (ivs.Page[ivs.StreamKey], error) {
	const q = openKeyFrom + `WHERE c.arn = $1 AND k.id > $2 ORDER BY k.id LIMIT $3`
	rows, err := db.read.query(ctx, q, channel.String(), after, limit+1)
	page, err := collectPage(rows, err, limit, db.scanStreamKey)
	return page, db.done("list the stream keys of "+channel.String(), err)
}

// DeleteStreamKey deletes a stream key. Who publishes with it may go on.
func (db *DB) DeleteStreamKey(ctx context.Context, arn ivs.ARN) error {
	const q = `DELETE FROM stream_keys WHERE arn = $1 RETURNING id`
	err := db.tx(ctx, func(tx *sql.Tx) error {
		var id int64
		return tx.QueryRowContext(ctx, q, arn.String()).Scan(&id)
	})
	return db.found(streamKeyName, arn.String(), err)
}

// Publisher returns the channel that a stream key opens.
func (db *DB) Publisher(ctx context.Context, key ivs.Secret) (ivs.Channel, error) {
	const q = `SELECT ` + channelColumns + ` FROM channels
		WHERE id = (SELECT channel FROM stream_keys WHERE lookup = $1)`
	_, c, err := db.scanChannel(db.read.queryRow(ctx, q, db.key.Hash(string(key))))
	return c, db.found(streamKeyName, "as given", err)
}

// scanStreamKey reads the columns of streamKeyFrom or openKeyFrom.
func (db *DB) scanStreamKey(row scanner) (int64, ivs.StreamKey, error) {
	var id int64
	var arn, channel string
	var sealed, tags []byte
	if err := row.Scan(&id, &arn, &channel, &sealed, &tags); err != nil {
		return 0, ivs.StreamKey{}, err
	}
	var k ivs.StreamKey
	var err error
	if k.ARN, err = ivs.ParseARN(arn); err != nil {
		return 0, k, err
	}
	if k.Channel, err = ivs.ParseARN(channel); err != nil {
		return 0, k, err
	}
	if err := json.Unmarshal(tags, &k.Tags); err != nil {
		return 0, k, fmt.Errorf("decode the tags of %s: %w", arn, err)
	}
	if sealed == nil {
		return id, k, nil
	}
	value, err := db.key.Open(sealed, streamKeyContext+arn)
	if err != nil {
		return 0, k, fmt.Errorf("open the value of %s: %w", arn, err)
	}
	k.Value = ivs.Secret(value)
	return id, k, nil
}

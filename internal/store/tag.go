package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"openivs/internal/ivs"
)

// tagged returns the table that holds a kind of resource, with columns arn and
// tags.
func tagged(arn ivs.ARN) (string, error) {
	switch arn.Kind {
	case ivs.KindChannel:
		return channelTable, nil
	case ivs.KindStreamKey:
		return "stream_keys", nil
	case ivs.KindPlaybackKeyPair:
		return keyPairTable, nil
	case ivs.KindRecordingConfiguration:
		return recordingTable, nil
	case ivs.KindPlaybackRestrictionPolicy:
		return restrictionTable, nil
	case ivs.KindAdConfiguration:
		return adTable, nil
	default:
		return "", sql.ErrNoRows
	}
}

// Tags returns the tags of a resource.
func (db *DB) Tags(ctx context.Context, arn ivs.ARN) (ivs.Tags, error) {
	table, err := tagged(arn)
	if err != nil {
		return nil, db.found(resourceName, arn.String(), err)
	}
	tags, err := scanTags(db.read.queryRow(ctx, `SELECT tags FROM `+table+` WHERE arn = $1`, arn.String()))
	return tags, db.found(resourceName, arn.String(), err)
}

// UpdateTags reads, changes and writes the tags of a resource in one
// transaction. change may be called more than once, each time with the tags as
// they then are.
func (db *DB) UpdateTags(ctx context.Context, arn ivs.ARN, change func(t ivs.Tags) error) error {
	table, err := tagged(arn)
	if err != nil {
		return db.found(resourceName, arn.String(), err)
	}
	err = db.tx(ctx, func(tx *sql.Tx) error {
		tags, err := scanTags(tx.QueryRowContext(ctx,
			`UPDATE `+table+` SET arn = arn WHERE arn = $1 RETURNING tags`, arn.String())) // the update locks
		if err != nil {
			return err
		}
		if err := change(tags); err != nil {
			return err
		}
		text, err := tagsJSON(tags)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE `+table+` SET tags = $1 WHERE arn = $2`, text, arn.String())
		return err
	})
	return db.found(resourceName, arn.String(), err)
}

func scanTags(row scanner) (ivs.Tags, error) {
	var text []byte
	if err := row.Scan(&text); err != nil {
		return nil, err
	}
	tags := ivs.Tags{}
	if err := json.Unmarshal(text, &tags); err != nil {
		return nil, fmt.Errorf("decode tags: %w", err)
	}
	return tags, nil
}

func tagsJSON(t ivs.Tags) (string, error) {
	b, err := json.Marshal(t.Clone())
	if err != nil {
		return "", fmt.Errorf("encode tags: %w", err)
	}
	return string(b), nil
}

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"openivs/internal/ivs"
)

// Resources is a table of resources that are read and written whole. Its
// methods may be called from any goroutine.
type Resources[T any] struct {
	db     *DB
	table  string // also the name of its counter
	name   string // of one, in messages
	column string // of channels, that points here; "": none does
	unique string // column that no two resources have the same of; "": none
	key    func(*T) string
	parts  func(*T) (arn ivs.ARN, tags *ivs.Tags)
}

// The tables of resources.
const (
	recordingTable   = "recording_configurations"
	restrictionTable = "restriction_policies"
	adTable          = "ad_configurations"
	keyPairTable     = "playback_key_pairs"
	channelTable     = "channels"
)

// RecordingConfigurations returns the table of recording configurations.
func (db *DB) RecordingConfigurations() *Resources[ivs.RecordingConfiguration] {
	return &Resources[ivs.RecordingConfiguration]{
		db: db, table: recordingTable, name: "recording configuration", column: "recording",
		parts: func(c *ivs.RecordingConfiguration) (ivs.ARN, *ivs.Tags) { return c.ARN, &c.Tags },
	}
}

// RestrictionPolicies returns the table of playback restriction policies.
func (db *DB) RestrictionPolicies() *Resources[ivs.RestrictionPolicy] {
	return &Resources[ivs.RestrictionPolicy]{
		db: db, table: restrictionTable, name: "playback restriction policy", column: "restriction",
		parts: func(p *ivs.RestrictionPolicy) (ivs.ARN, *ivs.Tags) { return p.ARN, &p.Tags },
	}
}

// AdConfigurations returns the table of ad configurations.
func (db *DB) AdConfigurations() *Resources[ivs.AdConfiguration] {
	return &Resources[ivs.AdConfiguration]{
		db: db, table: adTable, name: "ad configuration", column: "ad_configuration",
		parts: func(c *ivs.AdConfiguration) (ivs.ARN, *ivs.Tags) { return c.ARN, &c.Tags },
	}
}

// PlaybackKeyPairs returns the table of playback key pairs. No two have the
// same fingerprint.
func (db *DB) PlaybackKeyPairs() *Resources[ivs.PlaybackKeyPair] {
	return &Resources[ivs.PlaybackKeyPair]{
		db: db, table: keyPairTable, name: "playback key pair", unique: "fingerprint",
		key:   func(k *ivs.PlaybackKeyPair) string { return k.Fingerprint },
		parts: func(k *ivs.PlaybackKeyPair) (ivs.ARN, *ivs.Tags) { return k.ARN, &k.Tags },
	}
}

// Create stores a new resource where there are fewer than limit.
func (r *Resources[T]) Create(ctx context.Context, v T, limit int) error {
	arn, _ := r.parts(&v)
	settings, tags, err := r.encode(v)
	if err != nil {
		return err
	}
	q := `INSERT INTO ` + r.table + ` (id, arn, settings, tags) VALUES ($1, $2, $3, $4)`
	args := []any{r.db.ids.next(), arn.String(), settings, tags}
	if r.unique != "" {
		q = `INSERT INTO ` + r.table + ` (id, arn, settings, tags, ` + r.unique + `) VALUES ($1, $2, $3, $4, $5)`
		args = append(args, r.key(&v))
	}
	err = r.db.tx(ctx, func(tx *sql.Tx) error {
		if r.unique != "" { // a resource twice is a conflict, also where there are limit
			var n int
			err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+r.table+` WHERE `+r.unique+` = $1`, r.key(&v)).Scan(&n)
			if err == nil && n > 0 {
				err = ivs.Errorf(ivs.Conflict, "%s: it exists already", r.name)
			}
			if err != nil {
				return err
			}
		}
		if err := count(ctx, tx, r.table, limit); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, q, args...)
		return err
	})
	return r.db.done("create "+arn.String(), err)
}

// count takes one of the limit places that a table has, until tx ends or for good.
func count(ctx context.Context, tx *sql.Tx, table string, limit int) error {
	const q = `UPDATE counters SET value = value + 1 WHERE name = $1 RETURNING value`
	var n int
	if err := tx.QueryRowContext(ctx, q, table).Scan(&n); err != nil {
		return err
	}
	if n > limit {
		return ivs.Errorf(ivs.QuotaExceeded, "there are %d %s, at most %d are allowed", n-1, table, limit)
	}
	return nil
}

// uncount gives a place back.
func uncount(ctx context.Context, tx *sql.Tx, table string) error {
	_, err := tx.ExecContext(ctx, `UPDATE counters SET value = value - 1 WHERE name = $1`, table)
	return err
}

// Get returns a resource.
func (r *Resources[T]) Get(ctx context.Context, arn ivs.ARN) (T, error) {
	_, v, err := r.scan(r.db.read.queryRow(ctx, `SELECT id, settings, tags FROM `+r.table+` WHERE arn = $1`, arn.String()))
	return v, r.db.found(r.name, arn.String(), err)
}

// List returns resources by creation, the oldest first.
func (r *Resources[T]) List(ctx context.Context, after int64, limit int) (ivs.Page[T], error) {
	q := `SELECT id, settings, tags FROM ` + r.table + ` WHERE id > $1 ORDER BY id LIMIT $2`
	rows, err := r.db.read.query(ctx, q, after, limit+1)
	page, err := collectPage(rows, err, limit, r.scan)
	return page, r.db.done("list "+r.table, err)
}

// Update reads, changes and writes a resource in one transaction. change may be
// called more than once, each time with the resource as it then is.
func (r *Resources[T]) Update(ctx context.Context, arn ivs.ARN, change func(*T) error) (T, error) {
	var v T
	err := r.db.tx(ctx, func(tx *sql.Tx) error {
		var id int64
		var err error
		if id, v, err = r.scan(tx.QueryRowContext(ctx, lockSQL(r.table), arn.String())); err != nil {
			return err
		}
		if err := change(&v); err != nil {
			return err
		}
		settings, tags, err := r.encode(v)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE `+r.table+` SET settings = $1, tags = $2 WHERE id = $3`, settings, tags, id)
		return err
	})
	return v, r.db.found(r.name, arn.String(), err)
}

// Delete deletes a resource, if allow lets it; allow may be called more than
// once. used says whether a channel points to it.
func (r *Resources[T]) Delete(ctx context.Context, arn ivs.ARN, allow func(used bool) error) error {
	err := r.db.tx(ctx, func(tx *sql.Tx) error {
		id, _, err := r.scan(tx.QueryRowContext(ctx, lockSQL(r.table), arn.String()))
		if err != nil {
			return err
		}
		n := 0
		if r.column != "" {
			q := `SELECT COUNT(*) FROM channels WHERE ` + r.column + ` = $1`
			if err := tx.QueryRowContext(ctx, q, arn.String()).Scan(&n); err != nil {
				return err
			}
		}
		if err := allow(n > 0); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+r.table+` WHERE id = $1`, id); err != nil {
			return err
		}
		return uncount(ctx, tx, r.table)
	})
	return r.db.found(r.name, arn.String(), err)
}

// lockSQL reads a resource and keeps others from changing or deleting it until
// the transaction ends.
func lockSQL(table string) string {
	return `UPDATE ` + table + ` SET arn = arn WHERE arn = $1 RETURNING id, settings, tags`
}

// refer keeps what a channel points to from being deleted until tx ends. What
// was so before need not be looked at: it cannot be deleted.
func refer(ctx context.Context, tx *sql.Tx, before, c ivs.Channel) error {
	for _, to := range []struct {
		table    string
		was, now ivs.ARN
	}{
		{recordingTable, before.Recording, c.Recording},
		{restrictionTable, before.Restriction, c.Restriction},
		{adTable, before.AdConfiguration, c.AdConfiguration},
	} {
		if to.now == to.was || to.now == (ivs.ARN{}) {
			continue
		}
		res, err := tx.ExecContext(ctx, `UPDATE `+to.table+` SET arn = arn WHERE arn = $1`, to.now.String())
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if n == 0 {
			return ivs.Errorf(ivs.NotFound, "%s does not exist", to.now)
		}
	}
	return nil
}

// encode returns a resource's settings and its tags.
func (r *Resources[T]) encode(v T) (settings, tags string, err error) {
	arn, t := r.parts(&v)
	if tags, err = tagsJSON(*t); err != nil {
		return "", "", err
	}
	*t = nil
	b, err := json.Marshal(v)
	if err != nil {
		return "", "", fmt.Errorf("encode %s: %w", arn, err)
	}
	return string(b), tags, nil
}

// scan reads id, settings and tags.
func (r *Resources[T]) scan(row scanner) (int64, T, error) {
	var v T
	var id int64
	var settings, tags []byte
	if err := row.Scan(&id, &settings, &tags); err != nil {
		return 0, v, err
	}
	if err := json.Unmarshal(settings, &v); err != nil {
		return 0, v, fmt.Errorf("decode a %s: %w", r.name, err)
	}
	_, t := r.parts(&v)
	if err := json.Unmarshal(tags, t); err != nil {
		return 0, v, fmt.Errorf("decode the tags of a %s: %w", r.name, err)
	}
	return id, v, nil
}

// Recording returns the recording configuration that a session begins with.
func (db *DB) Recording(ctx context.Context, arn ivs.ARN) (ivs.RecordingConfiguration, error) {
	return db.RecordingConfigurations().Get(ctx, arn)
}

package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"time"

	"openivs/internal/ivs"
)

// An AccessKey lets a program call the API.
type AccessKey struct {
	ID       string
	Secret   ivs.Secret
	Created  time.Time
	Disabled bool
}

const (
	accessKeyFrom    = `SELECT id, created_us, disabled, secret FROM access_keys `
	accessKeyContext = "access_keys.secret "
	// accessFresh is how long a change of access keys by another process may
	// stay unnoticed. Our own changes take effect at once.
	accessFresh = 2 * time.Second
)

// An accessCache holds the access keys as they were a moment ago; it never
// holds up who finds what it needs in it.
type accessCache struct {
	now     atomic.Pointer[accessKeys]
	changes atomic.Int64  // counts our own changes
	reading chan struct{} // holds one value while somebody reads
}

// accessKeys is never changed once published.
type accessKeys struct {
	byID    map[string]AccessKey
	read    time.Time
	changes int64 // that were made before they were read
}

// fresh returns the keys if they are recent enough.
func (c *accessCache) fresh() (*accessKeys, bool) {
	keys := c.now.Load()
	return keys, keys != nil && keys.changes == c.changes.Load() && time.Since(keys.read) < accessFresh
}

// CreateAccessKey stores an access key.
func (db *DB) CreateAccessKey(ctx context.Context, k AccessKey) error {
	const q = `INSERT INTO access_keys (id, created_us, disabled, secret) VALUES ($1, $2, $3, $4)`
	sealed := db.key.Seal([]byte(string(k.Secret)), accessKeyContext+k.ID)
	return db.changeAccess(ctx, k.ID, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, q, k.ID, micros(k.Created), flag(k.Disabled), sealed)
		return err
	})
}

// AccessKey returns an access key, disabled or not. It is meant to be asked for
// every request: most answers come from memory.
func (db *DB) AccessKey(ctx context.Context, id string) (AccessKey, error) {
	keys, err := db.accessKeys(ctx)
	if err != nil {
		return AccessKey{}, err
	}
	k, ok := keys.byID[id]
	if !ok {
		return AccessKey{}, ivs.Errorf(ivs.NotFound, "%s %s does not exist", accessKeyName, id)
	}
	return k, nil
}

// AccessKeys lists all access keys, the oldest first.
func (db *DB) AccessKeys(ctx context.Context) ([]AccessKey, error) {
	rows, err := db.read.query(ctx, accessKeyFrom+`ORDER BY created_us, id`)
	out, err := collect(rows, err, db.scanAccessKey)
	return out, db.done("read access keys", err)
}

// DisableAccessKey turns an access key off, or on again.
func (db *DB) DisableAccessKey(ctx context.Context, id string, disabled bool) error {
	const q = `UPDATE access_keys SET disabled = $1 WHERE id = $2 RETURNING id`
	return db.changeAccess(ctx, id, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, q, flag(disabled), id).Scan(new(string))
	})
}

// DeleteAccessKey deletes an access key.
func (db *DB) DeleteAccessKey(ctx context.Context, id string) error {
	const q = `DELETE FROM access_keys WHERE id = $1 RETURNING id`
	return db.changeAccess(ctx, id, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, q, id).Scan(new(string))
	})
}

// changeAccess changes one access key and has the next reader look again.
func (db *DB) changeAccess(ctx context.Context, id string, change func(tx *sql.Tx) error) error {
	err := db.tx(ctx, change)
	db.access.changes.Add(1)
	return db.found(accessKeyName, id, err)
}

func (db *DB) accessKeys(ctx context.Context) (*accessKeys, error) {
	if keys, ok := db.access.fresh(); ok {
		return keys, nil
	}
	select {
	case db.access.reading <- struct{}{}:
		defer func() { <-db.access.reading }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if keys, ok := db.access.fresh(); ok {
		return keys, nil
	}
	keys := &accessKeys{byID: make(map[string]AccessKey), read: time.Now(), changes: db.access.changes.Load()}
	all, err := db.AccessKeys(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		keys.byID[k.ID] = k
	}
	db.access.now.Store(keys)
	return keys, nil
}

func (db *DB) scanAccessKey(row scanner) (AccessKey, error) {
	var k AccessKey
	var created int64
	var sealed []byte
	if err := row.Scan(&k.ID, &created, &k.Disabled, &sealed); err != nil {
		return k, err
	}
	secret, err := db.key.Open(sealed, accessKeyContext+k.ID)
	if err != nil {
		return k, fmt.Errorf("open the secret of access key %s: %w", k.ID, err)
	}
	k.Secret, k.Created = ivs.Secret(secret), instant(created)
	return k, nil
}

// flag is the stored form of a truth value.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

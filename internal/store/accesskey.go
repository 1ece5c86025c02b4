package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"openivs/internal/ivs"
)

// An AccessKey lets a program call the API.
type AccessKey struct {
	ID           string
	Name         string // of whoever has it; may be empty
	Secret       ivs.Secret
	SessionToken ivs.Secret // has to come with every request; "" for a key that needs none
	Policies     []string   // what it may do, as package access reads them; never changed once read
	Created      time.Time
	Expires      time.Time // zero: never
	Disabled     bool
}

const (
	accessKeyFrom    = `SELECT id, name, created_us, expires_us, disabled, policies, secret FROM access_keys `
	accessKeyContext = "access_keys.secret "
	// tokenBehind stands between a secret and a session token, which are sealed
	// as one.
	tokenBehind = "\n"
	// accessFresh is how long a change of access keys by another process may
	// stay unnoticed. Our own changes take effect at once.
	accessFresh = 2 * time.Second
	// accessForgotten is how long an expired access key is still listed.
	accessForgotten = 7 * 24 * time.Hour
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

// CreateAccessKey stores an access key, and forgets those that expired long ago.
func (db *DB) CreateAccessKey(ctx context.Context, k AccessKey) error {
	const forget = `DELETE FROM access_keys WHERE expires_us > 0 AND expires_us < $1`
	const q = `INSERT INTO access_keys (id, name, created_us, expires_us, disabled, policies, secret) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	policies, err := json.Marshal(k.Policies)
	if err != nil {
		return fmt.Errorf("encode policies: %w", err)
	}
	plain := string(k.Secret)
	if k.SessionToken != "" {
		plain += tokenBehind + string(k.SessionToken)
	}
	sealed := db.key.Seal([]byte(plain), accessKeyContext+k.ID)
	return db.changeAccess(ctx, k.ID, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, forget, time.Now().Add(-accessForgotten).UnixMicro()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, q, k.ID, k.Name, micros(k.Created), micros(k.Expires), flag(k.Disabled), string(policies), sealed)
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

// DisableAccessKey turns an access key off, or on again, if allow lets it with
// all access keys as they would then be.
func (db *DB) DisableAccessKey(ctx context.Context, id string, disabled bool, allow func(then []AccessKey) error) error {
	const q = `UPDATE access_keys SET disabled = $1 WHERE id = $2 RETURNING id`
	return db.changeAllowed(ctx, id, allow, q, flag(disabled), id)
}

// DeleteAccessKey deletes an access key, if allow lets it with all access keys
// that would be left.
func (db *DB) DeleteAccessKey(ctx context.Context, id string, allow func(then []AccessKey) error) error {
	const q = `DELETE FROM access_keys WHERE id = $1 RETURNING id`
	return db.changeAllowed(ctx, id, allow, q, id)
}

// changeAllowed makes a change and asks whether it may be, with nobody else
// changing access keys meanwhile.
func (db *DB) changeAllowed(ctx context.Context, id string, allow func(then []AccessKey) error, q string, args ...any) error {
	var refused error
	err := db.changeAccess(ctx, id, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE access_keys SET id = id`); err != nil { // locks them
			return err
		}
		if err := tx.QueryRowContext(ctx, q, args...).Scan(new(string)); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, accessKeyFrom+`ORDER BY created_us, id`)
		then, err := collect(rows, err, db.scanAccessKey)
		if err != nil {
			return err
		}
		refused = allow(then)
		return refused
	})
	if refused != nil {
		return refused
	}
	return err
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
	var created, expires int64
	var policies, sealed []byte
	if err := row.Scan(&k.ID, &k.Name, &created, &expires, &k.Disabled, &policies, &sealed); err != nil {
		return k, err
	}
	if err := json.Unmarshal(policies, &k.Policies); err != nil {
		return k, fmt.Errorf("read the policies of access key %s: %w", k.ID, err)
	}
	k.Created, k.Expires = instant(created), instant(expires)
	plain, err := db.key.Open(sealed, accessKeyContext+k.ID)
	if err != nil {
		return k, fmt.Errorf("open the secret of access key %s: %w", k.ID, err)
	}
	secret, token, _ := strings.Cut(string(plain), tokenBehind)
	k.Secret, k.SessionToken = ivs.Secret(secret), ivs.Secret(token)
	return k, nil
}

// flag is the stored form of a truth value.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

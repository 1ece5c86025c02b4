package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"openivs/internal/access"
	"openivs/internal/config"
	"openivs/internal/ivs"
	"openivs/internal/seal"
	"openivs/internal/store"
)

// A Grant says what a new access key is for.
type Grant struct {
	Name     string        // of whoever gets it; "": the key's id
	Policies []string      // names of managed policies and documents; none: everything is allowed
	For      time.Duration // 0: it does not expire
	Token    bool          // it is temporary: a session token belongs to it
}

// Bounds of temporary keys (AWS Security Token Service, GetSessionToken).
const (
	minToken     = 15 * time.Minute
	maxToken     = 36 * time.Hour
	defaultToken = 12 * time.Hour
	tokenLength  = 200 // characters
)

var nameForm = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{1,64}$`) // as IAM user names

// CreateAccessKey makes an access key, also while a server runs. It is the only
// time that its secret can be read.
func CreateAccessKey(ctx context.Context, cfg *config.Config, g Grant) (store.AccessKey, error) {
	k, err := g.key(time.Now())
	if err != nil {
		return store.AccessKey{}, err
	}
	err = beside(ctx, cfg, func(db *store.DB) error { return db.CreateAccessKey(ctx, k) })
	return k, err
}

func (g Grant) key(now time.Time) (store.AccessKey, error) {
	k := newAccessKey()
	if g.Name != "" && !nameForm.MatchString(g.Name) {
		return k, fmt.Errorf("the name %q is not 1 to 64 letters, digits or any of _+=,.@-", g.Name)
	}
	k.Name = g.Name
	if len(g.Policies) > 0 {
		k.Policies = g.Policies
	}
	if err := access.Check(k.Policies); err != nil {
		return k, err
	}
	if g.Token {
		if g.For == 0 {
			g.For = defaultToken
		}
		if g.For < minToken || g.For > maxToken {
			return k, fmt.Errorf("a key with a session token lasts %v to %v, not %v", minToken, maxToken, g.For)
		}
		k.ID = "ASIA" + strings.TrimPrefix(k.ID, "AKIA")
		k.SessionToken = ivs.Secret(ivs.RandomID(tokenLength))
	}
	if g.For < 0 {
		return k, fmt.Errorf("a key cannot expire before it is made: %v", g.For)
	}
	if g.For > 0 {
		k.Expires = now.Add(g.For)
	}
	return k, nil
}

// AccessKeys lists all access keys, without their secrets, also while a server
// runs.
func AccessKeys(ctx context.Context, cfg *config.Config) ([]store.AccessKey, error) {
	var keys []store.AccessKey
	err := beside(ctx, cfg, func(db *store.DB) (err error) {
		keys, err = db.AccessKeys(ctx)
		return err
	})
	for i := range keys {
		keys[i].Secret, keys[i].SessionToken = "", ""
	}
	return keys, err
}

// ErrLastKey says that no access key would be left that may do everything.
var ErrLastKey = errors.New("no access key would be left that may do everything, does not expire and is enabled")

// DisableAccessKey turns an access key off or on again, also while a server runs.
// Unless force is set, the last one that may do everything stays on.
func DisableAccessKey(ctx context.Context, cfg *config.Config, id string, disabled, force bool) error {
	return beside(ctx, cfg, func(db *store.DB) error {
		return db.DisableAccessKey(ctx, id, disabled, keepOne(force || !disabled))
	})
}

// DeleteAccessKey deletes an access key, also while a server runs. Unless force
// is set, the last one that may do everything stays.
func DeleteAccessKey(ctx context.Context, cfg *config.Config, id string, force bool) error {
	return beside(ctx, cfg, func(db *store.DB) error { return db.DeleteAccessKey(ctx, id, keepOne(force)) })
}

// keepOne allows a change of access keys that does not lock everyone out.
func keepOne(force bool) func(then []store.AccessKey) error {
	return func(then []store.AccessKey) error {
		if force || slices.ContainsFunc(then, opensAll) {
			return nil
		}
		return ErrLastKey
	}
}

// opensAll reports whether a key may do everything, and will tomorrow.
func opensAll(k store.AccessKey) bool {
	return !k.Disabled && k.Expires.IsZero() && access.Everything(k.Policies)
}

// usable reports whether a key is let in.
func usable(k store.AccessKey, now time.Time) bool {
	return !k.Disabled && (k.Expires.IsZero() || now.Before(k.Expires))
}

// beside opens the database beside a server that may run, and sees that the
// credentials file still has a key that works.
func beside(ctx context.Context, cfg *config.Config, do func(db *store.DB) error) error {
	if err := databaseThere(cfg); err != nil {
		return err
	}
	key, err := seal.Load(MasterKeyFile(cfg))
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(cfg), Key: key, Mode: store.Guest})
	if err != nil {
		return err
	}
	if err = do(db); err == nil {
		err = refreshCredentials(ctx, cfg.Data, db)
	}
	return errors.Join(err, db.Close())
}

// refreshCredentials replaces the credentials file, if there is one, when its key
// works no more and another may do everything.
func refreshCredentials(ctx context.Context, data string, db *store.DB) error {
	if _, _, err := ReadCredentials(data); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	keys, err := db.AccessKeys(ctx)
	if err != nil || !slices.ContainsFunc(keys, opensAll) {
		return err
	}
	return ensureCredentials(ctx, data, db, slog.New(slog.DiscardHandler))
}

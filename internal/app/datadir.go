package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"openivs/internal/config"
	"openivs/internal/durable"
	"openivs/internal/ivs"
	"openivs/internal/lock"
	"openivs/internal/seal"
	"openivs/internal/store"
)

// What the data directory holds, besides the files in credentials.go and
// endpoints.go, openivs.yaml of package config and the lock of package store.
const (
	databaseName  = "openivs.db"
	masterKeyName = "master.key"
	tlsName       = "tls"    // authority and certificate of our own, with their keys
	authorityName = "ca.pem" // what clients need to trust them; only while they are in use
)

// AuthorityFile returns the file with the authority that clients have to trust,
// or "" if the server has a certificate from elsewhere.
func AuthorityFile(data string) string {
	path, err := filepath.Abs(filepath.Join(data, authorityName))
	if err != nil || !durable.Exists(path) {
		return ""
	}
	return path
}

// DatabaseURL returns the URL of the database in the form of package store.
func DatabaseURL(cfg *config.Config) string {
	if cfg.Database == config.SQLite {
		return filepath.Join(cfg.Data, databaseName)
	}
	return cfg.Database
}

// MasterKeyFile returns where the master key is.
func MasterKeyFile(cfg *config.Config) string {
	if cfg.MasterKeyFile != "" {
		return cfg.MasterKeyFile
	}
	return filepath.Join(cfg.Data, masterKeyName)
}

// lockData makes the data directory if it is not there and takes its lock,
// before anything in it is changed.
func lockData(data string, log *slog.Logger) (*lock.Lock, error) {
	if err := os.MkdirAll(data, durable.Folder); err != nil {
		return nil, fmt.Errorf("make the data directory: %w; choose another with --data", err)
	}
	held, err := lock.Dir(data)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(data); err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("others than its owner can reach into the data directory: run chmod 700 on it", "file", data)
	}
	return held, nil
}

// openStore opens the database as its owner with the master key, which a first
// start makes. A key that was made in vain is taken away again.
func openStore(ctx context.Context, cfg *config.Config, log *slog.Logger) (*store.DB, *seal.Key, error) {
	file := MasterKeyFile(cfg)
	if durable.Exists(file + nextKey) {
		if db, key, err := openRekeyed(ctx, cfg, log); err == nil {
			return db, key, nil
		}
	}
	fresh := !durable.Exists(file)
	if fresh && cfg.Database == config.SQLite && durable.Exists(DatabaseURL(cfg)) {
		return nil, nil, fmt.Errorf("the master key %s is missing, and the database %s cannot be read without it: put its copy back, "+
			"or restore a backup", file, DatabaseURL(cfg))
	}
	key, err := seal.LoadOrCreate(file)
	if err != nil {
		return nil, nil, err
	}
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(cfg), Key: key, Log: log})
	if err != nil && fresh {
		err = errors.Join(err, os.Remove(file))
	}
	if err != nil {
		return nil, nil, err
	}
	return db, key, nil
}

// ensureCredentials makes sure that there is an access key that may do
// everything, and that the credentials file in the data directory has a key that
// works.
func ensureCredentials(ctx context.Context, data string, db *store.DB, log *slog.Logger) error {
	id, _, err := ReadCredentials(data)
	if err == nil {
		k, err := db.AccessKey(ctx, id)
		if err == nil && usable(k, time.Now()) {
			return nil
		}
		if err != nil && ivs.CodeOf(err) != ivs.NotFound {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	keys, err := db.AccessKeys(ctx)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if opensAll(k) {
			return writeCredentials(data, k.ID, k.Secret)
		}
	}
	k := newAccessKey()
	if err := db.CreateAccessKey(ctx, k); err != nil {
		return err
	}
	log.Info("access key created", "file", filepath.Join(data, credentialsName))
	return writeCredentials(data, k.ID, k.Secret)
}

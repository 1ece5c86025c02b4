package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"openivs/internal/config"
	"openivs/internal/durable"
	"openivs/internal/seal"
	"openivs/internal/store"
)

// nextKey ends the name of a master key that is about to take the place of the
// one it stands beside. It is there only while Rekey works, or after it was
// interrupted; whichever of the two opens the database is then the right one.
const nextKey = ".next"

// Rekey makes a new master key and seals everything in the database with it
// instead of the one before. It is refused while a server runs.
func Rekey(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	if err := databaseThere(cfg); err != nil {
		return err
	}
	lock, err := lockData(cfg.Data, log)
	if err != nil {
		return err
	}
	return errors.Join(rekey(ctx, cfg, log), lock.Release())
}

func rekey(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	db, _, err := openStore(ctx, cfg, log)
	if err != nil {
		return err
	}
	file := MasterKeyFile(cfg)
	if err := os.Remove(file + nextKey); err != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.Join(err, db.Close())
	}
	next, err := seal.LoadOrCreate(file + nextKey)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	if err := db.Rekey(ctx, next); err != nil {
		return errors.Join(err, db.Close()) // the key beside stays: it may be the right one
	}
	return errors.Join(takeNextKey(file), db.Close())
}

// openRekeyed opens a database with the key that an interrupted Rekey left
// beside the other, and if that is the right one puts it in its place.
func openRekeyed(ctx context.Context, cfg *config.Config, log *slog.Logger) (*store.DB, *seal.Key, error) {
	file := MasterKeyFile(cfg)
	key, err := seal.Load(file + nextKey)
	if err != nil {
		return nil, nil, err
	}
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(cfg), Key: key, Log: log})
	if err != nil {
		return nil, nil, err
	}
	if err := takeNextKey(file); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	log.Info("the interrupted change of the master key is complete", "file", file)
	return db, key, nil
}

func takeNextKey(file string) error {
	if err := os.Rename(file+nextKey, file); err != nil {
		return fmt.Errorf("put the new master key in place: %w", err)
	}
	return durable.SyncFolder(filepath.Dir(file))
}

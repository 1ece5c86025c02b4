package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"openivs/internal/config"
	"openivs/internal/store"
)

// Migrate brings the schema of a database up to date. It is refused while a
// server runs, and where there is no database yet.
func Migrate(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	if err := databaseThere(cfg); err != nil {
		return err
	}
	lock, err := lockData(cfg.Data, log)
	if err != nil {
		return err
	}
	db, _, err := openStore(ctx, cfg, log)
	if err == nil {
		err = db.Close()
	}
	return errors.Join(err, lock.Release())
}

// SchemaStatus says how far the schema of a database is, also while a server runs.
func SchemaStatus(ctx context.Context, cfg *config.Config) (store.Status, error) {
	if err := databaseThere(cfg); err != nil {
		return store.Status{}, err
	}
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(cfg), Mode: store.Reader})
	if err != nil {
		return store.Status{}, err
	}
	s, err := db.Status(ctx)
	return s, errors.Join(err, db.Close())
}

// databaseThere keeps a mistyped directory from becoming a new one.
func databaseThere(cfg *config.Config) error {
	if cfg.Database != config.SQLite {
		return nil
	}
	if _, err := os.Stat(DatabaseURL(cfg)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database in %s: name the data directory with --data", cfg.Data)
	} else if err != nil {
		return err
	}
	return nil
}

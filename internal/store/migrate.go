package store

import (
	"context"
	"database/sql"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/store/schema"
)

// Status says how far a database's schema is.
type Status struct {
	Version int      // of the database; 0: it is empty
	Newest  int      // that this program knows
	Pending []string // the steps between the two, by name
}

// Status reads how far the schema is. It works in every mode.
func (db *DB) Status(ctx context.Context) (Status, error) {
	files, err := schema.Steps()
	if err != nil {
		return Status{}, err
	}
	return db.status(ctx, files)
}

func (db *DB) status(ctx context.Context, files []schema.Step) (Status, error) {
	at, err := db.version(ctx)
	if err != nil {
		return Status{}, err
	}
	s := Status{Version: at, Newest: len(files)}
	for _, m := range files[min(at, len(files)):] {
		s.Pending = append(s.Pending, m.Name)
	}
	return s, nil
}

// version returns the number of the last migration that was applied. A
// database without our table has none; any other failure is an error.
func (db *DB) version(ctx context.Context) (int, error) {
	var there int
	if err := db.read.db.QueryRowContext(ctx, db.engine.hasMigrations()).Scan(&there); err != nil {
		return 0, db.fail("look for the schema", err)
	}
	if there == 0 {
		return 0, nil
	}
	var at int
	const q = `SELECT COALESCE(MAX(version), 0) FROM migrations`
	if err := db.read.db.QueryRowContext(ctx, q).Scan(&at); err != nil {
		return 0, db.fail("read the schema's version", err)
	}
	return at, nil
}

// migrate applies what is missing, each step in its own transaction.
func (db *DB) migrate(ctx context.Context, files []schema.Step) error {
	s, err := db.status(ctx, files)
	if err != nil {
		return err
	}
	if s.Version > s.Newest {
		return tooNew(s)
	}
	for _, m := range files[s.Version:] {
		if err := db.once(ctx, func(tx *sql.Tx) error { return db.apply(ctx, tx, m) }); err != nil {
			return db.fail("migrate to "+m.Name, err)
		}
		db.log.Info("database migrated", "op", m.Name)
	}
	return nil
}

func (db *DB) apply(ctx context.Context, tx *sql.Tx, m schema.Step) error {
	const table = `CREATE TABLE IF NOT EXISTS migrations (
		version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_us BIGINT NOT NULL)`
	const note = `INSERT INTO migrations (version, name, applied_us) VALUES ($1, $2, $3)`
	for _, q := range schema.Statements(table + ";\n" + m.Text) {
		if _, err := tx.ExecContext(ctx, db.engine.schema(q)); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, note, m.Version, m.Name, time.Now().UnixMicro())
	return err
}

// requireCurrent refuses a schema that this program does not know by heart.
func (db *DB) requireCurrent(ctx context.Context, files []schema.Step) error {
	s, err := db.status(ctx, files)
	switch {
	case err != nil:
		return err
	case s.Version > s.Newest:
		return tooNew(s)
	case s.Version < s.Newest:
		return ivs.Errorf(ivs.Invalid, "the database has schema %d and this program needs %d: run openivs migrate first",
			s.Version, s.Newest)
	default:
		return nil
	}
}

func tooNew(s Status) error {
	return ivs.Errorf(ivs.Invalid, "the database has schema %d and this program knows only %d: "+
		"use the openivs that migrated it, or a newer one", s.Version, s.Newest)
}

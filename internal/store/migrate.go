package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"openivs/internal/ivs"
)

//go:embed schema/*.sql
var schema embed.FS

// A migration is one numbered step of the schema, applied once and never undone.
type migration struct {
	version int
	name    string
	text    string
}

// Status says how far a database's schema is.
type Status struct {
	Version int      // of the database; 0: it is empty
	Newest  int      // that this program knows
	Pending []string // the steps between the two, by name
}

// Status reads how far the schema is. It works in every mode.
func (db *DB) Status(ctx context.Context) (Status, error) {
	files, err := embedded()
	if err != nil {
		return Status{}, err
	}
	return db.status(ctx, files)
}

func (db *DB) status(ctx context.Context, files []migration) (Status, error) {
	at, err := db.version(ctx)
	if err != nil {
		return Status{}, err
	}
	s := Status{Version: at, Newest: len(files)}
	for _, m := range files[min(at, len(files)):] {
		s.Pending = append(s.Pending, m.name)
	}
	return s, nil
}

// embedded returns the program's own migrations.
func embedded() ([]migration, error) {
	dir, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	return migrations(dir)
}

// migrations reads files named NNNN_what.sql, numbered from 1 without a gap.
func migrations(dir fs.FS) ([]migration, error) {
	names, err := fs.Glob(dir, "*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var out []migration
	for _, name := range names {
		number, what, _ := strings.Cut(strings.TrimSuffix(name, ".sql"), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != len(out)+1 || what == "" {
			return nil, fmt.Errorf("migration %s: want number %04d and a name", name, len(out)+1)
		}
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		out = append(out, migration{version: version, name: strings.TrimSuffix(name, ".sql"), text: string(text)})
	}
	return out, nil
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
func (db *DB) migrate(ctx context.Context, files []migration) error {
	s, err := db.status(ctx, files)
	if err != nil {
		return err
	}
	if s.Version > s.Newest {
		return tooNew(s)
	}
	for _, m := range files[s.Version:] {
		if err := db.once(ctx, func(tx *sql.Tx) error { return db.apply(ctx, tx, m) }); err != nil {
			return db.fail("migrate to "+m.name, err)
		}
		db.log.Info("database migrated", "op", m.name)
	}
	return nil
}

func (db *DB) apply(ctx context.Context, tx *sql.Tx, m migration) error {
	const table = `CREATE TABLE IF NOT EXISTS migrations (
		version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_us BIGINT NOT NULL)`
	const note = `INSERT INTO migrations (version, name, applied_us) VALUES ($1, $2, $3)`
	for _, q := range statements(table + ";\n" + m.text) {
		if _, err := tx.ExecContext(ctx, db.engine.schema(q)); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, note, m.version, m.name, time.Now().UnixMicro())
	return err
}

// statements splits the text of a migration. A statement ends with a semicolon
// at the end of a line; lines that begin with -- are comments.
func statements(text string) []string {
	var code strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "--") {
			code.WriteString(line)
		}
	}
	var out []string
	for q := range strings.SplitSeq(code.String()+"\n", ";\n") {
		if q = strings.TrimSpace(q); q != "" {
			out = append(out, q)
		}
	}
	return out
}

// requireCurrent refuses a schema that this program does not know by heart.
func (db *DB) requireCurrent(ctx context.Context, files []migration) error {
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

package store

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5/pgconn"

	"openivs/internal/seal"
	"openivs/internal/store/schema"
	"openivs/internal/store/storetest"
)

// eachEngine runs a test against an empty database of either engine, opened but
// not migrated.
func eachEngine(t *testing.T, test func(t *testing.T, db *DB)) {
	t.Helper()
	key, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	server := storetest.Start(t)
	urls := map[string]func() string{
		"sqlite":   func() string { return filepath.Join(t.TempDir(), "openivs.db") },
		"postgres": func() string { return server.Database(t) },
	}
	for name, url := range urls {
		t.Run(name, func(t *testing.T) {
			o := Options{URL: url(), Key: key, Mode: Owner}
			o.Log = slog.New(slog.DiscardHandler)
			db, err := connect(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
			test(t, db)
		})
	}
}

func steps(t *testing.T, texts map[string]string) []schema.Step {
	t.Helper()
	dir := fstest.MapFS{}
	for name, text := range texts {
		dir[name] = &fstest.MapFile{Data: []byte(text)}
	}
	files, err := schema.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestMigrationsGoForwardOnceEach(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		t.Helper()
		one := map[string]string{"0001_one.sql": "-- a comment;\nCREATE TABLE a (id BIGINT PRIMARY KEY);\nINSERT INTO a (id) VALUES (1);\n"}
		if err := db.migrate(t.Context(), steps(t, one)); err != nil {
			t.Fatal(err)
		}

		// A step that fails leaves nothing of itself, and what came before stays.
		one["0002_two.sql"] = "INSERT INTO a (id) VALUES (2);\n"
		one["0003_three.sql"] = "INSERT INTO a (id) VALUES (3);\nINSERT INTO nowhere (id) VALUES (3);\n"
		err := db.migrate(t.Context(), steps(t, one))
		if err == nil || !strings.Contains(err.Error(), "0003_three") {
			t.Errorf("migrate: %v, want an error that names the step", err)
		}
		s, err := db.status(t.Context(), steps(t, one))
		if err != nil || s.Version != 2 || s.Newest != 3 || !slices.Equal(s.Pending, []string{"0003_three"}) {
			t.Errorf("status = %+v, %v; want 0003 pending", s, err)
		}

		one["0003_three.sql"] = "INSERT INTO a (id) VALUES (3)"
		for range 2 {
			if err := db.migrate(t.Context(), steps(t, one)); err != nil {
				t.Fatal(err)
			}
		}
		var n int
		if err := db.read.db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM a`).Scan(&n); err != nil || n != 3 {
			t.Errorf("%d rows, %v; want each step to have run once", n, err)
		}
	})
}

func TestMigrationFilesAreNumberedWithoutAGap(t *testing.T) {
	tests := []struct {
		name  string
		files []string
		ok    bool
	}{
		{"none", nil, true},
		{"in order", []string{"0001_a.sql", "0002_b.sql"}, true},
		{"a gap", []string{"0001_a.sql", "0003_c.sql"}, false},
		{"not from one", []string{"0002_b.sql"}, false},
		{"the same twice", []string{"0001_a.sql", "0001_b.sql"}, false},
		{"no number", []string{"first.sql"}, false},
		{"no name", []string{"0001_.sql"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := fstest.MapFS{}
			for _, f := range tt.files {
				dir[f] = &fstest.MapFile{}
			}
			got, err := schema.Read(dir)
			if (err == nil) != tt.ok || tt.ok && len(got) != len(tt.files) {
				t.Errorf("Read(%v) = %v, %v", tt.files, got, err)
			}
		})
	}
	if files, err := schema.Steps(); err != nil || len(files) == 0 {
		t.Errorf("our own: %v, %v", files, err)
	}
}

// A backup knows every table and every column of the schema.
func TestBackupKnowsTheSchema(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		t.Helper()
		if err := db.prepare(t.Context(), Owner); err != nil {
			t.Fatal(err)
		}
		q := `SELECT m.Name, p.name FROM sqlite_schema m JOIN pragma_table_info(m.Name) p WHERE m.type = 'table' ORDER BY p.cid`
		if _, ok := db.engine.(postgresEngine); ok {
			q = `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY ordinal_position`
		}
		rows, err := db.read.db.QueryContext(t.Context(), q)
		got := map[string][]string{}
		_, err = collect(rows, err, func(row scanner) (struct{}, error) {
			var table, column string
			err := row.Scan(&table, &column)
			got[table] = append(got[table], column)
			return struct{}{}, err
		})
		if err != nil {
			t.Fatal(err)
		}
		delete(got, "migrations")
		if len(got) != len(tables()) {
			t.Errorf("the database has %d tables, a backup %d", len(got), len(tables()))
		}
		for _, want := range tables() {
			if !slices.Equal(slices.Sorted(slices.Values(got[want.Name])), slices.Sorted(slices.Values(want.Names()))) {
				t.Errorf("table %s has columns %v, a backup %v", want.Name, got[want.Name], want.Names())
			}
		}
	})
}

func TestSQLiteIsSetUpToBeDurable(t *testing.T) {
	db, err := connect(t.Context(), Options{URL: filepath.Join(t.TempDir(), "a ?&#%.db"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	want := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"}
	for name, want := range want {
		for which, p := range map[string]*pool{"writer": db.write, "reader": db.read} {
			var got string
			if err := p.db.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got); err != nil || got != want {
				t.Errorf("%s of the %s is %q, %v; want %q", name, which, got, err, want)
			}
		}
	}
	if _, err := db.read.db.ExecContext(t.Context(), `CREATE TABLE x (id BIGINT)`); err == nil {
		t.Error("a reading connection writes")
	}
}

// A transaction that others are in the way of is run again, but not for ever.
func TestTransactionsAreRetriedWithinBounds(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		t.Helper()
		busy := error(&pgconn.PgError{Code: "40001"})
		if _, ok := db.engine.(sqliteEngine); ok {
			busy = sqliteBusy(t, db)
		}
		for _, failures := range []int{0, 1, maxTries, maxTries + 1} {
			tries := 0
			err := db.tx(t.Context(), func(*sql.Tx) error {
				if tries++; tries <= failures {
					return busy
				}
				return nil
			})
			if want := failures <= maxTries; (err == nil) != want || tries != min(failures, maxTries)+1 {
				t.Errorf("%d failures: %v after %d tries", failures, err, tries)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		err := db.tx(ctx, func(*sql.Tx) error {
			cancel()
			return busy
		})
		if err == nil {
			t.Error("retried for a caller that had left")
		}
	})
}

// sqliteBusy returns what SQLite says when another connection writes.
func sqliteBusy(t *testing.T, db *DB) error {
	t.Helper()
	var busy error
	err := db.once(t.Context(), func(*sql.Tx) error {
		var file string
		if err := db.read.db.QueryRowContext(t.Context(), `SELECT file FROM pragma_database_list`).Scan(&file); err != nil {
			return err
		}
		other, err := sql.Open("sqlite", file)
		if err != nil {
			return err
		}
		_, busy = other.ExecContext(t.Context(), `BEGIN IMMEDIATE`)
		return other.Close()
	})
	if err != nil || busy == nil {
		t.Fatalf("SQLite is not busy: %v, %v", busy, err)
	}
	return busy
}

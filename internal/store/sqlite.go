package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"openivs/internal/lock"
	"openivs/internal/store/groupcommit"
)

// sqliteReaders is how many statements may read at once beside the one writer.
const sqliteReaders = 4

// pragmas are set on every connection and checked once. What is committed
// survives a power cut: the log is flushed at each commit (synchronous=FULL).
func pragmas(m Mode) []pragma {
	p := []pragma{
		{"busy_timeout", "10000", "10000"}, // milliseconds; only guests and readers ever wait
		{"foreign_keys", "ON", "1"},
		{"secure_delete", "FAST", "2"}, // what is deleted leaves no sealed secret in its page
		{"synchronous", "FULL", "2"},
		{"cache_size", "-16384", "-16384"},             // KiB for each connection
		{"journal_size_limit", "67108864", "67108864"}, // bytes of log kept after a burst
	}
	if m == Reader {
		return p
	}
	return append(p, pragma{"journal_mode", "WAL", "wal"})
}

type pragma struct{ name, set, want string }

type sqliteEngine struct{}

// schema makes integer primary keys the row number, which saves an index.
func (sqliteEngine) schema(text string) string {
	return strings.ReplaceAll(text, "BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY")
}

func (sqliteEngine) snapshot() *sql.TxOptions { return &sql.TxOptions{ReadOnly: true} }

func (sqliteEngine) fault(err error) fault {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return faultOther
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return faultUnique
	}
	switch e.Code() & 0xff { // the primary code
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return faultBusy
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
		return faultAway
	default:
		return faultOther
	}
}

// connectSQLite opens a database file: one connection that writes, a few that
// read. The owner holds a lock file beside it.
func connectSQLite(ctx context.Context, path string, o Options) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	db := newDB(sqliteEngine{}, o)
	if o.Mode == Owner {
		l, err := lock.File(path + ".lock")
		if err != nil {
			return nil, err
		}
		db.own = locked{l}
	}
	if err := db.openSQLite(ctx, path, o.Mode); err != nil {
		return nil, errors.Join(err, db.own.release())
	}
	return db, nil
}

func (db *DB) openSQLite(ctx context.Context, path string, m Mode) error {
	if err := sqliteFile(path, m); err != nil {
		return err
	}
	write, err := openSQLitePool(ctx, path, m, 1)
	if err != nil {
		return err
	}
	db.write, db.read = write, write
	if m == Reader {
		return nil
	}
	db.group = groupcommit.New(db.once)
	read, err := openSQLitePool(ctx, path, Reader, sqliteReaders)
	if err != nil {
		return errors.Join(err, write.close())
	}
	db.read = read
	return nil
}

// sqliteFile makes sure that the file is there and, if it is new, that only its
// owner may read it. SQLite gives the files beside it the same mode.
func sqliteFile(path string, m Mode) error {
	flag := os.O_RDWR
	switch m {
	case Owner:
		flag |= os.O_CREATE
	case Reader:
		flag = os.O_RDONLY
	case Guest:
	}
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func openSQLitePool(ctx context.Context, path string, m Mode, conns int) (*pool, error) {
	q := url.Values{"_txlock": {"immediate"}}
	if m == Reader {
		q.Set("mode", "ro")
	}
	for _, p := range pragmas(m) {
		q.Add("_pragma", p.name+"("+p.set+")")
	}
	uri := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	for _, p := range pragmas(m) {
		var got string
		err := db.QueryRowContext(ctx, "PRAGMA "+p.name).Scan(&got)
		if err == nil && got != p.want {
			err = fmt.Errorf("%s is %q after it was set to %q: is %s on a network file system?", p.name, got, p.set, path)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("prepare %s: %w", path, err), db.Close())
		}
	}
	return newPool(db), nil
}

func (sqliteEngine) hasMigrations() string {
	return `SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'`
}

// locked is the ownership of a file, which cannot be lost.
type locked struct{ *lock.Lock }

func (locked) lost() <-chan struct{} { return nil }

func (l locked) release() error { return l.Release() }

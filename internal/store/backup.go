package store

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/store/schema"
)

// A backup is gzip of lines of JSON: a header, then for each table a line that
// names it and its columns and an array for each row, then a trailer. It holds
// secrets only as they are sealed, so it is of use only with the master key.
const (
	backupFormat = "openivs backup 1"
	// maxBackupLine is the longest line that is read, in bytes; the longest row
	// that is ever written has a few KiB.
	maxBackupLine = 4 << 20
	// restoreBatch is how many rows one statement writes, at most 14 values each.
	restoreBatch = 64
)

type backupHeader struct {
	Format string    `json:"format"`
	Schema int       `json:"schema"`
	At     time.Time `json:"at"`
}

type backupTable struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns"`
}

type backupTrailer struct {
	Rows   map[string]int `json:"rows"`
	SHA256 string         `json:"sha256"` // of all lines before this one
}

// Backup writes all there is to w, as it is at one moment, while others go on
// working. It works in every mode.
func (db *DB) Backup(ctx context.Context, w io.Writer) error {
	files, err := schema.Steps()
	if err != nil {
		return err
	}
	if err := db.requireCurrent(ctx, files); err != nil {
		return err
	}
	tx, err := db.read.db.BeginTx(ctx, db.engine.snapshot())
	if err != nil {
		return db.fail("back up", err)
	}
	z := gzip.NewWriter(w)
	out := &backupWriter{buf: bufio.NewWriter(z), sum: sha256.New(), rows: make(map[string]int)}
	err = out.line(backupHeader{Format: backupFormat, Schema: len(files), At: time.Now().UTC()})
	for _, t := range tables() {
		if err != nil {
			break
		}
		err = out.table(ctx, tx, t)
	}
	if err == nil {
		err = out.end()
	}
	if err = errors.Join(err, tx.Rollback(), z.Close()); err != nil {
		return db.fail("back up", err)
	}
	return nil
}

type backupWriter struct {
	buf  *bufio.Writer
	sum  hash.Hash
	rows map[string]int
}

func (b *backupWriter) line(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	_, _ = b.sum.Write(text) // a hash takes everything
	_, err = b.buf.Write(text)
	return err
}

func (b *backupWriter) table(ctx context.Context, tx *sql.Tx, t table) error {
	if err := b.line(backupTable{t.name, t.names()}); err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, t.selectSQL())
	if err != nil {
		return err
	}
	defer rows.Close()
	values, dest := make([]any, len(t.columns)), make([]any, len(t.columns))
	for i := range values {
		dest[i] = &values[i]
	}
	n := 0
	for ; rows.Next(); n++ {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if err := b.line(values); err != nil { // bytes become base64
			return err
		}
	}
	b.rows[t.name] = n
	return rows.Err()
}

func (b *backupWriter) end() error {
	trailer := backupTrailer{Rows: b.rows, SHA256: hex.EncodeToString(b.sum.Sum(nil))}
	return errors.Join(b.line(trailer), b.buf.Flush())
}

// Restore reads a backup into an empty database of either engine. It is refused
// if the database holds anything, if the backup is damaged, of another schema or
// sealed under another master key; then nothing has changed. Media sequence numbers
// that were reserved after the backup was made are not reserved again.
func (db *DB) Restore(ctx context.Context, r io.Reader) error {
	files, err := schema.Steps()
	if err != nil {
		return err
	}
	err = db.once(ctx, func(tx *sql.Tx) error {
		if err := clearEmpty(ctx, tx); err != nil {
			return err
		}
		z, err := gzip.NewReader(r)
		if err != nil {
			return damaged(err)
		}
		in := &restoring{db: db, tx: tx}
		if err := readBackup(z, len(files), func(t table, row []any) error { return in.row(ctx, t, row) }); err != nil {
			return err
		}
		if err := in.flush(ctx); err != nil {
			return err
		}
		// Which numbers were reserved since the backup was made is not known: fewer than 2^30.
		const skip = `UPDATE counters SET value = value + 1073741824 WHERE name LIKE 'numbers %'`
		if _, err := tx.ExecContext(ctx, skip); err != nil {
			return err
		}
		var proof []byte
		if err := tx.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = $1`, keyCheck).Scan(&proof); err != nil {
			return damaged(err)
		}
		return proveKey(db.key, proof)
	})
	if err != nil {
		return db.fail("restore", err)
	}
	db.access.changes.Add(1)
	return db.seedIDs(ctx)
}

// clearEmpty makes room for a backup in a database that has never been used.
func clearEmpty(ctx context.Context, tx *sql.Tx) error {
	for _, t := range tables() {
		if t.name == "meta" || t.name == "counters" { // every database has them, and they are in the backup
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+t.name); err != nil {
				return err
			}
			continue
		}
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM `+t.name+` LIMIT 1) AS first`).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return ivs.Errorf(ivs.Conflict, "the database is not empty, it has %s: restore into a new one", t.name)
		}
	}
	return nil
}

// restoring gathers rows of one table and writes them together.
type restoring struct {
	db    *DB
	tx    *sql.Tx
	table table
	rows  int
	args  []any
}

func (r *restoring) row(ctx context.Context, t table, row []any) error {
	if t.name != r.table.name || r.rows == restoreBatch {
		if err := r.flush(ctx); err != nil {
			return err
		}
	}
	r.table, r.rows, r.args = t, r.rows+1, append(r.args, row...)
	return nil
}

func (r *restoring) flush(ctx context.Context) error {
	if r.rows == 0 {
		return nil
	}
	_, err := r.tx.ExecContext(ctx, r.table.insertSQL(r.rows), r.args...)
	r.rows, r.args = 0, r.args[:0]
	if err != nil && ctx.Err() == nil && r.db.engine.fault(err) != faultAway {
		return damaged(err) // the engine does not take the rows
	}
	return err
}

// readBackup calls row for every row of a backup, and fails unless the backup
// is whole and of this schema. What it called row for may be damaged until it
// has returned nil.
func readBackup(r io.Reader, schema int, row func(t table, row []any) error) error {
	in := &backupReader{lines: bufio.NewScanner(r), sum: sha256.New(), rows: make(map[string]int)}
	in.lines.Buffer(nil, maxBackupLine)
	var head backupHeader
	if err := in.next(&head); err != nil {
		return damaged(err)
	}
	if head.Format != backupFormat || head.Schema != schema {
		return ivs.Errorf(ivs.Invalid, "this is %q of schema %d and this program reads %q of schema %d: "+
			"restore it with the openivs that wrote it, then upgrade", head.Format, head.Schema, backupFormat, schema)
	}
	for _, t := range tables() {
		var names backupTable
		if err := in.next(&names); err != nil {
			return damaged(err)
		}
		if names.Table != t.name || !slices.Equal(names.Columns, t.names()) {
			return damaged(fmt.Errorf("it has table %q %v where %q %v belongs", names.Table, names.Columns, t.name, t.names()))
		}
		if err := in.table(t, row); err != nil {
			return err
		}
	}
	return in.end()
}

// damaged says that a backup cannot be trusted, and why.
func damaged(err error) error {
	return ivs.Errorf(ivs.Invalid, "the backup is damaged, nothing was restored: %w", err)
}

type backupReader struct {
	lines *bufio.Scanner
	ahead []byte // a line that was read and not yet used
	sum   hash.Hash
	rows  map[string]int
}

// line returns the next line, which the following call overwrites.
func (b *backupReader) line() ([]byte, error) {
	if b.ahead != nil {
		line := b.ahead
		b.ahead = nil
		return line, nil
	}
	if !b.lines.Scan() {
		return nil, errors.Join(b.lines.Err(), io.ErrUnexpectedEOF)
	}
	return b.lines.Bytes(), nil
}

// count adds a line to what the trailer's sum is of.
func (b *backupReader) count(line []byte) {
	_, _ = b.sum.Write(line) // a hash takes everything
	_, _ = b.sum.Write([]byte{'\n'})
}

func (b *backupReader) next(v any) error {
	line, err := b.line()
	if err != nil {
		return err
	}
	b.count(line)
	return json.Unmarshal(line, v)
}

// table reads rows until a line that is none.
func (b *backupReader) table(t table, row func(t table, row []any) error) error {
	b.rows[t.name] = 0
	for {
		line, err := b.line()
		if err != nil {
			return damaged(err)
		}
		if !bytes.HasPrefix(line, []byte{'['}) {
			b.ahead = line
			return nil
		}
		b.count(line)
		values, err := t.decode(line)
		if err != nil {
			return damaged(err)
		}
		if err := row(t, values); err != nil {
			return err
		}
		b.rows[t.name]++
	}
}

func (b *backupReader) end() error {
	line, err := b.line()
	if err != nil {
		return damaged(err)
	}
	var trailer backupTrailer
	if err := json.Unmarshal(line, &trailer); err != nil {
		return damaged(err)
	}
	if got := hex.EncodeToString(b.sum.Sum(nil)); got != trailer.SHA256 {
		return damaged(fmt.Errorf("its sum is %s and should be %s", got, trailer.SHA256))
	}
	if !maps.Equal(b.rows, trailer.Rows) {
		return damaged(fmt.Errorf("it has %v rows and should have %v", b.rows, trailer.Rows))
	}
	if b.lines.Scan() {
		return damaged(errors.New("something follows its end"))
	}
	if err := b.lines.Err(); err != nil {
		return damaged(err)
	}
	return nil
}

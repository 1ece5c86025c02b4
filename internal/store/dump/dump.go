package dump

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
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
)

const (
	format = "openivs backup 1"
	// maxLine is the longest line that is read, in bytes; the longest row that is
	// ever written has a few KiB.
	maxLine = 4 << 20
)

type header struct {
	Format string    `json:"format"`
	Schema int       `json:"schema"`
	At     time.Time `json:"at"`
}

type naming struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns"`
}

type trailer struct {
	Rows   map[string]int `json:"rows"`
	SHA256 string         `json:"sha256"` // of all lines before this one
}

// A Writer writes a backup: for each table Table and then its rows, and Close.
type Writer struct {
	zip   *gzip.Writer
	buf   *bufio.Writer
	sum   hash.Hash
	rows  map[string]int
	table string
	err   error // the first
}

// NewWriter begins a backup, made at a time, of a database whose schema has a
// number.
func NewWriter(w io.Writer, schema int, at time.Time) *Writer {
	z := gzip.NewWriter(w)
	b := &Writer{zip: z, buf: bufio.NewWriter(z), sum: sha256.New(), rows: make(map[string]int)}
	b.line(header{Format: format, Schema: schema, At: at})
	return b
}

func (b *Writer) line(v any) {
	text, err := json.Marshal(v)
	if err == nil && b.err == nil {
		text = append(text, '\n')
		_, _ = b.sum.Write(text) // a hash takes everything
		_, err = b.buf.Write(text)
	}
	if b.err == nil {
		b.err = err
	}
}

// Table begins a table.
func (b *Writer) Table(t Table) error {
	b.table, b.rows[t.Name] = t.Name, 0
	b.line(naming{t.Name, t.Names()})
	return b.err
}

// Row writes a row of the table, a value for each column.
func (b *Writer) Row(values []any) error {
	b.rows[b.table]++
	b.line(values) // bytes become base64
	return b.err
}

// Close ends the backup. It says what went wrong, if anything did.
func (b *Writer) Close() error {
	b.line(trailer{Rows: b.rows, SHA256: hex.EncodeToString(b.sum.Sum(nil))})
	return errors.Join(b.err, b.buf.Flush(), b.zip.Close())
}

// Read calls row for every row of a backup, and fails unless the backup is whole, of
// this schema and has these tables. What it called row for may be damaged until it
// has returned nil.
func Read(r io.Reader, schema int, tables []Table, row func(t Table, row []any) error) error {
	z, err := gzip.NewReader(r)
	if err != nil {
		return Damaged(err)
	}
	return read(z, schema, tables, row)
}

func read(r io.Reader, schema int, tables []Table, row func(t Table, row []any) error) error {
	in := &reader{lines: bufio.NewScanner(r), sum: sha256.New(), rows: make(map[string]int)}
	in.lines.Buffer(nil, maxLine)
	var head header
	if err := in.next(&head); err != nil {
		return Damaged(err)
	}
	if head.Format != format || head.Schema != schema {
		return ivs.Errorf(ivs.Invalid, "this is %q of schema %d and this program reads %q of schema %d: "+
			"restore it with the openivs that wrote it, then upgrade", head.Format, head.Schema, format, schema)
	}
	for _, t := range tables {
		var names naming
		if err := in.next(&names); err != nil {
			return Damaged(err)
		}
		if names.Table != t.Name || !slices.Equal(names.Columns, t.Names()) {
			return Damaged(fmt.Errorf("it has table %q %v where %q %v belongs", names.Table, names.Columns, t.Name, t.Names()))
		}
		if err := in.table(t, row); err != nil {
			return err
		}
	}
	return in.end()
}

// Damaged says that a backup cannot be trusted, and why.
func Damaged(err error) error {
	return ivs.Errorf(ivs.Invalid, "the backup is damaged, nothing was restored: %w", err)
}

type reader struct {
	lines *bufio.Scanner
	ahead []byte // a line that was read and not yet used
	sum   hash.Hash
	rows  map[string]int
}

// line returns the next line, which the following call overwrites.
func (b *reader) line() ([]byte, error) {
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
func (b *reader) count(line []byte) {
	_, _ = b.sum.Write(line) // a hash takes everything
	_, _ = b.sum.Write([]byte{'\n'})
}

func (b *reader) next(v any) error {
	line, err := b.line()
	if err != nil {
		return err
	}
	b.count(line)
	return json.Unmarshal(line, v)
}

// table reads rows until a line that is none.
func (b *reader) table(t Table, row func(t Table, row []any) error) error {
	b.rows[t.Name] = 0
	for {
		line, err := b.line()
		if err != nil {
			return Damaged(err)
		}
		if !bytes.HasPrefix(line, []byte{'['}) {
			b.ahead = line
			return nil
		}
		b.count(line)
		values, err := t.decode(line)
		if err != nil {
			return Damaged(err)
		}
		if err := row(t, values); err != nil {
			return err
		}
		b.rows[t.Name]++
	}
}

func (b *reader) end() error {
	line, err := b.line()
	if err != nil {
		return Damaged(err)
	}
	var last trailer
	if err := json.Unmarshal(line, &last); err != nil {
		return Damaged(err)
	}
	if got := hex.EncodeToString(b.sum.Sum(nil)); got != last.SHA256 {
		return Damaged(fmt.Errorf("its sum is %s and should be %s", got, last.SHA256))
	}
	if !maps.Equal(b.rows, last.Rows) {
		return Damaged(fmt.Errorf("it has %v rows and should have %v", b.rows, last.Rows))
	}
	if b.lines.Scan() {
		return Damaged(errors.New("something follows its end"))
	}
	if err := b.lines.Err(); err != nil {
		return Damaged(err)
	}
	return nil
}

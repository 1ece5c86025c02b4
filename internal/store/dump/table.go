// Package dump is the form of a backup: gzip of lines of JSON: a header, then for each
// table a line that names it and its columns and an array for each row, then a
// trailer.
package dump

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Table says what a backup holds of a table. Rows are written in the order of
// the first column, its key.
type Table struct {
	Name    string
	columns []column
}

type column struct {
	name string
	kind kind
}

// A kind is what a column's values are.
type kind byte

const (
	text     kind = 0
	integer  kind = '#'
	nullable kind = '?' // integer or NULL
	binary   kind = '*'
)

// NewTable reads columns by name, each followed by the sign of its kind.
func NewTable(name, columns string) Table {
	t := Table{Name: name}
	for c := range strings.FieldsSeq(columns) {
		var k kind
		if last := kind(c[len(c)-1]); last == integer || last == nullable || last == binary {
			k, c = last, c[:len(c)-1]
		}
		t.columns = append(t.columns, column{c, k})
	}
	return t
}

// Names returns the names of the columns.
func (t Table) Names() []string {
	out := make([]string, len(t.columns))
	for i, c := range t.columns {
		out[i] = c.name
	}
	return out
}

// Select reads all rows in the order of the key.
func (t Table) Select() string {
	return `SELECT ` + strings.Join(t.Names(), ", ") + ` FROM ` + t.Name + ` ORDER BY ` + t.columns[0].name
}

// Insert writes n rows.
func (t Table) Insert(n int) string {
	var b strings.Builder
	b.WriteString(`INSERT INTO ` + t.Name + ` (` + strings.Join(t.Names(), ", ") + `) VALUES `)
	at := 0
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		for j := range t.columns {
			if j > 0 {
				b.WriteString(", $")
			} else {
				b.WriteString("($")
			}
			at++
			b.WriteString(strconv.Itoa(at))
		}
		b.WriteByte(')')
	}
	return b.String()
}

// decode reads a row of a backup: a JSON array with a value for each column.
func (t Table) decode(line []byte) ([]any, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(line, &raw); err != nil {
		return nil, err
	}
	if len(raw) != len(t.columns) {
		return nil, fmt.Errorf("a row of %s has %d values, want %d", t.Name, len(raw), len(t.columns))
	}
	out := make([]any, len(raw))
	for i, c := range t.columns {
		v, err := c.kind.decode(raw[i])
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t.Name, c.name, err)
		}
		out[i] = v
	}
	return out, nil
}

func (k kind) decode(raw json.RawMessage) (any, error) {
	null := slices.Equal(raw, []byte("null"))
	switch {
	case null && k == nullable:
		return nil, nil
	case null:
		return nil, fmt.Errorf("is null")
	case k == text:
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case k == binary:
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, err
		}
		return base64.StdEncoding.DecodeString(s)
	default:
		var n int64
		err := json.Unmarshal(raw, &n)
		return n, err
	}
}

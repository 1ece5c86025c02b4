package dump

import (
	"bytes"
	"testing"
)

// Whatever a backup file holds, reading it ends, hands on only rows that fit
// their table, and never panics.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"format":"openivs backup 1","schema":1}` + "\n" + `{"table":"meta","columns":["name","value"]}` + "\n" +
		`["key_check","AAEC"]` + "\n"))
	tables := []Table{NewTable("meta", "name value*"), NewTable("sessions", "id# name ended? at#")}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows := 0
		err := read(bytes.NewReader(data), 1, tables, func(table Table, row []any) error {
			rows++
			if len(row) != len(table.columns) {
				t.Errorf("a row of %s has %d values, want %d", table.Name, len(row), len(table.columns))
			}
			for i, v := range row {
				ok := false
				switch v.(type) {
				case int64:
					ok = table.columns[i].kind == integer || table.columns[i].kind == nullable
				case string:
					ok = table.columns[i].kind == text
				case []byte:
					ok = table.columns[i].kind == binary
				case nil:
					ok = table.columns[i].kind == nullable
				}
				if !ok {
					t.Errorf("%s.%s is a %T", table.Name, table.columns[i].name, v)
				}
			}
			return nil
		})
		if lines := bytes.Count(data, []byte{'\n'}) + 1; rows > lines {
			t.Errorf("%d rows from %d lines", rows, lines)
		}
		_ = err // most inputs are damaged
	})
}

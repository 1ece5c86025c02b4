package store

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A table says what a backup holds of a table. Rows are written in the order of
// the first column, its key.
type table struct {
	name    string
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

// tables returns all tables of the schema but migrations, those that others
// refer to first.
func tables() []table {
	return []table{
		newTable("meta", "name value*"),
		newTable("counters", "name value#"),
		newTable("recording_configurations", "id# arn settings tags"),
		newTable("restriction_policies", "id# arn settings tags"),
		newTable("ad_configurations", "id# arn settings tags"),
		newTable("playback_key_pairs", "id# arn fingerprint settings tags"),
		newTable("channels", "id# arn event_seq# name recording restriction ad_configuration settings tags passphrase*"),
		newTable("stream_keys", "id# arn channel# lookup* value* tags"),
		newTable("revocations", "id# channel# viewer version# changed#"),
		newTable("access_keys", "id name created_us# expires_us# disabled# policies secret*"),
		newTable("sessions", "id# channel# stream_id created_us# started_us# last_media_us# ingest_ended_us# "+
			"ended_us# has_error# protocol reason snapshot recording ingest"),
		newTable("ad_breaks", "id# session# break_id start_us# end_us#"),
		newTable("checkpoints", "stream_id last_media_us#"),
		newTable("events", "id# session? channel# seq# event_id channel_arn channel_name stream_id type name code detail at_us#"),
		newTable("sinks", "name event#"),
		newTable("used_tokens", "name expires_us#"),
		newTable("dead_letters", "id# sink position# seq# event_id channel type body reason tries# at_us#"),
	}
}

// newTable reads columns by name, each followed by the sign of its kind.
func newTable(name, columns string) table {
	t := table{name: name}
	for c := range strings.FieldsSeq(columns) {
		var k kind
		if last := kind(c[len(c)-1]); last == integer || last == nullable || last == binary {
			k, c = last, c[:len(c)-1]
		}
		t.columns = append(t.columns, column{c, k})
	}
	return t
}

func (t table) names() []string {
	out := make([]string, len(t.columns))
	for i, c := range t.columns {
		out[i] = c.name
	}
	return out
}

// selectSQL reads all rows in the order of the key.
func (t table) selectSQL() string {
	return `SELECT ` + strings.Join(t.names(), ", ") + ` FROM ` + t.name + ` ORDER BY ` + t.columns[0].name
}

// insertSQL writes n rows.
func (t table) insertSQL(n int) string {
	var b strings.Builder
	b.WriteString(`INSERT INTO ` + t.name + ` (` + strings.Join(t.names(), ", ") + `) VALUES `)
	at := 0
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		for j := range t.columns {
			b.WriteString([]string{", ", "("}[flag(j == 0)] + "$")
			at++
			b.WriteString(strconv.Itoa(at))
		}
		b.WriteByte(')')
	}
	return b.String()
}

// decode reads a row of a backup: a JSON array with a value for each column.
func (t table) decode(line []byte) ([]any, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(line, &raw); err != nil {
		return nil, err
	}
	if len(raw) != len(t.columns) {
		return nil, fmt.Errorf("a row of %s has %d values, want %d", t.name, len(raw), len(t.columns))
	}
	out := make([]any, len(raw))
	for i, c := range t.columns {
		v, err := c.kind.decode(raw[i])
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t.name, c.name, err)
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

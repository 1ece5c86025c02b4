package store_test

import (
	"bytes"
	"strings"
	"testing"

	"openivs/internal/ivs"
	"openivs/internal/store"
)

func schemaClauses() []clause {
	return []clause{
		{"a schema newer than the program is refused and left alone", schemaNewer},
		{"a reader looks at any schema, a guest needs the program's", schemaOlder},
		{"opening again migrates nothing and keys go on growing", schemaAgain},
	}
}

func schemaNewer(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	db, err := store.Open(t.Context(), store.Options{URL: url, Key: masterKey(t, 1)})
	must(t, "Open", err)
	must(t, "Close", db.Close())
	mustExec(t, raw(t, url), `INSERT INTO migrations (version, name, applied_us) VALUES (99, '0099_future', 0)`)
	for _, mode := range []store.Mode{store.Owner, store.Guest} {
		_, err := store.Open(t.Context(), store.Options{URL: url, Key: masterKey(t, 1), Mode: mode})
		wantCode(t, "a newer schema", err, ivs.Invalid)
		if err != nil && !strings.Contains(err.Error(), "schema 99") {
			t.Errorf("the error does not say what it found: %v", err)
		}
	}
	reader := openAs(t, store.Options{URL: url, Mode: store.Reader})
	if s, err := reader.Status(t.Context()); err != nil || s.Version != 99 || len(s.Pending) != 0 {
		t.Errorf("Status = %+v, %v; want version 99", s, err)
	}
	wantCode(t, "a backup of it", reader.Backup(t.Context(), new(bytes.Buffer)), ivs.Invalid)
}

func schemaOlder(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	mustExec(t, raw(t, url), `CREATE TABLE unrelated (id BIGINT)`) // so that the SQLite file exists
	reader := openAs(t, store.Options{URL: url, Mode: store.Reader})
	s, err := reader.Status(t.Context())
	if err != nil || s.Version != 0 || s.Newest == 0 || len(s.Pending) != s.Newest {
		t.Errorf("Status of an empty database = %+v, %v", s, err)
	}
	_, err = store.Open(t.Context(), store.Options{URL: url, Key: masterKey(t, 1), Mode: store.Guest})
	wantCode(t, "a guest", err, ivs.Invalid)
	if err != nil && !strings.Contains(err.Error(), "openivs migrate") {
		t.Errorf("the error names no cure: %v", err)
	}
	wantCode(t, "a backup", reader.Backup(t.Context(), new(bytes.Buffer)), ivs.Invalid)
}

func schemaAgain(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	db, err := store.Open(t.Context(), store.Options{URL: url, Key: masterKey(t, 1)})
	must(t, "Open", err)
	c := plain(t, db)
	s := end(t, db, begin(t, db, c, noon()), noon())
	must(t, "Close", db.Close())

	// The clock went back by a century since.
	const later = 100 * 365 * 24 * 3600 * 1e6
	mustExec(t, raw(t, url), `UPDATE sessions SET channel = channel + $1`, int64(later))
	mustExec(t, raw(t, url), `UPDATE events SET channel = channel + $1`, int64(later))
	mustExec(t, raw(t, url), `UPDATE stream_keys SET id = id + $1`, int64(later))
	db = open(t, url)
	if st, err := db.Status(t.Context()); err != nil || st.Version != st.Newest || len(st.Pending) != 0 {
		t.Errorf("Status = %+v, %v; want nothing pending", st, err)
	}
	begin(t, db, c, noon())
	var newest, oldest int64
	must(t, "read ids", raw(t, url).QueryRowContext(t.Context(),
		`SELECT MAX(id), (SELECT MAX(channel) FROM sessions WHERE stream_id = $1) FROM sessions`, s.StreamID).Scan(&newest, &oldest))
	if newest <= oldest {
		t.Errorf("a new key is %d, not after %d", newest, oldest)
	}
}

package control_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"openivs/internal/seal"
	"openivs/internal/store"
)

// backends are the stores that everything here runs on.
var backends = []struct {
	name string
	open func(testing.TB) backend
}{
	{"memory", func(testing.TB) backend { return new(memory) }},
	{"sqlite", func(t testing.TB) backend { return openSQLite(t) }},
}

func openSQLite(t testing.TB) *store.DB {
	t.Helper()
	key, err := seal.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{URL: filepath.Join(t.TempDir(), "openivs.db"), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	return db
}

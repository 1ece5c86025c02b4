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
	{"sqlite", openSQLite},
}

func openSQLite(tb testing.TB) backend {
	tb.Helper()
	key, err := seal.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		tb.Fatal(err)
	}
	db, err := store.Open(tb.Context(), store.Options{URL: filepath.Join(tb.TempDir(), "openivs.db"), Key: key})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Errorf("close the database: %v", err)
		}
	})
	return database{db}
}

// A database is a store on a disk.
type database struct{ *store.DB }

func (d database) tables() tables {
	return tables{d.RecordingConfigurations(), d.RestrictionPolicies(), d.AdConfigurations(), d.PlaybackKeyPairs()}
}

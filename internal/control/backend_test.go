package control_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"

	"openivs/internal/seal"
	"openivs/internal/store"
	"openivs/internal/store/storetest"
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
	return openDatabase(tb, filepath.Join(tb.TempDir(), "openivs.db"))
}

// withPostgres are the backends, and the other engine of the store. Its server
// takes a second to start, so it is for what the engine makes a difference to.
func withPostgres(t *testing.T) []struct {
	name string
	open func(testing.TB) backend
} {
	t.Helper()
	server := storetest.Start(t)
	return append(slices.Clone(backends), struct {
		name string
		open func(testing.TB) backend
	}{"postgres", func(tb testing.TB) backend {
		tb.Helper()
		return openDatabase(tb, server.Database(tb))
	}})
}

func openDatabase(tb testing.TB, url string) backend {
	tb.Helper()
	key, err := seal.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		tb.Fatal(err)
	}
	db, err := store.Open(tb.Context(), store.Options{URL: url, Key: key})
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

package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"openivs/internal/ivs"
	"openivs/internal/store"
)

func keyClauses() []clause {
	return []clause{
		{"a wrong master key is refused with a cure, whoever opens", keyWrong},
		{"a wrong master key migrates nothing", keyWrongOld},
		{"a new master key takes over everything", keyChange},
	}
}

func keyWrong(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	db, err := store.Open(t.Context(), store.Options{URL: url, Key: masterKey(t, 1)})
	must(t, "Open", err)
	c := plain(t, db)
	must(t, "Close", db.Close())

	for _, mode := range []store.Mode{store.Owner, store.Guest} {
		_, err := store.Open(t.Context(), store.Options{URL: url, Key: masterKey(t, 2), Mode: mode})
		wantCode(t, "a wrong key", err, ivs.Invalid)
		if err != nil && !strings.Contains(err.Error(), "--master-key-file") {
			t.Errorf("the error names no cure: %v", err)
		}
	}
	if _, err := store.Open(t.Context(), store.Options{URL: url}); err == nil {
		t.Error("opened without a key")
	}
	if got, err := open(t, url).Channel(t.Context(), c.ARN); err != nil || got.ARN != c.ARN {
		t.Errorf("with the right key again: %v, %v", got.ARN, err)
	}
}

func keyWrongOld(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	db, err := store.Open(t.Context(), store.Options{URL: url, Key: masterKey(t, 1)})
	must(t, "Open", err)
	must(t, "Close", db.Close())
	mustExec(t, raw(t, url), `DELETE FROM migrations WHERE version > 1`)
	_, err = store.Open(t.Context(), store.Options{URL: url, Key: masterKey(t, 2)})
	wantCode(t, "a wrong key where a migration waits", err, ivs.Invalid)
	if err != nil && !strings.Contains(err.Error(), "--master-key-file") {
		t.Errorf("the error names no cure: %v", err)
	}
}

func keyChange(t *testing.T, e engine) {
	t.Helper()
	url := e.url(t)
	db, err := store.Open(t.Context(), store.Options{URL: url, Key: masterKey(t, 1)})
	must(t, "Open", err)
	c, k := create(t, db, fullChannel())
	access := store.AccessKey{ID: "AKIA1", Secret: "secret", Created: noon()}
	must(t, "CreateAccessKey", db.CreateAccessKey(t.Context(), access))
	must(t, "Rekey", db.Rekey(t.Context(), masterKey(t, 2)))

	check := func(db *store.DB) {
		t.Helper()
		if got, err := db.Publisher(t.Context(), k.Value); err != nil || got.SRTPassphrase != c.SRTPassphrase {
			t.Errorf("Publisher: %v, or another passphrase", err)
		}
		if got, err := db.StreamKey(t.Context(), k.ARN); err != nil || got.Value != k.Value {
			t.Errorf("StreamKey: %v, or another value", err)
		}
		if got, err := db.AccessKey(t.Context(), access.ID); err != nil || got.Secret != access.Secret {
			t.Errorf("AccessKey: %v, or another secret", err)
		}
	}
	check(db)
	must(t, "Close", db.Close())
	_, err = store.Open(t.Context(), store.Options{URL: url, Key: masterKey(t, 1)})
	wantCode(t, "the old key", err, ivs.Invalid)
	check(openAs(t, store.Options{URL: url, Key: masterKey(t, 2)}))
}

func TestNoSecretIsReadableInTheFiles(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	db := openAs(t, store.Options{URL: filepath.Join(dir, "openivs.db"), Key: masterKey(t, 1), Log: jsonLog(&log)})
	c, k := create(t, db, fullChannel())
	access := store.AccessKey{ID: "AKIA1", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", Created: noon()}
	must(t, "CreateAccessKey", db.CreateAccessKey(t.Context(), access))
	begin(t, db, c, noon())
	_, err := db.Publisher(t.Context(), k.Value)
	must(t, "Publisher", err)
	_, missing := db.Publisher(t.Context(), "sk_us-east-1_nobodyhasthis")
	var backup bytes.Buffer
	must(t, "Backup", db.Backup(t.Context(), &backup))

	seen := map[string][]byte{"log": log.Bytes(), "error": []byte(missing.Error()), "backup": unzip(t, backup.Bytes())}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, "Glob", err)
	for _, name := range files {
		body, err := os.ReadFile(name)
		must(t, "ReadFile", err)
		seen[filepath.Base(name)] = body
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v; want 0600", name, info.Mode(), err)
		}
	}
	if _, ok := seen["openivs.db-wal"]; !ok {
		t.Errorf("no log among %v: this test looks at too little", files)
	}
	for name, body := range seen {
		for what, secret := range map[string]ivs.Secret{
			"stream key": k.Value, "passphrase": c.SRTPassphrase, "secret access key": access.Secret,
			"unknown key": "sk_us-east-1_nobodyhasthis",
		} {
			if bytes.Contains(body, []byte(string(secret))) {
				t.Errorf("the %s stands in %s", what, name)
			}
		}
	}
}

// A stopped server leaves one file: whoever copies it has everything.
func TestACleanStopLeavesNoLogBesideTheDatabase(t *testing.T) {
	dir := t.TempDir()
	db, err := store.Open(t.Context(), store.Options{URL: filepath.Join(dir, "openivs.db"), Key: masterKey(t, 1)})
	must(t, "Open", err)
	c := plain(t, db)
	_, err = db.Channel(t.Context(), c.ARN)
	must(t, "Channel", err)
	must(t, "Close", db.Close())
	for _, name := range []string{"openivs.db-wal", "openivs.db-shm"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
}

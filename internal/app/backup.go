package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"openivs/internal/config"
	"openivs/internal/durable"
	"openivs/internal/seal"
	"openivs/internal/store"
)

// A backup is a directory: the database in the form of package store, what else
// of the data directory cannot be made anew, and a manifest, which is written
// last, so that a backup without one is none.
const (
	manifestName   = "manifest.json"
	manifestFormat = "openivs backup directory 1"
	exportName     = "database.gz"
	maxManifest    = 1 << 20 // bytes; a real one has about 1,000
)

// kept are the files of the data directory that a backup holds beside the
// database and the master key. Those that are missing are passed over.
func kept() []string {
	return []string{
		credentialsName,
		filepath.Join(tlsName, "ca.pem"), filepath.Join(tlsName, "ca.key"),
		filepath.Join(tlsName, "server.pem"), filepath.Join(tlsName, "server.key"),
	}
}

type manifest struct {
	Format string         `json:"format"`
	At     time.Time      `json:"at"`
	Files  []manifestFile `json:"files"`

	// MasterKey is whether the master key is in the backup. Without it the
	// backup is of no use unless the key file was kept elsewhere.
	MasterKey bool `json:"masterKey"`
}

type manifestFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Backup copies all that must not be lost into a directory that is empty or not
// there, as it is at one moment, also while a server runs. The master key is
// part of it unless the settings keep it elsewhere; Backup reports whether it is.
func Backup(ctx context.Context, cfg *config.Config, target string) (withKey bool, err error) {
	if err := databaseThere(cfg); err != nil {
		return false, err
	}
	key, err := seal.Load(MasterKeyFile(cfg))
	if err != nil {
		return false, err
	}
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(cfg), Key: key, Mode: store.Guest})
	if err != nil {
		return false, err
	}
	m := manifest{Format: manifestFormat, At: time.Now().UTC(), MasterKey: cfg.MasterKeyFile == ""}
	err = errors.Join(backup(ctx, cfg, db, target, m), db.Close())
	return m.MasterKey, err
}

func backup(ctx context.Context, cfg *config.Config, db *store.DB, target string, m manifest) error {
	if err := emptyFolder(target); err != nil {
		return err
	}
	export, err := saveAs(filepath.Join(target, exportName), func(w io.Writer) error { return db.Backup(ctx, w) })
	if err != nil {
		return err
	}
	export.Name = exportName
	m.Files = append(m.Files, export)
	names := kept()
	if m.MasterKey {
		names = append(names, masterKeyName)
	}
	for _, name := range names {
		f, err := copyFile(filepath.Join(target, name), filepath.Join(cfg.Data, name))
		if errors.Is(err, fs.ErrNotExist) && name != masterKeyName {
			continue
		}
		if err != nil {
			return err
		}
		f.Name = name
		m.Files = append(m.Files, f)
	}
	body, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(target, manifestName), durable.Private, append(body, '\n'))
}

// emptyFolder makes a folder, or finds that it is there and empty.
func emptyFolder(path string) error {
	if err := os.MkdirAll(path, durable.Folder); err != nil {
		return err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty: name a directory that is empty or not there", path)
	}
	return os.Chmod(path, durable.Folder)
}

// saveAs writes a file that is not there yet and says what it wrote.
func saveAs(path string, write func(io.Writer) error) (f manifestFile, err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, durable.Private)
	if err != nil {
		return f, err
	}
	sum := sha256.New()
	err = write(io.MultiWriter(file, sum))
	if err == nil {
		err = file.Sync()
	}
	info, statErr := file.Stat()
	if err = errors.Join(err, statErr, file.Close()); err != nil {
		return f, fmt.Errorf("write %s: %w", path, err)
	}
	f.Bytes, f.SHA256 = info.Size(), hex.EncodeToString(sum.Sum(nil))
	return f, nil
}

// copyFile copies a file to a place where none is, and says what it copied. A
// missing source is fs.ErrNotExist, and leaves nothing behind.
func copyFile(to, from string) (f manifestFile, err error) {
	source, err := os.Open(from)
	if err != nil {
		return f, err
	}
	defer source.Close() // nothing was written to it
	if err := os.MkdirAll(filepath.Dir(to), durable.Folder); err != nil {
		return f, err
	}
	return saveAs(to, func(w io.Writer) error {
		_, err := io.Copy(w, source)
		return err
	})
}

// Restore puts a backup into a data directory and a database that are empty. It
// is refused, with nothing changed, if a server runs there, if there is data
// already, or if the backup is not whole.
func Restore(ctx context.Context, cfg *config.Config, source string, log *slog.Logger) error {
	m, err := readManifest(source)
	if err != nil {
		return err
	}
	lock, err := lockData(cfg.Data, log)
	if err != nil {
		return err
	}
	var undo steps
	err = restore(ctx, cfg, source, m, log, &undo)
	if err != nil {
		err = errors.Join(err, undo.run(context.WithoutCancel(ctx), log))
	}
	return errors.Join(err, lock.Release())
}

func restore(ctx context.Context, cfg *config.Config, source string, m manifest, log *slog.Logger, undo *steps) error {
	if err := nothingThere(cfg, m); err != nil {
		return err
	}
	put := func(name, to string) error {
		undo.add("remove "+name, releaseLimit, func(context.Context) error { return removeAll(to) })
		_, err := copyFile(to, filepath.Join(source, name))
		return err
	}
	for _, f := range m.Files {
		to := filepath.Join(cfg.Data, f.Name)
		switch f.Name {
		case exportName:
			continue
		case masterKeyName:
			to = MasterKeyFile(cfg)
		}
		if err := put(f.Name, to); err != nil {
			return err
		}
	}
	if cfg.Database == config.SQLite {
		file := DatabaseURL(cfg)
		undo.add("remove the database", releaseLimit, func(context.Context) error {
			return removeAll(file, file+"-wal", file+"-shm", file+".lock")
		})
	}
	key, err := seal.Load(MasterKeyFile(cfg))
	if err != nil {
		return fmt.Errorf("%w; this backup came without it", err)
	}
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(cfg), Key: key, Log: log})
	if err != nil {
		return err
	}
	export, err := os.Open(filepath.Join(source, exportName))
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return errors.Join(db.Restore(ctx, export), export.Close(), db.Close())
}

// nothingThere refuses to restore over what is there already.
func nothingThere(cfg *config.Config, m manifest) error {
	names := append(kept(), databaseName)
	for _, name := range names {
		if path := filepath.Join(cfg.Data, name); durable.Exists(path) {
			return fmt.Errorf("%s is there already: restore into a new data directory", path)
		}
	}
	key := MasterKeyFile(cfg)
	if m.MasterKey && durable.Exists(key) {
		return fmt.Errorf("%s is there already and the backup has a master key of its own: move it away", key)
	}
	if !m.MasterKey && !durable.Exists(key) {
		return fmt.Errorf("the backup was made without its master key: name the file that has it with --master-key-file")
	}
	return nil
}

func removeAll(paths ...string) error {
	var all error
	for _, p := range paths {
		if err := os.Remove(p); !errors.Is(err, fs.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return all
}

// readManifest reads a backup's manifest and compares every file with it.
func readManifest(source string) (manifest, error) {
	var m manifest
	f, err := os.Open(filepath.Join(source, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%s is not a backup, or not a complete one: it has no %s", source, manifestName)
	}
	if err != nil {
		return m, err
	}
	err = json.NewDecoder(io.LimitReader(f, maxManifest)).Decode(&m)
	if err = errors.Join(err, f.Close()); err != nil {
		return m, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	if m.Format != manifestFormat {
		return m, fmt.Errorf("%s is %q, this program reads %q: restore it with the openivs that wrote it", source, m.Format, manifestFormat)
	}
	known := append(kept(), exportName, masterKeyName)
	for _, want := range m.Files {
		if !slices.Contains(known, want.Name) {
			return m, fmt.Errorf("the manifest names %q, which is no file of a backup", want.Name)
		}
		if err := compare(filepath.Join(source, want.Name), want); err != nil {
			return m, err
		}
	}
	return m, nil
}

func compare(path string, want manifestFile) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("the backup is not complete: %w", err)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if n != want.Bytes || hex.EncodeToString(sum.Sum(nil)) != want.SHA256 {
		return fmt.Errorf("the backup is damaged: %s is not what the manifest says", path)
	}
	return nil
}

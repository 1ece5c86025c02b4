// Package durable writes files that are whole or not there, whatever happens.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// The modes of what a server keeps.
const (
	Private fs.FileMode = 0o600
	Public  fs.FileMode = 0o644
	Folder  fs.FileMode = 0o700
)

// WriteFile replaces a file, so that nobody sees half of it, not even after the
// power went.
func WriteFile(path string, mode fs.FileMode, body []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // made with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder makes names in a folder last.
func SyncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Exists reports whether there is a file.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	private fs.FileMode = 0o600
	public  fs.FileMode = 0o644
	folder  fs.FileMode = 0o700
)

// writeFile replaces a file, so that nobody sees half of it, not even after the
// power went.
func writeFile(path string, mode fs.FileMode, body []byte) (err error) {
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
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes names in a folder last.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

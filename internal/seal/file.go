package seal

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxFile is the most that is read of a key file, in bytes; a key is 44
// characters of base64 and a line feed.
const maxFile = 1024

// Load reads a master key from a file: base64 text that only its owner may
// read. A missing file is fs.ErrNotExist.
func Load(path string) (*Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the master key: %w", err)
	}
	k, err := load(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read the master key: %w", err)
	}
	return k, nil
}

func load(f *os.File) (*Key, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", f.Name())
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %04o, so others than its owner may use it: run chmod 600 %s",
			f.Name(), mode, f.Name())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s has more than %d bytes and so is no key file", f.Name(), maxFile)
	}
	master, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(master) != KeySize {
		// What is in the file stays out of the message: it may be the key, mistyped.
		return nil, fmt.Errorf("%s does not hold %d bytes in base64: restore it from a copy", f.Name(), KeySize)
	}
	return New(master)
}

// LoadOrCreate reads a master key as Load does. If there is no such file it
// makes a new key and writes it there first, readable by its owner only.
func LoadOrCreate(path string) (*Key, error) {
	k, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := create(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create the master key: %w", err)
	}
	return Load(path)
}

// create writes a new key beside path, then links it into place, so that
// nobody sees half a key and a key that is there is never replaced.
func create(path string) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".master-*") // mode 0600
	if err != nil {
		return err
	}
	master := make([]byte, KeySize)
	_, _ = rand.Read(master) // never fails: crypto/rand ends the program instead
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(master) + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), path)
	}
	return errors.Join(err, os.Remove(f.Name()), syncDir(dir))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

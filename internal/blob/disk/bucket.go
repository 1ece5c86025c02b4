// Package disk makes a directory serve as a bucket: an object is a file, and
// what its key has in front of a slash is a directory.
//
// It gives nothing back: whoever reads a file does so without it.
package disk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
)

const (
	maxKey  = 1024 // bytes of a key, as in S3
	maxName = 255  // bytes of a name between slashes, as file systems have it

	directoryMode = 0o750
	fileMode      = 0o640
)

// A Bucket is a directory, which is made when it is first needed. The
// directory above it must exist.
type Bucket struct {
	Dir string // required

	mu    sync.Mutex
	known map[string]bool // directories that the disk knows of
}

// maxKnown is how many directories are remembered.
const maxKnown = 256

// Put stores a file, flushed to the disk.
func (b *Bucket) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	if err := b.put(ctx, key, body, size); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

// PutFile moves a file to its place where it is of the same file system, and
// copies it otherwise.
func (b *Bucket) PutFile(ctx context.Context, key, name string) error {
	if err := b.putFile(ctx, key, name); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

func (b *Bucket) putFile(ctx context.Context, key, name string) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	moved, err := b.move(ctx, key, f)
	if moved || err != nil {
		return err
	}
	return b.put(ctx, key, f, info.Size())
}

// move moves a file, if that can be done. What is found under the path of the key's
// directory is what the root finds, or the root is left.
func (b *Bucket) move(ctx context.Context, key string, f *os.File) (moved bool, err error) {
	if err := checkKey(key); err != nil {
		return false, err
	}
	if err := context.Cause(ctx); err != nil {
		return false, err
	}
	root, err := b.open()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	dir := path.Dir(key)
	if err := b.makeAll(root, dir); err != nil {
		return false, err
	}
	inside, err := root.Stat(dir)
	if err != nil {
		return false, err
	}
	if there, err := root.Lstat(key); err == nil && there.IsDir() {
		return false, fmt.Errorf("%s is the beginning of other keys", key)
	}
	place := filepath.Join(b.Dir, filepath.FromSlash(dir))
	if outside, err := os.Stat(place); err != nil || !os.SameFile(inside, outside) {
		return false, err
	}
	if err := f.Sync(); err != nil {
		return false, err
	}
	if os.Rename(f.Name(), filepath.Join(place, path.Base(key))) != nil {
		return false, nil
	}
	return true, flush(root, dir)
}

// Probe stores a file and deletes it.
func (b *Bucket) Probe(ctx context.Context) error {
	key := ".probe-" + rand.Text()
	err := b.put(ctx, key, strings.NewReader(""), 0)
	if err == nil {
		err = os.Remove(filepath.Join(b.Dir, key))
	}
	if err != nil {
		return fmt.Errorf("probe %s: %w", b.Dir, err)
	}
	return nil
}

func (b *Bucket) put(ctx context.Context, key string, body io.ReadSeeker, size int64) (err error) {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	root, err := b.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	dir := path.Dir(key)
	if err := b.makeAll(root, dir); err != nil {
		return err
	}
	part := path.Join(dir, ".part-"+rand.Text())
	err = write(root, part, &reader{ctx, body}, size)
	if err == nil {
		err = root.Rename(part, key)
	}
	if err != nil {
		if gone := root.Remove(part); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		return err
	}
	return flush(root, dir)
}

// open opens the directory, and makes it if need be.
func (b *Bucket) open() (*os.Root, error) {
	root, err := os.OpenRoot(b.Dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return root, err
	}
	above, err := os.OpenRoot(filepath.Dir(b.Dir))
	if err != nil {
		return nil, err
	}
	err = makeAll(above, filepath.Base(b.Dir))
	if err = errors.Join(err, above.Close()); err != nil {
		return nil, err
	}
	return os.OpenRoot(b.Dir)
}

// checkKey refuses what cannot be the path of a file in every file system.
func checkKey(key string) error {
	if len(key) > maxKey {
		return fmt.Errorf("a key has at most %d bytes, this one has %d", maxKey, len(key))
	}
	if strings.ContainsAny(key, "\x00\\") {
		return errors.New("a key has neither backslash nor NUL")
	}
	for name := range strings.SplitSeq(key, "/") {
		if name == "" || name == "." || name == ".." || len(name) > maxName {
			return fmt.Errorf("%.40q cannot be part of a key", name)
		}
	}
	return nil
}

// makeAll is makeAll for a directory of the bucket, which the disk is told of once.
func (b *Bucket) makeAll(root *os.Root, dir string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known[dir] {
		if info, err := root.Stat(dir); err == nil && info.IsDir() {
			return nil
		}
	}
	if err := makeAll(root, dir); err != nil {
		return err
	}
	if b.known == nil || len(b.known) >= maxKnown {
		b.known = make(map[string]bool)
	}
	b.known[dir] = true
	return nil
}

// makeAll makes a directory and those above it that are missing, each known to
// the disk before there is something in it.
func makeAll(root *os.Root, dir string) error {
	if dir == "." {
		return nil
	}
	err := root.Mkdir(dir, directoryMode)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeAll(root, path.Dir(dir)); err == nil {
			err = root.Mkdir(dir, directoryMode)
		}
	}
	if errors.Is(err, fs.ErrExist) { // perhaps made by another just now, and not flushed yet
		err = nil
	}
	if err != nil {
		return err
	}
	return flush(root, path.Dir(dir))
}

// write writes a new file of size bytes.
func write(root *os.Root, name string, body io.Reader, size int64) (err error) {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	n, err := io.Copy(f, body)
	if err != nil {
		return err
	}
	if n != size {
		return fmt.Errorf("the body has %d bytes, not the %d that were said", n, size)
	}
	return f.Sync()
}

// flush brings the names in a directory to the disk.
func flush(root *os.Root, dir string) error {
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// A reader ends with its context.
type reader struct {
	ctx  context.Context //nolint:containedctx // io.Copy has no place for one
	body io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.body.Read(p)
}

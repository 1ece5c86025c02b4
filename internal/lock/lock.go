// Package lock lets one process at a time have a directory or a file.
//
// The lock goes when its process does, however that ends. What is locked is for
// its users to keep to.
package lock

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"openivs/internal/ivs"
)

// maxHolder is the most that is read of a lock file, in bytes.
const maxHolder = 256

// A Lock is held on a file until it is released or the process ends, however
// it ends.
type Lock struct{ file *os.File }

// Dir takes the lock of a directory, DIR/lock. If another process holds it,
// the error is ivs.Conflict and names the holder. The file stays when the lock
// is released: removing it would let two processes hold "the" lock.
func Dir(dir string) (*Lock, error) { return File(filepath.Join(dir, "lock")) }

// File takes the lock of a file as Dir does, and creates the file.
func File(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := take(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Lock{file: f}, nil
}

// DirHeld reports whether somebody has the lock of a directory. It changes
// nothing.
func DirHeld(dir string) (bool, error) {
	f, err := os.Open(filepath.Join(dir, "lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	held := errors.Is(err, syscall.EWOULDBLOCK)
	if held {
		err = nil
	}
	return held, errors.Join(err, f.Close()) // which gives back what was taken
}

// A look by DirHeld is in the way for a moment, which is waited for.
const (
	looks     = 5
	lookPause = 10 * time.Millisecond
)

func take(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	for range looks {
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		<-time.After(lookPause)
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		text, err := io.ReadAll(io.LimitReader(f, maxHolder))
		if err != nil {
			return fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		return Held(f.Name(), strings.TrimSpace(string(text)))
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	text := Self() + ", since " + time.Now().UTC().Format(time.RFC3339) + "\n"
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(text), 0)
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return nil
}

// Held refuses what somebody else holds.
func Held(what, holder string) error {
	if holder == "" {
		holder = "another process"
	}
	return ivs.Errorf(ivs.Conflict, "%s is in use by %s: stop that server first", what, holder)
}

// Self names this process to others.
func Self() string {
	host, err := os.Hostname()
	if err != nil {
		host = "an unnamed host"
	}
	const most = 32 // characters; PostgreSQL keeps 63 of the whole
	return fmt.Sprintf("openivs on %.*s, pid %d", most, host, os.Getpid())
}

// Release gives the lock back.
func (l *Lock) Release() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("unlock: %w", err)
	}
	return nil
}

package metric

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Files are below a directory: RESOLUTION/TIME/KEY, where TIME is a day for rows
// of seconds, a month for minutes and a year for hours, and KEY is the id of a
// channel or Account. Old ones go a TIME at a time.
const (
	folder  fs.FileMode = 0o700
	private fs.FileMode = 0o600

	maxFile = 512 << 20 // bytes that are read of one; a year of hours has 600 KiB
)

// Account is the key of what is measured of all channels together.
const Account = "account"

// Kept is for how long rows are kept.
type Kept struct{ PerSecond, PerMinute, PerHour time.Duration }

// layout names the directories of a resolution.
func (r Resolution) layout() string {
	switch r {
	case Second:
		return "20060102"
	case Minute:
		return "200601"
	default:
		return "2006"
	}
}

func (r Resolution) file(dir, key string, at int64) string {
	return filepath.Join(dir, r.name(), time.Unix(at, 0).UTC().Format(r.layout()), key)
}

// after returns the beginning of the TIME after that of at.
func (r Resolution) after(at int64) int64 {
	t := time.Unix(at, 0).UTC()
	switch r {
	case Second:
		return time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC).Unix()
	case Minute:
		return time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC).Unix()
	default:
		return time.Date(t.Year()+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	}
}

// add appends to a file what begins at a time.
func (r Resolution) add(dir, key string, at int64, block []byte) error {
	name := r.file(dir, key, at)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, private)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(name), folder); err == nil {
			f, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, private)
		}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(block)
	return errors.Join(err, f.Close())
}

// read returns a file, or nothing if there is none.
func read(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, errors.New(name + " is too large to be ours")
	}
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// mend cuts off what a power cut left half written, so that what is appended can
// be read.
func mend(name string) error {
	b, err := read(name)
	if err != nil || len(b) == 0 {
		return err
	}
	if n := whole(b); n < len(b) {
		return os.Truncate(name, int64(n))
	}
	return nil
}

// keys lists what has rows of a resolution within a time, sorted.
func (r Resolution) keys(dir string, from, to int64) ([]string, error) {
	seen := make(map[string]bool)
	for at := from; at < to; at = r.after(at) {
		entries, err := os.ReadDir(filepath.Dir(r.file(dir, Account, at)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			seen[e.Name()] = true
		}
	}
	delete(seen, Account)
	out := make([]string, 0, len(seen))
	for k := range seen {
		out = append(out, k)
	}
	slices.Sort(out)
	return out, nil
}

// forget removes what is older than it is kept.
func forget(dir string, k Kept, now time.Time) error {
	var all error
	for r, keep := range map[Resolution]time.Duration{Second: k.PerSecond, Minute: k.PerMinute, Hour: k.PerHour} {
		entries, err := os.ReadDir(filepath.Join(dir, r.name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = errors.Join(all, err)
		}
		for _, e := range entries {
			begin, err := time.Parse(r.layout(), e.Name())
			if err != nil || !time.Unix(r.after(begin.Unix()), 0).Before(now.Add(-keep)) {
				continue
			}
			all = errors.Join(all, os.RemoveAll(filepath.Join(dir, r.name(), e.Name())))
		}
	}
	return all
}

// fit reports whether a key may be the name of a file.
func fit(key string) bool {
	const most = 128
	return key != "" && len(key) <= most && !strings.ContainsAny(key, `/\.`+"\x00")
}

// Package rotate writes records to a file that is put aside when it is large
// and begun anew, so that no record is ever in two files or half in one.
//
// What the records are is up to whoever writes them.
package rotate

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A File is records in a directory: NAME.log, which grows, and those before it,
// NAME-TIME.log. Its fields are set before the first Write, and one goroutine
// writes.
type File struct {
	Dir     string // made if it is not there
	Name    string // of the files, such as audit
	MaxSize int64  // bytes of a file, but for a record that alone is longer
	Keep    int    // files, NAME.log among them

	file *os.File
	size int64 // of whole records
	torn bool  // there may be a part of a record behind them
}

const (
	olderForm = "20060102T150405.000000000Z" // when a file was closed
	suffix    = ".log"

	private fs.FileMode = 0o600
	folder  fs.FileMode = 0o700
)

// Write writes records, each of which ends with a line break. No record is in
// two files. If it fails, n says how many bytes of whole records were written.
func (f *File) Write(records []byte) (n int, err error) {
	for n < len(records) {
		if err := f.open(); err != nil {
			return n, err
		}
		fit := f.fit(records[n:])
		if fit == 0 {
			if err := f.rotate(); err != nil {
				return n, err
			}
			continue
		}
		w, err := f.file.Write(records[n : n+fit])
		whole := bytes.LastIndexByte(records[n:n+w], '\n') + 1
		n, f.size = n+whole, f.size+int64(whole)
		if err != nil {
			f.torn = whole < w
			return n, err
		}
	}
	return n, nil
}

// fit returns how many bytes of whole records go into the file as it is.
func (f *File) fit(records []byte) int {
	room := f.MaxSize - f.size
	if room >= int64(len(records)) {
		return len(records)
	}
	if n := bytes.LastIndexByte(records[:max(room, 0)], '\n') + 1; n > 0 {
		return n
	}
	if f.size > 0 {
		return 0
	}
	return bytes.IndexByte(records, '\n') + 1 // alone too long: it gets a file
}

// open sees that the current file is open and ends with a whole record.
func (f *File) open() error {
	if f.file == nil {
		if err := os.MkdirAll(f.Dir, folder); err != nil {
			return err
		}
		file, err := os.OpenFile(f.current(), os.O_RDWR|os.O_CREATE|os.O_APPEND, private)
		if err != nil {
			return err
		}
		size, err := wholeRecords(file)
		if err != nil {
			return errors.Join(err, file.Close())
		}
		f.file, f.size, f.torn = file, size, true
	}
	if !f.torn {
		return nil
	}
	if err := f.file.Truncate(f.size); err != nil {
		return fmt.Errorf("cut off half a record: %w", err)
	}
	f.torn = false
	return nil
}

// wholeRecords returns where the last whole record of a file ends. A process
// that was killed may have left a part of one behind it.
func wholeRecords(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	block := make([]byte, 64<<10)
	for end := info.Size(); end > 0; {
		begin := max(0, end-int64(len(block)))
		part := block[:end-begin]
		if _, err := file.ReadAt(part, begin); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return begin + int64(i) + 1, nil
		}
		end = begin
	}
	return 0, nil
}

// rotate gives the current file the name of an older one, so that open begins another,
// and removes the oldest.
func (f *File) rotate() error {
	err := f.file.Close()
	f.file = nil
	if err != nil {
		return err
	}
	all, err := f.older()
	if err != nil {
		return err
	}
	now := time.Now()
	if len(all) > 0 && !now.After(all[len(all)-1]) { // the clock was set back
		now = all[len(all)-1].Add(1)
	}
	if err := os.Rename(f.current(), f.name(now)); err != nil {
		return err
	}
	all = append(all, now)
	for len(all) > max(0, f.Keep-1) {
		if err := os.Remove(f.name(all[0])); err != nil {
			return err
		}
		all = all[1:]
	}
	return nil
}

// current returns the name of the file that grows.
func (f *File) current() string { return filepath.Join(f.Dir, f.Name+suffix) }

// name returns the name of a file that was closed at a moment.
func (f *File) name(at time.Time) string {
	return filepath.Join(f.Dir, f.Name+"-"+at.UTC().Format(olderForm)+suffix)
}

// older returns when each file before the current file was closed, the oldest first.
func (f *File) older() ([]time.Time, error) {
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return nil, err
	}
	var all []time.Time
	for _, e := range entries {
		stamp, ok := strings.CutPrefix(e.Name(), f.Name+"-")
		stamp, log := strings.CutSuffix(stamp, suffix)
		at, err := time.Parse(olderForm, stamp)
		if ok && log && err == nil {
			all = append(all, at)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all, nil
}

// Sync returns when what was written outlasts a power cut.
func (f *File) Sync() error {
	if f.file == nil {
		return nil
	}
	return f.file.Sync()
}

// Close closes the file. Another Write would open it again.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

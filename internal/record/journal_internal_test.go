package record

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const smallJournal = `{"begin":{"version":1,"id":"a","session":"b","prefix":"p","channel":"arn:aws:ivs:us-east-1:123456789012:channel/a","ext":".ts"}}
{"state":{"streams":["st-1"]}}
{"folder":{"name":"720p30","rendition":"source","codecs":"avc1"}}
{"piece":{"folder":"720p30","n":0,"span":{"b":10,"t":180000},"date":"2026-01-02T03:04:05Z"}}
`

func TestATornLineIsLeftOut(t *testing.T) {
	for n := range len(smallJournal) {
		lines := 0
		size, err := readJournal(strings.NewReader(smallJournal[:n]), func(entry) error { lines++; return nil })
		whole := strings.LastIndexByte(smallJournal[:n], '\n') + 1
		if err != nil || size != int64(whole) || lines != strings.Count(smallJournal[:n], "\n") {
			t.Fatalf("of %d bytes %d were read in %d lines (%v), want %d", n, size, lines, err, whole)
		}
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(smallJournal))
	f.Add([]byte(smallJournal[:200]))
	f.Add([]byte("{}\n"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		size, err := readJournal(bytes.NewReader(b), func(e entry) error {
			_ = e.folder()
			return nil
		})
		if size > int64(len(b)) || err == nil && size > 0 && b[size-1] != '\n' {
			t.Errorf("%d bytes of %d were read", size, len(b))
		}
	})
}

func TestOtherFilesAreNoJournals(t *testing.T) {
	for _, text := range []string{"{}\n", "hello\n", smallJournal + smallJournal, strings.Replace(smallJournal, `"version":1`, `"version":2`, 1)} {
		if _, err := readJournal(strings.NewReader(text), func(entry) error { return nil }); !errors.Is(err, errJournal) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

// A full is a file on a disk that has so many bytes left.
type full struct {
	*os.File

	left int
}

func (f *full) Write(b []byte) (int, error) {
	n, err := f.File.Write(b[:min(len(b), f.left)])
	f.left -= n
	if err == nil && n < len(b) {
		err = syscall.ENOSPC
	}
	return n, err
}

// TestAFullDiskTearsNoJournal has the disk full in the middle of an entry, and room for
// the next: what was half written is not there.
func TestAFullDiskTearsNoJournal(t *testing.T) {
	for left := range 200 {
		f, err := os.OpenFile(filepath.Join(t.TempDir(), "journal"), os.O_CREATE|os.O_RDWR|os.O_APPEND, fileMode)
		if err != nil {
			t.Fatal(err)
		}
		disk := &full{f, 1 << 20}
		j := journal{file: disk}
		if err := j.append(entry{Begin: &header{Version: journalVersion, ID: "one"}}); err != nil {
			t.Fatal(err)
		}
		disk.left = left
		second := j.append(entry{Stored: 1}, entry{Stored: 2}, entry{Drop: []string{"360p30"}}, entry{Drop: []string{"160p30"}})
		disk.left = 1 << 20
		if err := j.append(entry{Stored: 3}); err != nil {
			t.Fatal(err)
		}
		var got []int
		in, err := os.Open(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readJournal(in, func(e entry) error {
			if e.Stored > 0 {
				got = append(got, e.Stored)
			}
			return nil
		}); err != nil {
			t.Fatalf("%d bytes left: %v", left, err)
		}
		want := []int{3}
		if second == nil {
			want = []int{1, 2, 3}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d bytes left: entries %v, want %v", left, got, want)
		}
		if err := errors.Join(in.Close(), j.close()); err != nil {
			t.Error(err)
		}
	}
}

package record

import (
	"bytes"
	"errors"
	"strings"
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

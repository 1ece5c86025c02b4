package record_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/blob/disk"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/record"
)

// spools are the directories of recordings in the spool.
func (s *studio) spools(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(s.Dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRecordingsThatFailGiveTheirRoomBack has recordings fail in every way, one after
// the other, with less room than they take together.
func TestRecordingsThatFailGiveTheirRoomBack(t *testing.T) {
	denied := func(*studio, context.Context) error { return errDenied }
	for name, tt := range map[string]struct {
		fault   func(s *studio, ctx context.Context) error
		unready bool // the spool does not take a file
		event   string
	}{
		"refused":                 {denied, false, ivs.RecordingStartFailure},
		"the spool takes no more": {nil, true, ivs.RecordingEndFailure},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStudio(t)
				s.Limit, s.fault = 1_000_000, tt.fault
				var most int64
				s.look = func(after time.Duration) {
					most = max(most, s.Used())
					if !tt.unready || after < 8*time.Second {
						return
					}
					for _, dir := range s.spools(t) {
						if err := os.Mkdir(filepath.Join(dir, "480p30.1.ts"), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
							t.Error(err)
						}
					}
				}
				const failing = 12
				for range failing {
					s.play(t, session(t, selecting(ivs.CustomRenditions, "SD")), 25*time.Second)
					<-time.After(time.Minute)
				}
				if got := s.names(); s.Used() != 0 || most*failing < s.Limit || slices.IndexFunc(got, func(n string) bool { return n == tt.event }) < 0 || slices.Contains(got, ivs.RecordingEnd) {
					t.Fatalf("%d bytes are used, of %d at most; events %v", s.Used(), most, got)
				}
				s.fault, tt.unready = nil, false
				s.play(t, session(t, selecting(ivs.CustomRenditions, "SD")), 25*time.Second)
				s.finish(t)
				if got := s.names(); s.Used() != 0 || got[len(got)-1] != ivs.RecordingEnd {
					t.Errorf("%d bytes are used; events %v", s.Used(), got)
				}
			})
		})
	}
}

// A keeping bucket keeps what came from the spool, in its order.
type keeping struct {
	*disk.Bucket

	keys, names []string
	files       map[string][]byte // by their names in the spool
}

func (k *keeping) PutFile(ctx context.Context, key, name string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	k.keys, k.names = append(k.keys, key), append(k.names, filepath.Base(name))
	k.files[filepath.Base(name)] = b
	return k.Bucket.PutFile(ctx, key, name)
}

// A line is what the test reads of a line of a journal.
type line struct {
	Begin  *struct{ ID, Prefix string }
	Stored int
	State  *struct {
		Started    time.Time
		Told, Done bool
	}
}

// TestEveryBeginningOfAJournalIsBroughtToAnEnd has the server die after each line of a
// journal, with files that are longer than the journal knows.
func TestEveryBeginningOfAJournalIsBroughtToAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		k := &keeping{Bucket: &disk.Bucket{Dir: s.dir}, files: make(map[string][]byte)}
		s.Bucket = func(string) record.Bucket { return k }
		s.Thumbnail = func(context.Context, media.Unit, int, int) ([]byte, error) { return []byte("picture"), nil }
		var journal []byte
		s.Note = func(context.Context, ivs.Event) (err error) {
			journal, err = os.ReadFile(filepath.Join(s.spools(t)[0], "journal"))
			return err
		}
		s.play(t, session(t, func(c *ivs.RecordingConfiguration) {
			selecting(ivs.CustomRenditions, "SD", "LOWEST_RESOLUTION")(c)
			c.Thumbnails.Interval, c.Thumbnails.Storage = 10, []string{"SEQUENTIAL"}
		}), 25*time.Second)
		s.finish(t)
		lines := slices.Collect(bytes.Lines(journal))
		if !bytes.Contains(journal, []byte(`"drop":[`)) || len(k.names) < 6 || len(lines) < 20 {
			t.Fatalf("the journal is no example:\n%s", journal)
		}
		whole := 0
		for n := range len(lines) + 1 {
			if s.dies(t, k, lines[:n]) {
				whole++
			}
			if t.Failed() {
				t.Fatalf("after line %d of:\n%s", n, journal)
			}
		}
		if whole < len(lines)/2 {
			t.Errorf("only %d recordings of %d are whole", whole, len(lines)+1)
		}
	})
}

// dies makes a spool and a bucket as a server leaves them that dies after some lines of
// a journal, and has another one go on. It reports whether there is a recording.
func (s *studio) dies(t *testing.T, k *keeping, lines [][]byte) bool {
	t.Helper()
	next := newStudio(t)
	var begun, started, told, done bool
	var id, prefix string
	stored := 0
	for _, b := range lines {
		var l line
		if err := json.Unmarshal(b, &l); err != nil {
			t.Fatal(err)
		}
		stored = max(stored, l.Stored)
		if l.Begin != nil {
			begun, id, prefix = true, l.Begin.ID, l.Begin.Prefix
		}
		if l.State != nil {
			started, told, done = !l.State.Started.IsZero(), l.State.Told, l.State.Done
		}
	}
	if !begun {
		id = "nothing"
	}
	spool := map[string][]byte{filepath.Join(id, "journal"): bytes.Join(lines, nil)}
	for n, name := range k.names {
		if n >= stored {
			spool[filepath.Join(id, name)] = k.files[name]
		}
	}
	fill(t, next.Dir, spool)
	bucket := make(map[string][]byte)
	for _, name := range s.files(t) {
		n := slices.Index(k.keys, name)
		if done || n >= 0 && n < stored || told && name == prefix+"/events/recording-started.json" {
			b, err := os.ReadFile(filepath.Join(s.dir, name))
			if err != nil {
				t.Fatal(err)
			}
			bucket[name] = b
		}
	}
	fill(t, next.dir, bucket)
	if err := next.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	next.finish(t)
	if left := next.spools(t); len(left) > 0 {
		t.Errorf("left in the spool: %v", left)
	}
	if !started {
		if all := next.files(t); len(all) > 0 {
			t.Errorf("stored of what had not begun: %v", all)
		}
		return false
	}
	if _, err := next.verify(t); err != nil {
		t.Error(err)
	}
	return true
}

// fill writes files below a directory.
func fill(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, b := range files {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

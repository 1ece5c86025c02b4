package lines_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"openivs/internal/event"
	"openivs/internal/event/lines"
	"openivs/internal/rotate"
)

func messages(n int) []event.Message {
	var out []event.Message
	for i := range n {
		out = append(out, event.Message{ID: fmt.Sprint(i), Channel: "arn", Body: fmt.Appendf(nil, `{"n":%d}`, i)})
	}
	return out
}

func TestAFileHasALineForEachEventAndRotates(t *testing.T) {
	f := &rotate.File{Dir: filepath.Join(t.TempDir(), "events"), Name: "events", MaxSize: 30, Keep: 10}
	s := &lines.Sink{To: f, Sync: f.Sync}
	for _, m := range messages(9) {
		if errs := s.Send(t.Context(), []event.Message{m}); errs != nil {
			t.Fatal(errs)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(f.Dir, "events*.log"))
	if err != nil || len(names) != 3 {
		t.Fatalf("files %v, %v", names, err)
	}
	slices.Sort(names) // that without a time sorts last: '-' is before '.'
	var all []string
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.Fields(string(b))...)
	}
	for i, line := range all {
		if want := fmt.Sprintf(`{"n":%d}`, i); line != want {
			t.Errorf("line %d is %s, want %s", i, line, want)
		}
	}
	if len(all) != 9 {
		t.Errorf("%d lines", len(all))
	}
}

// A full disk takes some lines.
type full struct {
	bytes.Buffer
	room int
}

func (f *full) Write(b []byte) (int, error) {
	n := min(len(b), f.room)
	n = bytes.LastIndexByte(b[:n], '\n') + 1
	f.room -= n
	f.Buffer.Write(b[:n])
	if n < len(b) {
		return n, errors.New("no space left")
	}
	return n, nil
}

func (*full) Close() error { return nil }

func TestWhatDidNotFitIsNotTaken(t *testing.T) {
	f := &full{room: 20} // two lines of eight bytes and a half
	errs := (&lines.Sink{To: f}).Send(t.Context(), messages(4))
	for i, err := range errs {
		if (err == nil) != (i < 2) {
			t.Errorf("message %d: %v", i, err)
		}
	}
	if f.String() != "{\"n\":0}\n{\"n\":1}\n" {
		t.Errorf("written: %q", f.String())
	}
	f = &full{room: 100}
	lost := errors.New("lost")
	if errs := (&lines.Sink{To: f, Sync: func() error { return lost }}).Send(t.Context(), messages(2)); len(errs) != 2 || !errors.Is(errs[1], lost) {
		t.Errorf("of a disk that loses what was written: %v", errs)
	}
}

package rotate_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"openivs/internal/rotate"
)

// files returns the contents of all files of a trail, the oldest first.
func files(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "audit-*.log"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	var out []string
	for _, name := range append(names, filepath.Join(dir, "audit.log")) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	return out
}

func write(t *testing.T, f *rotate.File, records string) {
	t.Helper()
	if n, err := f.Write([]byte(records)); n != len(records) || err != nil {
		t.Fatalf("Write = %d, %v; want %d", n, err, len(records))
	}
}

func TestAFileRotatesBetweenRecords(t *testing.T) {
	for _, tt := range []struct {
		name    string
		size    int64
		keep    int
		batches []string
		want    []string
	}{
		{"all fits", 100, 3, []string{"a\n", "b\nc\n"}, []string{"a\nb\nc\n"}},
		{"to the byte", 6, 3, []string{"a\nb\nc\n"}, []string{"a\nb\nc\n"}},
		{"one byte less", 5, 3, []string{"a\nb\nc\n"}, []string{"a\nb\n", "c\n"}},
		{"a record that does not fit goes whole to the next", 8, 3, []string{"aaaa\n", "bbbb\n"}, []string{"aaaa\n", "bbbb\n"}},
		{"one that is too long has a file of its own", 4, 9, []string{"a\n", "bbbbbbbbb\nc\n"}, []string{"a\n", "bbbbbbbbb\n", "c\n"}},
		{"the oldest goes", 2, 2, []string{"a\nb\nc\n", "d\n"}, []string{"c\n", "d\n"}},
		{"one is kept", 2, 1, []string{"a\nb\nc\n"}, []string{"c\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &rotate.File{Name: "audit", Dir: filepath.Join(t.TempDir(), "new"), MaxSize: tt.size, Keep: tt.keep}
			for _, b := range tt.batches {
				write(t, f, b)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if got := files(t, f.Dir); !slices.Equal(got, tt.want) {
				t.Errorf("files %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAFileGoesOnWhereItWas(t *testing.T) {
	for _, tt := range []struct{ name, before, want string }{
		{"whole records", "a\nb\n", "a\nb\nc\n"},
		{"half a record is cut off", "a\nb\n{\"half", "a\nb\nc\n"},
		{"nothing but half a record", "half", "c\n"},
		{"half a record longer than a block", "a\n" + strings.Repeat("x", 200<<10), "a\nc\n"},
		{"empty", "", "c\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "audit.log"), []byte(tt.before), 0o600); err != nil {
				t.Fatal(err)
			}
			f := &rotate.File{Name: "audit", Dir: dir, MaxSize: 1 << 20, Keep: 2}
			write(t, f, "c\n")
			if got := files(t, dir); !slices.Equal(got, []string{tt.want}) {
				t.Errorf("files %q, want %q", got, tt.want)
			}
		})
	}
}

func TestOnlyFilesOfTheTrailAreRemoved(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "audit-mine.log")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := &rotate.File{Name: "audit", Dir: dir, MaxSize: 2, Keep: 1}
	write(t, f, "a\nb\nc\n")
	if _, err := os.Stat(foreign); err != nil {
		t.Error(err)
	}
}

// TestRotationLosesNothing has thousands of records go through small files.
func TestRotationLosesNothing(t *testing.T) {
	dir := t.TempDir()
	var want bytes.Buffer
	for run := range 3 { // as many starts of the server
		f := &rotate.File{Name: "audit", Dir: dir, MaxSize: 1000, Keep: 1 << 20}
		for i := range 300 {
			var batch bytes.Buffer
			for j := range i % 7 {
				fmt.Fprintf(&batch, "%d %d %d %s\n", run, i, j, strings.Repeat("x", i))
			}
			want.Write(batch.Bytes())
			write(t, f, batch.String())
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	all := files(t, dir)
	if got := strings.Join(all, ""); got != want.String() {
		t.Errorf("%d bytes came back, %d were written", len(got), want.Len())
	}
	for i, body := range all {
		if len(body) > 1000 || !strings.HasSuffix(body, "\n") {
			t.Errorf("file %d has %d bytes and ends in %q", i, len(body), body[max(0, len(body)-5):])
		}
	}
}

func TestAFileThatCannotBeWrittenSaysSoAndGoesOnLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file is in its place
		t.Fatal(err)
	}
	f := &rotate.File{Name: "audit", Dir: dir, MaxSize: 100, Keep: 1}
	if n, err := f.Write([]byte("a\n")); n != 0 || err == nil {
		t.Errorf("Write = %d, %v; want an error", n, err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	write(t, f, "a\n")
	if got := files(t, dir); !slices.Equal(got, []string{"a\n"}) {
		t.Errorf("files %q", got)
	}
}

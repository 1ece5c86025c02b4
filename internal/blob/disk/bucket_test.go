package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"openivs/internal/blob/disk"
	"openivs/internal/record/buckettest"
)

func TestBucket(t *testing.T) {
	buckettest.Run(t, func(t *testing.T) buckettest.Store {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "demo-bucket")
		return buckettest.Store{
			Bucket: &disk.Bucket{Dir: dir},
			Read: func(t testing.TB, key string) ([]byte, bool) {
				t.Helper()
				b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(key)))
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Error(err)
				}
				return b, err == nil
			},
			Keys: func(t testing.TB) []string {
				t.Helper()
				return files(t, dir)
			},
		}
	})
}

// files returns all files below a directory, whatever they are called.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, name)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	return all
}

func put(t *testing.T, b *disk.Bucket, key string) error {
	t.Helper()
	return b.Put(t.Context(), key, strings.NewReader("x"), 1)
}

func TestTheDirectoryIsMadeWhenItIsNeeded(t *testing.T) {
	above := t.TempDir()
	b := &disk.Bucket{Dir: filepath.Join(above, "bucket")}
	if err := b.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(b.Dir); err != nil {
		t.Fatal(err)
	}
	if err := put(t, b, "a/b"); err != nil {
		t.Errorf("after the directory was removed: %v", err)
	}
	if i, err := os.Stat(b.Dir); err != nil || i.Mode().Perm()&0o007 != 0 {
		t.Errorf("the directory: %v, %v; want one that others cannot read", i, err)
	}
}

func TestNoKeyLeadsOutOfTheDirectory(t *testing.T) {
	above := t.TempDir()
	b := &disk.Bucket{Dir: filepath.Join(above, "bucket")}
	outside := filepath.Join(above, "outside")
	for _, dir := range []string{outside, b.Dir} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(b.Dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"link/a", "link/deep/a", "../outside/a", `..\outside\a`} {
		if err := put(t, b, key); err == nil {
			t.Errorf("Put(%q) was done", key)
		}
	}
	if got := files(t, outside); len(got) > 0 {
		t.Errorf("written outside: %q", got)
	}
}

func TestWhatCannotBeWrittenIsSaid(t *testing.T) {
	above := t.TempDir()
	for _, tt := range []struct{ name, dir string }{
		{"the directory above is missing", filepath.Join(above, "missing", "bucket")},
		{"a file is in the way", filepath.Join(above, "file")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(above, "file"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			b := &disk.Bucket{Dir: tt.dir}
			if err := b.Probe(t.Context()); err == nil {
				t.Error("Probe found nothing wrong")
			}
			if err := put(t, b, "a"); err == nil {
				t.Error("Put was done")
			}
		})
	}
}

func TestAKeyThatIsTheBeginningOfAnother(t *testing.T) {
	b := &disk.Bucket{Dir: filepath.Join(t.TempDir(), "bucket")}
	if err := put(t, b, "a"); err != nil {
		t.Fatal(err)
	}
	if err := put(t, b, "a/b"); err == nil {
		t.Error("a file became a directory")
	}
	if err := put(t, b, "c/d"); err != nil {
		t.Fatal(err)
	}
	if err := put(t, b, "c"); err == nil {
		t.Error("a directory became a file")
	}
	if got := files(t, b.Dir); len(got) != 2 {
		t.Errorf("left behind: %q", got)
	}
}

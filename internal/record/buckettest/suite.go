// Package buckettest holds every record.Bucket to what recordings rely on.
package buckettest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"openivs/internal/record"
)

// A Store is a bucket that the suite may look into.
type Store struct {
	record.Bucket

	// Read returns the object under a key, and whether there is one.
	Read func(t testing.TB, key string) (body []byte, found bool)
	// Keys returns the keys of all objects, in any order.
	Keys func(t testing.TB) []string
}

// Run tests buckets that open makes, each new and empty.
func Run(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Store)
	}{
		{"what was put is there", putIsThere},
		{"the last put wins", lastWins},
		{"keys are taken as they are", anyKey},
		{"a key that is no path is refused", badKey},
		{"a body that fails leaves the old object", failingBody},
		{"a file is put as it is", file},
		{"a body of another size is refused", wrongSize},
		{"puts at the same time are whole", together},
		{"nothing is put once the context is over", over},
		{"a probe leaves nothing behind", probe},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func put(ctx context.Context, s Store, key, body string) error {
	return s.Put(ctx, key, strings.NewReader(body), int64(len(body)))
}

func mustPut(t *testing.T, s Store, key, body string) {
	t.Helper()
	if err := put(t.Context(), s, key, body); err != nil {
		t.Fatalf("Put(%q): %v", key, err)
	}
}

func wantBody(t *testing.T, s Store, key, want string) {
	t.Helper()
	if got, found := s.Read(t, key); !found || string(got) != want {
		t.Errorf("%q holds %.40q (there: %t), want %.40q", key, got, found, want)
	}
}

func wantKeys(t *testing.T, s Store, want int) {
	t.Helper()
	if got := s.Keys(t); len(got) != want {
		t.Errorf("the bucket holds %q, want %d objects", got, want)
	}
}

func putIsThere(t *testing.T, s Store) {
	t.Helper()
	large := strings.Repeat("0123456789abcdef", 1<<17) // 2 MiB
	mustPut(t, s, "ivs/v1/123456789012/AsXego4U6tnj/2020/6/23/20/12/j8Z9O91ndcVs/media/hls/720p60/0.ts", large)
	mustPut(t, s, "empty", "")
	wantBody(t, s, "ivs/v1/123456789012/AsXego4U6tnj/2020/6/23/20/12/j8Z9O91ndcVs/media/hls/720p60/0.ts", large)
	wantBody(t, s, "empty", "")
	wantKeys(t, s, 2)
}

func lastWins(t *testing.T, s Store) {
	t.Helper()
	for _, body := range []string{"first, longer", "second"} {
		mustPut(t, s, "a/b.m3u8", body)
		wantBody(t, s, "a/b.m3u8", body)
	}
	wantKeys(t, s, 1)
}

func anyKey(t *testing.T, s Store) {
	t.Helper()
	keys := []string{"a b", "ü/日本.ts", "a+b=c&d?e#f%2F", "...", "-", "a/.hidden", "'quoted'(1)", strings.Repeat("d/", 100) + "deep"}
	for i, k := range keys {
		mustPut(t, s, k, fmt.Sprint("body ", i))
	}
	for i, k := range keys {
		wantBody(t, s, k, fmt.Sprint("body ", i))
	}
	wantKeys(t, s, len(keys))
}

func badKey(t *testing.T, s Store) {
	t.Helper()
	for _, k := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", "a\x00b",
		strings.Repeat("k", 1025), strings.Repeat("k/", 512) + "k",
	} {
		if err := put(t.Context(), s, k, "x"); err == nil {
			t.Errorf("Put(%.40q) was done", k)
		}
	}
	wantKeys(t, s, 0)
}

// A failing body breaks off before its end.
type failing struct{ io.ReadSeeker }

var errBroken = errors.New("the source broke")

func (f failing) Read(p []byte) (int, error) {
	n, err := f.ReadSeeker.Read(p[:min(len(p), 10)])
	if err != nil {
		err = errBroken
	}
	return n, err
}

func failingBody(t *testing.T, s Store) {
	t.Helper()
	mustPut(t, s, "a/b", "old")
	if err := s.Put(t.Context(), "a/b", failing{strings.NewReader(strings.Repeat("x", 1000))}, 1000); !errors.Is(err, errBroken) {
		t.Errorf("Put: %v, want %v beneath", err, errBroken)
	}
	if err := s.Put(t.Context(), "a/c", failing{strings.NewReader("")}, 10); err == nil {
		t.Error("Put of a broken body was done")
	}
	wantBody(t, s, "a/b", "old")
	wantKeys(t, s, 1)
}

func file(t *testing.T, s Store) {
	t.Helper()
	mustPut(t, s, "a/b", "old")
	for _, key := range []string{"a/b", "new/c"} {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, []byte("new"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.PutFile(t.Context(), key, name); err != nil {
			t.Errorf("PutFile(%q): %v", key, err)
		}
		wantBody(t, s, key, "new")
		if left, err := os.ReadFile(name); err == nil && string(left) != "new" {
			t.Errorf("the file holds %q afterwards", left)
		}
	}
	for _, key := range []string{"", "../a", "a/../b"} {
		if err := s.PutFile(t.Context(), key, os.Args[0]); err == nil {
			t.Errorf("PutFile(%q) was done", key)
		}
	}
	wantKeys(t, s, 2)
}

func wrongSize(t *testing.T, s Store) {
	t.Helper()
	mustPut(t, s, "a", "old")
	for _, size := range []int64{0, 2, 4, 1 << 40} {
		if err := s.Put(t.Context(), "a", strings.NewReader("new"), size); err == nil {
			t.Errorf("Put of 3 bytes as %d was done", size)
		}
	}
	wantBody(t, s, "a", "old")
}

func together(t *testing.T, s Store) {
	t.Helper()
	const writers = 8
	bodies := make([][]byte, writers)
	var wg sync.WaitGroup
	for i := range writers {
		bodies[i] = bytes.Repeat([]byte{byte('a' + i)}, 100_000+i)
		wg.Go(func() {
			for _, key := range []string{"same/new/one", fmt.Sprint("same/own/", i)} {
				if err := s.Put(t.Context(), key, bytes.NewReader(bodies[i]), int64(len(bodies[i]))); err != nil {
					t.Errorf("Put(%q): %v", key, err)
				}
			}
		})
	}
	wg.Wait()
	got, _ := s.Read(t, "same/new/one")
	if !slices.ContainsFunc(bodies, func(b []byte) bool { return bytes.Equal(b, got) }) {
		t.Errorf("an object of %d bytes is nobody's", len(got))
	}
	for i := range writers {
		wantBody(t, s, fmt.Sprint("same/own/", i), string(bodies[i]))
	}
	wantKeys(t, s, writers+1)
}

// A stalling body ends the context that it is read in.
type stalling struct {
	io.ReadSeeker
	cancel context.CancelFunc
}

func (s stalling) Read(p []byte) (int, error) {
	s.cancel()
	return s.ReadSeeker.Read(p[:min(len(p), 10)])
}

func over(t *testing.T, s Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	body := stalling{strings.NewReader(strings.Repeat("x", 1<<20)), cancel}
	if err := s.Put(ctx, "while/reading", body, 1<<20); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v, want %v beneath", err, context.Canceled)
	}
	if err := put(ctx, s, "before", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v, want %v beneath", err, context.Canceled)
	}
	wantKeys(t, s, 0)
}

func probe(t *testing.T, s Store) {
	t.Helper()
	mustPut(t, s, "a", "old")
	for range 2 {
		if err := s.Probe(t.Context()); err != nil {
			t.Errorf("Probe: %v", err)
		}
	}
	wantBody(t, s, "a", "old")
	wantKeys(t, s, 1)
}

package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"openivs/internal/seal"
)

func newKey(t testing.TB, fill byte) *seal.Key {
	t.Helper()
	k, err := seal.New(bytes.Repeat([]byte{fill}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealedValueOpensOnlyInItsPlace(t *testing.T) {
	k, other := newKey(t, 1), newKey(t, 2)
	const at = "stream_keys.value arn:1"
	sealed := k.Seal([]byte("sk_secret"), at)
	damaged := bytes.Clone(sealed)
	damaged[len(damaged)-1] ^= 1
	tests := []struct {
		name    string
		key     *seal.Key
		sealed  []byte
		context string
		ok      bool
	}{
		{"the same key and place", k, sealed, at, true},
		{"another place", k, sealed, "stream_keys.value arn:2", false},
		{"another key", other, sealed, at, false},
		{"one bit changed", k, damaged, at, false},
		{"cut short", k, sealed[:len(sealed)-1], at, false},
		{"another form", k, append([]byte{9}, sealed[1:]...), at, false},
		{"nothing", k, nil, at, false},
		{"only a nonce", k, sealed[:13], at, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.key.Open(tt.sealed, tt.context)
			if tt.ok && (err != nil || string(got) != "sk_secret") {
				t.Errorf("Open = %q, %v; want the value", got, err)
			}
			if !tt.ok && !errors.Is(err, seal.ErrOpen) {
				t.Errorf("Open = %q, %v; want ErrOpen", got, err)
			}
		})
	}
}

func TestSealNeverRepeatsAndHashAlwaysDoes(t *testing.T) {
	k, other := newKey(t, 1), newKey(t, 2)
	if bytes.Equal(k.Seal([]byte("a"), "x"), k.Seal([]byte("a"), "x")) {
		t.Error("two seals of one value are equal")
	}
	if bytes.Contains(k.Seal([]byte("sk_secret"), "x"), []byte("sk_secret")) {
		t.Error("the sealed form shows the value")
	}
	if !bytes.Equal(k.Hash("a"), k.Hash("a")) || bytes.Equal(k.Hash("a"), k.Hash("b")) {
		t.Error("Hash does not tell values apart, or not reliably")
	}
	if bytes.Equal(k.Hash("a"), other.Hash("a")) {
		t.Error("Hash is the same under two keys")
	}
	if n := len(k.Hash("a")); n != 32 {
		t.Errorf("Hash has %d bytes, want 32", n)
	}
}

func TestKeyDoesNotPrint(t *testing.T) {
	k := newKey(t, 'K')
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, nil)).Info("key", "k", k)
	fmt.Fprintf(&out, "%v %+v %#v %s %x %d", k, k, k, k, k, k)
	text, err := json.Marshal(map[string]any{"k": k})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	if got := strings.Count(out.String(), "[key]"); got != 8 {
		t.Errorf("printed %q, want only [key]", out.String())
	}
}

func TestKeyFile(t *testing.T) {
	good := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, seal.KeySize))
	tests := []struct {
		name string
		text string
		mode fs.FileMode
		want string // part of the error, "" for none
	}{
		{"a key", good + "\n", 0o600, ""},
		{"a key that cannot be written", good, 0o400, ""},
		{"readable by the group", good, 0o640, "chmod 600"},
		{"readable by everyone", good, 0o604, "chmod 600"},
		{"not base64", "correct horse battery staple", 0o600, "does not hold 32 bytes"},
		{"too short a key", base64.StdEncoding.EncodeToString([]byte("short")), 0o600, "does not hold 32 bytes"},
		{"empty", "", 0o600, "does not hold 32 bytes"},
		{"a film", strings.Repeat("x", 1<<20), 0o600, "more than 1024 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "master.key")
			if err := os.WriteFile(path, []byte(tt.text), tt.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := seal.LoadOrCreate(path)
			if tt.want == "" && err != nil {
				t.Fatalf("LoadOrCreate: %v", err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Fatalf("LoadOrCreate: %v, want an error with %q", err, tt.want)
			}
			if err != nil && tt.text != "" && strings.Contains(err.Error(), tt.text) {
				t.Errorf("the error shows the file: %v", err)
			}
		})
	}
}

func TestMissingKeyFileIsCreatedOnlyWhenAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	if _, err := seal.Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Load: %v, want fs.ErrNotExist", err)
	}

	// Several starts at once agree on one key.
	hashes := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range hashes {
		wg.Go(func() {
			k, err := seal.LoadOrCreate(path)
			if err != nil {
				t.Error(err)
				return
			}
			hashes[i] = k.Hash("x")
		})
	}
	wg.Wait()
	for _, h := range hashes {
		if !bytes.Equal(h, hashes[0]) {
			t.Error("two starts got two keys")
		}
	}

	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode is %04o, want 0600", got)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("left in the directory: %v, %v; want only the key", left, err)
	}
}

func TestKeyFileMustBeAFile(t *testing.T) {
	if _, err := seal.LoadOrCreate(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("LoadOrCreate of a directory: %v", err)
	}
}

func BenchmarkOpen(b *testing.B) {
	k := newKey(b, 1)
	sealed := k.Seal([]byte("sk_us-east-1_abcdefghijkl_0123456789abcdefghij0123456789"), "stream_keys.value 1")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Open(sealed, "stream_keys.value 1"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	k := newKey(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		_ = k.Hash("sk_us-east-1_abcdefghijkl_0123456789abcdefghij0123456789")
	}
}

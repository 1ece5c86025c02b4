package archive_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"openivs/internal/archive"
)

const place = "bucket/ivs/v1/123456789012/abcdefghijkl/2026/1/2/3/4/mnopqrstuvwx"

func get(h http.Handler, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, http.NoBody))
	return w
}

func TestOnlyWhatIsSignedAndInADirectoryIsServed(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(t.TempDir(), "secret")
	at := filepath.Join(dir, filepath.FromSlash(place))
	for name, text := range map[string]string{
		secret:                          "secret",
		filepath.Join(at, "0.ts"):       "media",
		filepath.Join(at, "list.m3u8"):  "#EXTM3U\n#EXT-X-MAP:URI=\"init-0.mp4\"\n#EXTINF:2,\n0.ts\n",
		filepath.Join(at, "d", "1.jpg"): "picture",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(secret, filepath.Join(at, "link")); err != nil {
		t.Fatal(err)
	}
	signer := archive.Signer{Key: []byte("key")}
	h := archive.Handler{Signer: signer, Dir: dir}
	good := signer.Query(place, time.Now().Add(time.Hour))
	for _, tt := range []struct {
		path, query string
		status      int
		body        string
	}{
		{place + "/0.ts", good, 200, "media"},
		{place + "/list.m3u8", good, 200, "#EXTM3U\n#EXT-X-MAP:URI=\"init-0.mp4?" + good + "\"\n#EXTINF:2,\n0.ts?" + good + "\n"},
		{place + "/none", good, 404, ""},
		{place + "/d", good, 404, ""},
		{place, good, 404, ""},
		{place + "/link", good, 500, ""},
		{place + "/../0.ts", good, 403, ""},
		{place + "//0.ts", good, 403, ""},
		{place + "/0.ts", "", 403, ""},
		{place + "/0.ts", signer.Query(place, time.Now().Add(-time.Second)), 403, ""},
		{place + "/0.ts", signer.Query(place+"x", time.Now().Add(time.Hour)), 403, ""},
		{place + "/0.ts", archive.Signer{Key: []byte("other")}.Query(place, time.Now().Add(time.Hour)), 403, ""},
		{"bucket/" + strings.Repeat("a/", 2000) + "0.ts", good, 403, ""},
	} {
		w := get(h, archive.Root+tt.path+"?"+tt.query)
		if w.Code != tt.status || tt.body != "" && w.Body.String() != tt.body {
			t.Errorf("%.90s: %d %q, want %d %q", tt.path, w.Code, w.Body, tt.status, tt.body)
		}
		if w.Header().Get("Access-Control-Allow-Origin") != "*" || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%.90s: header %v, %q", tt.path, w.Header(), w.Body)
		}
	}
}

func FuzzPlace(f *testing.F) {
	f.Add(place + "/media/hls/master.m3u8")
	f.Add("../" + place)
	f.Fuzz(func(t *testing.T, name string) {
		p, ok := archive.Place(name)
		if ok && (!strings.HasPrefix(name+"/", p+"/") || strings.Contains("/"+name+"/", "/../")) {
			t.Errorf("%q is in %q", name, p)
		}
	})
}

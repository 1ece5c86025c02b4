package player_test

import (
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"openivs/internal/player"
)

func get(h player.Handler, method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func playback(id string) string {
	return "https://cdn.example.com:8443/<base>/api/video/v1/us-east-1.000000000000.channel." + id + ".m3u8"
}

func TestPage(t *testing.T) {
	for name, without := range map[string]bool{"as built": false, "without hls.js": true} {
		t.Run(name, func(t *testing.T) {
			h := player.Handler{Playback: playback, Without: without}
			resp := get(h, "GET", "/watch/AbCdef1G2hij?token=x")
			text := body(t, resp)
			if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
				t.Errorf("%s %v", resp.Status, resp.Header)
			}
			if !strings.Contains(text, html.EscapeString(playback("AbCdef1G2hij"))) || strings.Contains(text, "<base>") || strings.Contains(text, "{{") {
				t.Errorf("the page does not name the playback URL as it should:\n%s", text)
			}
			csp := resp.Header.Get("Content-Security-Policy")
			if !strings.Contains(csp, "connect-src 'self' https://cdn.example.com:8443;") || strings.Contains(csp, "unsafe") {
				t.Errorf("policy %q", csp)
			}
		})
	}
}

func TestPageSaysHowToGetThePlayer(t *testing.T) {
	h := player.Handler{Playback: playback, Without: true}
	if text := body(t, get(h, "GET", "/watch/abc")); !strings.Contains(text, "make build") {
		t.Errorf("the page does not say how to get the player:\n%s", text)
	}
	if resp := get(h, "GET", "/watch/-/hls.js"); resp.StatusCode != 404 {
		t.Errorf("hls.js that is not built in: %s", resp.Status)
	}
}

func TestPaths(t *testing.T) {
	h := player.Handler{Playback: playback}
	for _, tc := range []struct {
		method, path string
		status       int
		kind         string
	}{
		{"GET", "/watch/-/page.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/watch/-/page.css", 200, "text/css; charset=utf-8"},
		{"HEAD", "/watch/abc", 200, "text/html; charset=utf-8"},
		{"POST", "/watch/abc", 405, ""},
		{"GET", "/watch/", 404, ""},
		{"GET", "/watch/a/b", 404, ""},
		{"GET", "/watch/-", 404, ""},
		{"GET", "/watch/-/page.html", 404, ""},
		{"GET", "/watch/-/dist/.gitignore", 404, ""},
		{"GET", "/watch/-/../player.go", 404, ""},
		{"GET", "/watch/%3Cscript%3E", 404, ""},
		{"GET", "/watch/" + strings.Repeat("a", 65), 404, ""},
	} {
		resp := get(h, tc.method, tc.path)
		if resp.StatusCode != tc.status || tc.kind != "" && resp.Header.Get("Content-Type") != tc.kind {
			t.Errorf("%s %s: %s, %s; want %d, %s", tc.method, tc.path, resp.Status, resp.Header.Get("Content-Type"), tc.status, tc.kind)
		}
	}
}

func TestFilesAreAskedForAgainButNotSentAgain(t *testing.T) {
	h := player.Handler{Playback: playback}
	first := get(h, "GET", "/watch/-/page.js")
	tag := first.Header.Get("Etag")
	if tag == "" || first.Header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("headers %v", first.Header)
	}
	if resp := get(h, "GET", "/watch/-/page.js", "If-None-Match", tag); resp.StatusCode != 304 {
		t.Errorf("the same file: %s", resp.Status)
	}
}

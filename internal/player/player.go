// Package player serves the page that plays a channel in a browser.
//
// It knows nothing of channels but the form of their ids: the page asks at the
// playback URL, as any player does, and says what it is answered.
package player

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Root is what the paths of this package begin with. What follows is a
// channel's id.
const Root = "/watch/"

// assets is where the page's files are; no channel has this id.
const assets = Root + "-/"

//go:embed page.html page.css page.js missing.html all:dist
var files embed.FS

// A Handler answers everything under Root.
type Handler struct {
	Playback func(channel string) string // required; the playback URL of a channel's id
	Without  bool                        // answer as a build without hls.js does
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)

// ServeHTTP answers with the page of a channel, whether there is one or not, or
// with a file of the page.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
		return
	}
	if name, ok := strings.CutPrefix(r.URL.Path, assets); ok {
		h.file(w, r, name)
		return
	}
	id := strings.TrimPrefix(r.URL.Path, Root)
	if !idForm.MatchString(id) {
		http.NotFound(w, r)
		return
	}
	h.page(w, r, id)
}

// read returns a file that was built in, and nil if it was not.
func read(name string) []byte {
	b, err := files.ReadFile(name)
	if err != nil {
		return nil
	}
	return b
}

// script is hls.js, or nil.
func (h Handler) script() []byte {
	if h.Without {
		return nil
	}
	return read("dist/hls.min.js")
}

func (h Handler) page(w http.ResponseWriter, r *http.Request, id string) {
	name := "page.html"
	if len(h.script()) == 0 {
		name = "missing.html"
	}
	playback := h.Playback(id)
	text := strings.NewReplacer("{{playback}}", html.EscapeString(playback), "{{channel}}", html.EscapeString(id)).Replace(string(read(name)))
	head := w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Content-Security-Policy", policy(playback))
	head.Set("Referrer-Policy", "no-referrer") // the address may have a token
	head.Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(text))
}

// policy lets the page fetch from where its channel plays, and run what is ours.
func policy(playback string) string {
	from := "'self'"
	if u, err := url.Parse(playback); err == nil && u.Host != "" {
		from += " " + u.Scheme + "://" + u.Host
	}
	return "default-src 'none'; script-src 'self'; worker-src blob:; style-src 'self'; img-src data:; " +
		"connect-src " + from + "; media-src blob: data: " + from + "; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
}

// file answers with a file of the page.
func (h Handler) file(w http.ResponseWriter, r *http.Request, name string) {
	var body []byte
	kind := "text/javascript; charset=utf-8"
	switch name {
	case "page.js":
		body = read(name)
	case "page.css":
		body, kind = read(name), "text/css; charset=utf-8"
	case "hls.js":
		body = h.script()
	case "hls.js.LICENSE":
		body, kind = read("dist/hls.js.LICENSE"), "text/plain; charset=utf-8"
	}
	if len(body) == 0 {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256(body)
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Etag", `"`+hex.EncodeToString(sum[:8])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

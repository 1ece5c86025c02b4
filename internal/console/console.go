// Package console serves the web console: a page and its files, built from
// console/ by make build.
//
// It knows nothing of the service. What the page shows it asks for at the API,
// signed with the keys of whoever signs in, as any other client.
package console

import (
	"bytes"
	"compress/gzip"
	"embed"
	"html"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// Root is what the paths of this package begin with.
const Root = "/console/"

// files are none.html and, in dist, the page and its files, compressed: the
// names of the latter change with what is in them.
//
//go:embed none.html all:dist
var files embed.FS

const (
	page     = "dist/index.html.gz"
	maxInner = 16 << 20 // bytes of a file of the page, which is ours
)

// policy lets the page run and fetch what comes from where it comes from itself.
// Players make workers and media of blobs; the design system has pictures and fonts in its
// style sheets.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self' data:; img-src 'self' data:; " +
	"connect-src 'self'; media-src 'self' blob: data:; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// A Handler answers everything under Root.
type Handler struct {
	Region, Account string // of the server, which requests are signed for
	Without         bool   // answer as a build without the page does
}

// ServeHTTP answers with the page, with a file of it, or with how to get it.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		head.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
		return
	}
	if h.Without || len(read(page)) == 0 {
		h.none(w)
		return
	}
	if name := strings.TrimPrefix(r.URL.Path, Root); name != "" {
		file(w, r, name)
		return
	}
	h.page(w, r)
}

// read returns a file that was built in, and nil if it was not.
func read(name string) []byte {
	b, err := files.ReadFile(name)
	if err != nil {
		return nil
	}
	return b
}

// none says that this build has no console.
func (h Handler) none(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(read("none.html")) // a reader that has left wants nothing
}

// page tells the page which server it is of.
func (h Handler) page(w http.ResponseWriter, r *http.Request) {
	text, err := unpack(read(page))
	if err != nil {
		http.Error(w, "the console was built in badly", http.StatusInternalServerError)
		return
	}
	text = strings.NewReplacer("{{region}}", html.EscapeString(h.Region), "{{account}}", html.EscapeString(h.Account)).Replace(text)
	head := w.Header()
	head.Set("Content-Security-Policy", policy)
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Cache-Control", "no-cache")
	head.Set("Content-Type", "text/html; charset=utf-8")
	if r.Method == http.MethodGet {
		_, _ = io.WriteString(w, text) // a reader that has left wants nothing
	}
}

// file answers with a file of the page.
func file(w http.ResponseWriter, r *http.Request, name string) {
	packed := read("dist/" + name + ".gz")
	kind := kinds(path.Ext(name))
	if len(packed) == 0 || kind == "" || path.Clean(name) != name {
		http.NotFound(w, r)
		return
	}
	head := w.Header()
	head.Set("Content-Type", kind)
	head.Set("Cache-Control", "public, max-age=31536000, immutable")
	head.Set("Vary", "Accept-Encoding")
	if r.Method == http.MethodHead {
		return
	}
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		head.Set("Content-Encoding", "gzip")
		head.Set("Content-Length", strconv.Itoa(len(packed)))
		_, _ = w.Write(packed) // a reader that has left wants nothing
		return
	}
	text, err := unpack(packed)
	if err != nil {
		http.Error(w, "the console was built in badly", http.StatusInternalServerError)
		return
	}
	_, _ = io.WriteString(w, text) // a reader that has left wants nothing
}

// kinds returns the type of the files that end so.
func kinds(ext string) string {
	switch ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".txt":
		return "text/plain; charset=utf-8"
	default:
		return ""
	}
}

func unpack(b []byte) (string, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(z, maxInner))
	return string(text), err
}

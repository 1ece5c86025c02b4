// Package archive serves what was recorded into directories, to those who have a
// URL that was signed for a recording and is still good.
//
// It signs and checks; who is given a URL is up to the operator. What is in a
// bucket of Amazon S3 is served by that.
package archive

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"
)

// Root is where the paths of recordings begin.
const Root = "/recordings/"

const (
	// depth is how many names the prefix of a recording has, the bucket's among
	// them.
	depth = 11

	maxPath = 2048 // bytes of a path that is looked at
	maxLine = 64 << 10

	expiresParam   = "expires"   // seconds since 1970
	signatureParam = "signature" // of the recording's place and of expires
)

// A Signer signs places of recordings under a key.
type Signer struct{ Key []byte }

// Query is what stands behind the path of everything in a recording until a time.
// The place is its bucket and its prefix.
func (s Signer) Query(place string, until time.Time) string {
	expires := strconv.FormatInt(until.Unix(), 10)
	return expiresParam + "=" + expires + "&" + signatureParam + "=" + s.sign(place, expires)
}

func (s Signer) sign(place, expires string) string {
	mac := hmac.New(sha256.New, s.Key)
	_, _ = io.WriteString(mac, place+"\n"+expires) // a hash takes everything
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// good reports whether a query was signed for a place and has not expired.
func (s Signer) good(place string, q url.Values, now time.Time) bool {
	expires := q.Get(expiresParam)
	signed := s.sign(place, expires)
	if subtle.ConstantTimeCompare([]byte(signed), []byte(q.Get(signatureParam))) != 1 {
		return false
	}
	at, err := strconv.ParseInt(expires, 10, 64)
	return err == nil && now.Unix() < at
}

// Place returns the place of the recording that a path below Root is in.
func Place(name string) (place string, ok bool) {
	names := strings.Split(name, "/")
	if len(name) > maxPath || len(names) < depth || !fs.ValidPath(name) {
		return "", false
	}
	return strings.Join(names[:depth], "/"), true
}

// A Handler serves recordings. Set the fields before the first request.
type Handler struct {
	Signer Signer
	Dir    string // of the buckets; required
}

// ServeHTTP serves one request. Playlists lead to what is signed as they are.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Access-Control-Allow-Origin", "*")
	head.Set("Access-Control-Expose-Headers", "*")
	head.Set("X-Content-Type-Options", "nosniff")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		head.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
		head.Set("Access-Control-Allow-Headers", "*")
		head.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		head.Set("Allow", "GET, HEAD, OPTIONS")
		http.Error(w, "A recording can be read, and nothing else.", http.StatusMethodNotAllowed)
		return
	}
	head.Set("Cache-Control", "private, no-cache")
	name := strings.TrimPrefix(r.URL.Path, Root)
	place, ok := Place(name)
	query := r.URL.Query()
	if !ok || !h.Signer.good(place, query, time.Now()) {
		http.Error(w, "This URL was not signed for the recording, or has expired. Ask for another: openivs recording url.", http.StatusForbidden)
		return
	}
	if err := h.serve(w, r, name); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			http.Error(w, "The recording has nothing of this name.", http.StatusNotFound)
			return
		}
		http.Error(w, "The recording cannot be read at the moment.", http.StatusInternalServerError)
	}
}

// serve answers with a file. An error comes before anything was written.
func (h Handler) serve(w http.ResponseWriter, r *http.Request, name string) error {
	root, err := os.OpenRoot(h.Dir)
	if err != nil {
		return err
	}
	f, err := root.Open(name)
	if err = errors.Join(err, root.Close()); err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file: %w", name, fs.ErrNotExist)
	}
	w.Header().Set("Content-Type", contentType(name))
	if path.Ext(name) != ".m3u8" {
		http.ServeContent(w, r, "", info.ModTime(), f)
		return nil
	}
	if r.Method == http.MethodGet {
		query := url.Values{expiresParam: r.URL.Query()[expiresParam], signatureParam: r.URL.Query()[signatureParam]}
		lead(w, f, "?"+query.Encode())
	}
	return nil
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".m3u8":
		return "application/vnd.apple.mpegurl"
	case ".ts":
		return "video/mp2t"
	case ".mp4":
		return "video/mp4"
	case ".json":
		return "application/json"
	case ".jpg":
		return "image/jpeg"
	default:
		return "application/octet-stream"
	}
}

// lead writes a playlist whose URIs end in a query. Where it cannot go on, the
// playlist has no end, and a player takes it up again.
func lead(w io.Writer, playlist io.Reader, query string) {
	out := bufio.NewWriter(w)
	defer func() { _ = out.Flush() }() // who has hung up wants no more
	lines := bufio.NewScanner(playlist)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		line := lines.Text()
		if before, after, ok := strings.Cut(line, `URI="`); ok && strings.HasPrefix(line, "#EXT-X-MAP:") {
			uri, rest, _ := strings.Cut(after, `"`)
			line = before + `URI="` + uri + query + `"` + rest
		} else if line != "" && line[0] != '#' {
			line += query
		}
		if _, err := out.WriteString(line + "\n"); err != nil {
			return
		}
	}
}

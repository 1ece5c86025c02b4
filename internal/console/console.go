// Package console serves the web console.
//
// This build carries none: the package says so, in a page for people. It knows
// nothing of the service.
package console

import (
	_ "embed"
	"net/http"
)

//go:embed none.html
var none []byte

// Handler answers everything under /console/.
type Handler struct{}

// ServeHTTP says that this build has no console.
func (Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(none) // a reader that has left wants nothing
}

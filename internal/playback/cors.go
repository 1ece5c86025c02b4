package playback

import "net/http"

const methods = "GET, HEAD, OPTIONS"

// allowOrigins lets pages of every origin play, and read why they cannot.
func allowOrigins(h http.Header) {
	fill(h, "Access-Control-Allow-Origin", "*", "Access-Control-Expose-Headers", "*")
}

// preflight answers OPTIONS.
func preflight(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", "*")
	h.Set("Access-Control-Max-Age", "86400")
	h.Set("Allow", methods)
	w.WriteHeader(http.StatusNoContent)
}

package playback

import "net/http"

const methods = "GET, HEAD, OPTIONS"

// allowOrigins lets pages of every origin play, and read why they cannot.
func allowOrigins(h http.Header) {
	h["Access-Control-Allow-Origin"] = anything
	h["Access-Control-Expose-Headers"] = anything
}

// anything is shared by all responses; nobody writes to it.
var anything = []string{"*"}

// preflight answers OPTIONS.
func preflight(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", "*")
	h.Set("Access-Control-Max-Age", "86400")
	h.Set("Allow", methods)
	w.WriteHeader(http.StatusNoContent)
}

package playback

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// A failure is why a viewer gets nothing: what players show, by its code.
type failure struct {
	status int
	code   string
	text   string
}

// The failures, with the codes and texts that Amazon IVS and its player use.
var (
	badToken    = failure{http.StatusForbidden, "invalid_playback_auth_token", "token contains an invalid number of segments"}
	offline     = failure{http.StatusNotFound, "transcode_does_not_exist", "transcode does not exist"}
	noChannel   = failure{http.StatusNotFound, "channel_not_found", "Can not find channel"}
	notFound    = failure{http.StatusNotFound, "not_found", "not found"}
	unavailable = failure{http.StatusServiceUnavailable, "service_unavailable", "try again later"}
)

// A refusal is the body of a failure; it comes in an array of one.
type refusal struct {
	URL   string `json:"url"`
	Error string `json:"error"`
	Code  string `json:"error_code"`
	Type  string `json:"type"`
}

// refuse answers with a failure.
func refuse(w http.ResponseWriter, r *http.Request, f failure) {
	body, err := json.Marshal([]refusal{{URL: r.URL.RequestURI(), Error: f.text, Code: f.code, Type: "error"}})
	if err != nil { // strings always marshal
		body = []byte("[]")
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if f.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(f.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

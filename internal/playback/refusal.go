package playback

import (
	"encoding/json"
	"net/http"
	"strconv"

	"openivs/internal/token"
)

// A failure is why a viewer gets nothing.
type failure uint8

// The failures.
const (
	badToken failure = iota + 1
	offline
	noChannel
	notFound
	badMethod
	badDirective
	forbidden
	houseFull
	unavailable
	tokenMalformed
	tokenMethod
	tokenSignature
	tokenExpired
	tokenEarly
	tokenClaims
	tokenChannel
	tokenLong
	tokenUsed
	tooManyBad
	revoked
	geoblocked
	badOrigin
	originRequired
)

// tokenFault is what is wrong with the token of a failure, "" if it is not that.
func tokenFault(f failure) token.FaultError {
	faults := [...]token.FaultError{
		badToken: token.ErrAbsent, tokenMalformed: token.ErrMalformed, tokenMethod: token.ErrBadMethod, tokenSignature: token.ErrBadSign,
		tokenExpired: token.ErrExpired, tokenEarly: token.ErrNotYet, tokenClaims: token.ErrBadClaims, tokenChannel: token.ErrOtherPlace,
		tokenLong: token.ErrTooLongGood, originRequired: "",
	}
	return faults[f]
}

// says returns a failure's status, the code that players show ("" for none), and
// its text, as Amazon IVS and its player have them.
func (f failure) says() (status int, code, text string) {
	if fault := tokenFault(f); fault != "" {
		return http.StatusForbidden, "invalid_playback_auth_token", fault.Error()
	}
	switch f {
	case tokenUsed:
		return http.StatusForbidden, "playback_auth_error", "token was used before"
	case revoked:
		return http.StatusForbidden, "playback_auth_error", "viewer session is revoked"
	case tooManyBad:
		return http.StatusTooManyRequests, "too_many_requests", token.ErrTooMany.Error()
	case geoblocked:
		return http.StatusForbidden, "content_geoblocked", "content is not available in this country"
	case badOrigin:
		return http.StatusForbidden, "origin_not_allowed", "origin is not allowed"
	case originRequired:
		return http.StatusForbidden, "", "origin required"
	case offline:
		return http.StatusNotFound, "transcode_does_not_exist", "transcode does not exist"
	case noChannel:
		return http.StatusNotFound, "channel_not_found", "Can not find channel"
	case notFound:
		return http.StatusNotFound, "not_found", "not found"
	case badMethod:
		return http.StatusMethodNotAllowed, "method_not_allowed", "method not allowed"
	case badDirective:
		return http.StatusBadRequest, "bad_request", "the delivery directives make no sense"
	case forbidden:
		return http.StatusForbidden, "", "Forbidden"
	case houseFull:
		return http.StatusTooManyRequests, "concurrent_viewers_limit", "concurrent viewers limit reached"
	default:
		return http.StatusServiceUnavailable, "service_unavailable", "try again later"
	}
}

// A refusal is the body of a failure; it comes in an array of one.
type refusal struct {
	URL   string `json:"url"`
	Error string `json:"error"`
	Code  string `json:"error_code"`
	Type  string `json:"type"`
}

// refuse answers with a failure.
func refuse(w http.ResponseWriter, r *http.Request, f failure) {
	status, code, text := f.says()
	h := w.Header()
	h.Set("Content-Type", "application/json")
	body, err := json.Marshal([]refusal{{URL: r.URL.RequestURI(), Error: text, Code: code, Type: "error"}})
	switch {
	case code == "": // as Amazon IVS answers below the playback URL
		h.Set("Content-Type", "text/plain; charset=utf-8")
		body = []byte(text)
	case err != nil: // strings always marshal
		body = []byte("[]")
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Access-Control-Allow-Origin", "*") // a page may always read why
	if f == unavailable || f == houseFull || f == tooManyBad {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

package playback

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const playlistType = "application/vnd.apple.mpegurl"

// piece is how much of a response one write deadline covers, in bytes. With the
// default deadline it lets a viewer live who takes 140 kb/s. Larger writes cost
// less processor time for each byte.
const piece = 512 << 10

// A patient writer gives each piece of a response its own deadline, so that a
// slow viewer goes on and a dead one is let go of.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	status  int // as it was answered; 0: not yet, or 200 without a word
}

// Unwrap lets http.ResponseController through.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// WriteHeader sends the status.
func (p *patient) WriteHeader(status int) {
	p.status = status
	p.ResponseWriter.WriteHeader(status)
}

// Write writes b in pieces.
func (p *patient) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		// A writer without deadlines is one that cannot stall.
		_ = p.control.SetWriteDeadline(time.Now().Add(p.stall))
		var m int
		m, err = p.ResponseWriter.Write(b[:min(piece, len(b))])
		n += m
		b = b[m:]
	}
	return n, err
}

// abort sees that nobody takes what was sent for all of it: the connection ends
// before the response does.
func (p *patient) abort() {
	// A writer without deadlines has nobody at the other end.
	_ = p.control.SetWriteDeadline(time.Unix(1, 0))
}

// fill sets headers: names, in canonical form, and values in turn. It takes one
// piece of memory for all of them.
func fill(h http.Header, fields ...string) {
	for i := 1; i < len(fields); i += 2 {
		h[fields[i-1]] = fields[i : i+1 : i+1]
	}
}

// send answers 200 with body, or with its headers alone. A viewer who is gone
// is nobody's error.
func send(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// conditional reports whether a request asks for a part of a representation, or
// for it only if it differs (RFC 9110, 13 and 14).
func conditional(h http.Header) bool {
	for _, k := range [...]string{"Range", "If-None-Match", "If-Match", "If-Range"} {
		if len(h[k]) > 0 {
			return true
		}
	}
	return false
}

// acceptsGzip reports whether a request takes gzip (RFC 9110, 12.5.3).
func acceptsGzip(h http.Header) bool {
	for _, line := range h["Accept-Encoding"] {
		for field := range strings.SplitSeq(line, ",") {
			coding, params, _ := strings.Cut(field, ";")
			if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				continue
			}
			q, found := strings.CutPrefix(strings.TrimSpace(params), "q=")
			weight, err := strconv.ParseFloat(q, 64)
			return !found || err == nil && weight > 0
		}
	}
	return false
}

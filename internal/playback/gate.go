package playback

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"

	"openivs/internal/hls"
	"openivs/internal/ivs"
)

// A gate is part of the path of all media of a viewer session from whom every
// request needs an origin: the origins, and a MAC over them, in base64url. It is
// the same for all sessions with these origins, so that a cache which minds Vary
// keeps one copy for each origin.

const (
	gateMark = "gate "                          // no ticket begins so
	maxGate  = ((macSize+maxOrigins)*4 + 2) / 3 // characters
)

// gate returns the name of the gate of some origins.
func (a *Audience) gate(origins []string) string {
	a.clock() // the office has its key from now on
	p := a.office.pen()
	defer a.office.pens.Put(p)
	said := []byte(gateMark + strings.Join(origins, ","))
	mac := p.sign(said)
	return base64.RawURLEncoding.EncodeToString(append(append(make([]byte, 0, len(said)+macSize), mac...), said[len(gateMark):]...))
}

// readGate returns the origins of a gate, and false if it is none of ours.
func (a *Audience) readGate(name string) ([]string, bool) {
	if len(name) > maxGate {
		return nil, false
	}
	a.clock()
	b, err := base64.RawURLEncoding.Strict().DecodeString(name)
	if err != nil || len(b) < macSize {
		return nil, false
	}
	p := a.office.pen()
	defer a.office.pens.Put(p)
	list := string(b[macSize:])
	if subtle.ConstantTimeCompare(b[:macSize], p.sign([]byte(gateMark+list))) != 1 {
		return nil, false
	}
	if list == "" {
		return nil, true
	}
	return strings.Split(list, ","), true
}

// gated answers with media that is behind a gate.
func (s *Server) gated(w *patient, r *http.Request, gate string, at hls.Place) {
	origins, ok := s.Audience.readGate(gate)
	switch {
	case !ok:
		refuse(w, r, forbidden)
	case !s.fromOrigin(w, r, origins):
		refuse(w, r, originRequired)
	default:
		s.media(w, r, at)
	}
}

// fromOrigin reports whether a request comes from one of some origins, and if so
// lets pages of that origin alone read the answer. None stands for any.
func (s *Server) fromOrigin(w http.ResponseWriter, r *http.Request, origins []string) bool {
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if len(origins) == 0 && origin != "" {
		return true
	}
	if !ivs.OriginAllowed(origins, origin) {
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	return true
}

package playback

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"

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

	// maxGates is how many gates are remembered. One more, and all are forgotten.
	maxGates = 256
)

// A gatehouse remembers the gates of origins, for every playlist names its own.
// The zero value has none.
type gatehouse struct {
	mu    sync.RWMutex
	names map[string]string // by origins with commas
}

func (g *gatehouse) find(origins string) (string, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	name, ok := g.names[origins]
	return name, ok
}

func (g *gatehouse) keep(origins, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.names == nil || len(g.names) >= maxGates {
		g.names = make(map[string]string)
	}
	g.names[origins] = name
}

// gate returns the name of the gate of some origins.
func (a *Audience) gate(origins []string) string {
	list := strings.Join(origins, ",")
	if name, ok := a.gates.find(list); ok {
		return name
	}
	a.clock() // the office has its key from now on
	p := a.office.pen()
	defer a.office.pens.Put(p)
	said := []byte(gateMark + list)
	mac := p.sign(said)
	name := base64.RawURLEncoding.EncodeToString(append(append(make([]byte, 0, len(said)+macSize), mac...), said[len(gateMark):]...))
	a.gates.keep(list, name)
	return name
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

package hls

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

const (
	sealSize   = 12 // bytes of HMAC-SHA-256 that are kept
	sealLength = sealSize * 4 / 3
)

// seal returns the seal of a place: who has not read it in a playlist cannot
// name what is there. It is the same for all viewers.
func (w *Window) seal(at Place) string {
	at.Seal = ""
	mac := hmac.New(sha256.New, w.Key)
	_, _ = mac.Write(at.appendTo(nil)) // a hash takes everything
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:sealSize])
}

// Named reports whether a place is written as playlists of the window write it.
func (w *Window) Named(at Place) bool {
	if w.Key == nil {
		return at.Seal == ""
	}
	return subtle.ConstantTimeCompare([]byte(at.Seal), []byte(w.seal(at))) == 1
}

// A Gated is a Snapshot whose playlists name its media behind a gate.
type Gated struct {
	*Snapshot

	gate         string
	whole, delta text
}

// Gated returns the snapshot for viewers who come through a gate, whose name is
// part of every path. Most streams have one gate: the last is remembered.
func (s *Snapshot) Gated(gate string) *Gated {
	if g := s.gated.Load(); g != nil && g.gate == gate {
		return g
	}
	g := &Gated{Snapshot: s, gate: gate}
	s.gated.Store(g)
	return g
}

// Playlist is Snapshot.Playlist for those who come through the gate.
func (g *Gated) Playlist(delta bool) []byte { return g.text(delta).plain }

// PlaylistGzip is Snapshot.PlaylistGzip for those who come through the gate.
func (g *Gated) PlaylistGzip(z *Zippers, delta bool) []byte {
	t := g.text(delta)
	t.zipOnce.Do(func() { t.zipped = z.Zip(t.plain) })
	return t.zipped
}

func (g *Gated) text(delta bool) *text {
	t := &g.whole
	if delta {
		t = &g.delta
	}
	t.once.Do(func() {
		t.plain = bytes.ReplaceAll(g.Snapshot.Playlist(delta), []byte(toMedia), []byte(toGated+g.gate+"/"))
	})
	return t
}

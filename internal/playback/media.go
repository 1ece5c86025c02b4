package playback

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"openivs/internal/hls"
	"openivs/internal/ivs"
)

// sealedAge is how long a cache may keep media that not everybody may watch:
// about as long as playlists name it.
const sealedAge = "public, max-age=60"

// media answers what playlists point to: a segment, a part of one or an
// initialization section. All of it stays as it is for ever.
func (s *Server) media(w *patient, r *http.Request, at hls.Place) {
	window, ok := s.window(w, r, at)
	if !ok {
		return
	}
	if at.Container != window.Container {
		refuse(w, r, offline)
		return
	}
	snap := window.Snapshot()
	switch at.Kind {
	case hls.InitSection:
		if init, ok := snap.Init(at.Number); ok {
			s.lasting(w, r, at, init.Data)
			return
		}
	case hls.PartOfSegment:
		s.part(w, r, window, at)
		return
	default:
		if seg, ok := snap.Segment(at.Number); ok {
			s.Deliveries.add(r, at.Stream, seg.Duration.Duration())
			s.lasting(w, r, at, seg.Data)
			return
		}
		if announced(window, snap, at.Number) {
			s.growing(w, r, window, at)
			return
		}
		if window.Gapped(at.Number) { // there are players that do not know what a gap is
			unmade(w, r, at)
			return
		}
	}
	refuse(w, r, offline)
}

// lasting answers with something that never changes, whole or in part.
func (s *Server) lasting(w http.ResponseWriter, r *http.Request, at hls.Place, body []byte) {
	if body == nil { // it was, and there is no more room for it
		unmade(w, r, at)
		return
	}
	h := w.Header()
	keep(h, at)
	if conditional(r.Header) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
		return
	}
	h.Set("Accept-Ranges", "bytes")
	send(w, r, body)
}

// keep says what something is, and that it may be kept: for ever if everybody
// may watch it.
func keep(h http.Header, at hls.Place) {
	tag := make([]byte, 0, 80)
	tag = append(tag, '"')
	tag = append(append(tag, at.Stream...), '.')
	tag = append(append(tag, at.Rendition...), '.')
	tag = append(tag, at.Kind.String()...)
	tag = strconv.AppendInt(tag, at.Number, 10)
	tag = append(tag, '"')
	age := "public, max-age=31536000, immutable"
	if at.Seal != "" {
		age = sealedAge
	}
	fill(h, "Content-Type", at.Container.Type(), "Cache-Control", age, "Etag", string(tag))
}

// part answers with a part. One that a playlist has hinted at is waited for.
func (s *Server) part(w http.ResponseWriter, r *http.Request, window *hls.Window, at hls.Place) {
	snap := window.Snapshot()
	hinted := window.Delivery == hls.Parts && at.Number == snap.Hint()
	if hinted {
		var err error
		if snap, err = window.Wait(r.Context(), func(s *hls.Snapshot) bool { return s.Hint() > at.Number }); err != nil {
			return
		}
	}
	part, ok := snap.Part(at.Number)
	switch {
	case ok:
		s.Deliveries.add(r, at.Stream, part.Duration.Duration())
		s.lasting(w, r, at, part.Data)
	case hinted:
		unmade(w, r, at)
	default:
		refuse(w, r, offline)
	}
}

// announced reports whether a segment is one of the two that playlists announce
// before they are made, or did when the stream ended.
func announced(window *hls.Window, s *hls.Snapshot, msn int64) bool {
	return window.Delivery != hls.Whole && (msn == s.Next() || msn == s.Next()+1)
}

// growing answers with a segment while it is made. A player that was promised
// one which the end of the stream leaves unmade gets an empty one: a refusal
// would be an error to it.
func (s *Server) growing(w *patient, r *http.Request, window *hls.Window, at hls.Place) {
	if r.Method == http.MethodHead || conditional(r.Header) {
		s.grown(w, r, window, at)
		return
	}
	for sent := 0; ; sent++ {
		if sent == 0 { // it may be the second that is announced
			_, _ = window.WaitWhole(r.Context(), func(s *hls.Snapshot) bool { return s.Next() >= at.Number })
		}
		snap, err := window.Wait(r.Context(), func(s *hls.Snapshot) bool {
			return s.Next() > at.Number || s.Next() == at.Number && s.Made() > sent
		})
		if err != nil {
			w.abort() // what was sent is not all
			return
		}
		part, ok := snap.PartOf(at.Number, sent)
		there := ok && part.Data != nil
		if !there && sent > 0 {
			if seg, whole := snap.Segment(at.Number); !whole || seg.Data == nil {
				w.abort() // the viewer is so slow that the rest is gone
			}
			return
		}
		if !there {
			unmade(w, r, at)
			return
		}
		if sent == 0 {
			keep(w.Header(), at)
		}
		if _, err := w.Write(part.Data); err != nil || w.control.Flush() != nil {
			return
		}
		s.Deliveries.add(r, at.Stream, part.Duration.Duration())
	}
}

// grown answers with a segment once it is whole.
func (s *Server) grown(w *patient, r *http.Request, window *hls.Window, at hls.Place) {
	snap, err := window.WaitWhole(r.Context(), func(s *hls.Snapshot) bool { return s.Next() > at.Number })
	if err != nil {
		return
	}
	if seg, ok := snap.Segment(at.Number); ok {
		s.Deliveries.add(r, at.Stream, seg.Duration.Duration())
		s.lasting(w, r, at, seg.Data)
		return
	}
	unmade(w, r, at)
}

// lost reports whether a segment of an unknown stream may be one that a server
// announced which is no more: a player asks for it when it finds this one.
func (s *Server) lost(at hls.Place) bool {
	return at.Kind == hls.WholeSegment && ivs.IsStreamID(at.Stream) && s.Audience.clock() <= recovery
}

// unmade answers for what was announced and is not, or no more: a refusal would be
// an error to players.
func unmade(w http.ResponseWriter, r *http.Request, at hls.Place) {
	h := w.Header()
	h.Set("Content-Type", at.Container.Type())
	h.Set("Cache-Control", "no-store")
	send(w, r, nil)
}

package playback

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"openivs/internal/hls"
)

// media answers what playlists point to: a segment, a part of one or an
// initialization section. All of it stays as it is for ever.
func (s *Server) media(w *patient, r *http.Request, at hls.Place) {
	window, ok := s.window(w, r, at.Stream, at.Rendition)
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
		if init, ok := snap.Init(at.MSN); ok {
			s.lasting(w, r, at, init.Data)
			return
		}
	case hls.PartOfSegment:
		if part, ok := s.part(r, window, at); ok {
			s.lasting(w, r, at, part.Data)
			return
		}
	default:
		if seg, ok := snap.Segment(at.MSN); ok {
			s.lasting(w, r, at, seg.Data)
			return
		}
		if announced(window, snap, at.MSN) {
			s.growing(w, r, window, at)
			return
		}
	}
	if r.Context().Err() == nil {
		refuse(w, r, offline)
	}
}

// lasting answers with something that never changes, whole or in part.
func (s *Server) lasting(w http.ResponseWriter, r *http.Request, at hls.Place, body []byte) {
	h := w.Header()
	keep(h, at)
	if conditional(r.Header) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
		return
	}
	h.Set("Accept-Ranges", "bytes")
	send(w, r, body)
}

// keep says what something is, and that it may be kept for ever.
func keep(h http.Header, at hls.Place) {
	tag := make([]byte, 0, 80)
	tag = append(tag, '"')
	tag = append(append(tag, at.Stream...), '.')
	tag = append(append(tag, at.Rendition...), '.')
	tag = strconv.AppendInt(tag, at.MSN, 10)
	switch at.Kind {
	case hls.PartOfSegment:
		tag = strconv.AppendInt(append(tag, '.'), int64(at.Part), 10)
	case hls.InitSection:
		tag = append(tag, ".init"...)
	default:
	}
	tag = append(tag, '"')
	fill(h, "Content-Type", at.Container.Type(), "Cache-Control", "public, max-age=31536000, immutable", "Etag", string(tag))
}

// part returns a part. One that a playlist has hinted at is waited for.
func (s *Server) part(r *http.Request, window *hls.Window, at hls.Place) (hls.Part, bool) {
	snap := window.Snapshot()
	if hinted(snap, at) {
		var err error
		if snap, err = window.Wait(r.Context(), func(s *hls.Snapshot) bool { return !hinted(s, at) }); err != nil {
			return hls.Part{}, false
		}
	}
	return snap.Part(at.MSN, at.Part)
}

// hinted reports whether a part is the one that comes next.
func hinted(s *hls.Snapshot, at hls.Place) bool {
	return s.Next() == at.MSN && s.Made() == at.Part && !s.Ended && s.PartTarget > 0
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
		snap, err := window.Wait(r.Context(), func(s *hls.Snapshot) bool {
			return s.Next() > at.MSN || s.Next() == at.MSN && s.Made() > sent
		})
		if err != nil {
			w.abort() // what was sent is not all
			return
		}
		part, ok := snap.Part(at.MSN, sent)
		if !ok && sent > 0 {
			if _, whole := snap.Segment(at.MSN); !whole {
				w.abort() // the viewer is so slow that the rest is gone
			}
			return
		}
		if !ok {
			unmade(w, r, at)
			return
		}
		if sent == 0 {
			keep(w.Header(), at)
		}
		if _, err := w.Write(part.Data); err != nil || w.control.Flush() != nil {
			return
		}
	}
}

// grown answers with a segment once it is whole.
func (s *Server) grown(w *patient, r *http.Request, window *hls.Window, at hls.Place) {
	snap, err := window.Wait(r.Context(), func(s *hls.Snapshot) bool { return s.Next() > at.MSN })
	if err != nil {
		return
	}
	if seg, ok := snap.Segment(at.MSN); ok {
		s.lasting(w, r, at, seg.Data)
		return
	}
	unmade(w, r, at)
}

// unmade answers for a segment that was announced and will never be.
func unmade(w http.ResponseWriter, r *http.Request, at hls.Place) {
	h := w.Header()
	h.Set("Content-Type", at.Container.Type())
	h.Set("Cache-Control", "no-store")
	send(w, r, nil)
}

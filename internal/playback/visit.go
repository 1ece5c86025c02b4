package playback

import (
	"context"
	"net/http"
	"time"

	"openivs/internal/hls"
	"openivs/internal/ivs"
)

const (
	// awaited is how long a viewer's request is held for what is about to come:
	// less than players wait for a first byte.
	awaited = 8 * time.Second

	// recovery is how long after a start a channel without a stream is one whose
	// encoder has not come back yet, rather than one that is over.
	recovery = 2 * time.Minute
)

// visit answers a viewer session that asks for a rendition's media playlist.
func (s *Server) visit(w *patient, r *http.Request, ticket, rendition string) {
	in, why := s.Audience.admit(ticket, r.Method == http.MethodGet)
	if why != 0 {
		refuse(w, r, why)
		return
	}
	if window, ok := s.watch(w, r, in, rendition); ok {
		s.variant(w, r, window)
	}
	if w.status >= http.StatusBadRequest && r.Method == http.MethodGet {
		s.Audience.leave(in)
	}
}

// watch finds the rendition that a visit is for, or refuses.
func (s *Server) watch(w http.ResponseWriter, r *http.Request, in visit, rendition string) (*hls.Window, bool) {
	ctx, cancel := context.WithTimeout(r.Context(), awaited)
	defer cancel()
	stream, snapshot, why := s.stream(ctx, in)
	if why == 0 && snapshot.Channel.Authorized {
		why = badToken
	}
	if why != 0 {
		refuse(w, r, why)
		return nil, false
	}
	window, ok := stream.Window(rendition)
	if !ok {
		refuse(w, r, offline)
		return nil, false
	}
	window.Want()
	if _, err := window.Wait(ctx, (*hls.Snapshot).Playable); err != nil {
		refuse(w, r, unavailable)
		return nil, false
	}
	return window, true
}

// stream returns what a visit's channel shows now or showed a short while ago.
// Soon after a start it waits for the encoder to come back.
func (s *Server) stream(ctx context.Context, in visit) (*hls.Stream, *ivs.Snapshot, failure) {
	var opened <-chan struct{}
	for {
		if stream, snapshot, ok := s.Streams.Latest(in.channel); ok {
			return stream, snapshot, 0
		}
		if in.at > recovery {
			return nil, nil, offline
		}
		if opened == nil {
			opened = s.Streams.Opened() // then look again: one may have begun meanwhile
			continue
		}
		select {
		case <-opened:
			opened = nil
		case <-ctx.Done():
			return nil, nil, unavailable
		}
	}
}

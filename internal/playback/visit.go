package playback

import (
	"context"
	"net/http"
	"time"

	"openivs/internal/hls"
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
	if in.rights.strict && !s.fromOrigin(w, r, in.rights.origins) {
		refuse(w, r, originRequired)
	} else if window, ok := s.watch(w, r, in, rendition); ok {
		s.variant(w, r, window, in.rights)
	}
	if w.status >= http.StatusBadRequest && r.Method == http.MethodGet {
		s.Audience.leave(in)
	}
}

// watch finds the rendition that a visit is for, or refuses.
func (s *Server) watch(w http.ResponseWriter, r *http.Request, in visit, rendition string) (*hls.Window, bool) {
	window, why := s.find(in, rendition)
	if why == unavailable {
		window, why = s.await(r.Context(), in, rendition)
	}
	if why != 0 {
		refuse(w, r, why)
	}
	return window, why == 0
}

// find returns a rendition of what a visit's channel shows now or showed a short
// while ago. It is unavailable if there is nothing to watch, but may be soon:
// the window is nil then, or one in which nothing is.
func (s *Server) find(in visit, rendition string) (*hls.Window, failure) {
	stream, snapshot, ok := s.Streams.Latest(in.channel)
	switch {
	case !ok && in.at > recovery:
		return nil, offline
	case !ok:
		return nil, unavailable
	case snapshot.Channel.Authorized && !in.rights.private:
		return nil, badToken
	case snapshot.Channel.Restricted() && !in.rights.some():
		return nil, forbidden
	}
	window, ok := stream.Window(rendition)
	if !ok {
		return nil, offline
	}
	window.Want()
	switch snap := window.Snapshot(); {
	case snap.Playable() && !snap.Within(in.rights.most):
		return nil, forbidden
	case snap.Playable():
		return window, 0
	case snap.Ended || snap.Away:
		return nil, offline
	default:
		return window, unavailable
	}
}

// await finds what is unavailable until there is something to watch, or enough
// time has passed.
func (s *Server) await(ctx context.Context, in visit, rendition string) (*hls.Window, failure) {
	ctx, cancel := context.WithTimeout(ctx, awaited)
	defer cancel()
	for {
		opened := s.Streams.Opened() // before the look, which may miss what begins after it
		window, why := s.find(in, rendition)
		if why != unavailable {
			return window, why
		}
		if window != nil {
			if _, err := window.Wait(ctx, (*hls.Snapshot).Playable); err != nil {
				return nil, unavailable
			}
			continue
		}
		select {
		case <-opened:
		case <-ctx.Done():
			return nil, unavailable
		}
	}
}

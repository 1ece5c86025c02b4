// Package playback serves playlists and segments to viewers.
//
// It makes no media (package hls does), keeps none, and knows no database: what
// can be watched it asks of whoever joins it to the rest of the server.
package playback

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"openivs/internal/hls"
	"openivs/internal/ivs"
)

// defaultStall is how long one piece of a response may take.
const defaultStall = 30 * time.Second

// Streams is what can be watched.
type Streams interface {
	// Live returns the stream that runs on a channel, and the channel as it was
	// when the stream began.
	Live(channel ivs.ARN) (*hls.Stream, *ivs.Snapshot, bool)

	// Latest returns the stream that runs on a channel, else the newest of those
	// that ended a short while ago.
	Latest(channel ivs.ARN) (*hls.Stream, *ivs.Snapshot, bool)

	// Stream returns a stream by its id: one that runs, or one that ended a
	// short while ago and can be watched to its end.
	Stream(id string) (*hls.Stream, *ivs.Snapshot, bool)

	// Opened is closed when the next stream begins, whatever its channel.
	Opened() <-chan struct{}
}

// Channels tells a channel that is offline from one that does not exist, which
// is ivs.NotFound.
type Channels interface {
	Channel(ctx context.Context, arn ivs.ARN) (ivs.Channel, error)
}

// A Server answers viewers. All of it may be used by any number at once.
type Server struct {
	Streams  Streams       // required
	Channels Channels      // required
	Audience *Audience     // required
	Log      *slog.Logger  // required
	Stall    time.Duration // a viewer who takes no piece of a response for this long is gone; 0: 30 s

	zippers hls.Zippers
}

// Serves reports whether a request path is one of playback's.
func Serves(path string) bool {
	return hls.Serves(path) || strings.HasPrefix(path, "/api/video/")
}

// ServeHTTP answers one request. Queries other than the delivery directives of
// media playlists are ignored: players add their own.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	allowOrigins(w.Header())
	switch r.Method {
	case http.MethodOptions:
		preflight(w)
		return
	case http.MethodGet, http.MethodHead:
	default:
		w.Header().Set("Allow", methods)
		refuse(w, r, badMethod)
		return
	}
	out := &patient{ResponseWriter: w, control: http.NewResponseController(w), stall: cmp.Or(s.Stall, defaultStall)}
	if place, ok := hls.ParsePlace(r.URL.Path); ok {
		s.media(out, r, place)
		return
	}
	if ticket, rendition, ok := hls.ParseVariantPath(r.URL.Path); ok {
		s.visit(out, r, ticket, rendition)
		return
	}
	if arn, ok := ivs.ParsePlaybackPath(r.URL.Path); ok {
		s.multivariant(out, r, arn)
		return
	}
	refuse(out, r, notFound)
}

// multivariant answers at a channel's playback URL.
func (s *Server) multivariant(w http.ResponseWriter, r *http.Request, channel ivs.ARN) {
	stream, snapshot, live := s.Streams.Live(channel)
	if !live {
		s.offline(w, r, channel)
		return
	}
	if snapshot.Channel.Authorized {
		refuse(w, r, badToken)
		return
	}
	ticket, viewer, why := s.Audience.invite(channel)
	if why != 0 {
		refuse(w, r, why)
		return
	}
	body, ok := stream.Multivariant(hls.Visit{
		Node: node, Session: viewer.String(), Ticket: ticket, Now: time.Now(),
		AudioOnly: r.URL.Query().Get("allow_audio_only") == "true",
	})
	if !ok {
		refuse(w, r, offline)
		return
	}
	h := w.Header()
	h.Set("Content-Type", playlistType)
	h.Set("Cache-Control", "no-cache, no-store")
	send(w, r, body)
}

const node = "openivs"

// offline answers for a channel without a stream. Nothing is said about a
// private channel to somebody who has no right to watch it.
func (s *Server) offline(w http.ResponseWriter, r *http.Request, arn ivs.ARN) {
	ch, err := s.Channels.Channel(r.Context(), arn)
	switch {
	case err == nil && ch.Authorized:
		refuse(w, r, badToken)
	case err == nil:
		refuse(w, r, offline)
	case ivs.CodeOf(err) == ivs.NotFound:
		refuse(w, r, noChannel)
	default:
		if r.Context().Err() == nil {
			s.Log.ErrorContext(r.Context(), "a viewer's channel could not be looked up", "channel", arn, "err", err)
		}
		refuse(w, r, unavailable)
	}
}

// window finds a rendition of a stream that may be watched, or refuses.
func (s *Server) window(w http.ResponseWriter, r *http.Request, id, rendition string) (*hls.Window, bool) {
	stream, snapshot, ok := s.Streams.Stream(id)
	if !ok {
		refuse(w, r, offline)
		return nil, false
	}
	if snapshot.Channel.Authorized {
		refuse(w, r, badToken)
		return nil, false
	}
	window, ok := stream.Window(rendition)
	if !ok {
		refuse(w, r, offline)
	}
	return window, ok
}

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
	"net/netip"
	"strings"
	"time"

	"openivs/internal/hls"
	"openivs/internal/ivs"
	"openivs/internal/token"
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
	Streams  Streams      // required
	Channels Channels     // required
	Audience *Audience    // required
	Rules    Rules        // required
	Log      *slog.Logger // required

	Country func(netip.Addr) string        // of an address, "" if it is not known; nil: of none
	From    func(*http.Request) netip.Addr // where a request comes from; nil: from the other end of its connection

	Stall time.Duration // a viewer who takes no piece of a response for this long is gone; 0: 30 s

	// Deliveries counts what viewers are sent.
	Deliveries Deliveries

	zippers hls.Zippers
	keys    keyring
	tokens  token.Verifier
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
	if gate, place, ok := hls.ParseGatedPath(r.URL.Path); ok {
		s.gated(out, r, gate, place)
		return
	}
	if arn, ok := ivs.ParsePlaybackPath(strings.TrimSpace(r.URL.Path)); ok {
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
	body, why := s.welcome(w, r, stream, &snapshot.Channel)
	if why != 0 {
		refuse(w, r, why)
		return
	}
	h := w.Header()
	h.Set("Content-Type", playlistType)
	h.Set("Cache-Control", "no-cache, no-store")
	h.Add("Vary", "Accept-Encoding")
	if acceptsGzip(r.Header) {
		h.Set("Content-Encoding", "gzip")
		body = s.zippers.Zip(body)
	}
	send(w, r, body)
}

// welcome makes a viewer of somebody and returns a multivariant playlist. The
// one use of a token is taken last, so that who gets nothing has not used it.
func (s *Server) welcome(w http.ResponseWriter, r *http.Request, stream *hls.Stream, ch *ivs.Channel) ([]byte, failure) {
	in, why := s.enter(w, r, ch)
	if why != 0 {
		return nil, why
	}
	ticket, viewer, why := s.Audience.invite(ch.ARN, in.rights)
	if why != 0 {
		return nil, why
	}
	body, ok := stream.Multivariant(hls.Visit{
		Node: node, Session: viewer.String(), Ticket: ticket, Now: time.Now(), Most: in.rights.most,
		AudioOnly: r.URL.Query().Get("allow_audio_only") == "true",
	})
	if !ok {
		return nil, offline
	}
	return body, s.use(r, ch.ARN, in)
}

const node = "openivs"

// offline answers for a channel without a stream. Nothing is said about a
// private channel to somebody who has no right to watch it.
func (s *Server) offline(w http.ResponseWriter, r *http.Request, arn ivs.ARN) {
	ch, err := s.Channels.Channel(r.Context(), arn)
	switch {
	case err == nil:
		_, why := s.enter(w, r, &ch)
		refuse(w, r, cmp.Or(why, offline))
	case ivs.CodeOf(err) == ivs.NotFound:
		refuse(w, r, noChannel)
	default:
		if r.Context().Err() == nil {
			s.Log.ErrorContext(r.Context(), "a viewer's channel could not be looked up", "channel", arn, "err", err)
		}
		refuse(w, r, unavailable)
	}
}

// window finds the rendition that a place is in if it may be watched, or answers
// that there is none.
func (s *Server) window(w http.ResponseWriter, r *http.Request, at hls.Place) (*hls.Window, bool) {
	stream, snapshot, ok := s.Streams.Stream(at.Stream)
	switch {
	case !ok && s.lost(at):
		unmade(w, r, at)
		return nil, false
	case !ok:
		refuse(w, r, offline)
		return nil, false
	}
	window, ok := stream.Window(at.Rendition)
	switch restricted := snapshot.Channel.Restricted(); {
	case !ok, !restricted && !window.Named(at):
		refuse(w, r, offline)
		return nil, false
	case restricted && window.Key == nil: // nobody can have read where it is
		refuse(w, r, badToken)
		return nil, false
	case !window.Named(at):
		refuse(w, r, forbidden)
		return nil, false
	}
	return window, true
}

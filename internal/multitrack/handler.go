package multitrack

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"

	"openivs/internal/ivs"
	"openivs/internal/rate"
)

// Where encoders ask (Amazon IVS Broadcast Software Integration).
const (
	ConfigurationPath = "/api/v3/GetClientConfiguration"
	IngestPath        = "/api/v2/FindIngest"
)

const (
	// maxBody is how many bytes a request may have. OBS sends about 2 KB.
	maxBody = 64 << 10

	// bodyTimeout is how long a request may take to arrive.
	bodyTimeout = 10 * time.Second
)

// From one address so many configurations may be asked for in a second, and so many at
// once: an encoder does so once before it goes live, and whoever tries out stream keys
// all the time.
const (
	AsksPerSecond = 50
	AsksAtOnce    = 200
)

// A Handler answers encoders that ask how to encode and where to. The stream key
// is all that they show. Set the fields before the first request and leave them
// alone afterwards.
type Handler struct {
	Keys Keys // required

	// Channel returns the channel that a stream key opens, or ivs.NotFound.
	Channel func(ctx context.Context, key ivs.Secret) (ivs.Channel, error)

	Plain, Secure string        // where RTMP and RTMPS are taken, such as rtmp://host/app
	PlainFirst    bool          // encoders cannot be expected to trust the certificate
	Name          string        // of the place, for people
	Asks          *rate.Buckets // of AsksPerSecond and AsksAtOnce, by address; required
	Log           *slog.Logger
}

// Serves reports whether a path is one of a Handler's.
func Serves(path string) bool { return path == ConfigurationPath || path == IngestPath }

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == IngestPath && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		h.reply(w, h.ingests())
	case r.URL.Path == ConfigurationPath && r.Method == http.MethodPost:
		h.configure(w, r)
	case Serves(r.URL.Path):
		w.Header().Set("Allow", map[bool]string{true: "GET, HEAD", false: "POST"}[r.URL.Path == IngestPath])
		http.Error(w, "this is asked for with another method", http.StatusMethodNotAllowed)
	default:
		http.NotFound(w, r)
	}
}

// configure answers GetClientConfiguration. Clients read of most failures in the
// body of a 200.
func (h *Handler) configure(w http.ResponseWriter, r *http.Request) {
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	if !h.Asks.Take(address) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many configurations are asked for from this address, try again in a few seconds", http.StatusTooManyRequests)
		return
	}
	// A writer that knows no deadlines is a test's.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		http.Error(w, "the request is larger than any client configuration needs", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "the request did not arrive whole", http.StatusBadRequest)
		return
	}
	q, err := parseRequest(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id := uuid.NewString()
	a, err := h.grant(r.Context(), id, q)
	if err != nil {
		a = refused(id, err)
	}
	h.reply(w, a)
}

// grant makes the answer of a request, or says why there is none.
func (h *Handler) grant(ctx context.Context, id string, q *request) (answer, error) {
	ch, err := h.channel(ctx, q.key())
	if err != nil {
		return answer{}, err
	}
	if !ch.Multitrack.Enabled {
		return answer{}, ivs.Errorf(ivs.Denied, "this channel takes one picture only: set multitrackInputConfiguration on the channel, or turn multitrack video off in the encoder")
	}
	wish, err := q.wish(ch.Multitrack)
	if err != nil {
		return answer{}, err
	}
	tracks, err := Ladder(wish)
	if err != nil {
		return answer{}, err
	}
	key, err := h.Keys.Sign(q.key(), tracks, time.Now())
	if err != nil {
		return answer{}, err
	}
	return configured(id, q, tracks, h.endpoints(ch, key)), nil
}

// channelWait is how long the database may take.
const channelWait = 5 * time.Second

// channel returns the channel of a stream key.
func (h *Handler) channel(ctx context.Context, key ivs.Secret) (ivs.Channel, error) {
	wait, cancel := context.WithTimeout(ctx, channelWait)
	defer cancel()
	ch, err := h.Channel(wait, key)
	if ivs.CodeOf(err) == ivs.NotFound {
		return ch, ivs.Errorf(ivs.NotFound, "no channel has this stream key: copy it again from the channel")
	}
	if err != nil {
		if ctx.Err() == nil {
			h.Log.Error("a client configuration could not be made", "err", err)
		}
		return ch, ivs.Errorf(ivs.Unavailable, "the server cannot answer at the moment, try again in a few seconds")
	}
	return ch, nil
}

// endpoints are where a channel's encoder may publish, the best first.
func (h *Handler) endpoints(ch ivs.Channel, key ivs.Secret) []endpoint {
	secure := endpoint{"RTMPS", h.Secure + "/{stream_key}", string(key)}
	plain := endpoint{"RTMP", h.Plain + "/{stream_key}", string(key)}
	switch {
	case !ch.InsecureIngest:
		return []endpoint{secure}
	case h.PlainFirst:
		return []endpoint{plain, secure}
	default:
		return []endpoint{secure, plain}
	}
}

// An ingest is a place that FindIngest answers.
type ingest struct {
	ID           int     `json:"_id"`
	Availability float64 `json:"availability"`
	Default      bool    `json:"default"`
	Name         string  `json:"name"`
	Priority     int     `json:"priority"`
	Plain        string  `json:"url_template"`
	Secure       string  `json:"url_template_secure"`
}

// ingests is the answer of FindIngest: this server.
func (h *Handler) ingests() any {
	return struct {
		Ingests []ingest `json:"ingests"`
	}{[]ingest{{
		ID: 1, Availability: 1, Default: true, Name: h.Name, Priority: 1,
		Plain: h.Plain + "/{stream_key}", Secure: h.Secure + "/{stream_key}",
	}}}
}

func (h *Handler) reply(w http.ResponseWriter, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		h.Log.Error("an answer could not be encoded", "err", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if _, err := w.Write(b); err != nil {
		h.Log.Debug("an encoder did not wait for its answer", "err", err)
	}
}

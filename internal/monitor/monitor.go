// Package monitor tells those who look after the server how it is doing: numbers
// for Prometheus, and whether it is alive and ready.
//
// It counts nothing itself: whoever joins it to the rest of the server says what
// the numbers are.
package monitor

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// The paths that are served.
const (
	MetricsPath = "/metrics"
	AlivePath   = "/healthz"
	ReadyPath   = "/readyz"
)

// Numbers are how a server is doing.
type Numbers struct {
	Streams   map[string]int // live ones, by health
	Viewers   int
	Bytes     int64         // of media that came in since the start
	Input     time.Duration // of media that came in since the start
	Delivered time.Duration // of media that viewers were sent since the start
	Recorded  time.Duration // of media that was recorded since the start
	Transcode *Transcode    // nil: streams are passed on as sent, as is configured
	Sinks     []Sink
	Room      *Room     // nil: it is not known
	Channels  []Channel // only if they are to be told one by one
}

// A Transcode is how the making of renditions is doing.
type Transcode struct {
	Usable      bool    // ffmpeg can be used
	Cores, Most float64 // that are set aside for streams, and that may be
	Failures    int64   // of processes, since the start
}

// A Room is what is left of the disk that recordings are written to.
type Room struct {
	Free  int64 // bytes
	Level int   // 0: enough; 1: little; 2: no thumbnails are made; 3: no recording begins, either
}

// A Sink is how a sink of events is doing.
type Sink struct {
	Name                     string
	Behind                   int64
	Oldest                   time.Duration // age of the oldest event that it lacks; 0: it lacks none
	Delivered, Retried, Dead int64
}

// A Channel is one that is live.
type Channel struct {
	ID      string
	Viewers int
	Bytes   int64 // since its stream began
	Link    *Link // nil: the way in does not know
}

// A Link is how the network between an encoder and the server does.
type Link struct {
	RoundTrip           time.Duration
	Lost, Retransmitted int64 // packets since the connection began
}

// A Handler serves the paths.
type Handler struct {
	troubles func(ctx context.Context) []string
	metrics  http.Handler
}

// New returns a handler. troubles says why the server cannot work; nothing: it can.
func New(numbers func() Numbers, troubles func(ctx context.Context) []string) (*Handler, error) {
	r := prometheus.NewPedanticRegistry()
	for _, c := range []prometheus.Collector{
		&collector{numbers: numbers}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return &Handler{
		troubles: troubles,
		metrics:  promhttp.HandlerFor(r, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: maxScrapes}),
	}, nil
}

const (
	maxScrapes = 4
	readyWait  = 2 * time.Second
)

// ServeHTTP serves one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
	case r.URL.Path == MetricsPath:
		h.metrics.ServeHTTP(w, r)
	case r.URL.Path == AlivePath:
		say(w, http.StatusOK, "alive", nil)
	default:
		ctx, cancel := context.WithTimeout(r.Context(), readyWait)
		defer cancel()
		if troubles := h.troubles(ctx); len(troubles) > 0 {
			say(w, http.StatusServiceUnavailable, "not ready", troubles)
			return
		}
		say(w, http.StatusOK, "ready", nil)
	}
}

func say(w http.ResponseWriter, status int, what string, reasons []string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Status  string   `json:"status"`
		Reasons []string `json:"reasons,omitempty"`
	}{what, reasons}) // the client is gone if this fails
}

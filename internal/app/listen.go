package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"openivs/internal/archive"
	"openivs/internal/cloudwatch"
	"openivs/internal/console"
	"openivs/internal/limit"
	"openivs/internal/monitor"
	"openivs/internal/multitrack"
	"openivs/internal/operator"
	"openivs/internal/playback"
	"openivs/internal/player"
)

// Limits of the HTTP server. What a request or an answer may take once its head
// is read is up to whoever serves it.
const (
	headTimeout = 10 * time.Second // for a request's head to arrive
	idleTimeout = 2 * time.Minute  // between requests of a connection
	apiTimeout  = time.Minute      // for a request of the API, from its head to its answer's last byte
	keepAlive   = 30 * time.Second // between probes of a silent connection
)

// listen opens all addresses or none.
func listen(ctx context.Context, addresses []string) (lns []net.Listener, err error) {
	cfg := net.ListenConfig{KeepAlive: keepAlive}
	for _, a := range addresses {
		ln, err := cfg.Listen(ctx, "tcp", a)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%w: choose another address with --listen, or stop what uses it", err), closeAll(lns))
		}
		lns = append(lns, ln)
	}
	return lns, nil
}

func closeAll(lns []net.Listener) error {
	var all error
	for _, ln := range lns {
		if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
			all = errors.Join(all, err)
		}
	}
	return all
}

func bound(lns []net.Listener) []netip.AddrPort {
	out := make([]netip.AddrPort, len(lns))
	for i, ln := range lns {
		if a, ok := ln.Addr().(*net.TCPAddr); ok {
			out[i] = a.AddrPort()
		}
	}
	return out
}

// A web routes HTTP requests to those who answer them.
type web struct {
	api      http.Handler
	away     http.Handler // in place of api while the server stops
	full     http.Handler // for who is one too many
	playback http.Handler
	player   http.Handler
	console  http.Handler
	operator http.Handler
	metrics  http.Handler // as Amazon CloudWatch has it
	monitor  http.Handler
	encoders http.Handler // that ask how to encode
	scraped  bool         // /metrics is there
	recorded http.Handler

	stopping atomic.Bool // the API turns away
	heads    limit.Counter
	asking   atomic.Int64 // requests that are being answered
	watched  atomic.Int64 // unix seconds of the newest request of a viewer
}

// ServeHTTP serves one request.
func (h *web) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.asking.Add(1)
	defer h.asking.Add(-1)
	leave, ok := room(&h.heads, r)
	if !ok {
		h.full.ServeHTTP(w, r)
		return
	}
	defer leave()
	if playback.Serves(r.URL.Path) {
		if now := time.Now().Unix(); h.watched.Load() != now {
			h.watched.Store(now)
		}
		h.playback.ServeHTTP(w, r)
		return
	}
	// A writer that knows no deadlines is a test's.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(apiTimeout))
	switch path := r.URL.Path; {
	case path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		http.Redirect(w, r, console.Root, http.StatusFound)
	case strings.HasPrefix(path, console.Root):
		h.console.ServeHTTP(w, r)
	case strings.HasPrefix(path, player.Root):
		h.player.ServeHTTP(w, r)
	case strings.HasPrefix(path, operator.Root):
		h.operator.ServeHTTP(w, r)
	case strings.HasPrefix(path, archive.Root):
		h.recorded.ServeHTTP(w, r)
	case path == monitor.AlivePath, path == monitor.ReadyPath, path == monitor.MetricsPath && h.scraped:
		h.monitor.ServeHTTP(w, r)
	case cloudwatch.Serves(r):
		h.metrics.ServeHTTP(w, r)
	case multitrack.Serves(path):
		h.encoders.ServeHTTP(w, r)
	case h.stopping.Load():
		h.away.ServeHTTP(w, r)
	default:
		h.api.ServeHTTP(w, r)
	}
}

// drain waits until no request is being answered, but no longer than limit.
func (h *web) drain(ctx context.Context, limit time.Duration) {
	const look = 20 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for h.asking.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// audience reports whether somebody watches: players ask at least this often.
func (h *web) audience() bool {
	const quiet = 10 * time.Second
	return time.Since(time.Unix(h.watched.Load(), 0)) < quiet
}

func httpServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHead,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

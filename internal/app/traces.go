package app

import (
	"context"
	"net/http"
	"strings"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/operator"
	"openivs/internal/tracing"
)

// tracesLimit is how long the last traces may take to be sent.
const tracesLimit = 2 * time.Second

// joinTraces makes what traces, if it is wanted.
func (a *App) joinTraces(ctx context.Context) error {
	if a.cfg.Traces == "" {
		return nil
	}
	var err error
	if a.traces, err = tracing.Open(ctx, a.cfg.Traces, a.self.version, a.log); err != nil {
		return err
	}
	a.steps.add("send the last traces", tracesLimit, a.traces.Close)
	return nil
}

// gate is who lets publishers in.
func (a *App) gate() ingest.Gate {
	if a.traces == nil {
		return a.sessions
	}
	return a.traces.Gate(a.sessions)
}

// traced has the requests to an API traced.
func (a *App) traced(h http.Handler) http.Handler {
	if a.traces == nil {
		return h
	}
	return a.traces.Handler(spanName, h)
}

// spanName names the span of a request by its operation, or what it is about: no id,
// and few names that a client may make up.
func spanName(r *http.Request) string {
	path := strings.TrimPrefix(r.URL.Path, operator.Root)
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	for _, c := range first {
		if c != '-' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return r.Method
		}
	}
	const most = 40
	if first == "" || len(first) > most {
		return r.Method
	}
	return r.Method + " " + first
}

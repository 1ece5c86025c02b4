// Package tracing tells an OpenTelemetry collector how requests of the API and
// publishers fare, where an operator wants that.
//
// What it stands before knows nothing of it. Where traces are off, it is not there.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
)

const (
	sendWait  = 10 * time.Second // for a batch to be taken
	batchWait = time.Second      // before a batch is sent that is not full
	mostSpans = 4096             // that wait; what is more is dropped
)

// A Tracer makes spans and sends them, beside those who make them.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// Open returns a tracer that sends to an OTLP receiver, of which the URL without
// the path /v1/traces is given. Nothing is sent yet.
func Open(ctx context.Context, receiver, version string, log *slog.Logger) (*Tracer, error) {
	u, err := url.Parse(receiver)
	if err != nil {
		return nil, fmt.Errorf("read the address of the receiver of traces: %w", err)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.JoinPath("v1/traces").String()), otlptracehttp.WithTimeout(sendWait),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}))
	if err != nil {
		return nil, fmt.Errorf("make what sends traces: %w", err)
	}
	named := resource.NewSchemaless(attribute.String("service.name", "openivs"), attribute.String("service.version", version))
	p := sdk.NewTracerProvider(
		sdk.WithResource(named),
		sdk.WithSampler(sdk.ParentBased(sdk.AlwaysSample())),
		sdk.WithBatcher(&told{Exporter: exporter, log: log}, sdk.WithBatchTimeout(batchWait), sdk.WithMaxQueueSize(mostSpans)),
	)
	return &Tracer{provider: p, tracer: p.Tracer("openivs")}, nil
}

// Close sends what is left, and lets go of the receiver.
func (t *Tracer) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// told is an exporter that logs the first failure of a row, and its end.
type told struct {
	*otlptrace.Exporter

	log    *slog.Logger
	broken bool // the newest batch was lost; a batch is sent at a time
}

// ExportSpans sends spans. What the receiver does not take is lost.
func (e *told) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.Exporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && !e.broken:
		e.log.Warn("traces are not taken, and lost", "err", err)
	case err == nil && e.broken:
		e.log.Info("traces are taken again")
	}
	e.broken = err != nil
	return nil // it is told already
}

// Handler makes a span of each request to a handler, named by name. It is a part
// of the client's trace, if that says so (W3C Trace Context).
func (t *Tracer) Handler(name func(r *http.Request) string, next http.Handler) http.Handler {
	var headers propagation.TraceContext
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := headers.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := t.tracer.Start(ctx, name(r), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("http.request.method", r.Method),
			attribute.String("client.address", r.RemoteAddr),
		))
		defer span.End()
		seen := &answer{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(seen, r.WithContext(ctx))
		span.SetAttributes(attribute.Int("http.response.status_code", seen.status))
		if seen.status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(seen.status))
		}
	})
}

// An answer notes the status of an answer.
type answer struct {
	http.ResponseWriter

	status int
}

// WriteHeader notes the status.
func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Gate makes a span of each publisher that asks to come in, and of what it
// publishes one within.
func (t *Tracer) Gate(next ingest.Gate) ingest.Gate { return gate{t, next} }

type gate struct {
	*Tracer

	next ingest.Gate
}

// Admit asks whether a publisher may come in.
func (g gate) Admit(ctx context.Context, r ingest.Request) (ingest.Publication, error) {
	who := trace.WithAttributes(attribute.String("network.protocol.name", r.Protocol), attribute.String("client.address", r.Remote))
	ctx, span := g.tracer.Start(ctx, "admit", trace.WithSpanKind(trace.SpanKindServer), who)
	defer span.End()
	p, err := g.next.Admit(ctx, r)
	if err != nil {
		failed(span, err)
		return nil, err
	}
	_, publishing := g.tracer.Start(ctx, "publish", who)
	return publication{p, publishing}, nil
}

// failed notes an error. Those of clients are not the server's.
func failed(span trace.Span, err error) {
	span.RecordError(err)
	if code := ivs.CodeOf(err); code == "" || code == ivs.Unavailable {
		span.SetStatus(codes.Error, err.Error())
	}
}

// A publication ends its span with itself.
type publication struct {
	ingest.Publication

	span trace.Span
}

// End notes why it ended.
func (p publication) End(cause error) {
	p.Publication.End(cause)
	if cause != nil && !errors.Is(cause, context.Canceled) {
		failed(p.span, cause)
	}
	p.span.End()
}

// Package otlptest is a small receiver of OpenTelemetry traces for tests.
package otlptest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A Receiver keeps the spans that it gets.
type Receiver struct {
	*httptest.Server

	mu    sync.Mutex
	spans []*tracepb.Span
}

// Start starts a receiver that ends with the test.
func Start(t *testing.T) *Receiver {
	t.Helper()
	r := new(Receiver)
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

func (r *Receiver) take(w http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(in.Body)
	var export collector.ExportTraceServiceRequest
	if err != nil || in.URL.Path != "/v1/traces" || in.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(body, &export) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range export.GetResourceSpans() {
		for _, scope := range of.GetScopeSpans() {
			r.spans = append(r.spans, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// Spans are all that came so far.
func (r *Receiver) Spans() []*tracepb.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.spans)
}

// Named returns the first span of a name, or nil.
func (r *Receiver) Named(name string) *tracepb.Span {
	for _, s := range r.Spans() {
		if s.GetName() == name {
			return s
		}
	}
	return nil
}

// Attribute is what a span says of something, as text; "": nothing.
func Attribute(s *tracepb.Span, key string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == key {
			if v := a.GetValue().GetStringValue(); v != "" {
				return v
			}
			return a.GetValue().String()
		}
	}
	return ""
}

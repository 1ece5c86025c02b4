package tracing_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/tracing"
	"openivs/internal/tracing/otlptest"
)

// A door lets those in who have the key.
type door struct{}

type way struct{ ingest.Publication }

func (way) End(error) {}

func (door) Admit(_ context.Context, r ingest.Request) (ingest.Publication, error) {
	if r.Key != "good" {
		return nil, ivs.Errorf(ivs.NotFound, "no channel has this stream key")
	}
	return way{}, nil
}

func TestRequestsAndPublishersAreTraced(t *testing.T) {
	r := otlptest.Start(t)
	tracer, err := tracing.Open(t.Context(), r.URL, "1", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	h := tracer.Handler(func(r *http.Request) string { return r.URL.Path[1:] }, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		if r.URL.Path == "/Broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	const parent = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, path := range []string{"/Good", "/Broken"} {
		q := httptest.NewRequest(http.MethodPost, path, nil)
		q.Header.Set("traceparent", "00-"+parent+"-00f067aa0ba902b7-01")
		h.ServeHTTP(httptest.NewRecorder(), q)
	}
	gate := tracer.Gate(door{})
	if _, err := gate.Admit(t.Context(), ingest.Request{Protocol: "rtmp", Key: "bad"}); ivs.CodeOf(err) != ivs.NotFound {
		t.Errorf("Admit: %v", err)
	}
	p, err := gate.Admit(t.Context(), ingest.Request{Protocol: "srt", Key: "good"})
	if err != nil {
		t.Fatal(err)
	}
	p.End(errors.New("the network broke"))
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	good, broken, publish := r.Named("Good"), r.Named("Broken"), r.Named("publish")
	if hex.EncodeToString(good.GetTraceId()) != parent || good.GetStatus().GetMessage() != "" || otlptest.Attribute(good, "http.request.method") != "POST" {
		t.Errorf("a request is %v", good)
	}
	if broken.GetStatus().GetMessage() != "Internal Server Error" {
		t.Errorf("one that failed is %v", broken)
	}
	if publish.GetStatus().GetMessage() != "the network broke" || len(publish.GetParentSpanId()) == 0 || otlptest.Attribute(publish, "network.protocol.name") != "srt" {
		t.Errorf("what was published is %v", publish)
	}
	if n := len(r.Spans()); n != 5 {
		t.Errorf("%d spans came, want 5", n)
	}
	for _, s := range r.Spans() {
		if strings.Contains(s.String(), "good") {
			t.Errorf("a stream key is in %v", s)
		}
	}
}

func TestAReceiverThatIsAwayIsToldOfOnce(t *testing.T) {
	r := otlptest.Start(t)
	r.Close()
	var log bytes.Buffer
	tracer, err := tracing.Open(t.Context(), r.URL, "1", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	h := tracer.Handler(func(*http.Request) string { return "x" }, http.NotFoundHandler())
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if err := tracer.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "traces are not taken"); n != 1 {
		t.Errorf("it is told %d times:\n%s", n, &log)
	}
}

package restjson_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// A sink is a ResponseWriter that keeps nothing.
type sink struct {
	head   http.Header
	status int
	size   int
}

func (s *sink) Header() http.Header             { return s.head }
func (s *sink) WriteHeader(status int)          { s.status = status }
func (s *sink) SetReadDeadline(time.Time) error { return nil }
func (s *sink) Write(b []byte) (int, error)     { s.size = len(b); return len(b), nil }

// BenchmarkHandler is what the protocol costs: route, read, decode, validate,
// encode and write, with an operation that only answers.
func BenchmarkHandler(b *testing.B) {
	for _, bb := range []struct{ op, body string }{
		{"GetChannel", getChannel},
		{"GetStreamSession", `{"channelArn":"` + channelARN + `","streamId":"st-1abcdefghijklmnopqrstuv"}`},
		{
			"CreateChannel",
			`{"name":"name","latencyMode":"LOW","type":"STANDARD","authorized":false,"insecureIngest":false,"tags":{"a":"b","c":"d"},` +
				`"multitrackInputConfiguration":{"enabled":false,"policy":"ALLOW","maximumResolution":"FULL_HD"},"containerFormat":"TS"}`,
		},
	} {
		b.Run(bb.op, func(b *testing.B) {
			h := handler(new(service))
			body := bytes.NewReader([]byte(bb.body))
			r := &http.Request{
				Method: "POST", URL: &url.URL{Path: "/" + bb.op}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
				Header: http.Header{}, Host: "localhost", ContentLength: body.Size(), Body: io.NopCloser(body),
			}
			w := &sink{head: make(http.Header)}
			b.ReportAllocs()
			for b.Loop() {
				body.Reset([]byte(bb.body))
				clear(w.head)
				h.ServeHTTP(w, r)
			}
			if w.status != 200 {
				b.Fatalf("status %d", w.status)
			}
			b.ReportMetric(float64(w.size), "answer-B")
		})
	}
}

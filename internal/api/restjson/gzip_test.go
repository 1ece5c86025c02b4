package restjson_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

func TestAnswersAreCompressedForWhoAsks(t *testing.T) {
	long := `{"name":"` + strings.Repeat("n", 128) + `","tags":{"k":"` + strings.Repeat("v", 256) + `","l":"` + strings.Repeat("w", 256) +
		`","m":"` + strings.Repeat("x", 256) + `","n":"` + strings.Repeat("y", 256) + `"}}`
	for _, tt := range []struct {
		name   string
		accept []string
		body   string
		want   bool
	}{
		{"gzip", []string{"gzip"}, long, true},
		{"among others", []string{"deflate, GZIP;q=0.5 , br"}, long, true},
		{"on a second line", []string{"br", "gzip"}, long, true},
		{"by its old name", []string{"x-gzip"}, long, true},
		{"anything", []string{"*"}, long, true},
		{"anything but gzip", []string{"*, gzip;q=0"}, long, false},
		{"not at all", []string{"gzip;q=0.0"}, long, false},
		{"a weight that is none", []string{"gzip;quality=1"}, long, false},
		{"identity, as the Go SDK asks", []string{"identity"}, long, false},
		{"nothing", nil, long, false},
		{"a short answer", []string{"gzip"}, `{"name":"n"}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := handler(new(service))
			plain := call(h, "POST", "/CreateChannel", tt.body).Body.String()
			r := httptest.NewRequest("POST", "/CreateChannel", strings.NewReader(tt.body))
			r.Header["Accept-Encoding"] = tt.accept
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if got := w.Header().Get("Content-Encoding") == "gzip"; got != tt.want {
				t.Fatalf("compressed %t, want %t: %v", got, tt.want, w.Header())
			}
			if got, want := w.Header().Get("Vary"), map[bool]string{true: "Accept-Encoding"}[tt.body == long]; got != want {
				t.Errorf("Vary is %q, want %q", got, want)
			}
			if got := unpack(t, w.Result()); got != plain {
				t.Errorf("the answer is %s, want %s", got, plain)
			}
		})
	}
}

// unpack reads a body, compressed or not, whose length must be as announced.
func unpack(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil || int64(len(b)) != r.ContentLength {
		t.Errorf("%d bytes, %v; Content-Length %d", len(b), err, r.ContentLength)
	}
	if r.Header.Get("Content-Encoding") != "gzip" {
		return string(b)
	}
	z, err := gzip.NewReader(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = io.ReadAll(z); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestCompressedAnswersAreNotMixed has many at once, which share memory.
func TestCompressedAnswersAreNotMixed(t *testing.T) {
	h := handler(new(service))
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			name := strings.Repeat(string(rune('a'+i)), 128)
			tags := `","tags":{"k":"` + strings.Repeat("v", 256*i%257) + `","m":"` + strings.Repeat("x", 256) + `","n":"` + strings.Repeat("y", 256) +
				`","o":"` + strings.Repeat("y", 256) + `","p":"` + strings.Repeat("y", 256) + `"}}`
			for range 50 {
				r := httptest.NewRequest("POST", "/CreateChannel", strings.NewReader(`{"name":"`+name+tags))
				r.Header.Set("Accept-Encoding", "gzip")
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if got := unpack(t, w.Result()); !strings.Contains(got, name) || w.Header().Get("Content-Encoding") != "gzip" {
					t.Errorf("%v %.200s", w.Header(), got)
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkGzip(b *testing.B) {
	h := handler(new(service))
	body := `{"tags":{"k":"` + strings.Repeat("v", 256) + `","l":"` + strings.Repeat("w", 256) + `","m":"` + strings.Repeat("x", 256) +
		`","n":"` + strings.Repeat("y", 256) + `"}}`
	b.ReportAllocs()
	w := &sink{head: make(http.Header)}
	for b.Loop() {
		r := httptest.NewRequest("POST", "/CreateChannel", strings.NewReader(body))
		r.Header.Set("Accept-Encoding", "gzip")
		clear(w.head)
		h.ServeHTTP(w, r)
	}
	b.ReportMetric(float64(w.size), "answer-B")
}

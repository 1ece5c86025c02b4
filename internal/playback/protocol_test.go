package playback_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"openivs/internal/ivs"
)

// routes are one address of each kind, as a viewer finds them.
func (s *site) routes() map[string]string {
	s.tb.Helper()
	variant := s.variant("live")
	_, playlist := s.do("GET", variant)
	all := map[string]string{
		"multivariant playlist": s.url("live"),
		"media playlist":        variant,
		"segment":               last(s.tb, variant, playlist),
		"refusal":               s.url("offline"),
		"expired session":       strings.Replace(variant, "/v1/playlist/", "/v1/playlist/A", 1),
	}
	for line := range strings.Lines(string(playlist)) {
		if _, uri, found := strings.Cut(line, `URI="`); found && strings.HasPrefix(line, "#EXT-X-PART:") {
			uri, _, _ = strings.Cut(uri, `"`)
			all["part"] = last(s.tb, variant, []byte(uri))
		}
		if _, uri, found := strings.Cut(line, `URI="`); found && strings.HasPrefix(line, "#EXT-X-MAP:") {
			uri, _, _ = strings.Cut(uri, `"`)
			all["init section"] = last(s.tb, variant, []byte(uri))
		}
	}
	return all
}

// eachForm runs a test for channels in low latency of each container, whose routes
// are all those that there are.
func eachForm(t *testing.T, test func(t *testing.T, s *site, routes map[string]string)) {
	t.Helper()
	always := []string{"multivariant playlist", "media playlist", "segment", "refusal", "expired session"}
	for container, kinds := range map[ivs.ContainerFormat][]string{ivs.TS: always, ivs.FragmentedMP4: append(always, "part", "init section")} {
		t.Run(string(container), func(t *testing.T) {
			s := newSite(t)
			ch := channel("live", false)
			ch.Container, ch.Latency = container, ivs.LatencyLow
			s.publish(ch, "st-1a", 9*time.Second)
			routes := s.routes()
			for _, kind := range kinds {
				if routes[kind] == "" {
					t.Errorf("no %s", kind)
				}
			}
			if len(routes) != len(kinds) {
				t.Errorf("the routes are %v, want %q", routes, kinds)
			}
			test(t, s, routes)
		})
	}
}

// shared are the routes whose answers are the same for all viewers, for ever.
var shared = map[string]bool{"segment": true, "part": true, "init section": true}

func TestEveryRouteKeepsItsPromises(t *testing.T) {
	eachForm(t, func(t *testing.T, s *site, routes map[string]string) {
		t.Helper()
		for name, address := range routes {
			t.Run(name, func(t *testing.T) {
				resp, body := s.do("GET", address, "Origin", "https://example.com")
				again, _ := s.do("GET", address)
				h := resp.Header
				if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Expose-Headers") != "*" {
					t.Errorf("pages of other origins may not read it: %v", h)
				}
				if tag := h.Get("Etag"); shared[name] {
					if tag == "" || strings.HasPrefix(tag, "W/") || again.Header.Get("Etag") != tag ||
						h.Get("Cache-Control") != "public, max-age=31536000, immutable" {
						t.Errorf("a cache cannot keep it for ever: %v", h)
					}
				} else if cc := h.Get("Cache-Control"); tag != "" || !strings.Contains(cc, "no-cache") && cc != "no-store" {
					t.Errorf("a cache may keep it: %v", h)
				}
				head, none := s.do("HEAD", address)
				if head.StatusCode != resp.StatusCode || len(none) > 0 || head.Header.Get("Content-Type") != h.Get("Content-Type") {
					t.Errorf("HEAD answers %s %s, GET %s %s", head.Status, head.Header.Get("Content-Type"), resp.Status, h.Get("Content-Type"))
				}
				if options, _ := s.do("OPTIONS", address); options.StatusCode != 204 || options.Header.Get("Access-Control-Allow-Origin") != "*" {
					t.Errorf("OPTIONS answers %s %v", options.Status, options.Header)
				}
				part, some := s.do("GET", address, "Range", "bytes=0-99")
				if shared[name] && (part.StatusCode != 206 || !bytes.Equal(some, body[:100])) {
					t.Errorf("a range of it: %s, %d bytes", part.Status, len(some))
				}
				if !shared[name] && part.StatusCode != resp.StatusCode {
					t.Errorf("with a range: %s, without %s", part.Status, resp.Status)
				}
			})
		}
	})
}

func TestEveryRouteSpeaksBothProtocols(t *testing.T) {
	eachForm(t, func(t *testing.T, s *site, routes map[string]string) {
		t.Helper()
		two := httptest.NewUnstartedServer(&s.server)
		two.EnableHTTP2 = true
		two.StartTLS()
		t.Cleanup(two.Close)
		for name, address := range routes {
			plain, want := s.do("GET", address)
			r, err := http.NewRequestWithContext(t.Context(), "GET", strings.Replace(address, s.http.URL, two.URL, 1), nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := two.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			if err = errors.Join(err, resp.Body.Close()); err != nil {
				t.Fatal(err)
			}
			same := bytes.Equal(got, want) || name == "multivariant playlist" && len(got) > 0 // each has its own ticket
			if resp.ProtoMajor != 2 || resp.StatusCode != plain.StatusCode || !same || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: %s %s with %d bytes over HTTP/2, %s with %d over HTTP/1.1", name, resp.Proto, resp.Status, len(got), plain.Status, len(want))
			}
		}
	})
}

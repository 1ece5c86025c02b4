package playback_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
	"openivs/internal/pipeline"
	"openivs/internal/playback"
)

var _ playback.Streams = (*pipeline.Builder)(nil)

// channels is a table of channels by id.
type channels map[string]ivs.Channel

var errAway = errors.New("the database is away")

func (c channels) Channel(_ context.Context, arn ivs.ARN) (ivs.Channel, error) {
	if arn.ID == "away" {
		return ivs.Channel{}, errAway
	}
	ch, ok := c[arn.ID]
	if !ok || ch.ARN != arn {
		return ivs.Channel{}, ivs.Errorf(ivs.NotFound, "no channel %s", arn)
	}
	return ch, nil
}

func channel(id string, private bool) ivs.Channel {
	return ivs.Channel{
		ARN:        ivs.ARN{Service: "ivs", Region: "us-east-1", Account: "123456789012", Kind: ivs.KindChannel, ID: id},
		Authorized: private,
	}
}

// A site is a server with three channels: "live", "offline" and "private".
type site struct {
	tb      testing.TB
	builder pipeline.Builder
	server  playback.Server
	http    *httptest.Server
}

func newSite(tb testing.TB) *site {
	tb.Helper()
	s := &site{tb: tb}
	s.server = playback.Server{
		Streams: &s.builder,
		Channels: channels{
			"live":    channel("live", false),
			"offline": channel("offline", false),
			"private": channel("private", true),
		},
		Audience: &playback.Audience{Key: []byte("a key of tests")},
		Rules:    new(rules),
		Log:      slog.New(slog.DiscardHandler),
	}
	s.http = httptest.NewServer(&s.server)
	tb.Cleanup(s.http.Close)
	return s
}

// publish opens a stream on a channel and sends media.
func (s *site) publish(ch ivs.Channel, stream string, length time.Duration) *pipeline.Pipeline {
	s.tb.Helper()
	p, err := s.builder.Open(ivs.Session{StreamID: stream, Channel: ivs.Snapshot{Channel: ch}})
	if err != nil {
		s.tb.Fatal(err)
	}
	for u := range mediatest.Reordered(s.tb).Units(length) {
		if err := p.WriteUnit(u); err != nil {
			s.tb.Fatal(err)
		}
	}
	return p
}

// do sends a request; header is name and value in turn.
func (s *site) do(method, url string, header ...string) (*http.Response, []byte) {
	s.tb.Helper()
	r, err := http.NewRequestWithContext(s.tb.Context(), method, url, nil)
	if err != nil {
		s.tb.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.tb.Fatalf("%s %s: %v", method, url, err)
	}
	return resp, body
}

// last returns the last URI of a playlist, resolved as a player does.
func last(tb testing.TB, base string, playlist []byte) string {
	tb.Helper()
	found := ""
	for line := range strings.Lines(string(playlist)) {
		if !strings.HasPrefix(line, "#") {
			found = strings.TrimSpace(line)
		}
	}
	b, err := url.Parse(base)
	if err != nil || found == "" {
		tb.Fatalf("no URI in %q, %v", playlist, err)
	}
	u, err := b.Parse(found)
	if err != nil {
		tb.Fatal(err)
	}
	return u.String()
}

func (s *site) url(id string) string {
	return s.http.URL + ivs.PlaybackPath(channel(id, false).ARN)
}

// variant follows a channel's playback URL to the media playlist.
func (s *site) variant(id string) string {
	s.tb.Helper()
	resp, body := s.do("GET", s.url(id))
	if resp.StatusCode != http.StatusOK {
		s.tb.Fatalf("%s: %s %s", s.url(id), resp.Status, body)
	}
	return last(s.tb, s.url(id), body)
}

func TestFromPlaybackURLToSegment(t *testing.T) {
	s := newSite(t)
	s.publish(channel("live", false), "st-1a", 9*time.Second)
	resp, body := s.do("GET", s.url("live")+"?token=x&player_version=1.2&allow_audio_only=false&a=b?c")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/vnd.apple.mpegurl" ||
		!strings.Contains(resp.Header.Get("Cache-Control"), "no-cache") || !bytes.HasPrefix(body, []byte("#EXTM3U\n")) {
		t.Fatalf("multivariant: %s %v\n%s", resp.Status, resp.Header, body)
	}
	variant := last(t, s.url("live"), body)
	resp, body = s.do("GET", variant+"?anything=else")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/vnd.apple.mpegurl" ||
		resp.Header.Get("Cache-Control") != "no-cache" || resp.Header.Get("Vary") != "Accept-Encoding" {
		t.Fatalf("variant: %s %v", resp.Status, resp.Header)
	}
	resp, body = s.do("GET", last(t, variant, body))
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "video/mp2t" || resp.Header.Get("Etag") == "" ||
		!strings.Contains(resp.Header.Get("Cache-Control"), "immutable") || int(resp.ContentLength) != len(body) {
		t.Errorf("segment: %s %v", resp.Status, resp.Header)
	}
	if len(body) == 0 || len(body)%188 != 0 || body[0] != 0x47 {
		t.Errorf("a segment of %d bytes is not a transport stream", len(body))
	}
}

func TestRefusals(t *testing.T) {
	s := newSite(t)
	p := s.publish(channel("private", true), "st-1p", 5*time.Second)
	s.publish(channel("live", false), "st-1a", 5*time.Second)
	early := channel("early", false)
	s.server.Channels.(channels)["early"] = early
	s.publish(early, "st-1e", 100*time.Millisecond)
	const api = "/api/video/v1/us-east-1.123456789012.channel."
	ticketed := strings.TrimPrefix(s.variant("live"), s.http.URL)
	for _, tc := range []struct {
		name, method, path string
		status             int
		code               string
	}{
		{"offline", "GET", api + "offline.m3u8", 404, "transcode_does_not_exist"},
		{"live without a part", "GET", api + "early.m3u8", 404, "transcode_does_not_exist"},
		{"unknown channel", "GET", api + "nobody.m3u8", 404, "channel_not_found"},
		{"another account", "GET", "/api/video/v1/us-east-1.999999999999.channel.live.m3u8", 404, "channel_not_found"},
		{"another region", "GET", "/api/video/v1/eu-west-1.123456789012.channel.live.m3u8", 404, "channel_not_found"},
		{"private", "GET", api + "private.m3u8", 403, "invalid_playback_auth_token"},
		{"private with a token", "GET", api + "private.m3u8?token=a.b.c", 403, "invalid_playback_auth_token"},
		{"private segment", "GET", "/v1/segment/st-1p/source/0.ts", 403, "invalid_playback_auth_token"},
		{"database away", "GET", api + "away.m3u8", 503, "service_unavailable"},
		{"unknown rendition", "GET", strings.Replace(ticketed, "source", "160p", 1), 404, "transcode_does_not_exist"},
		{"segment to come", "GET", "/v1/segment/st-1a/source/99.ts", 404, "transcode_does_not_exist"},
		{"segment of an unknown stream", "GET", "/v1/segment/st-1x/source/0.ts", 404, "transcode_does_not_exist"},
		{"a path of nobody", "GET", "/v1/segment/../../etc/passwd", 404, "not_found"},
		{"no path", "GET", "/", 404, "not_found"},
		{"not a channel", "GET", "/api/video/v1/x.m3u8", 404, "not_found"},
		{"to be written", "PUT", api + "live.m3u8", 405, "method_not_allowed"},
		{"posted", "POST", "/v1/segment/st-1a/source/0.ts", 405, "method_not_allowed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp, body := s.do(tc.method, s.http.URL+tc.path)
			var got []map[string]string
			if err := json.Unmarshal(body, &got); err != nil || len(got) != 1 {
				t.Fatalf("body %q is not an array of one: %v", body, err)
			}
			if resp.StatusCode != tc.status || got[0]["error_code"] != tc.code || got[0]["type"] != "error" ||
				got[0]["url"] != tc.path || got[0]["error"] == "" {
				t.Errorf("%s %v, want %d %s", resp.Status, got[0], tc.status, tc.code)
			}
			if h := resp.Header; h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Content-Type") != "application/json" ||
				h.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", h)
			}
		})
	}
	if err := p.Close(true); err != nil {
		t.Fatal(err)
	}
	if resp, _ := s.do("GET", s.url("private")); resp.StatusCode != 403 {
		t.Errorf("a private channel that is offline: %s, want 403: it says nothing of itself", resp.Status)
	}
}

func TestErrorBody(t *testing.T) {
	s := newSite(t)
	_, body := s.do("GET", s.url("private")+"?pbac=true&player_version=1.13.0")
	const want = `[{"url":"/api/video/v1/us-east-1.123456789012.channel.private.m3u8?pbac=true\u0026player_version=1.13.0",` +
		`"error":"token contains an invalid number of segments","error_code":"invalid_playback_auth_token","type":"error"}]`
	if string(body) != want {
		t.Errorf("body\n%s, want\n%s", body, want)
	}
}

func TestEveryOriginMayPlay(t *testing.T) {
	s := newSite(t)
	s.publish(channel("live", false), "st-1a", 5*time.Second)
	for _, path := range []string{ivs.PlaybackPath(channel("live", false).ARN), strings.TrimPrefix(s.variant("live"), s.http.URL), "/v1/segment/st-1a/source/0.ts"} {
		resp, body := s.do("OPTIONS", s.http.URL+path, "Origin", "https://example.com", "Access-Control-Request-Method", "GET")
		h := resp.Header
		if resp.StatusCode != 204 || len(body) != 0 || h.Get("Access-Control-Allow-Origin") != "*" ||
			!strings.Contains(h.Get("Access-Control-Allow-Methods"), "GET") || h.Get("Access-Control-Allow-Headers") != "*" {
			t.Errorf("OPTIONS %s: %s %v", path, resp.Status, h)
		}
		resp, whole := s.do("GET", s.http.URL+path, "Origin", "https://example.com")
		if h := resp.Header; h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Expose-Headers") != "*" {
			t.Errorf("GET %s: %v", path, h)
		}
		resp, body = s.do("HEAD", s.http.URL+path)
		if resp.StatusCode != 200 || len(body) != 0 || int(resp.ContentLength) != len(whole) ||
			resp.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("HEAD %s: %s, %d bytes announced, want %d", path, resp.Status, resp.ContentLength, len(whole))
		}
	}
}

func TestPartsOfASegment(t *testing.T) {
	s := newSite(t)
	s.publish(channel("live", false), "st-1a", 5*time.Second)
	segment := s.http.URL + "/v1/segment/st-1a/source/1.ts"
	first, whole := s.do("GET", segment)
	tag, size := first.Header.Get("Etag"), len(whole)
	for _, tc := range []struct {
		name   string
		header []string
		status int
		want   []byte
	}{
		{"the start, as the IVS player asks", []string{"Range", "bytes=0-32766"}, 206, whole[:min(size, 32767)]},
		{"the middle", []string{"Range", "bytes=188-375"}, 206, whole[188:376]},
		{"the end", []string{"Range", "bytes=-188"}, 206, whole[size-188:]},
		{"beyond the end", []string{"Range", "bytes=" + strconv.Itoa(size) + "-"}, 416, nil},
		{"a part of what it has", []string{"Range", "bytes=0-0", "If-Range", tag}, 206, whole[:1]},
		{"a part of something else", []string{"Range", "bytes=0-0", "If-Range", `"other"`}, 200, whole},
		{"what it has", []string{"If-None-Match", tag}, 304, nil},
		{"something else", []string{"If-None-Match", `"other"`}, 200, whole},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp, body := s.do("GET", segment, tc.header...)
			if resp.StatusCode != tc.status {
				t.Errorf("status %s, want %d", resp.Status, tc.status)
			}
			if tc.want != nil && !bytes.Equal(body, tc.want) {
				t.Errorf("%d bytes, want %d", len(body), len(tc.want))
			}
			if resp.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("no CORS header")
			}
		})
	}
}

func TestPlaylistIsCompressedForWhoTakesIt(t *testing.T) {
	s := newSite(t)
	s.publish(channel("live", false), "st-1a", 30*time.Second)
	variant := s.variant("live")
	_, plain := s.do("GET", variant, "Accept-Encoding", "identity")
	for accept, want := range map[string]bool{
		"gzip": true, "deflate, gzip;q=1.0, *;q=0.5": true, "GZIP": true, "br, gzip ; q=0.1": true,
		"gzip;q=0": false, "gzip; q=0.000": false, "br": false, "identity": false, "gzip;q=nonsense": false,
	} {
		resp, body := s.do("GET", variant, "Accept-Encoding", accept)
		if got := resp.Header.Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("Accept-Encoding %q: gzip %t, want %t", accept, got, want)
			continue
		}
		if want {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(body, plain) {
			t.Errorf("Accept-Encoding %q: another playlist", accept)
		}
	}
}

// TestTheMultivariantPlaylistIsCompressedForWhoTakesIt: it is one viewer's all the same.
func TestTheMultivariantPlaylistIsCompressedForWhoTakesIt(t *testing.T) {
	s := newSite(t)
	s.publish(channel("live", false), "st-1a", 9*time.Second)
	for accept, want := range map[string]bool{"gzip": true, "identity": false, "gzip;q=0": false} {
		resp, body := s.do("GET", s.url("live"), "Accept-Encoding", accept)
		if got := resp.Header.Get("Content-Encoding") == "gzip"; got != want || int(resp.ContentLength) != len(body) {
			t.Errorf("Accept-Encoding %q: gzip %t, want %t; %d bytes, %d were said", accept, got, want, len(body), resp.ContentLength)
			continue
		}
		if resp.Header.Get("Cache-Control") != "no-cache, no-store" || resp.Header.Get("Vary") != "Accept-Encoding" || resp.Header.Get("Etag") != "" {
			t.Errorf("Accept-Encoding %q: a cache may keep it: %v", accept, resp.Header)
		}
		if want {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if resp, _ := s.do("GET", last(t, s.url("live"), body)); resp.StatusCode != 200 {
			t.Errorf("Accept-Encoding %q: its rendition answers %s\n%s", accept, resp.Status, body)
		}
	}
}

func TestAfterTheEnd(t *testing.T) {
	s := newSite(t)
	p := s.publish(channel("live", false), "st-1a", 5*time.Second)
	variant := s.variant("live")
	if err := p.Close(true); err != nil {
		t.Fatal(err)
	}
	if resp, _ := s.do("GET", s.url("live")); resp.StatusCode != 404 {
		t.Errorf("the channel after the end: %s, want 404", resp.Status)
	}
	resp, body := s.do("GET", variant)
	if resp.StatusCode != 200 || !bytes.HasSuffix(body, []byte("#EXT-X-ENDLIST\n")) {
		t.Errorf("who was watching gets %s\n%s", resp.Status, body)
	}
	if resp, _ := s.do("GET", last(t, variant, body)); resp.StatusCode != 200 {
		t.Errorf("the last segment: %s", resp.Status)
	}
}

func TestServes(t *testing.T) {
	for path, want := range map[string]bool{
		ivs.PlaybackPath(channel("live", false).ARN): true,
		"/v1/playlist/ticket/source.m3u8":            true,
		"/v1/segment/st-1a/source/0.ts":              true,
		"/":                                          false,
		"/CreateChannel":                             false,
		"/tags/arn":                                  false,
	} {
		if got := playback.Serves(path); got != want {
			t.Errorf("Serves(%q) = %t", path, got)
		}
	}
}

// live makes a stream with segments of the size that 2.5 Mb/s have.
func live(b *testing.B) *site {
	b.Helper()
	s := newSite(b)
	p, err := s.builder.Open(ivs.Session{StreamID: "st-1a", Channel: ivs.Snapshot{Channel: channel("live", false)}})
	if err != nil {
		b.Fatal(err)
	}
	slice := mediatest.Join(make([]byte, 2_500_000/8/mediatest.Rate))
	for u := range mediatest.Plain(b).Units(40 * time.Second) {
		if u.Track.Kind == media.Video {
			u.Data = slice
		}
		if err := p.WriteUnit(u); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkRequest answers requests without a socket: what a viewer costs beyond
// net/http and the kernel.
func BenchmarkRequest(b *testing.B) {
	s := live(b)
	for name, path := range map[string]string{
		"multivariant": ivs.PlaybackPath(channel("live", false).ARN),
		"playlist":     strings.TrimPrefix(s.variant("live"), s.http.URL),
		"segment":      "/v1/segment/st-1a/source/10.ts",
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequestWithContext(b.Context(), "GET", path, nil)
			w := &sink{header: make(http.Header)}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				s.server.ServeHTTP(w, r)
			}
			if w.status >= 400 {
				b.Errorf("status %d", w.status)
			}
		})
	}
}

// BenchmarkHTTP sends segments and playlists over loopback.
func BenchmarkHTTP(b *testing.B) {
	s := live(b)
	for name, path := range map[string]string{
		"playlist": strings.TrimPrefix(s.variant("live"), s.http.URL),
		"segment":  "/v1/segment/st-1a/source/10.ts",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				resp, err := http.Get(s.http.URL + path)
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.Copy(io.Discard, resp.Body)
				if err = errors.Join(err, resp.Body.Close()); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(n)
			}
		})
	}
}

// A sink is a response that goes nowhere.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

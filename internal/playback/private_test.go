package playback_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/hls"
	"openivs/internal/ivs"
	"openivs/internal/media/mediatest"
	"openivs/internal/pipeline"
	"openivs/internal/playback"
	"openivs/internal/token"
)

// A club is a site whose channel "live" is not for everybody.
type club struct {
	*booth
	key     *ecdsa.PrivateKey
	rules   *rules
	channel ivs.Channel
}

// newClub starts a server and a stream on its channel.
func newClub(tb testing.TB, private bool, policy *ivs.RestrictionPolicy) *club {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		tb.Fatal(err)
	}
	c := &club{key: key, channel: channel("live", private)}
	c.rules = &rules{pairs: []ivs.PlaybackKeyPair{{Fingerprint: "one", PublicKey: der}}}
	if policy != nil {
		c.channel.Restriction = ivs.ARN{Service: "ivs", Region: "us-east-1", Account: "123456789012", Kind: ivs.KindPlaybackRestrictionPolicy, ID: "policy"}
		c.rules.policies = map[ivs.ARN]ivs.RestrictionPolicy{c.channel.Restriction: *policy}
	}
	c.booth = &booth{builder: &pipeline.Builder{Key: []byte("seals of tests")}}
	c.server = &playback.Server{
		Streams:  c.builder,
		Channels: channels{"live": c.channel},
		Audience: &playback.Audience{Key: []byte("a key of tests")},
		Rules:    c.rules,
		Log:      slog.New(slog.DiscardHandler),
	}
	return c
}

// open begins a stream on the channel as it is now.
func (c *club) open(tb testing.TB, stream string) *pipeline.Pipeline {
	tb.Helper()
	p, err := c.builder.Open(ivs.Session{StreamID: stream, Channel: ivs.Snapshot{Channel: c.channel}})
	if err != nil {
		tb.Fatal(err)
	}
	for u := range mediatest.Plain(tb).Units(10 * time.Second) {
		if err := p.WriteUnit(u); err != nil {
			tb.Fatal(err)
		}
	}
	return p
}

func (c *club) token(tb testing.TB, more map[string]any) string {
	tb.Helper()
	claims := map[string]any{"aws:channel-arn": c.channel.ARN.String(), "exp": time.Now().Add(5 * time.Minute).Unix()}
	maps.Copy(claims, more)
	text, err := token.Sign(c.key, claims)
	if err != nil {
		tb.Fatal(err)
	}
	return playbackPath + "?token=" + text
}

// ask sends a request; header is name and value in turn.
func (c *club) ask(tb testing.TB, method, path string, header ...string) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	c.server.ServeHTTP(w, r)
	return w
}

// follow returns the path of the last URI of a playlist.
func (c *club) follow(tb testing.TB, path string, header ...string) string {
	tb.Helper()
	w := c.ask(tb, "GET", path, header...)
	if w.Code != http.StatusOK {
		tb.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	base, _, _ := strings.Cut(path, "?")
	return strings.TrimPrefix(last(tb, "http://x"+base, w.Body.Bytes()), "http://x")
}

func expectCode(t *testing.T, what string, w *httptest.ResponseRecorder, status int, says string) {
	t.Helper()
	if w.Code != status || !strings.Contains(w.Body.String(), says) {
		t.Errorf("%s: %d %s, want %d %s", what, w.Code, w.Body, status, says)
	}
}

const once = "0190c1b2-0000-7000-8000-000000000000"

func TestTheOneUseOfATokenIsTakenByWhoGetsAPlaylist(t *testing.T) {
	c := newClub(t, true, nil)
	path := c.token(t, map[string]any{"aws:single-use-uuid": once, "aws:access-control-allow-origin": "https://a.example"})
	expectCode(t, "offline", c.ask(t, "GET", path), 404, "transcode_does_not_exist")
	c.open(t, "st-1")
	expectCode(t, "from elsewhere", c.ask(t, "GET", path, "Origin", "https://b.example"), 403, "origin_not_allowed")
	expectCode(t, "the head alone", c.ask(t, "HEAD", path), 200, "")
	c.rules.err = errAway
	expectCode(t, "without a database", c.ask(t, "GET", path), 503, "service_unavailable")
	c.rules.err = nil
	delete(c.rules.used, c.channel.ARN.String()+" "+once)

	var in, out atomic.Int64
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			switch w := c.ask(t, "GET", path); w.Code {
			case 200:
				in.Add(1)
			case 403:
				out.Add(1)
			default:
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	all.Wait()
	if in.Load() != 1 || out.Load() != 199 {
		t.Errorf("%d were let in, %d refused", in.Load(), out.Load())
	}
	expectCode(t, "again", c.ask(t, "GET", path), 403, "playback_auth_error")
}

func TestASessionOfAnOpenChannelEndsWhereItIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClub(t, false, nil)
		first := c.open(t, "st-1")
		variant := c.follow(t, playbackPath)
		media := c.follow(t, variant)
		expectCode(t, "while it is open", c.ask(t, "GET", media), 200, "")
		_ = first.Close(true)

		c.channel.Restriction = ivs.ARN{Service: "ivs", Region: "us-east-1", Account: "123456789012", Kind: ivs.KindPlaybackRestrictionPolicy, ID: "policy"}
		second := c.open(t, "st-2")
		expectCode(t, "under a policy", c.ask(t, "GET", variant), 403, "Forbidden")
		policed := c.follow(t, playbackPath)
		expectCode(t, "let in by the policy", c.ask(t, "GET", policed), 200, "")
		_ = second.Close(true)

		c.channel.Authorized = true
		c.open(t, "st-3")
		for _, path := range []string{variant, policed} {
			expectCode(t, "private", c.ask(t, "GET", path), 403, "invalid_playback_auth_token")
		}
		expectCode(t, "with a token", c.ask(t, "GET", c.token(t, nil)), 200, "")
		<-time.After(2 * time.Minute) // what ended is forgotten
	})
}

func TestARevokedSessionEndsWithItsNextPlaylist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClub(t, true, nil)
		c.open(t, "st-1")
		var mu sync.Mutex
		var list []ivs.Revocation
		var away error
		barred := &playback.Barred{Log: slog.New(slog.DiscardHandler), After: func(_ context.Context, after int64, limit int) ([]ivs.Revocation, int64, error) {
			mu.Lock()
			defer mu.Unlock()
			more := list[after:min(int(after)+limit, len(list))]
			return slices.Clone(more), after + int64(len(more)), away
		}}
		revoke := func(viewer string, version int64, err error) {
			mu.Lock()
			defer mu.Unlock()
			list, away = append(list, ivs.Revocation{Channel: c.channel.ARN, Viewer: viewer, Version: version}), err
		}
		for i := range 2500 { // more than one page
			revoke(fmt.Sprint("old-", i), 0, nil)
		}
		if err := barred.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.server.Audience.Barred = barred
		go barred.Run(t.Context())
		enter := func(viewer string, version int) string {
			return c.token(t, map[string]any{"aws:viewer-id": viewer, "aws:viewer-session-version": version})
		}
		expectCode(t, "revoked before the start", c.ask(t, "GET", enter("old-2499", 0)), 403, "playback_auth_error")
		ada, newer, bob := c.follow(t, enter("ada", 3)), c.follow(t, enter("ada", 4)), c.follow(t, enter("bob", 0))
		revoke("ada", 3, nil)
		<-time.After(2 * time.Second)
		expectCode(t, "ada", c.ask(t, "GET", ada), 403, "Forbidden")
		expectCode(t, "ada, newer", c.ask(t, "GET", newer), 200, "")
		expectCode(t, "bob", c.ask(t, "GET", bob), 200, "")
		expectCode(t, "ada again", c.ask(t, "GET", enter("ada", 3)), 403, "playback_auth_error")
		revoke("bob", 0, errAway)
		<-time.After(2 * time.Second)
		expectCode(t, "bob, without a database", c.ask(t, "GET", bob), 200, "")
		mu.Lock()
		away = nil
		mu.Unlock()
		<-time.After(2 * time.Second)
		expectCode(t, "bob, once it is back", c.ask(t, "GET", bob), 403, "Forbidden")
	})
}

func TestMediaOfAPrivateChannelIsThereForAShortWhile(t *testing.T) {
	c := newClub(t, true, nil)
	p, err := c.builder.Open(ivs.Session{StreamID: "st-1", Channel: ivs.Snapshot{Channel: c.channel}})
	if err != nil {
		t.Fatal(err)
	}
	variant, media, n := "", "", 0
	for u := range mediatest.Plain(t).Units(90 * time.Second) {
		if err := p.WriteUnit(u); err != nil {
			t.Fatal(err)
		}
		if n++; n == 1000 { // some 13 seconds
			variant = c.follow(t, c.token(t, nil))
			media = c.follow(t, variant)
			expectCode(t, "while a playlist names it", c.ask(t, "GET", media), 200, "")
		}
	}
	expectCode(t, "once it has left all playlists", c.ask(t, "GET", media), 404, "")
	expectCode(t, "what is there now", c.ask(t, "GET", c.follow(t, variant)), 200, "")
}

func TestCountriesOfPolicies(t *testing.T) {
	c := newClub(t, false, &ivs.RestrictionPolicy{Countries: []string{"SE", "JP"}})
	c.open(t, "st-1")
	country := ""
	c.server.Country = func(netip.Addr) string { return country }
	for _, tc := range []struct {
		country string
		status  int
	}{{"SE", 200}, {"JP", 200}, {"GB", 403}, {"", 200}} {
		country = tc.country
		expectCode(t, "from "+tc.country, c.ask(t, "GET", playbackPath), tc.status, "")
	}
	c.rules.err = errAway
	expectCode(t, "without a database", c.ask(t, "GET", playbackPath), 503, "service_unavailable")
}

// TestAPictureThatGrowsIsKeptFromWhoMayNotSeeIt has an encoder change its picture
// while viewers of each right watch.
func TestAPictureThatGrowsIsKeptFromWhoMayNotSeeIt(t *testing.T) {
	c := newClub(t, true, nil)
	p := c.open(t, "st-1") // of 360 lines
	tokens, playlists := map[string]string{}, map[string]string{}
	for _, most := range []string{"SD", "HD", "FULL_HD"} {
		tokens[most] = c.token(t, map[string]any{"aws:maximum-resolution": most})
		playlists[most] = c.follow(t, tokens[most])
		c.follow(t, playlists[most])
	}
	for u := range mediatest.Shift(lines(mediatest.Plain(t), 720).Units(10*time.Second), 10*time.Second) {
		if err := p.WriteUnit(u); err != nil {
			t.Fatal(err)
		}
	}
	for _, most := range []string{"HD", "FULL_HD"} {
		expectCode(t, most, c.ask(t, "GET", playlists[most]), 200, "#EXT-X-DISCONTINUITY\n")
		expectCode(t, most+", again", c.ask(t, "GET", tokens[most]), 200, "RESOLUTION=1280x720")
	}
	expectCode(t, "SD", c.ask(t, "GET", playlists["SD"]), 403, "Forbidden")
	expectCode(t, "SD, again", c.ask(t, "GET", tokens["SD"]), 404, "transcode_does_not_exist")
}

// lines gives a clip's pictures another number of lines, as far as anybody is told.
func lines(clip *mediatest.Clip, n int) *mediatest.Clip {
	track := *clip.Video
	track.Picture.Width, track.Picture.Height = n*16/9, n
	c := *clip
	c.Video = &track
	return &c
}

// A show is one stream that runs for ever, whatever it is made of.
type show struct {
	stream   *hls.Stream
	snapshot *ivs.Snapshot
}

func (s show) Live(ivs.ARN) (*hls.Stream, *ivs.Snapshot, bool)   { return s.stream, s.snapshot, true }
func (s show) Latest(ivs.ARN) (*hls.Stream, *ivs.Snapshot, bool) { return s.stream, s.snapshot, true }
func (s show) Stream(string) (*hls.Stream, *ivs.Snapshot, bool)  { return s.stream, s.snapshot, true }
func (s show) Opened() <-chan struct{}                           { return nil }

func TestRenditionsAreKeptFromWhoMayNotSeeThem(t *testing.T) {
	c := newClub(t, true, nil)
	var windows []*hls.Window
	all := []int{1080, 720, 480, 160}
	for _, n := range all {
		w := &hls.Window{Stream: "st-1", Rendition: fmt.Sprint(n, "p30"), Name: fmt.Sprint(n, "p30"), Key: []byte("seals of tests")}
		p := hls.Packager{Window: w}
		for u := range lines(mediatest.Plain(t), n).Units(10 * time.Second) {
			if err := p.WriteUnit(u); err != nil {
				t.Fatal(err)
			}
		}
		windows = append(windows, w)
	}
	c.server.Streams = show{hls.NewStream("st-1", windows...), &ivs.Snapshot{Channel: c.channel}}
	for most, want := range map[string]int{"SD": 480, "HD": 720, "FULL_HD": 1080} {
		path := c.token(t, map[string]any{"aws:maximum-resolution": most})
		master := c.ask(t, "GET", path).Body.String()
		one := c.follow(t, path)
		for _, n := range all {
			name, status := fmt.Sprint("/", n, "p30.m3u8"), 200
			if n > want {
				status = 403
			}
			if listed := strings.Count(master, name) == 1; listed != (n <= want) {
				t.Errorf("%s: %s is listed: %t\n%s", most, name, listed, master)
			}
			expectCode(t, most+" asks for "+name, c.ask(t, "GET", one[:strings.LastIndexByte(one, '/')]+name), status, "")
		}
	}
}

// FuzzGate looks for a gate that was not made here.
func FuzzGate(f *testing.F) {
	c := newClub(f, true, nil)
	c.open(f, "st-1")
	const site = "https://a.example"
	media := c.follow(f, c.follow(f, c.token(f, map[string]any{"aws:access-control-allow-origin": site, "aws:strict-origin-enforcement": true}), "Origin", site), "Origin", site)
	gate, rest, _ := strings.Cut(strings.TrimPrefix(media, "/v1/gated/"), "/")
	f.Add(gate, site)
	f.Add(gate, "")
	f.Add("", site)
	f.Fuzz(func(t *testing.T, name, origin string) {
		if strings.ContainsAny(name, "/?#%") || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return
		}
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.URL.Path = "/v1/gated/" + name + "/" + rest
		r.Header["Origin"] = []string{origin}
		w := httptest.NewRecorder()
		c.server.ServeHTTP(w, r)
		if w.Code == 200 && (name != gate || !ivs.OriginAllowed([]string{site}, origin)) {
			t.Errorf("gate %q let %q in", name, origin)
		}
	})
}

// FuzzToken sends queries to a private channel.
func FuzzToken(f *testing.F) {
	c := newClub(f, true, nil)
	c.open(f, "st-1")
	good := strings.TrimPrefix(c.token(f, nil), playbackPath+"?")
	f.Add(good)
	f.Add("a=b?%20" + good + "&x")
	f.Add("token=a.b.c")
	f.Add("token=%zz")
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequestWithContext(t.Context(), "GET", playbackPath, nil)
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		c.server.ServeHTTP(w, r)
		if w.Code == 200 && !strings.Contains(query, ".") || w.Code != 200 && w.Code != 403 && w.Code != 429 {
			t.Errorf("%q is answered %d %s", query, w.Code, w.Body)
		}
	})
}

// BenchmarkMediaPlaylist compares viewers of channels that are public, private, and
// private with strict origins.
func BenchmarkMediaPlaylist(b *testing.B) {
	const site = "https://a.example"
	for _, tc := range []struct {
		name    string
		private bool
		claims  map[string]any
	}{
		{"public", false, nil},
		{"private", true, map[string]any{"aws:viewer-id": "ada"}},
		{"strict", true, map[string]any{"aws:viewer-id": "ada", "aws:access-control-allow-origin": site, "aws:strict-origin-enforcement": true}},
	} {
		b.Run(tc.name, func(b *testing.B) {
			c := newClub(b, tc.private, nil)
			c.server.Audience.Barred = new(playback.Barred)
			c.open(b, "st-1")
			path := playbackPath
			if tc.private {
				path = c.token(b, tc.claims)
			}
			request(b, c, c.follow(b, path, "Origin", site), site)
		})
	}
}

// BenchmarkSegment does the same for what playlists point to.
func BenchmarkSegment(b *testing.B) {
	const site = "https://a.example"
	for _, private := range []bool{false, true} {
		b.Run(fmt.Sprint("private=", private), func(b *testing.B) {
			c := newClub(b, private, nil)
			c.open(b, "st-1")
			path := playbackPath
			if private {
				path = c.token(b, nil)
			}
			var media string
			for line := range bytes.Lines(c.ask(b, "GET", c.follow(b, path)).Body.Bytes()) {
				if bytes.HasPrefix(line, []byte("../..")) {
					media = "/v1" + strings.TrimSpace(strings.TrimPrefix(string(line), "../.."))
				}
			}
			request(b, c, media, site)
		})
	}
}

// BenchmarkFlood has a viewer ask for playlists over a socket, while two thousand
// bad tokens a second come from nowhere, from one address, or each from another.
func BenchmarkFlood(b *testing.B) {
	for _, from := range []string{"nowhere", "one address", "many addresses"} {
		b.Run(from, func(b *testing.B) {
			c := newClub(b, true, nil)
			c.open(b, "st-1")
			path := c.follow(b, c.token(b, nil))
			var n atomic.Uint32
			c.server.From = func(*http.Request) netip.Addr {
				if from == "one address" {
					return netip.AddrFrom4([4]byte{192, 0, 2, 1})
				}
				i := n.Add(1)
				return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
			}
			site := httptest.NewServer(c.server)
			defer site.Close()
			ctx, stop := context.WithCancel(b.Context())
			var flood sync.WaitGroup
			defer flood.Wait()
			defer stop()
			if from != "nowhere" {
				good := c.token(b, nil)
				for range 2 {
					flood.Go(func() { c.flood(ctx, good) })
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				resp, err := site.Client().Get(site.URL + path)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
}

// flood sends a thousand bad tokens a second until ctx ends.
func (c *club) flood(ctx context.Context, good string) {
	next := time.NewTicker(time.Millisecond)
	defer next.Stop()
	for i := 0; ; i++ {
		select {
		case <-next.C:
		case <-ctx.Done():
			return
		}
		path := good[:len(good)-12] + fmt.Sprintf("%08dAAAA", i)
		r := httptest.NewRequestWithContext(ctx, "GET", path, nil)
		c.server.ServeHTTP(&discard{header: http.Header{}}, r)
	}
}

// request asks for the same again and again.
func request(b *testing.B, c *club, path, origin string) {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), "GET", path, nil)
	r.Header.Set("Origin", origin)
	r.Header.Set("Accept-Encoding", "gzip")
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		c.server.ServeHTTP(w, r)
	}
	if w.status >= 400 {
		b.Fatalf("%s is answered %d", path, w.status)
	}
}

// discard is a client that reads everything and keeps nothing.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

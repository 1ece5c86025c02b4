package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"

	"openivs/e2e/server"
)

// An origin stands before a server and counts what is asked of it.
type origin struct {
	url string

	mu    sync.Mutex
	media map[string]int // requests for each segment and part
	other int            // requests for anything else
}

func count(t *testing.T, server string) *origin {
	t.Helper()
	to, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	o := &origin{media: map[string]int{}}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		FlushInterval: -1,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 1000, DisableCompression: true},
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		if strings.HasPrefix(r.URL.Path, "/v1/segment/") {
			o.media[r.URL.Path]++
		} else {
			o.other++
		}
		o.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	o.url = s.URL
	return o
}

// asked returns how many segments and parts were asked for, how often, and how
// often anything else was.
func (o *origin) asked() (things, times, other int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range o.media {
		times += n
	}
	return len(o.media), times, o.other
}

// nginx runs Debian's nginx with the configuration that docs/operate/cdn.md
// describes, in a directory of its own, and returns how to reach it.
func nginx(t *testing.T, upstream string) *http.Client {
	t.Helper()
	dir := t.TempDir()
	conf, err := os.ReadFile("../deploy/nginx/openivs.conf")
	if err != nil {
		t.Fatal(err)
	}
	ours := string(conf)
	socket := filepath.Join(dir, "nginx.sock")
	for from, to := range map[string]string{
		"server 127.0.0.1:4500;":   "server " + strings.TrimPrefix(upstream, "http://") + ";",
		"listen 80;":               "listen unix:" + socket + ";",
		"/var/cache/nginx/openivs": filepath.Join(dir, "cache"),
	} {
		if strings.Count(ours, from) != 1 {
			t.Fatalf("the configuration has not one %q", from)
		}
		ours = strings.Replace(ours, from, to, 1)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	whole := fmt.Sprintf(`user %s; worker_processes 1; daemon off; pid %[2]s/pid; error_log %[2]s/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path %[2]s/body; proxy_temp_path %[2]s/proxy; fastcgi_temp_path %[2]s/fastcgi; uwsgi_temp_path %[2]s/uwsgi; scgi_temp_path %[2]s/scgi;
%[3]s}
`, me.Username, dir, ours)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // where Debian has it, outside of most people's PATH
	}
	cmd := exec.Command(program, "-p", dir, "-c", file, "-e", filepath.Join(dir, "error.log"))
	cmd.SysProcAttr = server.Background()
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (make setup installs it)", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("nginx said last:\n%s", server.Tail(filepath.Join(dir, "error.log")))
		}
	})
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	transport := &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 2000, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	until(t, readyIn, "nginx is up", func() (bool, string) {
		c, err := dial(t.Context(), "", "")
		if err != nil {
			return false, err.Error()
		}
		return c.Close() == nil, ""
	})
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// A watcher plays as a browser does, without showing anything: it asks for the
// playlist and for every segment and part that is new to it.
type watcher struct {
	client *http.Client
	fetched,
	size,
	cached *atomic.Int64
}

func (w watcher) get(ctx context.Context, address string) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, err
	}
	res, err := w.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", address, res.Status, b)
	}
	return res, b, err
}

var (
	mediaURI = regexp.MustCompile(`(?m)^#EXT-X-PART:.*URI="([^"]+)"|^([^#\s].*)$`)
	sequence = regexp.MustCompile(`(?m)^#EXT-X-MEDIA-SEQUENCE:(\d+)$`)
)

// watch follows a channel until ctx ends. It takes the parts if there are any,
// else the segments, from the newest one at its start.
func (w watcher) watch(ctx context.Context, master string) error {
	_, text, err := w.get(ctx, master)
	if err != nil {
		return err
	}
	variant, err := resolve(master, firstLine(text))
	if err != nil {
		return err
	}
	had, next := map[string]bool{}, variant
	for first := true; ; first = false {
		_, text, err := w.get(ctx, next)
		if err != nil {
			return err
		}
		parts := bytes.Contains(text, []byte("#EXT-X-PART:"))
		for _, m := range mediaURI.FindAllSubmatch(text, -1) {
			uri := string(m[2])
			if parts {
				uri = string(m[1])
			}
			if uri == "" || had[uri] {
				continue
			}
			had[uri] = true
			if first {
				continue
			}
			if err := w.take(ctx, variant, uri); err != nil {
				return err
			}
		}
		if parts {
			if next, err = blocking(variant, text); err != nil {
				return err
			}
			continue
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take fetches a segment or part.
func (w watcher) take(ctx context.Context, base, uri string) error {
	address, err := resolve(base, uri)
	if err != nil {
		return err
	}
	res, b, err := w.get(ctx, address)
	if err != nil {
		return err
	}
	w.fetched.Add(1)
	w.size.Add(int64(len(b)))
	if res.Header.Get("X-Cache") == "HIT" {
		w.cached.Add(1)
	}
	return nil
}

// blocking is where a player asks for the playlist after this one: one part
// further (RFC 8216bis, 6.2.5.2).
func blocking(variant string, text []byte) (string, error) {
	m := sequence.FindSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("no media sequence in %s", text)
	}
	first, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return "", err
	}
	segments := bytes.Count(text, []byte("\n#EXTINF:"))
	open := text[bytes.LastIndex(text, []byte("\n#EXTINF:"))+1:]
	return fmt.Sprintf("%s?_HLS_msn=%d&_HLS_part=%d", variant, first+segments, bytes.Count(open, []byte("\n#EXT-X-PART:"))), nil
}

func resolve(base, uri string) (string, error) {
	b, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	u, err := b.Parse(uri)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// firstLine is the first line that is not a tag.
func firstLine(text []byte) string {
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return line
		}
	}
	return ""
}

// TestACacheInFrontAsksOnce has many viewers behind one nginx: each segment and
// part is asked of openivs once, and openivs counts the viewers all the same.
func TestACacheInFrontAsksOnce(t *testing.T) {
	t.Parallel()
	viewers, length := 60, 8*time.Second
	if *soak {
		viewers, length = 500, time.Minute
	}
	s := serve(t)
	c := encode(t, picture{width: 320, height: 180, fps: 30, profile: "high", kbps: 200}, voice)
	key := s.pair(t)
	for name, change := range map[string]func(*ivs.CreateChannelInput){
		"private parts": func(in *ivs.CreateChannelInput) {
			in.ContainerFormat, in.Authorized = types.ContainerFormatFragmentedMP4, true
		},
		"segments": func(in *ivs.CreateChannelInput) { in.LatencyMode = types.ChannelLatencyModeNormalLatency },
		"parts":    func(in *ivs.CreateChannelInput) { in.ContainerFormat = types.ContainerFormatFragmentedMP4 },
	} {
		t.Run(name, func(t *testing.T) {
			o := count(t, s.At.Playback) // of its own: what viewers of another channel still wait for is not counted
			client := nginx(t, o.url)
			ch := s.channel(t, change)
			stream(t, c, ch.rtmp())
			ch.live()
			token := openssl{}.token(t, key, es384, ch.good()) // which public channels ignore
			behind(t, ch, "?token="+token, client, viewers, length, o)
		})
	}
}

// behind lets viewers watch a channel through a cache.
func behind(t *testing.T, ch channel, query string, client *http.Client, viewers int, length time.Duration, o *origin) {
	t.Helper()
	playback, err := url.Parse(ch.playback)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var fetched, size, cached atomic.Int64
	defer all.Wait()
	defer cancel()
	for range viewers {
		all.Go(func() {
			w := watcher{client, &fetched, &size, &cached}
			if err := w.watch(ctx, "http://nginx"+playback.Path+query); ctx.Err() == nil {
				t.Errorf("a viewer: %v", err)
			}
		})
	}
	until(t, 15*time.Second, "all viewers are counted", func() (bool, string) {
		n, err := ch.viewers()
		return err == nil && int(n) == viewers, fmt.Sprintf("%d viewers of %d, %v", n, viewers, err)
	})
	select {
	case <-time.After(length):
	case <-ctx.Done():
	}
	cancel()
	all.Wait()

	things, times, other := o.asked()
	t.Logf("%d viewers fetched %d segments and parts, %.1f MB, %d from the cache; openivs was asked %d times for %d of them, and %d times for playlists",
		viewers, fetched.Load(), float64(size.Load())/1e6, cached.Load(), times, things, other)
	if things == 0 || int(fetched.Load()) < things*viewers/2 {
		t.Errorf("%d viewers fetched %d of %d segments and parts", viewers, fetched.Load(), things)
	}
	if float64(times) > 1.05*float64(things) {
		t.Errorf("openivs was asked %d times for %d segments and parts, want at most 1.05 times each", times, things)
	}
}

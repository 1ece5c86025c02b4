package e2e

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"

	"openivs/internal/blob/s3/s3test"
)

// A fault befalls a request on its way to S3: the n-th since the stream was live, so
// long after that. It reports whether it has answered.
type fault func(w http.ResponseWriter, r *http.Request, pass http.Handler, n int64, since time.Duration) bool

// A badRoad is an HTTP proxy before an S3 server, which is good until it is spoilt.
type badRoad struct {
	*httptest.Server
	begun atomic.Pointer[time.Time]
	count atomic.Int64
}

func newBadRoad(t *testing.T, target string, f fault) *badRoad {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	pass := &httputil.ReverseProxy{ErrorLog: quiet, Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(to)
		p.Out.Host = p.In.Host // the signature is over it
	}}
	b := new(badRoad)
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := b.begun.Load()
		if begun != nil && f(w, r, pass, b.count.Add(1), time.Since(*begun)) {
			return
		}
		pass.ServeHTTP(w, r)
	}))
	b.Config.ErrorLog = quiet
	b.Start()
	t.Cleanup(func() {
		b.CloseClientConnections()
		b.Close()
	})
	return b
}

// spoil begins the fault.
func (b *badRoad) spoil() {
	now := time.Now()
	b.begun.Store(&now)
}

// reset cuts a client off, as a broken network does.
func reset(w http.ResponseWriter) {
	h, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	c, _, err := h.Hijack()
	if err != nil {
		return
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// A trickle is a body of which a kilobyte comes each second.
type trickle struct {
	io.ReadCloser
	gone <-chan struct{}
}

func (b trickle) Read(p []byte) (int, error) {
	select {
	case <-time.After(250 * time.Millisecond):
	case <-b.gone:
	}
	return b.ReadCloser.Read(p[:min(len(p), 256)])
}

func refuse(w http.ResponseWriter, status int, code string) bool {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>m</Message></Error>")
	return true
}

// faults are what may befall a bucket of S3, and the reason with which a recording
// fails because of it, or "".
func faults() map[string]struct {
	fault  fault
	reason string
} {
	type row = struct {
		fault  fault
		reason string
	}
	return map[string]row{
		"resets": {func(w http.ResponseWriter, r *http.Request, pass http.Handler, n int64, since time.Duration) bool {
			if since > 20*time.Second || n%4 == 3 {
				return false
			}
			switch n % 4 {
			case 1: // in the middle of the body
				_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
			case 2: // it is stored, and the answer is lost
				pass.ServeHTTP(httptest.NewRecorder(), r)
			}
			reset(w)
			return true
		}, ""},
		"slow": {func(_ http.ResponseWriter, r *http.Request, _ http.Handler, _ int64, since time.Duration) bool {
			if since < 15*time.Second {
				r.Body = trickle{r.Body, r.Context().Done()}
			}
			return false
		}, ""},
		"errors": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler, n int64, _ time.Duration) bool {
			return n%3 != 0 && refuse(w, http.StatusInternalServerError, "InternalError")
		}, ""},
		"silence": {func(_ http.ResponseWriter, r *http.Request, _ http.Handler, n int64, since time.Duration) bool {
			if since > 20*time.Second || n%2 == 0 {
				return false
			}
			select {
			case <-r.Context().Done():
			case <-time.After(20 * time.Second):
			}
			return false
		}, ""},
		"refused for a while": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ int64, since time.Duration) bool {
			return since > 3*time.Second && since < 20*time.Second && refuse(w, http.StatusForbidden, "AccessDenied")
		}, ""},
		"refused midway": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ int64, since time.Duration) bool {
			return since > 3*time.Second && refuse(w, http.StatusForbidden, "AccessDenied")
		}, "AccessDeniedException: the server may not write to bucket " + bucketName},
	}
}

// TestFaultsOfS3EndInAWholeRecordingOrAReason is each fault with each selection of
// renditions. A short run has two of them.
func TestFaultsOfS3EndInAWholeRecordingOrAReason(t *testing.T) {
	t.Parallel()
	c := encode(t, small, voice)
	var all []string
	for name := range faults() {
		all = append(all, name)
	}
	slices.Sort(all)
	n := int64(0)
	for _, name := range all {
		for _, sel := range selections {
			n++
			if !*soak && (n+built.seed)%9 != 0 {
				continue
			}
			t.Run(fmt.Sprint(name, " ", sel), func(t *testing.T) {
				t.Parallel()
				f := faults()[name]
				store := s3test.Start(t)
				store.Bucket(t, s3test.Root(), bucketName)
				road := newBadRoad(t, store.Endpoint, f.fault)
				s := serveWith(t, s3test.Root().Environ(), "--recording-store", "s3", "--s3-endpoint", road.URL,
					"--s3-region", s3test.Region, "--s3-path-style", "true")
				v := vault{server: s, objects: func(t *testing.T) string {
					t.Helper()
					return download(t, store.Client(s3test.Root()))
				}}
				v.conf = s.recording(t, bucketName, selecting(sel))
				v.suffers(t, c, road, f.reason, sel == types.RenditionConfigurationRenditionSelectionNone)
			})
		}
	}
}

// suffers streams a clip three times over while the road is bad.
func (v vault) suffers(t *testing.T, c clip, road *badRoad, reason string, empty bool) {
	t.Helper()
	ch := v.server.channel(t, recordedTo(v.conf))
	enc := ffmpeg(t, "-re", "-stream_loop", "2", "-i", c.file, "-c", "copy", "-f", "flv", ch.rtmp())
	id := str(ch.live().StreamId)
	until(t, liveIn, "the recording has begun", func() (bool, string) {
		all := names(ch.session(id))
		return slices.Contains(all, "Recording Start"), fmt.Sprint(all)
	})
	road.spoil()
	if err := enc.left(4*clipSeconds*time.Second + liveIn); err != nil {
		t.Fatal(err)
	}
	until(t, 3*time.Minute, "the recording is over", func() (bool, string) {
		all := names(ch.session(id))
		return slices.Contains(all, "Recording End") || slices.Contains(all, "Recording End Failure"), fmt.Sprint(all)
	})
	if reason != "" {
		if all := heardOf(t, v.server, "Recording End Failure"); len(all) != 1 || all[0].Detail.Reason != reason {
			t.Errorf("%+v, want one that failed for %q", all, reason)
		}
		for _, f := range files(t, v.objects(t)) {
			if strings.HasSuffix(f, "/recording-ended.json") {
				t.Errorf("%s says that all is well", f)
			}
		}
		return
	}
	if got := names(ch.session(id)); !slices.Contains(got, "Recording End") || slices.Contains(got, "Recording End Failure") {
		t.Fatalf("events %v, want Recording End", got)
	}
	dir := v.recording(t, ch)
	if err := verify(t, dir); err != nil {
		t.Error(err)
	}
	if empty {
		return
	}
	for _, list := range []string{"master.m3u8", "byte-range-multivariant.m3u8"} {
		if got, want := pictures(t, dir+"/media/hls/"+list), 3*clipSeconds*30; got != want {
			t.Errorf("%s has %d pictures, want %d", list, got, want)
		}
	}
	if road.count.Load() == 0 {
		t.Error("nothing came by")
	}
}

// TestAnotherCodecIsAnotherRecording has an encoder come back within the window
// without its sound.
func TestAnotherCodecIsAnotherRecording(t *testing.T) {
	onlySoak(t)
	t.Parallel()
	v := directory(t)
	ch := v.server.channel(t, recordedTo(v.server.recording(t, bucketName, func(in *ivs.CreateRecordingConfigurationInput) {
		in.RecordingReconnectWindowSeconds = 20
	})))
	var ids []string
	for _, c := range []clip{encode(t, small, voice), encode(t, small, sound{})} {
		if err := ffmpeg(t, "-re", "-i", c.file, "-c", "copy", "-f", "flv", ch.rtmp()).left(2*clipSeconds*time.Second + liveIn); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, str(ch.over("").StreamId))
		v.stored(t)
	}
	for _, id := range ids {
		if got := names(ch.recorded(id)); !slices.Equal(got, wholeRecorded) {
			t.Errorf("events %v, want %v", got, wholeRecorded)
		}
	}
	whole := 0
	root := v.objects(t)
	for _, f := range files(t, root) {
		if p, ok := strings.CutSuffix(f, "/events/recording-ended.json"); ok {
			whole++
			if err := verify(t, root+"/"+p); err != nil {
				t.Error(err)
			}
		}
	}
	if whole != 2 {
		t.Errorf("%d recordings, want 2", whole)
	}
}

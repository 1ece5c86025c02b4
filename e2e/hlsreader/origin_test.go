package hlsreader_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openivs/e2e/hlsreader"
)

const (
	target    = 2 * time.Second
	partTime  = 200 * time.Millisecond
	inSegment = int(target / partTime)
	listed    = 8 // segments
)

// An origin makes a low-latency stream out of nothing but the time that has
// passed, for pretended media: a line of text for each part.
type origin struct {
	began time.Time
	ends  int // in parts

	playlist func(text string) string           // what a playlist becomes; nil: itself
	media    func(name string, b []byte) []byte // what a part or segment becomes; nil: itself
	refuse   func(path string) (status int)     // 0: not at all; nil: nothing
	head     func(path string, h http.Header)   // changes headers; nil: does not
	packets  func(list []hlsreader.Packet)      // changes what is found; nil: does not
	decode   func(media []byte) error           // nil: all is well
	eager    bool                               // a prefetch is answered when it is whole
}

// parts is how many there are now.
func (o *origin) parts() int { return min(int(time.Since(o.began)/partTime), o.ends) }

// reach waits until there are n parts, or there will be no more.
func (o *origin) reach(ctx context.Context, n int) bool {
	for o.parts() < min(n, o.ends) {
		select {
		case <-time.After(time.Until(o.began.Add(time.Duration(min(n, o.ends)) * partTime))):
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func part(msn int64, i int) []byte { return fmt.Appendf(nil, "%d.%d\n", msn, i) }

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	if o.head != nil {
		defer o.head(r.URL.Path, h)
	}
	if o.refuse != nil {
		if status := o.refuse(r.URL.Path); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	switch r.URL.Path {
	case "/stream.m3u8":
		_, _ = io.WriteString(w, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nvariant.m3u8\n")
	case "/variant.m3u8":
		o.servePlaylist(w, r)
	default:
		h.Set("Content-Type", "video/mp2t")
		h.Set("Cache-Control", "max-age=3600, immutable")
		h.Set("ETag", strconv.Quote(r.URL.Path))
		if o.head != nil {
			o.head(r.URL.Path, h)
		}
		o.serveMedia(w, r)
	}
}

func (o *origin) servePlaylist(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	want := 0
	if q.Has("_HLS_part") || q.Has("_HLS_msn") {
		msn, err := strconv.Atoi(q.Get("_HLS_msn"))
		part, errPart := strconv.Atoi(q.Get("_HLS_part"))
		if err != nil || q.Has("_HLS_part") && errPart != nil || msn > o.parts()/inSegment+2 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if want = msn*inSegment + part + 1; !q.Has("_HLS_part") {
			want = (msn + 1) * inSegment
		}
	}
	if !o.reach(r.Context(), want) {
		return
	}
	text := o.render(q.Get("_HLS_skip") == "YES")
	if o.playlist != nil {
		text = o.playlist(text)
	}
	w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
	if o.head != nil {
		o.head(r.URL.Path, w.Header())
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
}

// render writes the playlist.
func (o *origin) render(skip bool) string {
	var b strings.Builder
	n := o.parts()
	whole := n / inSegment
	first := max(0, whole-listed)
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n#EXT-X-PART-INF:PART-TARGET=0.200\n")
	fmt.Fprintf(&b, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.600,CAN-SKIP-UNTIL=12.000\n#EXT-X-MEDIA-SEQUENCE:%d\n", first)
	if skip && whole-first > 6 {
		fmt.Fprintf(&b, "#EXT-X-SKIP:SKIPPED-SEGMENTS=%d\n", whole-first-6)
		first = whole - 6
	}
	for msn := first; msn <= whole; msn++ {
		have := min(n-msn*inSegment, inSegment)
		if have == 0 {
			break
		}
		date := o.began.Add(time.Duration(msn) * target).UTC().Format("2006-01-02T15:04:05.000Z")
		fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n", date)
		for i := 0; i < have && msn >= whole-3; i++ {
			fmt.Fprintf(&b, "#EXT-X-PART:DURATION=0.200,URI=\"part/%d.%d\"", msn, i)
			if i == 0 {
				b.WriteString(",INDEPENDENT=YES")
			}
			b.WriteByte('\n')
		}
		if msn < whole {
			fmt.Fprintf(&b, "#EXTINF:2.000,live\nsegment/%d\n", msn)
		}
	}
	if n == o.ends {
		return b.String() + "#EXT-X-ENDLIST\n"
	}
	fmt.Fprintf(&b, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part/%d.%d\"\n", whole, n%inSegment)
	fmt.Fprintf(&b, "#EXT-X-PREFETCH:segment/%d\n#EXT-X-PREFETCH:segment/%d\n", whole, whole+1)
	return b.String()
}

func (o *origin) serveMedia(w http.ResponseWriter, r *http.Request) {
	kind, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	at, sub, _ := strings.Cut(name, ".")
	msn, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	from, to := 0, inSegment
	if kind == "part" {
		if from, err = strconv.Atoi(sub); err != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		to = from + 1
	}
	send := func(b []byte) { _, _ = w.Write(b) }
	if whole := o.whole(msn, from, to); whole != nil || o.eager {
		o.reach(r.Context(), int(msn)*inSegment+to)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(o.whole(msn, from, to)))
		return
	}
	for i := from; i < to && o.reach(r.Context(), int(msn)*inSegment+i+1) && int(msn)*inSegment+i < o.ends; i++ {
		send(o.change(r.URL.Path, part(msn, i)))
		_ = http.NewResponseController(w).Flush()
	}
}

func (o *origin) change(path string, b []byte) []byte {
	if o.media != nil {
		return o.media(path, b)
	}
	return b
}

// whole returns parts of a segment if all of them are there.
func (o *origin) whole(msn int64, from, to int) []byte {
	if o.parts() < int(msn)*inSegment+to {
		return nil
	}
	var b []byte
	for i := from; i < to; i++ {
		b = append(b, part(msn, i)...)
	}
	kind := "segment"
	if to == from+1 {
		kind = "part"
	}
	return o.change("/"+kind+"/", b)
}

// Packets implements hlsreader.Tools: six pictures and ten sounds in each part.
func (o *origin) Packets(_ context.Context, media []byte) (list []hlsreader.Packet, err error) {
	for line := range strings.Lines(string(media)) {
		var msn, i int
		if _, err := fmt.Sscanf(line, "%d.%d", &msn, &i); err != nil {
			return nil, err
		}
		at := (time.Duration(msn)*target + time.Duration(i)*partTime).Seconds()
		for k := range 6 {
			t := at + float64(k)/30
			list = append(list, hlsreader.Packet{Video: true, Key: i == 0 && k == 0, PTS: t, DTS: t, Duration: 1. / 30})
		}
		for k := range 10 {
			list = append(list, hlsreader.Packet{PTS: at + float64(k)/50, DTS: at + float64(k)/50, Duration: 1. / 50})
		}
	}
	if o.packets != nil {
		o.packets(list)
	}
	return list, nil
}

// Decode implements hlsreader.Tools.
func (o *origin) Decode(_ context.Context, media []byte) error {
	if o.decode != nil {
		return o.decode(media)
	}
	if !bytes.HasSuffix(media, []byte(".0\n")) {
		return errors.New("needs what came before")
	}
	return nil
}

// watch reads an origin in a bubble, where time costs nothing, until it ends
// after half a minute.
func watch(t *testing.T, change func(o *origin), changeReader func(r *hlsreader.Reader)) (found *hlsreader.Findings) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := &origin{began: time.Now(), ends: 150}
		if change != nil {
			change(o)
		}
		<-time.After(5 * time.Second)
		door := make(chan net.Conn)
		ctx, cancel := context.WithCancel(t.Context())
		server := http.Server{Handler: o}
		var served sync.WaitGroup
		served.Go(func() { _ = server.Serve(&listener{door, ctx}) })
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			here, there := net.Pipe()
			select {
			case door <- there:
				return here, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		transport := &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 16}
		r := hlsreader.Reader{URL: "http://origin/stream.m3u8", Tools: o, Parts: true, Prefetch: 2, Transport: transport}
		if changeReader != nil {
			changeReader(&r)
		}
		var err error
		found, err = r.Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		transport.CloseIdleConnections()
		cancel()
		_ = server.Close()
		served.Wait()
	})
	return found
}

// A listener accepts what comes through a door.
type listener struct {
	door chan net.Conn
	ctx  context.Context //nolint:containedctx // it is how a listener is closed
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.door:
		return c, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { return nil }
func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: "door", Net: "pipe"} }

package restjson_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"openivs/internal/api/restjson"
)

// Nearly all of the largest body, and never the rest.
const (
	announced = 1 << 20
	sent      = 1_048_000
)

// A waiting is a body whose last bytes do not come before let is closed.
type waiting struct {
	r    io.Reader
	came *atomic.Int64 // bytes that were taken, of all bodies
	let  <-chan struct{}
}

func (b *waiting) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.came.Add(int64(n))
	if err != nil {
		<-b.let
		return 0, errors.New("given up")
	}
	return n, nil
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// flood sends so many large bodies that never end, and returns when each is
// either answered 503 or all sent.
func flood(t *testing.T, c *http.Client, url string, n int) (refused int64) {
	t.Helper()
	let := make(chan struct{})
	text := bytes.Repeat([]byte(" "), sent)
	var came [400]atomic.Int64
	var answered [400]atomic.Bool
	var crowded atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			r, err := http.NewRequest(http.MethodPost, url+"/GetChannel", &waiting{bytes.NewReader(text), &came[i], let})
			if err != nil {
				t.Error(err)
				return
			}
			r.ContentLength = announced
			res, err := c.Do(r)
			answered[i].Store(true)
			if err != nil {
				return // the server hung up before the answer could be read
			}
			defer res.Body.Close()
			if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("X-Amzn-ErrorType") != "ServiceUnavailable" {
				t.Errorf("status %d, %s", res.StatusCode, res.Header.Get("X-Amzn-ErrorType"))
			}
			crowded.Add(1)
		})
	}
	t.Cleanup(wg.Wait)
	t.Cleanup(func() { close(let) })
	limit := time.After(60 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		settled := 0
		for i := range n {
			if answered[i].Load() || came[i].Load() == sent {
				settled++
			}
		}
		if settled == n {
			return crowded.Load()
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%d of %d requests are settled", settled, n)
		}
	}
}

// TestManyLargeBodiesAreBounded sends 400 bodies at a time that stop short of
// their end. What they take stays within its budget, and others are answered.
func TestManyLargeBodiesAreBounded(t *testing.T) {
	const clients = 400
	for _, protocol := range []int{1, 2} {
		t.Run(fmt.Sprintf("HTTP/%d", protocol), func(t *testing.T) {
			s := httptest.NewUnstartedServer(handler(new(service)))
			small := &http.HTTP2Config{MaxReadFrameSize: 16 << 10} // of which the client sets as much aside
			s.EnableHTTP2, s.Config.HTTP2 = protocol == 2, small
			s.StartTLS()
			t.Cleanup(s.Close)
			transport := s.Client().Transport.(*http.Transport)
			transport.DisableKeepAlives = protocol == 1
			elsewhere := transport.Clone()
			elsewhere.DialContext = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext

			before := heap()
			refused := flood(t, s.Client(), s.URL, clients)
			const connection = 160 << 10 // what one costs both sides at most, TLS and HTTP
			if grown := heap() - before; grown > 16<<20+clients*connection {
				t.Errorf("%d bodies take %d MiB", clients, grown>>20)
			}
			t.Logf("%d were told to come back", refused)

			for from, c := range map[string]*http.Client{"the same address": s.Client(), "another address": {Transport: elsewhere}} {
				for size, ok := range map[int]bool{len(getChannel): true, 200 << 10: from == "another address"} {
					body := getChannel + strings.Repeat(" ", size-len(getChannel))
					res, err := c.Post(s.URL+"/GetChannel", "", strings.NewReader(body))
					if err != nil {
						if ok {
							t.Errorf("%d bytes from %s: %v", size, from, err)
						}
						continue
					}
					_ = res.Body.Close()
					if ok && res.StatusCode != http.StatusOK {
						t.Errorf("%d bytes from %s: status %d", size, from, res.StatusCode)
					}
				}
			}
			elsewhere.CloseIdleConnections()
		})
	}
}

// What bodies took is given back, whatever became of their requests.
func TestBodiesReturnWhatTheyTook(t *testing.T) {
	h := handler(new(service))
	h.MaxBodiesPerAddr = 1<<20 + 1
	large := getChannel + strings.Repeat(" ", 1<<20-len(getChannel))
	for i := range 20 {
		if w := call(h, "POST", "/GetChannel", large); w.Code != http.StatusOK {
			t.Fatalf("request %d: status %d: %s", i, w.Code, w.Body)
		}
		if w := call(h, "POST", "/GetChannel", large+" "); w.Code != http.StatusRequestEntityTooLarge {
			t.Fatalf("request %d, a byte more: status %d", i, w.Code)
		}
		if w := call(h, "POST", "/GetChannel", "["+large[1:]); w.Code != http.StatusBadRequest {
			t.Fatalf("request %d, malformed: status %d", i, w.Code)
		}
	}
}

// Who signed a request is asked before much of its body is read.
func TestStrangersBodiesAreNotRead(t *testing.T) {
	h := handler(new(service))
	refusal := restjson.Fault{Name: "UnrecognizedClientException", Status: http.StatusForbidden, Message: "no"}
	h.Claim = func(*http.Request) (restjson.Identity, error) {
		return restjson.Identity{AccessKey: "AKIACLAIMED"}, refusal
	}
	var said restjson.Identity
	h.Audit = func(r *restjson.Record) { said = r.Caller }
	h.Authenticate = func(*http.Request, []byte) (restjson.Identity, error) { return restjson.Identity{}, refusal }
	for _, tc := range []struct {
		name     string
		announce int64
		read     int // at most
	}{
		{"small", 4 << 10, 4 << 10},
		{"large", 1 << 20, 0},
		{"of unknown length", -1, 0},
	} {
		r := httptest.NewRequest(http.MethodPost, "/GetChannel", nil)
		whole := 1 << 19
		if tc.announce >= 0 {
			whole = int(tc.announce)
		}
		body := strings.NewReader(strings.Repeat(" ", whole))
		r.Body, r.ContentLength = io.NopCloser(body), tc.announce
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if read := whole - body.Len(); w.Code != http.StatusForbidden || read > tc.read {
			t.Errorf("%s: status %d after %d bytes", tc.name, w.Code, read)
		}
		if tc.read == 0 && said.AccessKey != "AKIACLAIMED" {
			t.Errorf("%s: the audit is told of %s", tc.name, strconv.Quote(said.AccessKey))
		}
	}
}

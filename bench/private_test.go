package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"

	"openivs/e2e/publisher"
	"openivs/e2e/server"
	"openivs/internal/token"
)

// A theatre is a server with a stream on a public and on a private channel, both of
// the same clip. It believes this machine where requests come from.
type theatre struct {
	server *server.Server
	host   string
	key    *ecdsa.PrivateKey
	sold   atomic.Int64 // tokens

	public, private string // playback paths
	arn             string // of the private channel
}

func newTheatre(b *testing.B) *theatre {
	b.Helper()
	s := serve(b, b.TempDir(), "--trusted-proxies", "127.0.0.1")
	api, err := s.Client(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	t := &theatre{server: s, host: strings.TrimPrefix(s.At.Playback, "http://")}
	if t.key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader); err != nil {
		b.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&t.key.PublicKey)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := api.ImportPlaybackKeyPair(b.Context(), &ivs.ImportPlaybackKeyPairInput{
		PublicKeyMaterial: aws.String(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))),
	}); err != nil {
		b.Fatal(err)
	}
	_, clip := encode(b)
	t.public, _ = t.show(b, api, clip, false)
	t.private, t.arn = t.show(b, api, clip, true)
	t.await(b, t.public)
	t.await(b, t.ticketed(b, nil))
	return t
}

// show makes a channel that plays the clip until the benchmark ends.
func (t *theatre) show(b *testing.B, api *ivs.Client, clip []publisher.Tag, private bool) (path, arn string) {
	b.Helper()
	out, err := api.CreateChannel(b.Context(), &ivs.CreateChannelInput{InsecureIngest: true, Authorized: private})
	if err != nil {
		b.Fatal(err)
	}
	conn, err := publisher.Dial(b.Context(), t.server.At.RTMP)
	if err == nil {
		err = conn.Publish(b.Context(), aws.ToString(out.StreamKey.Value))
	}
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.Context()))
	var playing sync.WaitGroup
	playing.Go(func() { _, _ = conn.Play(ctx, clip) }) // ends with ctx
	b.Cleanup(func() {
		cancel()
		playing.Wait()
		_ = conn.Close() // the server ends the stream
	})
	return strings.TrimPrefix(aws.ToString(out.Channel.PlaybackUrl), t.server.At.Playback), aws.ToString(out.Channel.Arn)
}

// await asks until a path is answered 200.
func (t *theatre) await(b *testing.B, path string) {
	b.Helper()
	c := t.connect(b)
	for range 600 {
		if status, _, err := c.ask(path); err != nil {
			b.Fatal(err)
		} else if status == http.StatusOK {
			return
		}
		wait(b.Context(), 100*time.Millisecond)
	}
	b.Fatalf("%s is not answered", path)
}

// ticketed is the private channel with a new token.
func (t *theatre) ticketed(b *testing.B, more map[string]any) string {
	b.Helper()
	claims := map[string]any{"aws:channel-arn": t.arn, "exp": time.Now().Add(10 * time.Minute).Unix(), "jti": fmt.Sprint(t.sold.Add(1))}
	maps.Copy(claims, more)
	text, err := token.Sign(t.key, claims)
	if err != nil {
		b.Fatal(err)
	}
	return t.private + "?token=" + text
}

// enter makes a viewer of a path, and returns the path of its media playlist.
func (t *theatre) enter(b *testing.B, path string) string {
	b.Helper()
	status, body, err := t.connect(b).ask(path)
	if err != nil || status != http.StatusOK {
		b.Fatalf("%s: %d %s, %v", path, status, body, err)
	}
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		base, err := url.Parse(path)
		if err == nil {
			base, err = base.Parse(strings.TrimSpace(line))
		}
		if err != nil {
			b.Fatal(err)
		}
		return base.Path
	}
	b.Fatalf("no media playlist in %s", body)
	return ""
}

const site = "https://a.example"

func (t *theatre) request(path, from string) []byte {
	if from != "" {
		from = "X-Forwarded-For: " + from + "\r\n"
	}
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + t.host + "\r\nAccept-Encoding: gzip\r\nOrigin: " + site + "\r\n" + from + "\r\n")
}

// A talk is a connection, with the address that its requests are said to come from.
type talk struct {
	t    *theatre
	conn net.Conn
	in   *bufio.Reader
	from string
}

func (t *theatre) connect(b *testing.B) *talk {
	b.Helper()
	c, err := net.Dial("tcp", t.host)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return &talk{t: t, conn: c, in: bufio.NewReader(c)}
}

func (k *talk) ask(path string) (int, []byte, error) {
	if _, err := k.conn.Write(bytes.Replace(k.t.request(path, k.from), []byte("Accept-Encoding: gzip\r\n"), nil, 1)); err != nil {
		return 0, nil, err
	}
	r, err := http.ReadResponse(k.in, nil)
	if err != nil {
		return 0, nil, err
	}
	body, err := io.ReadAll(r.Body)
	return r.StatusCode, body, err
}

// BenchmarkPrivatePlaylists polls media playlists of the public and of the private
// channel in turn, and holds the one to the other: requests in a second, and
// processor time of the server. Viewers of strict have origins that every request
// is held to.
func BenchmarkPrivatePlaylists(b *testing.B) {
	t := newTheatre(b)
	viewers := func(path func() string) (requests [][]byte) {
		for range 200 {
			requests = append(requests, t.request(t.enter(b, path()), ""))
		}
		return requests
	}
	public := viewers(func() string { return t.public })
	for name, claims := range map[string]map[string]any{
		"private": {"aws:viewer-id": "ada", "aws:viewer-session-version": 3},
		"strict":  {"aws:viewer-id": "ada", "aws:access-control-allow-origin": site, "aws:strict-origin-enforcement": true},
	} {
		b.Run(name, func(b *testing.B) {
			private := viewers(func() string { return t.ticketed(b, claims) })
			const rounds, each = 10, perMeasure / 10
			ask(b, t.host, t.server.PID(), each, public) // warm
			ask(b, t.host, t.server.PID(), each, private)
			for b.Loop() {
				var cost, took [2]time.Duration
				for i := range 2 * rounds {
					which := (i + i/2) % 2 // there and back again: the machine's speed drifts
					began := time.Now()
					cost[which] += ask(b, t.host, t.server.PID(), each, [][][]byte{public, private}[which])
					took[which] += time.Since(began)
				}
				b.ReportMetric(rounds*each/took[1].Seconds(), "requests/s")
				b.ReportMetric(float64(took[0])/float64(took[1]), "rate-of-public")
				b.ReportMetric(float64(cost[1].Nanoseconds())/1000/rounds, "server-cpu-us/op")
				b.ReportMetric(float64(cost[0])/float64(cost[1]), "cpu-of-public")
			}
		})
	}
}

const (
	besieging = 10 * time.Second
	forgers   = 200
	forgeries = 1000 // a second, of all
)

// BenchmarkBadTokens has a thousand bad tokens a second come from nowhere, from one
// address, from two hundred, or each from another: so many that no server could
// remember them all. It says what viewers who are in notice, how long those with new
// tokens wait, and what the server spends.
func BenchmarkBadTokens(b *testing.B) {
	t := newTheatre(b)
	for _, from := range []string{"nowhere", "one address", "200 addresses", "everywhere"} {
		b.Run(from, func(b *testing.B) {
			for b.Loop() {
				t.besiege(b, from)
			}
			b.ReportMetric(0, "ns/op") // it runs in real time
		})
	}
}

func (t *theatre) besiege(b *testing.B, from string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), besieging)
	defer cancel()
	var all sync.WaitGroup
	var forged, found atomic.Int64
	good := t.ticketed(b, nil)
	for i := range forgers {
		if from == "nowhere" {
			break
		}
		k := t.connect(b)
		all.Go(func() {
			pace := time.NewTicker(time.Second * forgers / forgeries)
			defer pace.Stop()
			for {
				select {
				case <-pace.C:
				case <-ctx.Done():
					return
				}
				n := forged.Add(1)
				switch from {
				case "one address":
					k.from = "198.51.100.1"
				case "200 addresses":
					k.from = fmt.Sprintf("10.0.0.%d", i)
				default:
					k.from = fmt.Sprintf("11.%d.%d.%d", n>>16&255, n>>8&255, n&255)
				}
				if _, body, err := k.ask(good[:len(good)-12] + fmt.Sprintf("%08dAAAA", n)); err == nil && bytes.Contains(body, []byte("signature is invalid")) {
					found.Add(1)
				}
			}
		})
	}
	var mu sync.Mutex
	var polls, entries []time.Duration
	turnedAway := 0
	for range 8 {
		k, path := t.connect(b), t.enter(b, t.ticketed(b, nil))
		all.Go(func() {
			for every := time.NewTicker(20 * time.Millisecond); ctx.Err() == nil; <-every.C {
				began := time.Now()
				status, _, err := k.ask(path)
				mu.Lock()
				polls = append(polls, time.Since(began))
				mu.Unlock()
				if err != nil || status != http.StatusOK {
					b.Errorf("a viewer who is in is answered %d, %v", status, err)
					return
				}
			}
		})
	}
	before, began := used(b, t.server.PID()), time.Now()
	newcomer := t.connect(b)
	for ctx.Err() == nil {
		path, began := t.ticketed(b, nil), time.Now()
		n := t.sold.Load() // nobody came from there before
		newcomer.from = fmt.Sprintf("100.64.%d.%d", n>>8&255, n&255)
		for {
			status, _, err := newcomer.ask(path)
			if err != nil {
				b.Fatal(err)
			}
			if status == http.StatusOK || ctx.Err() != nil {
				break
			}
			turnedAway++
			wait(ctx, time.Second) // as Retry-After says
		}
		entries = append(entries, time.Since(began))
		wait(ctx, 100*time.Millisecond)
	}
	spent, took := used(b, t.server.PID())-before, time.Since(began)
	all.Wait()
	report := func(list []time.Duration, of float64, unit string) {
		slices.Sort(list)
		b.ReportMetric(float64(list[int(of*float64(len(list)-1))].Microseconds())/1000, unit)
	}
	report(polls, 0.5, "poll-p50-ms")
	report(polls, 0.99, "poll-p99-ms")
	report(entries, 0.5, "new-p50-ms")
	report(entries, 1, "new-max-ms")
	b.ReportMetric(float64(turnedAway), "new-turned-away")
	b.ReportMetric(float64(forged.Load())/took.Seconds(), "forged/s")
	b.ReportMetric(float64(found.Load())/took.Seconds(), "verified/s")
	b.ReportMetric(spent.Seconds()/took.Seconds(), "server-processors")
}

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"openivs/e2e/publisher"
	"openivs/internal/event/eventbridge/bustest"
	"openivs/internal/event/webhook"
	"openivs/internal/sigv4"
)

// toldIn is how long sinks may take to have everything.
const toldIn = 2 * time.Minute

// An envelope is an event as sinks get it.
type envelope struct {
	ID        string   `json:"id"`
	Type      string   `json:"detail-type"`
	Source    string   `json:"source"`
	Resources []string `json:"resources"`
	Detail    struct {
		Name     string `json:"event_name"`
		StreamID string `json:"stream_id"`
	} `json:"detail"`
}

func envelopeOf(t *testing.T, line []byte) envelope {
	t.Helper()
	var e envelope
	if err := json.Unmarshal(line, &e); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return e
}

// A hook is a receiver of webhooks that is hard to please: it refuses, stalls,
// hangs up and is away for a while. What it takes, it keeps.
type hook struct {
	*httptest.Server
	secret webhook.Secret

	mu     sync.Mutex
	rng    *rand.Rand
	gentle bool
	away   time.Time // hangs up on everybody until then
	bodies [][]byte
	wrong  []string
}

func newHook(t *testing.T, seed int64) *hook {
	t.Helper()
	h := &hook{secret: webhook.Secret("what only the two of us know"), rng: rand.New(rand.NewPCG(uint64(seed), 1))}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	seconds, _ := strconv.ParseInt(r.Header.Get("Webhook-Timestamp"), 10, 64)
	if r.Header.Get("Webhook-Signature") != h.secret.Sign(r.Header.Get("Webhook-Id"), time.Unix(seconds, 0), body) {
		h.wrong = append(h.wrong, "a signature is wrong")
	}
	mood := h.rng.IntN(20)
	switch {
	case h.gentle:
	case time.Now().Before(h.away), mood == 0:
		if mood == 1 {
			h.away = time.Now().Add(2 * time.Second)
		}
		panic(http.ErrAbortHandler)
	case mood == 1:
		h.away = time.Now().Add(2 * time.Second)
		panic(http.ErrAbortHandler)
	case mood == 2:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case mood == 3:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case mood == 4:
		stall := time.NewTimer(500 * time.Millisecond)
		defer stall.Stop()
		select {
		case <-stall.C:
		case <-r.Context().Done():
		}
	case mood == 5: // taken, and the answer is lost
		h.bodies = append(h.bodies, body)
		panic(http.ErrAbortHandler)
	}
	h.bodies = append(h.bodies, body)
}

func (h *hook) got() [][]byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.bodies)
}

// settings is the hook as a setting.
func (h *hook) settings(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, h.secret, 0o600); err != nil {
		t.Fatal(err)
	}
	return "name=hook to=webhook timeout=2s url=" + h.URL + " secret-file=" + file
}

// happened is what a server says has happened since it was made, oldest first.
func happened(t *testing.T, s *running) [][]byte {
	t.Helper()
	out := command(t, built.command, "events", "tail", "--data", s.Data, "--since", "24h", "--no-follow")
	return lineList(out)
}

func lineList(text []byte) [][]byte {
	var all [][]byte
	for line := range bytes.Lines(text) {
		all = append(all, bytes.TrimSpace(line))
	}
	return all
}

// byChannel sorts events by channel; of one that comes again only the first
// counts, unless that is an error.
func byChannel(t *testing.T, what string, all [][]byte, again bool) map[string][]string {
	t.Helper()
	seen := make(map[string]bool)
	out := make(map[string][]string)
	for _, line := range all {
		e := envelopeOf(t, line)
		if seen[e.ID] {
			if !again {
				t.Errorf("%s has %s twice", what, e.ID)
			}
			continue
		}
		seen[e.ID] = true
		out[e.Resources[0]] = append(out[e.Resources[0]], string(line))
	}
	return out
}

// wantSame fails the test unless a sink has, channel by channel, what happened.
func wantSame(t *testing.T, what string, got, want map[string][]string) {
	t.Helper()
	for ch, lines := range want {
		if !slices.Equal(got[ch], lines) {
			t.Errorf("%s: of %s it has\n%s\nwant\n%s", what, ch, strings.Join(got[ch], "\n"), strings.Join(lines, "\n"))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s has events of %d channels, want %d", what, len(got), len(want))
	}
}

// jet starts a nats-server with a stream for our events.
func jet(t *testing.T) (url string, all func() [][]byte) {
	t.Helper()
	s, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(readyIn) {
		t.Fatal("nats-server is not ready")
	}
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	st, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "IVS", Subjects: []string{"openivs.>"}})
	if err != nil {
		t.Fatal(err)
	}
	return s.ClientURL(), func() (all [][]byte) {
		info, err := st.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range info.State.Msgs {
			m, err := st.GetMsg(t.Context(), i+1)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, m.Data)
		}
		return all
	}
}

// eventBus starts a bus that knows the access key in a file.
func eventBus(t *testing.T) (b *bustest.Bus, settings string) {
	t.Helper()
	v := &sigv4.Verifier{Region: "us-east-1", Services: []string{"events"}, Lookup: func(context.Context, string) (sigv4.Credential, error) {
		return sigv4.Credential{SecretAccessKey: "of-the-bus"}, nil
	}}
	turn := 0
	var mu sync.Mutex
	b = &bustest.Bus{
		Verify: func(r *http.Request, body []byte) error {
			_, err := v.Verify(r, body)
			return err
		},
		Judge: func(bustest.Entry) string { // called with the bus's lock held
			if turn++; turn%3 == 0 {
				return "ThrottlingException"
			}
			return ""
		},
		Down: func() int {
			mu.Lock()
			defer mu.Unlock()
			return 0
		},
	}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte("[default]\naws_access_key_id = AKIABUS\naws_secret_access_key = of-the-bus\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return b, "name=bus to=eventbridge bus=video url=" + server.URL + " credentials-file=" + file
}

// TestEventsReachEveryKindOfSink runs streams and asks a real receiver of each
// kind what it got.
func TestEventsReachEveryKindOfSink(t *testing.T) {
	t.Parallel()
	h := newHook(t, built.seed)
	url, streamed := jet(t)
	bus, busSettings := eventBus(t)
	dir := t.TempDir()
	s := serve(t, "--event-sink", h.settings(t), "--event-sink", busSettings, "--event-sink", "name=js to=nats url="+url,
		"--event-sink", "name=file to=file dir="+dir, "--event-sink", "name=out to=stdout types=stream-health",
		"--event-sink", "name=some to=file dir="+filepath.Join(dir, "some")+" types=stream-state channels=none")
	c := encode(t, small, voice)
	followed := tail(t, s)
	var running sync.WaitGroup
	for range 3 {
		ch := s.channel(t)
		running.Go(func() {
			for range 2 {
				briefly(t, ch, c.tags)
			}
		})
	}
	running.Wait()
	want := byChannel(t, "the server", happened(t, s), false)
	if len(want) != 3 {
		t.Fatalf("events of %d channels", len(want))
	}
	for ch, lines := range want {
		var got []string
		for _, line := range lines {
			got = append(got, envelopeOf(t, []byte(line)).Detail.Name)
		}
		if !slices.Equal(got, append(slices.Clone(wholeStream), wholeStream...)) {
			t.Errorf("%s: events %v", ch, got)
		}
	}
	until(t, toldIn, "every sink has everything", func() (bool, string) {
		out := command(t, built.command, "events", "sinks", "--data", s.Data)
		return strings.Count(string(out), " 0 ") >= 6 && !lacking(out), string(out)
	})
	file, err := os.ReadFile(filepath.Join(dir, "events.log"))
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, "the file", byChannel(t, "the file", lineList(file), false), want)
	wantSame(t, "the webhook", byChannel(t, "the webhook", h.got(), true), want)
	wantSame(t, "JetStream", byChannel(t, "JetStream", streamed(), false), want)
	for _, wrong := range h.wrong {
		t.Error(wrong)
	}
	details := make(map[string][]string)
	for _, e := range bus.Taken() {
		if e.Source != "aws.ivs" || e.EventBusName != "video" {
			t.Errorf("the bus got %+v", e)
		}
		details[e.Resources[0]] = append(details[e.Resources[0]], e.Detail)
	}
	for ch, lines := range want {
		var wanted []string
		for _, line := range lines {
			var e struct{ Detail json.RawMessage }
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			wanted = append(wanted, string(e.Detail))
		}
		if !slices.Equal(details[ch], wanted) {
			t.Errorf("the bus has of %s\n%s\nwant\n%s", ch, details[ch], wanted)
		}
	}
	wantSame(t, "openivs events tail", byChannel(t, "openivs events tail", followed(24), false), want)
	if _, err := os.Stat(filepath.Join(dir, "some", "events.log")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a sink got what it does not want: %v", err)
	}

	out := command(t, built.command, "events", "replay", "--data", s.Data, "--since", "24h", "--sink", "file")
	if got := strings.TrimSpace(string(out)); got != "file gets 24 events again" {
		t.Errorf("replay says %q", got)
	}
	until(t, toldIn, "the file has everything again", func() (bool, string) {
		again, err := os.ReadFile(filepath.Join(dir, "events.log"))
		return err == nil && len(again) == 2*len(file) && bytes.Equal(again[:len(file)], again[len(file):]), fmt.Sprint(len(again), " bytes, ", err)
	})
}

// lacking reports whether a list of sinks says that one lacks something.
func lacking(table []byte) bool {
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] != "SINK" && f[2] != "0" {
			return true
		}
	}
	return false
}

// tail runs "openivs events tail" and returns what gives its first lines.
func tail(t *testing.T, s *running) func(n int) [][]byte {
	t.Helper()
	r, w := io.Pipe()
	cmd := background(t, w, built.command, "events", "tail", "--data", s.Data, "--since", "24h")
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = r.Close()
	})
	lines := bufio.NewScanner(r)
	return func(n int) (all [][]byte) {
		for range n {
			if !lines.Scan() {
				t.Fatalf("tail printed %d lines: %v", len(all), lines.Err())
			}
			all = append(all, slices.Clone(lines.Bytes()))
		}
		return all
	}
}

// briefly is a short stream.
func briefly(t *testing.T, ch channel, tags []publisher.Tag) {
	t.Helper()
	pub := publish(t, ch.s.At.RTMP, ch.key)
	if err := pub.Send(tags...); err != nil {
		t.Error(err)
		return
	}
	id := str(ch.live().StreamId)
	if err := pub.Unpublish(ch.key); err != nil {
		t.Error(err)
	}
	ch.over(id)
}

// TestNoEventIsLostWhenTheServerIsKilled kills the server at random instants
// while streams begin and end, and counts afterwards.
func TestNoEventIsLostWhenTheServerIsKilled(t *testing.T) {
	t.Parallel()
	kills := 5
	if *soak {
		kills = 50
	}
	const streams = 20
	rng := rand.New(rand.NewPCG(uint64(built.seed), 2))
	h := newHook(t, built.seed)
	dir := t.TempDir()
	s := serve(t, "--event-sink", h.settings(t), "--event-sink", "name=file to=file dir="+dir)
	c := encode(t, small, voice)
	var channels []channel
	for range streams {
		channels = append(channels, s.channel(t))
	}
	var accepted atomic.Int64 // publishers, each of whom is an event at least
	for range kills {
		ctx, cancel := context.WithCancel(t.Context())
		before := accepted.Load()
		var publishing sync.WaitGroup
		for _, ch := range channels {
			seed := rng.Uint64()
			publishing.Go(func() { churn(ctx, ch, c.tags, rand.New(rand.NewPCG(seed, 3)), &accepted) })
		}
		instant := time.NewTimer(time.Duration(200+rng.IntN(2800)) * time.Millisecond)
		<-instant.C
		until(t, liveIn, "as many streams have begun as there are channels", func() (bool, string) {
			n := accepted.Load() - before
			return n >= streams, fmt.Sprint(n)
		})
		s.kill()
		cancel()
		publishing.Wait()
		s.start()
	}
	h.mu.Lock()
	h.gentle = true
	h.mu.Unlock()
	until(t, toldIn, "every sink has everything", func() (bool, string) {
		out := command(t, built.command, "events", "sinks", "--data", s.Data)
		return !lacking(out), string(out)
	})
	all := happened(t, s)
	want := byChannel(t, "the store", all, false)
	if len(want) == 0 || len(all) < kills*streams {
		t.Fatalf("only %d events happened", len(all))
	}
	t.Logf("%d events of %d channels, %d kills", len(all), len(want), kills)
	wantWhole(t, want)
	file, err := os.ReadFile(filepath.Join(dir, "events.log"))
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, "the file", byChannel(t, "the file", lineList(file), true), want)
	wantSame(t, "the webhook", byChannel(t, "the webhook", h.got(), true), want)
	for _, ch := range channels {
		if len(want[ch.arn]) == 0 {
			continue
		}
		session := ch.session("")
		var names2 []string
		for _, line := range want[ch.arn] {
			if e := envelopeOf(t, []byte(line)); e.Detail.StreamID == str(session.StreamId) {
				names2 = append(names2, e.Detail.Name)
			}
		}
		if got := names(session); !slices.Equal(got, names2) {
			t.Errorf("the API says %v, the outbox %v", got, names2)
		}
	}
}

// churn publishes to a channel again and again until the server is gone.
func churn(ctx context.Context, ch channel, tags []publisher.Tag, rng *rand.Rand, accepted *atomic.Int64) {
	for ctx.Err() == nil {
		wait := time.NewTimer(time.Duration(rng.IntN(400)) * time.Millisecond)
		select {
		case <-wait.C:
		case <-ctx.Done():
			return
		}
		pub, err := publisher.Dial(ctx, ch.s.At.RTMP)
		if err != nil {
			return
		}
		err = pub.Publish(ctx, ch.key)
		if err == nil {
			accepted.Add(1)
			err = pub.Send(tags[:1+rng.IntN(len(tags))]...)
		}
		if err == nil && rng.IntN(2) == 0 {
			_ = pub.Unpublish(ch.key)
		}
		_ = pub.Close()
	}
}

// wantWhole fails the test unless each session has each of its events, once and
// in order: all have been ended by now.
func wantWhole(t *testing.T, channels map[string][]string) {
	t.Helper()
	begun := wholeStream
	never := []string{"Session Created", "Session Ended"}
	for _, ch := range slices.Sorted(maps.Keys(channels)) {
		sessions, order := make(map[string][]string), []string(nil)
		for _, line := range channels[ch] {
			e := envelopeOf(t, []byte(line))
			if sessions[e.Detail.StreamID] == nil {
				order = append(order, e.Detail.StreamID)
			}
			if e.Type == "IVS Stream Health Change" {
				continue
			}
			sessions[e.Detail.StreamID] = append(sessions[e.Detail.StreamID], e.Detail.Name)
		}
		for _, id := range order {
			if got := sessions[id]; !slices.Equal(got, begun) && !slices.Equal(got, never) {
				t.Errorf("session %s of %s has %v", id, ch, got)
			}
		}
	}
}

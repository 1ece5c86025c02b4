package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"openivs/internal/event"
	"openivs/internal/event/webhook"
)

// A receiver answers as it is told and keeps what it took.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	answers []func(w http.ResponseWriter)
	got     []*http.Request
	bodies  []string
}

func newReceiver(t *testing.T, answers ...func(w http.ResponseWriter)) *receiver {
	t.Helper()
	r := &receiver{answers: answers}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	n := len(r.got)
	r.got, r.bodies = append(r.got, q), append(r.bodies, string(body))
	r.mu.Unlock()
	if n < len(r.answers) {
		r.answers[n](w)
	}
}

func status(code int, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprint(w, "because")
	}
}

func sink(t *testing.T, url string) *webhook.Sink {
	t.Helper()
	s := &webhook.Sink{URL: url, Secret: webhook.Secret("a secret of enough bytes"), Client: webhook.NewClient()}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func messages(n int) []event.Message {
	var out []event.Message
	for i := range n {
		out = append(out, event.Message{ID: fmt.Sprint("id-", i), Seq: int64(i), Position: int64(10 + i), Channel: "arn", Body: fmt.Appendf(nil, `{"n":%d}`, i)})
	}
	return out
}

// A receiver that knows nothing but the standard finds the signature good.
func TestMessagesAreSignedAsStandardWebhooksHasIt(t *testing.T) {
	r := newReceiver(t)
	before := time.Now().Add(-time.Second)
	if errs := sink(t, r.URL+"/in?x=1").Send(t.Context(), messages(2)); errs != nil {
		t.Fatal(errs)
	}
	for i, q := range r.got {
		h := q.Header
		at, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
		if err != nil || time.Unix(at, 0).Before(before.Truncate(time.Second)) || time.Unix(at, 0).After(time.Now()) {
			t.Errorf("the time is %q", h.Get("webhook-timestamp"))
		}
		mac := hmac.New(sha256.New, []byte("a secret of enough bytes"))
		io.WriteString(mac, h.Get("webhook-id")+"."+h.Get("webhook-timestamp")+"."+r.bodies[i])
		if got, want := h.Get("webhook-signature"), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want {
			t.Errorf("the signature is %s, want %s", got, want)
		}
		if h.Get("webhook-id") != fmt.Sprint("id-", i) || h.Get("Openivs-Sequence") != fmt.Sprint(i) || h.Get("Openivs-Position") != fmt.Sprint(10+i) ||
			h.Get("Content-Type") != "application/json" || q.URL.RequestURI() != "/in?x=1" || q.Method != http.MethodPost {
			t.Errorf("%s %s %v", q.Method, q.URL, h)
		}
	}
}

// The sample of the specification's reference libraries.
func TestTheSignatureOfTheStandardsSample(t *testing.T) {
	s, err := webhook.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := s.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("the signature is %s, want %s", got, want)
	}
}

func TestSecrets(t *testing.T) {
	for text, ok := range map[string]bool{
		"short": false, "whsec_!!!": false, "whsec_c2hvcnQ=": false, "": false,
		"0123456789abcdef\n": true, "whsec_MDEyMzQ1Njc4OWFiY2RlZg==": true,
	} {
		s, err := webhook.ParseSecret(text)
		if (err == nil) != ok || ok && string(s) != "0123456789abcdef" {
			t.Errorf("%q: %q, %v", text, []byte(s), err)
		}
		if shown := fmt.Sprintf("%v %s %+v %q %x", s, s, s, s, s); ok && strings.Contains(shown, "0123") || strings.Contains(shown, "3031") {
			t.Errorf("it prints as %s", shown)
		}
	}
}

func TestWhatAnswersMean(t *testing.T) {
	for _, tt := range []struct {
		name         string
		answer       func(http.ResponseWriter)
		taken, final bool
		after        time.Duration
	}{
		{"200", status(200), true, false, 0},
		{"204", status(204), true, false, 0},
		{"a redirection is not followed", status(307, "Location", "/elsewhere"), false, false, 0},
		{"400", status(400), false, true, 0},
		{"401 may be put right", status(401), false, false, 0},
		{"404 may be put right", status(404), false, false, 0},
		{"410", status(410), false, true, 0},
		{"413", status(413), false, true, 0},
		{"422", status(422), false, true, 0},
		{"429 says when", status(429, "Retry-After", "120"), false, false, 2 * time.Minute},
		{"503 says nothing", status(503), false, false, 0},
		{"503 says nonsense", status(503, "Retry-After", "soon"), false, false, 0},
		{"503 says the past", status(503, "Retry-After", "Mon, 02 Jan 2006 15:04:05 GMT"), false, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newReceiver(t, tt.answer)
			errs := sink(t, r.URL).Send(t.Context(), messages(3))
			if tt.taken {
				if errs != nil || len(r.got) != 3 {
					t.Errorf("%d requests, %v", len(r.got), errs)
				}
				return
			}
			if len(errs) != 3 || len(r.got) != 1 {
				t.Fatalf("%d requests, %v: nothing is sent after one that was not taken", len(r.got), errs)
			}
			refusal, ok := errors.AsType[*event.RefusedError](errs[0])
			if !ok || refusal.Final != tt.final || refusal.After != tt.after || !strings.Contains(errs[2].Error(), "because") {
				t.Errorf("%+v", errs[0])
			}
		})
	}
	r := newReceiver(t, status(503, "Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)))
	refusal, _ := errors.AsType[*event.RefusedError](sink(t, r.URL).Send(t.Context(), messages(1))[0])
	if refusal == nil || refusal.After < 59*time.Minute || refusal.After > time.Hour {
		t.Errorf("a date in an hour: %+v", refusal)
	}
}

func TestAReceiverThatStallsOrIsNotThere(t *testing.T) {
	release := make(chan struct{})
	r := newReceiver(t, func(http.ResponseWriter) { <-release })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if errs := sink(t, r.URL).Send(ctx, messages(1)); len(errs) != 1 || !errors.Is(errs[0], context.Canceled) {
		t.Errorf("of one that stalls: %v", errs)
	}
	close(release)
	gone := newReceiver(t)
	gone.Close()
	if errs := sink(t, gone.URL).Send(t.Context(), messages(1)); len(errs) != 1 || errs[0] == nil {
		t.Errorf("of one that is gone: %v", errs)
	}
	endless := newReceiver(t, func(w http.ResponseWriter) {
		for range 1000 {
			if _, err := w.Write(make([]byte, 10_000)); err != nil {
				return
			}
		}
	})
	if errs := sink(t, endless.URL).Send(t.Context(), messages(1)); errs != nil {
		t.Errorf("of one that takes it and does not stop talking: %v", errs)
	}
}

func BenchmarkSend(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	s := &webhook.Sink{URL: server.URL, Secret: webhook.Secret("a secret of enough bytes"), Client: webhook.NewClient()}
	m := messages(1)
	b.ReportAllocs()
	for b.Loop() {
		if errs := s.Send(b.Context(), m); errs != nil {
			b.Fatal(errs)
		}
	}
}

package eventbridge_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"openivs/internal/event"
	"openivs/internal/event/eventbridge"
	"openivs/internal/event/eventbridge/bustest"
	"openivs/internal/ivs"
	"openivs/internal/sigv4"
)

// bus starts a bus that knows one access key, and has the SDK find a key.
func bus(t *testing.T, b *bustest.Bus, secret string) string {
	t.Helper()
	v := &sigv4.Verifier{Region: "eu-west-1", Services: []string{"events"}, Lookup: func(_ context.Context, id string) (sigv4.Credential, error) {
		if id != "AKIATEST" {
			return sigv4.Credential{}, sigv4.ErrUnknownKey
		}
		return sigv4.Credential{SecretAccessKey: "right"}, nil
	}}
	b.Verify = func(r *http.Request, body []byte) error {
		_, err := v.Verify(r, body)
		return err
	}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_CONFIG_FILE", "/nowhere")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
	return server.URL
}

func open(t *testing.T, o eventbridge.Options) *eventbridge.Sink {
	t.Helper()
	o.Region = "eu-west-1"
	s, err := eventbridge.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func messages(t *testing.T, n int) []event.Message {
	t.Helper()
	var out []event.Message
	for i := range n {
		ev := ivs.Event{
			ID: fmt.Sprint(i), Channel: ivs.ARN{Service: "ivs", Region: "eu-west-1", Account: "123456789012", Kind: ivs.KindChannel, ID: fmt.Sprint("ch", i)},
			StreamID: "st-1", Type: ivs.StreamStateChange, Name: ivs.StreamStart, At: time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC),
		}
		m, err := event.NewMessage(ev)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

func TestTheBusGetsWhatAmazonsOwnWouldGet(t *testing.T) {
	b := &bustest.Bus{}
	s := open(t, eventbridge.Options{Endpoint: bus(t, b, "right"), Bus: "video", Source: "ivs.here"})
	if errs := s.Send(t.Context(), messages(t, 2)); errs != nil {
		t.Fatal(errs)
	}
	got := b.Taken()
	if len(got) != 2 || b.Calls() != 1 {
		t.Fatalf("%d events in %d calls", len(got), b.Calls())
	}
	e := got[1]
	if e.Source != "ivs.here" || e.DetailType != "IVS Stream State Change" || e.EventBusName != "video" ||
		!slices.Equal(e.Resources, []string{"arn:aws:ivs:eu-west-1:123456789012:channel/ch1"}) ||
		e.At() != time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) || e.Detail != `{"event_name":"Stream Start","channel_name":"","stream_id":"st-1"}` {
		t.Errorf("the entry is %+v", e)
	}
}

func TestByDefaultTheSourceIsAmazonsAndTheBusTheDefaultOne(t *testing.T) {
	b := &bustest.Bus{}
	s := open(t, eventbridge.Options{Endpoint: bus(t, b, "right")})
	if errs := s.Send(t.Context(), messages(t, eventbridge.MaxEntries)); errs != nil {
		t.Fatal(errs)
	}
	for _, e := range b.Taken() {
		if e.Source != "aws.ivs" || e.EventBusName != "" {
			t.Errorf("the entry is %+v", e)
		}
	}
}

func TestEntriesFailOneByOne(t *testing.T) {
	b := &bustest.Bus{Judge: func(e bustest.Entry) string {
		switch e.Resources[0][len(e.Resources[0])-3:] {
		case "ch1":
			return "ThrottlingException"
		case "ch2":
			return "MalformedDetail"
		}
		return ""
	}}
	s := open(t, eventbridge.Options{Endpoint: bus(t, b, "right")})
	errs := s.Send(t.Context(), messages(t, 4))
	if len(errs) != 4 || errs[0] != nil || errs[1] == nil || errs[2] == nil || errs[3] != nil || len(b.Taken()) != 2 {
		t.Fatalf("errors %v, %d taken", errs, len(b.Taken()))
	}
	if refusal, ok := errors.AsType[*event.RefusedError](errs[1]); ok && refusal.Final {
		t.Errorf("a throttled entry is refused for good: %v", errs[1])
	}
	if refusal, ok := errors.AsType[*event.RefusedError](errs[2]); !ok || !refusal.Final {
		t.Errorf("a malformed entry is to be tried again: %v", errs[2])
	}
}

func TestACallThatFailsIsAboutAllItsEntries(t *testing.T) {
	for name, tt := range map[string]struct {
		bus    *bustest.Bus
		secret string
	}{
		"a wrong secret":     {&bustest.Bus{}, "wrong"},
		"a bus that is down": {&bustest.Bus{Down: func() int { return http.StatusServiceUnavailable }}, "right"},
	} {
		s := open(t, eventbridge.Options{Endpoint: bus(t, tt.bus, tt.secret)})
		errs := s.Send(t.Context(), messages(t, 3))
		if len(errs) != 3 || errs[0] == nil || errs[2] == nil || len(tt.bus.Taken()) != 0 {
			t.Errorf("%s: %v", name, errs)
		}
	}
}

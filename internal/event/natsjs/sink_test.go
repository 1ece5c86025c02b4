package natsjs_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"openivs/internal/event"
	"openivs/internal/event/natsjs"
	"openivs/internal/ivs"
)

// start runs a server with JetStream, which a test stops and starts again on the
// same port and directory.
func start(t *testing.T, dir string, port int) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true,
		Username: "openivs", Password: "pass",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("nats-server is not ready")
	}
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s
}

func address(t *testing.T, s *server.Server) (url string, port int) {
	t.Helper()
	if _, err := fmt.Sscanf(s.Addr().String(), "127.0.0.1:%d", &port); err != nil {
		t.Fatalf("%v: %v", s.Addr(), err)
	}
	return fmt.Sprintf("nats://openivs:pass@127.0.0.1:%d", port), port
}

// stream makes the stream that takes our subjects.
func stream(t *testing.T, url, subjects string) jetstream.Stream {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "IVS", Subjects: []string{subjects}, Storage: jetstream.FileStorage})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func messages(t *testing.T, channels ...string) []event.Message {
	t.Helper()
	var out []event.Message
	for i, id := range channels {
		m, err := event.NewMessage(ivs.Event{
			ID: fmt.Sprint("id-", id, "-", i), Seq: 7, Position: int64(i), Type: ivs.StreamHealthChange, Name: ivs.StarvationStart, At: time.Now(),
			Channel: ivs.ARN{Service: "ivs", Region: "eu-west-1", Account: "123456789012", Kind: ivs.KindChannel, ID: id},
		})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

func closing(t *testing.T, s *natsjs.Sink) *natsjs.Sink {
	t.Helper()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestAStreamHasEachEventOnce(t *testing.T) {
	url, _ := address(t, start(t, t.TempDir(), server.RANDOM_PORT))
	js := stream(t, url, "video.>")
	s := closing(t, natsjs.New(natsjs.Options{URL: url, Subject: "video"}))
	sent := messages(t, "a", "b", "c")
	for range 2 { // the second time they are known already
		if errs := s.Send(t.Context(), sent); fmt.Sprint(errs) != "[<nil> <nil> <nil>]" {
			t.Fatal(errs)
		}
	}
	info, err := js.Info(t.Context())
	if err != nil || info.State.Msgs != 3 {
		t.Fatalf("the stream has %d messages, %v", info.State.Msgs, err)
	}
	for i, m := range sent {
		got, err := js.GetMsg(t.Context(), uint64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		if got.Subject != "video."+m.ChannelID()+".stream-health" || string(got.Data) != string(m.Body) ||
			got.Header.Get("Nats-Msg-Id") != m.ID || got.Header.Get("Openivs-Sequence") != "7" {
			t.Errorf("message %d is %s %v %s", i, got.Subject, got.Header, got.Data)
		}
	}
}

func TestWithoutAStreamNothingIsTaken(t *testing.T) {
	url, _ := address(t, start(t, t.TempDir(), server.RANDOM_PORT))
	s := closing(t, natsjs.New(natsjs.Options{URL: url}))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	errs := s.Send(ctx, messages(t, "a", "b"))
	if len(errs) != 2 || errs[0] == nil || errs[1] == nil {
		t.Fatalf("errors %v", errs)
	}
	js := stream(t, url, "openivs.>")
	if errs := s.Send(t.Context(), messages(t, "a")); errs[0] != nil {
		t.Errorf("once there is one: %v", errs)
	}
	if info, err := js.Info(t.Context()); err != nil || info.State.Msgs != 1 {
		t.Errorf("the stream has %+v, %v", info, err)
	}
}

func TestAServerThatComesBackGetsWhatItMissed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "js")
	first := start(t, dir, server.RANDOM_PORT)
	url, port := address(t, first)
	stream(t, url, "openivs.>")
	s := closing(t, natsjs.New(natsjs.Options{URL: url}))
	if errs := s.Send(t.Context(), messages(t, "a")); errs[0] != nil {
		t.Fatal(errs)
	}
	first.Shutdown()
	first.WaitForShutdown()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if errs := s.Send(ctx, messages(t, "b")); errs[0] == nil {
		t.Fatal("a server that is gone took an event")
	}
	start(t, dir, port)
	ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for again := time.NewTicker(100 * time.Millisecond); ; {
		errs := s.Send(ctx, messages(t, "b"))
		if errs[0] == nil {
			again.Stop()
			break
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal(errs)
		}
	}
}

func TestAWrongPasswordIsAnError(t *testing.T) {
	_, port := address(t, start(t, t.TempDir(), server.RANDOM_PORT))
	s := closing(t, natsjs.New(natsjs.Options{URL: fmt.Sprintf("nats://openivs:wrong@127.0.0.1:%d", port)}))
	if errs := s.Send(t.Context(), messages(t, "a")); errs[0] == nil {
		t.Error("taken")
	}
}

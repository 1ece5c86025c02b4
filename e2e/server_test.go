package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"

	"openivs/e2e/server"
)

// How long this suite waits for things. They are generous: the machine is shared
// with whatever else the tests run, and only a failure uses them up.
const (
	readyIn    = 60 * time.Second // a server from start to endpoints.json
	liveIn     = 60 * time.Second // an encoder from start to Stream Start
	overIn     = 30 * time.Second // a session from its end to Stream End
	lookAgain  = 100 * time.Millisecond
	commandFor = 2 * time.Minute // any program that ends by itself
)

// A running is openivs serve, with the test it belongs to.
type running struct {
	*server.Server
	ivs *ivs.Client

	t       *testing.T
	dir     string
	args    []string
	environ []string // more than the tests' own
	ended   bool     // by this test; a server that leaves by itself has not
}

// serve starts a server on an empty directory and stops it when the test ends.
func serve(t *testing.T, args ...string) *running {
	t.Helper()
	return serveWith(t, nil, args...)
}

// serveWith is serve with more variables in the server's environment.
func serveWith(t *testing.T, environ []string, args ...string) *running {
	t.Helper()
	return serveFrom(t, &running{t: t, dir: t.TempDir(), args: args, environ: environ})
}

// serveIn is serve with a data directory that is there.
func serveIn(t *testing.T, dir string, args ...string) *running {
	t.Helper()
	return serveFrom(t, &running{t: t, dir: dir, args: args})
}

func serveFrom(t *testing.T, s *running) *running {
	t.Helper()
	s.start()
	t.Cleanup(func() {
		s.end(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("the server said last:\n%s", s.LastWords())
		}
	})
	return s
}

// in is the server as a subtest uses it.
func (s *running) in(t *testing.T) *running {
	t.Helper()
	sub := *s
	sub.t = t
	return &sub
}

// start runs the program on s.dir, again or for the first time.
func (s *running) start() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), readyIn)
	defer cancel()
	var err error
	if s.Server, err = server.StartWith(ctx, s.environ, built.openivs, s.dir, s.args...); err != nil {
		s.t.Fatal(err)
	}
	s.ended = false
	if s.ivs, err = s.Client(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// end stops the server and returns when it has left. It may be called twice.
func (s *running) end(signal os.Signal) {
	s.t.Helper()
	if s.ended {
		return
	}
	s.ended = true
	err := s.Stop(signal)
	if signal == syscall.SIGTERM && err != nil {
		s.t.Errorf("the server stopped with %v, want a clean exit", err)
	}
	if b, err := os.ReadFile(s.Log); err != nil || bytes.Contains(b, []byte("DATA RACE")) {
		s.t.Errorf("reading the log: %v; it may tell of a data race", err)
	}
}

// kill ends the server as a power cut would, and forgets its addresses.
func (s *running) kill() {
	s.t.Helper()
	s.end(syscall.SIGKILL)
	if err := os.Remove(filepath.Join(s.Data, "endpoints.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Error(err)
	}
}

// until asks again and again until ok, and fails the test with the last detail
// when that takes too long.
func until(t *testing.T, limit time.Duration, what string, ask func() (ok bool, detail string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		asked := time.Now()
		ok, detail := ask()
		if ok {
			return
		}
		select {
		case <-time.After(max(lookAgain, time.Since(asked))): // what takes long is not asked all the time
		case <-ctx.Done():
			t.Fatalf("waited %v until %s: %s", limit, what, detail)
		}
	}
}

// command runs a program that has to end well and returns its standard output.
func command(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := output(t.Context(), name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// output runs a program that ends by itself.
func output(ctx context.Context, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandFor)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = server.Environment()
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(name), strings.Join(args, " "), err, out.Bytes(), errs.Bytes())
	}
	return out.Bytes(), nil
}

func str(p *string) string { return aws.ToString(p) }

// show is a value as the API would write it.
func show(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// background starts a program that writes its standard output to w, and ends it
// with the test.
func background(t *testing.T, w io.WriteCloser, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = server.Environment()
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	cmd.SysProcAttr = server.Background()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		_ = w.Close()
		close(gone)
	}()
	t.Cleanup(func() { <-gone })
	return cmd
}

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
)

// How long this suite waits for things. They are generous: the machine is shared
// with whatever else the tests run, and only a failure uses them up.
const (
	readyIn    = 60 * time.Second // a server from start to endpoints.json
	liveIn     = 60 * time.Second // an encoder from start to Stream Start
	overIn     = 30 * time.Second // a session from its end to Stream End
	stopIn     = 60 * time.Second // a server from the signal to its exit
	lookAgain  = 100 * time.Millisecond
	commandFor = 2 * time.Minute // any program that ends by itself
)

// endpoints is DIR/endpoints.json.
type endpoints struct {
	API      string `json:"api"`
	RTMP     string `json:"rtmp"`
	RTMPS    string `json:"rtmps"`
	Playback string `json:"playback"`
	Console  string `json:"console"`
	Region   string `json:"region"`
	Account  string `json:"account"`
}

// A server is openivs serve, running.
type server struct {
	at  endpoints
	dir string // its --data
	ivs *ivs.Client

	t      *testing.T
	args   []string
	cmd    *exec.Cmd
	log    string // the file its log goes to
	exited chan struct{}
	err    error // of Wait; set before exited is closed
}

// serve starts a server on an empty directory and stops it when the test ends.
func serve(t *testing.T, args ...string) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{t: t, dir: filepath.Join(dir, "data"), log: filepath.Join(dir, "log"), args: args}
	s.start()
	t.Cleanup(func() {
		s.end(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("the server said last:\n%s", tail(s.log, 60))
		}
	})
	return s
}

// start runs the program on s.dir and waits until it is ready.
func (s *server) start() {
	s.t.Helper()
	log, err := os.OpenFile(s.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	args := append([]string{"serve", "--data", s.dir}, s.args...)
	if !strings.Contains(strings.Join(s.args, " "), "--listen") {
		args = append(args, "--listen", "127.0.0.1:0")
	}
	s.cmd = exec.Command(built.openivs, args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.Env = cleanEnv()
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // also when this test program dies
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) {
		s.err = cmd.Wait()
		close(exited)
	}(s.cmd, s.exited)
	until(s.t, readyIn, "the server is ready", func() (bool, string) {
		select {
		case <-s.exited:
			s.t.Fatalf("the server left: %v\n%s", s.err, tail(s.log, 60))
		default:
		}
		b, err := os.ReadFile(filepath.Join(s.dir, "endpoints.json"))
		return err == nil && json.Unmarshal(b, &s.at) == nil, "no endpoints.json"
	})
	s.ivs = s.client()
}

// end stops the server and returns when it has left. It may be called twice.
func (s *server) end(signal os.Signal) {
	s.t.Helper()
	select {
	case <-s.exited:
		return
	default:
	}
	if err := s.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Error(err)
	}
	select {
	case <-s.exited:
	case <-time.After(stopIn):
		_ = s.cmd.Process.Kill()
		<-s.exited
		s.t.Errorf("the server did not leave within %v of %v", stopIn, signal)
	}
	if signal == syscall.SIGTERM && s.err != nil {
		s.t.Errorf("the server stopped with %v, want a clean exit", s.err)
	}
}

// kill ends the server as a power cut would, and forgets its addresses.
func (s *server) kill() {
	s.t.Helper()
	s.end(syscall.SIGKILL)
	if err := os.Remove(filepath.Join(s.dir, "endpoints.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Error(err)
	}
}

// client is an AWS SDK client that knows nothing but what the server wrote down.
func (s *server) client() *ivs.Client {
	s.t.Helper()
	authority, err := os.ReadFile(filepath.Join(s.dir, "ca.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	cfg, err := awsconfig.LoadDefaultConfig(s.t.Context(),
		awsconfig.WithCustomCABundle(bytes.NewReader(authority)),
		awsconfig.WithSharedConfigFiles(nil),
		awsconfig.WithSharedCredentialsFiles([]string{filepath.Join(s.dir, "credentials")}),
		awsconfig.WithSharedConfigProfile("openivs"),
		awsconfig.WithRegion(s.at.Region),
		awsconfig.WithBaseEndpoint(s.at.API),
		awsconfig.WithRetryMaxAttempts(1),
	)
	if err != nil {
		s.t.Fatal(err)
	}
	return ivs.NewFromConfig(cfg)
}

// cleanEnv is the environment without what would steer openivs or an AWS client.
func cleanEnv(more ...string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "AWS_") && !strings.HasPrefix(kv, "OPENIVS_") {
			env = append(env, kv)
		}
	}
	return append(env, more...)
}

// until asks again and again until ok, and fails the test with the last detail
// when that takes too long.
func until(t *testing.T, limit time.Duration, what string, ask func() (ok bool, detail string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		ok, detail := ask()
		if ok {
			return
		}
		select {
		case <-again.C:
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
	cmd.Env = cleanEnv()
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(name), strings.Join(args, " "), err, out.Bytes(), errs.Bytes())
	}
	return out.Bytes(), nil
}

// tail returns the last lines of a file.
func tail(name string, n int) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
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

// Package server runs the openivs program and knows of it only what any
// operator's script can know: its command line, its exit, and the files it
// writes down in its data directory.
//
// What is then asked of the server is up to whoever started it.
package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
)

const (
	lookAgain = 50 * time.Millisecond
	stopIn    = time.Minute
)

// Endpoints is endpoints.json: the addresses a server listens on.
type Endpoints struct {
	API      string `json:"api"`
	RTMP     string `json:"rtmp"`
	RTMPS    string `json:"rtmps"`
	SRT      string `json:"srt"`
	Playback string `json:"playback"`
	Watch    string `json:"watch"`
	Console  string `json:"console"`
	Region   string `json:"region"`
	Account  string `json:"account"`
}

// A Server is openivs serve, running.
type Server struct {
	At   Endpoints
	Data string // its --data
	Log  string // the file that its log is appended to

	cmd    *exec.Cmd
	exited chan struct{}
	err    error // of Wait; set before exited is closed
}

// Start runs a program's serve on dir/data and returns when it is ready. Unless
// args say otherwise, it listens on a free port of the loopback interface, holds
// no caller back and transcodes nothing: what is about the stream as sent should
// not take the processor time of a ladder.
func Start(ctx context.Context, program, dir string, args ...string) (*Server, error) {
	return StartWith(ctx, nil, program, dir, args...)
}

// StartWith is Start with more variables in the program's environment.
func StartWith(ctx context.Context, environ []string, program, dir string, args ...string) (*Server, error) {
	s := &Server{Data: filepath.Join(dir, "data"), Log: filepath.Join(dir, "openivs.log"), exited: make(chan struct{})}
	log, err := os.OpenFile(s.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args = append([]string{"serve", "--data", s.Data}, args...)
	if !slices.Contains(args, "--listen") {
		args = append(args, "--listen", "127.0.0.1:0")
	}
	if !slices.Contains(args, "--srt") {
		args = append(args, "--srt", "127.0.0.1:0")
	}
	if !slices.Contains(args, "--api-rates") {
		args = append(args, "--api-rates", "off")
	}
	if !slices.Contains(args, "--transcode") {
		args = append(args, "--transcode", "off")
	}
	s.cmd = exec.Command(program, args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.Env = Environment(environ...)
	s.cmd.SysProcAttr = Background()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	if err := s.ready(ctx); err != nil {
		return nil, errors.Join(err, s.cmd.Process.Kill())
	}
	return s, nil
}

// ready waits for endpoints.json.
func (s *Server) ready(ctx context.Context) error {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		b, err := os.ReadFile(filepath.Join(s.Data, "endpoints.json"))
		if err == nil && json.Unmarshal(b, &s.At) == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-s.exited:
			return fmt.Errorf("the server left: %w\n%s", s.err, s.LastWords())
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w\n%s", context.Cause(ctx), s.LastWords())
		}
	}
}

// Stop sends a signal and waits until the server has left. What it returns is
// how the server left, nil for a clean exit.
func (s *Server) Stop(signal os.Signal) error {
	if err := s.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.exited:
		return s.err
	case <-time.After(stopIn):
		return errors.Join(fmt.Errorf("the server did not leave within %v of %v", stopIn, signal), s.cmd.Process.Kill())
	}
}

// Exited is closed when the server has left.
func (s *Server) Exited() <-chan struct{} { return s.exited }

// PID is the server's process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// LastWords is the end of the server's log.
func (s *Server) LastWords() string { return Tail(s.Log) }

// Client is the AWS SDK, told where the server is and whom to be. Requests are
// sent once, not again.
func (s *Server) Client(ctx context.Context) (*ivs.Client, error) {
	options := []func(*config.LoadOptions) error{
		config.WithSharedConfigFiles(nil),
		config.WithSharedCredentialsFiles([]string{filepath.Join(s.Data, "credentials")}),
		config.WithSharedConfigProfile("openivs"),
		config.WithRegion(s.At.Region),
		config.WithBaseEndpoint(s.At.API),
		config.WithRetryMaxAttempts(1),
	}
	authority, err := os.ReadFile(filepath.Join(s.Data, "ca.pem"))
	switch {
	case err == nil:
		options = append(options, config.WithCustomCABundle(bytes.NewReader(authority)))
	case !errors.Is(err, os.ErrNotExist): // an operator's certificate needs none
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, err
	}
	return ivs.NewFromConfig(cfg), nil
}

// Environment is this program's environment without what would steer openivs or
// an AWS client, and with more.
func Environment(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "AWS_") || strings.HasPrefix(kv, "OPENIVS_")
	})
	return append(env, more...)
}

const tailLines = 40

// Tail returns the last lines of a file.
func Tail(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}

package main

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
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
)

const (
	readyIn   = 60 * time.Second
	stopIn    = 40 * time.Second
	lookAgain = 100 * time.Millisecond
	logLines  = 20
)

// endpoints is endpoints.json: the addresses the server listens on.
type endpoints struct {
	API      string `json:"api"`
	RTMP     string `json:"rtmp"`
	RTMPS    string `json:"rtmps"`
	Playback string `json:"playback"`
	Console  string `json:"console"`
	Region   string `json:"region"`
}

// A server is openivs serve, running.
type server struct {
	at   endpoints
	data string

	program string
	log     string
	cmd     *exec.Cmd
	exited  chan struct{}
	err     error // of Wait; set before exited is closed
}

// startServer runs the program and returns when it is ready.
func startServer(ctx context.Context, program, dir string) (*server, error) {
	s := &server{
		data:    filepath.Join(dir, "openivs-data"),
		program: program,
		log:     filepath.Join(dir, "openivs.log"),
		exited:  make(chan struct{}),
	}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd = exec.Command(program, "serve", "--data", s.data, "--listen", "127.0.0.1:0")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the demo, which then stops the server
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w (make build makes it)", err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	ctx, cancel := context.WithTimeout(ctx, readyIn)
	defer cancel()
	err = until(ctx, func() error {
		select {
		case <-s.exited:
			return stopError{fmt.Errorf("the server left: %w\n%s", s.err, s.lastWords())}
		default:
		}
		b, err := os.ReadFile(filepath.Join(s.data, "endpoints.json"))
		if err != nil {
			return err
		}
		return json.Unmarshal(b, &s.at)
	})
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// stop ends the server as systemd would and returns how it left.
func (s *server) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have left already
	select {
	case <-s.exited:
	case <-time.After(stopIn):
		return errors.Join(fmt.Errorf("the server did not stop within %v", stopIn), s.cmd.Process.Kill())
	}
	if s.err != nil {
		return fmt.Errorf("the server stopped with: %w", s.err)
	}
	return nil
}

// lastWords is the end of the server's log.
func (s *server) lastWords() string {
	b, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-logLines):], "\n")
}

// client is the AWS SDK, told where the server is and whom to be.
func (s *server) client(ctx context.Context) (*ivs.Client, error) {
	authority, err := os.ReadFile(filepath.Join(s.data, "ca.pem"))
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithCustomCABundle(bytes.NewReader(authority)),
		config.WithSharedConfigFiles(nil),
		config.WithSharedCredentialsFiles([]string{filepath.Join(s.data, "credentials")}),
		config.WithSharedConfigProfile("openivs"),
		config.WithRegion(s.at.Region),
		config.WithBaseEndpoint(s.at.API),
	)
	if err != nil {
		return nil, err
	}
	return ivs.NewFromConfig(cfg), nil
}

// A stopError is an error that asking again will not cure.
type stopError struct{ error }

// until asks again and again until there is no error. When ctx ends first it
// returns the last one.
func until(ctx context.Context, ask func() error) error {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		err := ask()
		if err == nil || errors.As(err, new(stopError)) {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

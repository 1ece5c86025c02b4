package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"openivs/e2e/publisher"
	"openivs/e2e/server"
)

// An encoder is ffmpeg, or another program, that publishes.
type encoder struct {
	t      *testing.T
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
	err    error // of Wait; set before exited is closed
}

// stream publishes a clip with ffmpeg, over and over, until the test ends.
func stream(t *testing.T, c clip, url string, flags ...string) *encoder {
	t.Helper()
	args := append([]string{"-re", "-stream_loop", "-1", "-i", c.file, "-c", "copy"}, flags...)
	return ffmpeg(t, append(args, "-f", "flv", url)...)
}

// ffmpeg starts ffmpeg in the background and ends it with the test.
func ffmpeg(t *testing.T, args ...string) *encoder {
	t.Helper()
	return encoding(t, exec.Command("ffmpeg", append([]string{"-hide_banner", "-nostdin", "-nostats", "-loglevel", "info"}, args...)...))
}

// encoding starts an encoder in the background and ends it with the test.
func encoding(t *testing.T, cmd *exec.Cmd) *encoder {
	t.Helper()
	name := filepath.Base(cmd.Path)
	e := &encoder{t: t, cmd: cmd, log: filepath.Join(t.TempDir(), name+".log"), exited: make(chan struct{})}
	log, err := os.Create(e.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	e.cmd.Stdout, e.cmd.Stderr = log, log
	e.cmd.SysProcAttr = server.Background()
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		e.err = e.cmd.Wait()
		close(e.exited)
	}()
	t.Cleanup(func() {
		_ = e.cmd.Process.Kill()
		<-e.exited
		if t.Failed() {
			t.Logf("%s said last:\n%s", name, server.Tail(e.log))
		}
	})
	return e
}

// quit ends ffmpeg as a person would: it takes leave of the server.
func (e *encoder) quit() {
	e.t.Helper()
	e.signal(syscall.SIGINT)
	e.left(overIn)
}

func (e *encoder) signal(s os.Signal) {
	e.t.Helper()
	if err := e.cmd.Process.Signal(s); err != nil {
		e.t.Fatal(err)
	}
}

// left waits until ffmpeg has ended, and returns how.
func (e *encoder) left(limit time.Duration) error {
	e.t.Helper()
	select {
	case <-e.exited:
		return e.err
	case <-time.After(limit):
		e.t.Fatalf("ffmpeg still runs after %v", limit)
		return nil
	}
}

// dial opens a scripted publisher's connection that ends with the test.
func dial(t *testing.T, address string) *publisher.Conn {
	t.Helper()
	c, err := publisher.Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// publish opens a scripted publisher that has been let in.
func publish(t *testing.T, address, key string) *publisher.Conn {
	t.Helper()
	c := dial(t, address)
	if err := c.Publish(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	return c
}

// Command openivs-demo shows openivs at work, from outside: it starts the server
// on its embedded defaults, creates a channel through the AWS API, publishes a
// real stream to it, watches that stream, asks GetStreamSession about it, and
// checks both against what was sent.
//
// It knows nothing of the server but its command line, its endpoints.json and
// its credentials file, as any operator's script would.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"openivs/e2e/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the program at once
	err := run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo: "+err.Error())
		os.Exit(1)
	}
}

// A demo is one showing.
type demo struct {
	program string        // bin/openivs
	length  time.Duration // how long the stream plays; 0: until interrupted
	server  *server.Server
	start   time.Time
	failed  []string // what was not as it should be
}

func run(ctx context.Context) error {
	length, err := seconds(os.Getenv("DEMO_SECONDS"))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "openivs-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays is in the system's temporary directory
	d := &demo{length: length, start: time.Now()}

	self, err := os.Executable()
	if err != nil {
		return err
	}
	d.say("Starting openivs serve: SQLite and local disk, in %s, gone when the demo ends.", dir)
	d.program = filepath.Join(filepath.Dir(self), "openivs")
	d.server, err = start(ctx, d.program, dir)
	if err != nil {
		return err
	}
	err = errors.Join(d.show(ctx), d.server.Stop(syscall.SIGTERM))
	if err != nil {
		return fmt.Errorf("%w\nThe server's log ends:\n%s", err, d.server.LastWords())
	}
	for _, f := range d.failed {
		fmt.Println("  DIFFERS: " + f)
	}
	if len(d.failed) > 0 {
		return errors.New("what was told or shown differs from what was sent")
	}
	d.say("Done. All that was told and shown equals what was sent.")
	return nil
}

// start runs the server and returns when it is ready.
func start(ctx context.Context, program, dir string) (*server.Server, error) {
	ctx, cancel := context.WithTimeout(ctx, readyIn)
	defer cancel()
	return server.Start(ctx, program, dir)
}

// seconds reads DEMO_SECONDS.
func seconds(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("DEMO_SECONDS is %q: give a number of seconds, such as 20", s)
	}
	return time.Duration(n) * time.Second, nil
}

// say prints what happens next, and when.
func (d *demo) say(format string, args ...any) {
	fmt.Printf("\n[%5.1fs] %s\n", time.Since(d.start).Seconds(), fmt.Sprintf(format, args...))
}

// check notes a difference.
func (d *demo) check(what string, got, want any) {
	mark := "="
	if got != want {
		mark = "!"
		d.failed = append(d.failed, fmt.Sprintf("%s is %v, want %v", what, got, want))
	}
	fmt.Printf("  %s %-32s %v\n", mark, what, got)
}

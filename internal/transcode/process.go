package transcode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	// defaultGrace is how long a child has to end by itself when its input has
	// ended, or when one of its outputs has.
	defaultGrace = 2 * time.Second

	// memory is the most that a child may have of its own, in bytes: about ten
	// times what the largest ladder takes.
	memory = 2 << 30

	// maxWords is how much is kept of what a child complains of, in bytes.
	maxWords = 2 << 10
)

// A process is a child to be run once.
type process struct {
	program string
	args    []string
	env     []string      // nil: what every child has
	grace   time.Duration // 0: 2 s

	// in writes what the child reads, until it returns; then the input ends. A
	// child that does not read is one that in waits for, until ctx ends.
	in func(ctx context.Context, w io.Writer) error

	// out reads an output, each in a goroutine of its own, until its end.
	out []func(r io.Reader) error

	// alive is asked now and then whether the child still does what it should.
	alive func(now time.Time) error
}

var (
	errLeft  = errors.New("the process left before its input ended")
	errEnded = errors.New("the input has ended")
)

// run runs the process to its end and returns why that came: nil if the input
// had ended before and all outputs were read. Whatever it has started is ended,
// and nothing of it is left, when run returns.
func (p *process) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	c, err := p.start()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, c.kill)() // which also ends what waits for its pipes

	var work, outputs sync.WaitGroup
	words := new(tail)
	outputs.Go(func() { _, _ = io.Copy(words, c.words) })
	work.Go(func() {
		defer c.input.Close()
		if err := p.in(ctx, c.input); errors.Is(err, syscall.EPIPE) {
			c.hurry(p.patience()) // it has left or is about to, and may have said why
			return
		} else if err != nil {
			stop(err)
			return
		}
		c.ended.Store(true)
		c.input.Close()
		c.hurry(p.patience())
	})
	for i, read := range p.out {
		outputs.Go(func() {
			err := read(c.outputs[i])
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) { // whoever closed it knows why
				stop(err)
				return
			}
			c.hurry(p.patience()) // one that closes an output has to end
		})
	}
	done := make(chan struct{})
	work.Go(func() { p.watch(done, stop) })

	state := c.cmd.Wait()
	ended := c.ended.Load()
	late := time.AfterFunc(p.patience(), c.kill) // what it has left in the pipes is read; a descendant may hold them
	outputs.Wait()
	late.Stop()
	close(done)
	why := context.Cause(ctx)
	stop(errEnded)
	c.kill()
	work.Wait()
	c.rest()
	return p.verdict(why, state, ended, words)
}

func (p *process) patience() time.Duration {
	if p.grace == 0 {
		return defaultGrace
	}
	return p.grace
}

// watch stops a child that is not alive any more.
func (p *process) watch(done <-chan struct{}, stop context.CancelCauseFunc) {
	if p.alive == nil {
		return
	}
	const every = 250 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			if err := p.alive(now); err != nil {
				stop(err)
				return
			}
		case <-done:
			return
		}
	}
}

// verdict says why a child ended.
func (p *process) verdict(why, state error, ended bool, words *tail) error {
	switch {
	case why != nil:
	case state != nil:
		why = state
	case !ended:
		why = errLeft
	default:
		return nil
	}
	if said := words.String(); said != "" {
		return fmt.Errorf("%w; it said: %s", why, said)
	}
	return why
}

// start starts the process, with its pipes.
func (p *process) start() (_ *child, err error) {
	c := &child{}
	var theirs []*os.File // the child's ends
	defer func() {
		for _, f := range theirs {
			f.Close()
		}
		if err != nil {
			c.close()
		}
	}()
	pipe := func() (r, w *os.File) {
		if err != nil {
			return nil, nil
		}
		r, w, err = os.Pipe()
		return r, w
	}
	add := func(mine, their *os.File) *os.File {
		if err == nil {
			theirs, c.files = append(theirs, their), append(c.files, mine)
		}
		return mine
	}
	c.cmd = exec.Command(p.program, p.args...)
	stdin, input := pipe()
	c.input = add(input, stdin)
	words, stderr := pipe()
	c.words = add(words, stderr)
	for range p.out {
		r, w := pipe()
		c.outputs = append(c.outputs, add(r, w))
		c.cmd.ExtraFiles = append(c.cmd.ExtraFiles, w)
	}
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	c.cmd.Stdin, c.cmd.Stderr = stdin, stderr
	c.cmd.Dir = "/"
	if c.cmd.Env = p.env; p.env == nil {
		c.cmd.Env = []string{"LC_ALL=C"} // none of our secrets
	}
	confine(c.cmd)
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.program, err)
	}
	limit(c.cmd.Process.Pid)
	return c, nil
}

// A tail keeps the first words of what is written to it, on one line.
type tail struct {
	mu sync.Mutex
	b  []byte
}

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b[:min(len(b), maxWords-len(t.b))]...)
	return len(b), nil
}

// String returns what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.ToValidUTF8(bytes.ReplaceAll(bytes.TrimSpace(t.b), []byte{'\n'}, []byte(" | ")), nil))
}

package transcode

import (
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

// A child is a process that runs, with our ends of its pipes.
type child struct {
	cmd     *exec.Cmd
	input   *os.File
	words   *os.File // its standard error
	outputs []*os.File
	files   []*os.File  // all of them
	ended   atomic.Bool // the input has

	once  sync.Once
	timer atomic.Pointer[time.Timer]
}

// hurry kills the child unless it ends within a time. Only the first call counts.
func (c *child) hurry(d time.Duration) {
	c.once.Do(func() { c.timer.Store(time.AfterFunc(d, c.kill)) })
}

// kill ends the child and all that it has started, and whatever waits for their
// pipes. It may be called again.
func (c *child) kill() {
	c.end()
	c.close()
}

// rest is called last.
func (c *child) rest() {
	if t := c.timer.Load(); t != nil {
		t.Stop()
	}
}

func (c *child) close() {
	for _, f := range c.files {
		f.Close()
	}
}

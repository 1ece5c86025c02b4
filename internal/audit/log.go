package audit

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	defaultPending = 8 << 20          // bytes
	firstRetry     = time.Second      // after a write that failed; doubles
	lastRetry      = 30 * time.Second // at most
)

// A Log writes records in the order they were added, one a line, while others
// go on. Its fields are set before the first Add.
type Log struct {
	// To gets whole records: one or many with each Write, never a part of one.
	// When it fails it says how many bytes of whole records it has kept.
	To io.Writer

	// Errors says when records could not be written, and how many were lost.
	Errors *slog.Logger

	// MaxPending is how many bytes may wait to be written; 0: 8 MiB. A record
	// that comes when there is no room is dropped, and counted.
	MaxPending int

	mu      sync.Mutex
	pending []byte
	dropped int
	closed  bool
	once    sync.Once
	wake    chan struct{} // holds one value while there may be something to do
}

func (l *Log) start() { l.once.Do(func() { l.wake = make(chan struct{}, 1) }) }

// Add adds a record, which has no line break in it. It does not wait.
func (l *Log) Add(record []byte) {
	l.start()
	l.mu.Lock()
	room := l.MaxPending
	if room == 0 {
		room = defaultPending
	}
	if l.closed || len(l.pending)+len(record)+1 > room {
		l.dropped++
	} else {
		l.pending = append(append(l.pending, record...), '\n')
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take returns all that waits, and how many records were dropped. The memory of
// spare is used for what comes next.
func (l *Log) take(spare []byte) (batch []byte, dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch, dropped = l.pending, l.dropped
	l.pending, l.dropped = spare[:0], 0
	return batch, dropped
}

// Run writes until ctx ends and what was added before is written, or cannot be.
func (l *Log) Run(ctx context.Context) {
	l.start()
	var spare []byte
	for ended := false; !ended; {
		select {
		case <-l.wake:
		case <-ctx.Done():
		}
		if ended = ctx.Err() != nil; ended {
			l.close()
		}
		batch, dropped := l.take(spare)
		l.say(dropped)
		l.write(ctx, batch)
		if spare = batch; cap(spare) > defaultPending/8 {
			spare = nil // after a burst
		}
	}
}

// close has later records dropped: nobody would write them.
func (l *Log) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

func (l *Log) say(dropped int) {
	if dropped > 0 {
		l.Errors.Error("audit records were dropped, they came faster than they could be written", "count", dropped)
	}
}

// write writes a batch, again and again until it can. Meanwhile the next fills up.
// When ctx ends it tries once more.
func (l *Log) write(ctx context.Context, batch []byte) {
	wait := firstRetry
	for len(batch) > 0 {
		last := ctx.Err() != nil
		n, err := l.To.Write(batch)
		batch = batch[n:]
		if err == nil {
			continue
		}
		l.Errors.Error("audit records cannot be written", "err", err)
		if last {
			l.say(lines(batch))
			return
		}
		retry := time.NewTimer(wait)
		select {
		case <-retry.C:
		case <-ctx.Done():
			retry.Stop()
		}
		wait = min(2*wait, lastRetry)
	}
}

func lines(batch []byte) int {
	n := 0
	for _, b := range batch {
		if b == '\n' {
			n++
		}
	}
	return n
}

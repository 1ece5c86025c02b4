package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/audit"
)

// A disk takes what is written, slowly, or fails.
type disk struct {
	mu    sync.Mutex
	took  bytes.Buffer
	each  time.Duration // for each write
	fails int           // writes from now on
	part  int           // bytes that a failing write keeps
}

func (d *disk) Write(b []byte) (int, error) {
	if d.each > 0 {
		<-time.After(d.each)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails > 0 {
		d.fails--
		d.took.Write(b[:d.part])
		return d.part, errors.New("no space left on device")
	}
	return d.took.Write(b)
}

func (d *disk) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.took.String()
}

// A notebook keeps what is logged.
type notebook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *notebook) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(b)
}

func (n *notebook) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// run runs a log and returns what ends it.
func run(l *audit.Log) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { l.Run(ctx); close(done) }()
	return func() { cancel(); <-done }
}

func TestRecordsAreWrittenInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{each: 10 * time.Millisecond}
		l := &audit.Log{To: d, Errors: slog.New(slog.DiscardHandler)}
		l.Add([]byte("before"))
		stop := run(l)
		want := "before\n"
		for i := range 1000 {
			l.Add(fmt.Append(nil, i))
			want += fmt.Sprintln(i)
			if i%100 == 0 {
				<-time.After(time.Millisecond)
			}
		}
		stop()
		if got := d.text(); got != want {
			t.Errorf("written is %q", got)
		}
	})
}

func TestASlowDiskHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said notebook
		d := &disk{each: time.Hour}
		l := &audit.Log{To: d, Errors: slog.New(slog.NewTextHandler(&said, nil)), MaxPending: 100}
		stop := run(l)
		l.Add([]byte("first"))
		synctest.Wait() // it is being written
		start := time.Now()
		for range 20 {
			l.Add([]byte("123456789")) // ten fit
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("Add took %v", took)
		}
		stop()
		if got, want := d.text(), "first\n"+strings.Repeat("123456789\n", 10); got != want {
			t.Errorf("written is %q, want %q", got, want)
		}
		if !strings.Contains(said.String(), "dropped") || !strings.Contains(said.String(), "count=10") {
			t.Errorf("the log says %q, want that 10 were dropped", said.String())
		}
	})
}

func TestAWriteThatFailsIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said notebook
		d := &disk{fails: 3, part: 2}
		l := &audit.Log{To: d, Errors: slog.New(slog.NewTextHandler(&said, nil))}
		stop := run(l)
		l.Add([]byte("a"))
		l.Add([]byte("b"))
		synctest.Wait()
		for i := range 10 {
			l.Add(fmt.Append(nil, i))
		}
		<-time.After(time.Minute)
		if got, want := d.text(), "a\nb\n0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"; got != want {
			t.Errorf("written is %q, want %q", got, want)
		}
		stop()
		if got := strings.Count(said.String(), "no space left"); got != 3 {
			t.Errorf("the log has %d lines about it, want 3: %s", got, said.String())
		}
	})
}

func TestTheEndDoesNotWaitForADiskThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said notebook
		d := &disk{fails: 1 << 30}
		l := &audit.Log{To: d, Errors: slog.New(slog.NewTextHandler(&said, nil))}
		stop := run(l)
		l.Add([]byte("a"))
		synctest.Wait()
		l.Add([]byte("b"))
		start := time.Now()
		stop()
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
		if got := strings.Count(said.String(), "count=1"); got != 2 {
			t.Errorf("the log says %s, want that both were lost", said.String())
		}
		l.Add([]byte("late")) // harmless
	})
}

func TestAddFromMany(t *testing.T) {
	d := &disk{}
	l := &audit.Log{To: d, Errors: slog.New(slog.DiscardHandler)}
	stop := run(l)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 500 {
				l.Add(fmt.Appendf(nil, "%d-%d", i, j))
			}
		})
	}
	all.Wait()
	stop()
	got := strings.Fields(d.text())
	seen := make(map[string]bool)
	for _, r := range got {
		seen[r] = true
	}
	if len(got) != 4000 || len(seen) != 4000 {
		t.Errorf("%d records, %d different, want 4000", len(got), len(seen))
	}
}

func BenchmarkAdd(b *testing.B) {
	l := &audit.Log{To: io.Discard, Errors: slog.New(slog.DiscardHandler)}
	stop := run(l)
	defer stop()
	record := bytes.Repeat([]byte("x"), 1000)
	b.ReportAllocs()
	for b.Loop() {
		l.Add(record)
	}
}

package event

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"openivs/internal/ivs"
)

// Reader is where events are read.
type Reader interface {
	// EventsWritten is closed when events are next written.
	EventsWritten() <-chan struct{}

	// EventsAfter returns at most limit events that come after a position.
	EventsAfter(ctx context.Context, position int64, limit int) ([]ivs.Event, error)
}

// Store is the outbox.
type Store interface {
	Reader

	// SetSinks makes the sinks of these names all there are, and returns up to
	// which position each has everything.
	SetSinks(ctx context.Context, names []string) (map[string]int64, error)

	// MoveSink notes up to which position a sink has everything.
	MoveSink(ctx context.Context, name string, position int64) error

	// BuryEvent keeps an event that a sink would not take.
	BuryEvent(ctx context.Context, l ivs.DeadLetter) error
}

// A Sink takes messages. Its methods may be called from several goroutines if
// its Route says so.
type Sink interface {
	// Send hands messages over, those of a channel in their order. It returns
	// nil if all were taken for good, else an error or nil for each. An error may
	// wrap a *RefusedError. Of a channel, no message is taken after one that is not.
	Send(ctx context.Context, messages []Message) []error

	// Close lets go of what the sink holds. No Send follows.
	Close() error
}

// A RefusedError is an error that says what to do about it.
type RefusedError struct {
	Err   error
	Final bool          // trying again is of no use
	After time.Duration // do not come again before; 0: nothing is said
}

// Error says why.
func (r *RefusedError) Error() string { return r.Err.Error() }

// Unwrap returns what went wrong.
func (r *RefusedError) Unwrap() error { return r.Err }

// A Route is a sink and how it is served. Set the fields before the Dispatcher
// runs and leave them alone afterwards.
type Route struct {
	Name   string // required; the cursor is kept under it
	Kind   string // for people: webhook, file, …
	Sink   Sink   // required
	Filter Filter

	Batch    int           // messages of one Send; 0: 1
	Apart    bool          // a Send has at most one message of a channel, so that they may fail one by one
	Parallel int           // Sends at a time, each for other channels; 0: 1
	Timeout  time.Duration // of one Send; 0: 30 s
	GiveUp   time.Duration // how long a message is tried before it is a dead letter; 0: 24 h
}

func (r *Route) batch() int             { return max(r.Batch, 1) }
func (r *Route) parallel() int          { return max(r.Parallel, 1) }
func (r *Route) timeout() time.Duration { return cmp.Or(r.Timeout, 30*time.Second) }
func (r *Route) giveUp() time.Duration  { return cmp.Or(r.GiveUp, 24*time.Hour) }

// A Dispatcher carries every event to every sink that wants it, at least once and
// in the order of its channel. Sinks do not wait for each other; each has a
// cursor of its own in the store, which moves when all before it is delivered.
//
// Set the fields before Run and leave them alone afterwards.
type Dispatcher struct {
	Store  Store
	Routes []Route
	Log    *slog.Logger
	Grace  time.Duration // how long Run tries to deliver what is left after its context ended; 0: 3 s

	// NotBefore says when an event of a channel may be sent that happened at a
	// time. nil: at once.
	NotBefore func(channel string, at time.Time) time.Time

	once    sync.Once
	runners []*runner
}

func (d *Dispatcher) grace() time.Duration { return cmp.Or(d.Grace, 3*time.Second) }

func (d *Dispatcher) build() {
	d.once.Do(func() {
		for i := range d.Routes {
			d.runners = append(d.runners, newRunner(d, &d.Routes[i]))
		}
	})
}

const (
	setupPause = time.Second     // before the store is asked again what there was
	storeWait  = 5 * time.Second // for one call of the store
)

// Run delivers until ctx ends, then tries once more what is left, and returns
// when nothing of it runs. What is undelivered stays in the store.
func (d *Dispatcher) Run(ctx context.Context) error {
	d.build()
	defer d.close()
	names := make([]string, len(d.Routes))
	for i, r := range d.Routes {
		names[i] = r.Name
	}
	cursors, ok := d.setUp(ctx, names)
	if !ok {
		return nil
	}
	var running sync.WaitGroup
	defer running.Wait()
	for _, r := range d.runners {
		running.Go(func() { r.run(ctx, cursors[r.route.Name]) })
	}
	return nil
}

// setUp reads the cursors, as soon as the store answers.
func (d *Dispatcher) setUp(ctx context.Context, names []string) (map[string]int64, bool) {
	for {
		tctx, cancel := context.WithTimeout(ctx, storeWait)
		cursors, err := d.Store.SetSinks(tctx, names)
		cancel()
		if err == nil {
			return cursors, true
		}
		if ctx.Err() == nil {
			d.Log.Error("sinks of events are not set up", "err", err)
		}
		again := time.NewTimer(setupPause)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return nil, false
		}
	}
}

func (d *Dispatcher) close() {
	for _, r := range d.Routes {
		if err := r.Sink.Close(); err != nil {
			d.Log.Error("a sink of events does not close", "sink", r.Name, "err", err)
		}
	}
}

// A Status is how a sink is doing.
type Status struct {
	Name      string
	Kind      string
	Cursor    int64     // it has everything up to this position
	Oldest    time.Time // of what it lacks; zero: nothing
	Delivered int64     // messages since the start
	Retried   int64     // Sends that failed, for each message
	Dead      int64     // messages given up since the start
	Trouble   string    // why the newest Send failed; "": it did not
	TroubleAt time.Time // when
}

// Statuses returns how each sink is doing, in the order of Routes.
func (d *Dispatcher) Statuses() []Status {
	d.build()
	out := make([]Status, len(d.runners))
	for i, r := range d.runners {
		out[i] = r.status()
	}
	return out
}

// Replay sets a sink's cursor back, or forward: what comes after the position is
// delivered, again or for the first time. It is ivs.NotFound if there is no such
// sink.
func (d *Dispatcher) Replay(ctx context.Context, sink string, position int64) error {
	return d.ask(ctx, sink, order{move: true, position: position})
}

// Resend delivers a dead letter again, and says how that went. It is ivs.NotFound
// if there is no such sink.
func (d *Dispatcher) Resend(ctx context.Context, l ivs.DeadLetter) error {
	d.build()
	for _, r := range d.runners {
		if r.route.Name != l.Sink {
			continue
		}
		m, err := revive(l)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, r.route.timeout())
		defer cancel()
		return errors.Join(r.route.Sink.Send(ctx, []Message{m})...)
	}
	return noSink(l.Sink)
}

func (d *Dispatcher) ask(ctx context.Context, sink string, o order) error {
	d.build()
	for _, r := range d.runners {
		if r.route.Name != sink {
			continue
		}
		o.done = make(chan error, 1)
		select {
		case r.orders <- o:
		case <-r.gone:
			return errStopped
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		select {
		case err := <-o.done:
			return err
		case <-r.gone:
			return errStopped
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return noSink(sink)
}

var errStopped = ivs.Errorf(ivs.Unavailable, "the server is stopping")

func noSink(name string) error {
	return ivs.Errorf(ivs.NotFound, "there is no sink %q", name)
}

// revive makes a message of a dead letter.
func revive(l ivs.DeadLetter) (Message, error) {
	m := Message{Position: l.Position, Seq: l.Seq, ID: l.EventID, Channel: l.Channel, Type: l.Type, Body: l.Body}
	var e Envelope
	if err := e.UnmarshalText(l.Body); err != nil {
		return m, fmt.Errorf("read dead letter %s: %w", l.EventID, err)
	}
	m.At, m.Resources, m.Detail = e.Time, e.Resources, e.Detail
	return m, nil
}

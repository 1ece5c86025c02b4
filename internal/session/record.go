package session

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/trace"
)

const (
	// maxPending is how many events of a session wait for a store that is away.
	// When it is full, further health events are not reported; those of the
	// session's states always are.
	maxPending = 256

	firstPause = 100 * time.Millisecond // before the second try of a write
	maxPause   = 5 * time.Second

	causesEvery = 10 * time.Second // causes that are known already are written
)

// A record is a session as it is to be stored, and the events that are not
// stored yet. It belongs to the session's goroutine, which never waits for a
// write while media flows: one at a time runs beside it.
type record struct {
	store Store
	wait  time.Duration // how long one write may take
	log   *slog.Logger

	s        ivs.Session
	pending  []ivs.Event // each with an id already, so that a write may be repeated
	newest   time.Time   // of all events: the next is not earlier
	causesAt time.Time   // when causes were last to be written
	dirty    bool        // s differs from what is stored or being written
	starved  bool        // a Starvation Start was reported, its end was not

	writes  sync.WaitGroup
	wrote   chan error  // how the write that runs went; holds one
	writing int         // of pending, how many it writes; -1: none runs
	sent    ivs.Session // what it writes
	stored  ivs.Session // what the last good one wrote

	trace    *trace.Log // written with the session where it has grown
	traces   int        // how far what is stored of it goes
	tracing  int        // the same of what is being written
	tracedAt time.Time  // when it was last to be written

	away    outage
	pause   time.Duration // before the next try; 0: the last one went well
	retryAt time.Time
}

func newRecord(store Store, wait time.Duration, log *slog.Logger, s ivs.Session) *record {
	return &record{store: store, wait: wait, log: log, s: s, newest: s.Created, wrote: make(chan error, 1), writing: -1}
}

// open stores the session and its Session Created.
func (r *record) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.wait)
	defer cancel()
	ev := ivs.NewEvent(r.s, ivs.StreamStateChange, ivs.SessionCreated, r.s.Created)
	return r.store.OpenSession(ctx, r.s, ev)
}

// note queues an event and returns its time.
func (r *record) note(typ ivs.EventType, name string, at time.Time) time.Time {
	return r.add(ivs.NewEvent(r.s, typ, name, at))
}

// add queues an event and returns its time, which is never before that of the
// event before it.
func (r *record) add(ev ivs.Event) time.Time {
	if ev.At.Before(r.newest) {
		ev.At = r.newest
	}
	r.newest = ev.At
	r.s.HasError = r.s.HasError || ev.Fault()
	r.pending = append(r.pending, ev)
	return ev.At
}

// health queues a health event. An end is queued exactly if its start was.
func (r *record) health(name string, at time.Time) {
	start := name == ivs.StarvationStart
	if start && len(r.pending) >= maxPending || !start && !r.starved {
		return
	}
	r.starved = start
	r.note(ivs.StreamHealthChange, name, at)
}

// breach queues the event about a limit, unless too many events wait.
func (r *record) breach(ev ivs.Event) {
	if len(r.pending) < maxPending {
		r.add(ev)
	}
}

// ingest replaces what is known of the encoder's media; nil changes nothing.
func (r *record) ingest(in *ivs.Ingest) {
	if in == nil || r.s.Ingest != nil && same(*in, *r.s.Ingest) {
		return
	}
	r.s.Ingest = in
	r.dirty = true
}

// diagnosed replaces the causes. They are written at once if there is a new one, else
// now and then.
func (r *record) diagnosed(causes []ivs.Cause) {
	if len(causes) > len(r.s.Causes) || time.Since(r.causesAt) >= causesEvery {
		r.dirty, r.causesAt = true, time.Now()
	}
	r.s.Causes = causes
}

// unsaved reports whether there is something to write.
func (r *record) unsaved() bool { return r.dirty || len(r.pending) > 0 }

// save starts a write if there is something to write, none runs and the pause
// after a failure is over. Its outcome comes from wrote and goes to took.
func (r *record) save(ctx context.Context) {
	if !r.unsaved() || r.writing >= 0 || time.Now().Before(r.retryAt) {
		return
	}
	s, evs := r.s, slices.Clone(r.pending)
	r.sent, r.writing, r.dirty = s, len(evs), false
	s.Trace = r.account()
	r.writes.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, r.wait)
		defer cancel()
		r.wrote <- r.store.SaveSession(ctx, s, evs...)
	})
}

// took notes how a write went.
func (r *record) took(err error) {
	n := r.writing
	r.writing = -1
	if err != nil {
		r.away.begin(r.log, "save session", err)
		r.dirty = true
		r.pause = min(max(2*r.pause, firstPause), maxPause)
		r.retryAt = time.Now().Add(r.pause)
		return
	}
	r.away.over(r.log)
	r.pending = slices.Delete(r.pending, 0, n)
	r.stored = r.sent
	r.traces = r.tracing
	r.pause, r.retryAt = 0, time.Time{}
}

// settle saves until all is stored, the store says that it knows no such
// session, or ctx is over.
func (r *record) settle(ctx context.Context) error {
	for r.unsaved() || r.writing >= 0 {
		if r.save(ctx); r.writing < 0 {
			if !sleep(ctx, time.Until(r.retryAt)) {
				return context.Cause(ctx)
			}
			continue
		}
		err := <-r.wrote // a write ends with ctx
		r.took(err)
		if ivs.CodeOf(err) == ivs.NotFound {
			return nil
		}
	}
	return nil
}

// sleep waits for d and reports whether it did; if not, ctx is over.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// An outage is a time in which the store fails, logged where it begins and
// where it is over.
type outage struct{ on atomic.Bool }

func (o *outage) begin(log *slog.Logger, op string, err error) {
	if !o.on.Swap(true) {
		log.Error("store fails", "op", op, "err", err)
	}
}

func (o *outage) over(log *slog.Logger) {
	if o.on.Load() && o.on.CompareAndSwap(true, false) {
		log.Info("store answers again")
	}
}

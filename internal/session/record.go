package session

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"openivs/internal/ivs"
)

const (
	// maxPending is how many events of a session wait for a store that is away.
	// When it is full, further health events are not reported; those of the
	// session's states always are.
	maxPending = 256

	firstPause = 100 * time.Millisecond // before the second try of a write
	maxPause   = 5 * time.Second
)

// A record is a session as it is to be stored, and the events that are not
// stored yet. It belongs to the session's goroutine.
type record struct {
	store Store
	wait  time.Duration // how long one write may take
	log   *slog.Logger

	s       ivs.Session
	pending []ivs.Event // each with an id already, so that a write may be repeated
	newest  time.Time   // of all events: the next is not earlier
	dirty   bool        // s differs from what is stored
	starved bool        // a Starvation Start was reported, its end was not

	away    outage
	pause   time.Duration // before the next try; 0: the last one went well
	retryAt time.Time
}

// open stores the session and its Session Created.
func (r *record) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.wait)
	defer cancel()
	r.newest = r.s.Created
	ev := ivs.NewEvent(r.s, ivs.StreamStateChange, ivs.SessionCreated, r.s.Created)
	return r.store.OpenSession(ctx, r.s, ev)
}

// note queues an event and returns its time, which is never before that of the
// event before it.
func (r *record) note(typ ivs.EventType, name string, at time.Time) time.Time {
	if at.Before(r.newest) {
		at = r.newest
	}
	r.newest = at
	ev := ivs.NewEvent(r.s, typ, name, at)
	r.s.HasError = r.s.HasError || ev.Fault()
	r.pending = append(r.pending, ev)
	return at
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

// ingest replaces what is known of the encoder's media; nil changes nothing.
func (r *record) ingest(in *ivs.Ingest) {
	if in == nil || r.s.Ingest != nil && same(*in, *r.s.Ingest) {
		return
	}
	r.s.Ingest = in
	r.dirty = true
}

// due reports whether there is something to write and it may be tried now.
func (r *record) due() bool {
	return (r.dirty || len(r.pending) > 0) && (r.pause == 0 || !time.Now().Before(r.retryAt))
}

// save writes the session and its pending events in one transaction.
func (r *record) save(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.wait)
	defer cancel()
	if err := r.store.SaveSession(ctx, r.s, r.pending...); err != nil {
		r.away.begin(r.log, "save session", err)
		r.pause = min(max(2*r.pause, firstPause), maxPause)
		r.retryAt = time.Now().Add(r.pause)
		return err
	}
	r.away.over(r.log)
	r.pending, r.dirty, r.pause = nil, false, 0
	return nil
}

// settle saves until it has succeeded, the store says that it knows no such
// session, or ctx is over.
func (r *record) settle(ctx context.Context) error {
	for {
		err := r.save(ctx)
		if err == nil || ivs.CodeOf(err) == ivs.NotFound {
			return nil
		}
		if !sleep(ctx, r.pause) {
			return err
		}
	}
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

package session

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"openivs/internal/ivs"
)

const (
	sweepEvery = time.Hour
	sweepBatch = 500                    // sessions forgotten in one transaction
	sweepPause = 100 * time.Millisecond // between batches: others want to write too
)

// restarted ends what a server that died left open.
const restarted = "server restarted"

// Run keeps house until ctx ends: once a second it notes when media last
// arrived, once an hour it forgets sessions past their retention.
func (r *Registry) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { r.checkpoints(ctx) })
	wg.Go(func() { r.sweeps(ctx) })
	<-ctx.Done()
	return nil
}

// checkpoints keeps the stored times of the newest media right to about a second.
func (r *Registry) checkpoints(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	var away outage
	stored := make(map[string]time.Time) // by stream id
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		moved := r.moved(stored)
		if len(moved) == 0 {
			continue
		}
		if err := r.checkpoint(ctx, moved); err != nil {
			if ctx.Err() == nil {
				away.begin(r.log(), "checkpoint sessions", err)
			}
			continue
		}
		away.over(r.log())
		maps.Copy(stored, moved)
	}
}

func (r *Registry) checkpoint(ctx context.Context, moved map[string]time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, r.storeWait())
	defer cancel()
	return r.Store.Checkpoint(ctx, moved)
}

// moved returns the sessions that had media since stored was, and drops from
// stored those that are over.
func (r *Registry) moved(stored map[string]time.Time) map[string]time.Time {
	lasts := make(map[string]time.Time)
	r.mu.RLock()
	for _, l := range r.live {
		if at := l.mediaTime(); l.end.Load() == nil && !at.IsZero() {
			lasts[l.id] = at
		}
	}
	r.mu.RUnlock()
	for id := range stored {
		if _, live := lasts[id]; !live {
			delete(stored, id)
		}
	}
	for id, at := range lasts {
		if at.Equal(stored[id]) {
			delete(lasts, id)
		}
	}
	return lasts
}

// sweeps forgets old sessions, a batch at a time.
func (r *Registry) sweeps(ctx context.Context) {
	for {
		if err := r.sweep(ctx); err != nil && ctx.Err() == nil {
			r.log().Error("old sessions are not forgotten", "err", err)
		}
		if !sleep(ctx, sweepEvery) {
			return
		}
	}
}

func (r *Registry) sweep(ctx context.Context) error {
	before := now().Add(-r.retention())
	for {
		tctx, cancel := context.WithTimeout(ctx, r.storeWait())
		n, err := r.Store.ForgetSessions(tctx, before, sweepBatch)
		cancel()
		if err != nil {
			return fmt.Errorf("forget sessions: %w", err)
		}
		if n < sweepBatch || !sleep(ctx, sweepPause) {
			return nil
		}
	}
}

// Recover ends the sessions that a server which died left open, at the time of
// their last media, which is known to two seconds. Where an event came after
// that, as Starvation Start does, the end is not before it: the events of a
// session never go back in time. Recover comes before the first Admit and may be
// repeated: what is stored already is not stored again.
func (r *Registry) Recover(ctx context.Context) error {
	tctx, cancel := context.WithTimeout(ctx, r.storeWait())
	open, err := r.Store.OpenSessions(tctx)
	cancel()
	if err != nil {
		return fmt.Errorf("list open sessions: %w", err)
	}
	for _, s := range open {
		if err := r.conclude(ctx, &s); err != nil {
			return fmt.Errorf("end session %s: %w", s.StreamID, err)
		}
		r.log().Info("session ended", "channel", s.Channel.Channel.ARN.String(), "session", s.StreamID, "reason", s.Reason)
	}
	return nil
}

// conclude ends one session that was left open.
func (r *Registry) conclude(ctx context.Context, s *ivs.Session) error {
	ctx, cancel := context.WithTimeout(ctx, r.storeWait())
	defer cancel()
	stored, err := r.Store.SessionEvents(ctx, s.StreamID, 1)
	if err != nil {
		return err
	}
	var last time.Time
	for _, ev := range stored {
		last = ev.At
	}
	evs := lay(s, last)
	return r.Store.SaveSession(ctx, *s, evs...)
}

// lay ends a session that nobody carries any more, not before its last event,
// and returns the events that are missing. A state is stored with its event, so
// the states tell.
func lay(s *ivs.Session, last time.Time) []ivs.Event {
	var evs []ivs.Event
	if s.IngestEnded.IsZero() {
		s.IngestEnded = newest(s.Created, s.Started, s.LastMedia, last)
		s.Reason = restarted
		evs = append(evs, ivs.NewEvent(*s, ivs.StreamStateChange, ivs.SessionEnded, s.IngestEnded))
	}
	s.Ended = newest(s.IngestEnded, last)
	if !s.Started.IsZero() {
		evs = append(evs, ivs.NewEvent(*s, ivs.StreamStateChange, ivs.StreamEnd, s.Ended))
	}
	return evs
}

func newest(times ...time.Time) time.Time {
	var t time.Time
	for _, v := range times {
		if v.After(t) {
			t = v
		}
	}
	return t
}

// Close refuses new publishers, ends every session with the cause "server is
// stopping" and returns when the last is stored. What is not stored when ctx
// ends is left to Recover, and said in the error.
func (r *Registry) Close(ctx context.Context) error {
	r.mu.Lock()
	r.stopping = true
	var all []*live
	for _, l := range r.live {
		all = append(all, l)
	}
	r.mu.Unlock()
	for _, l := range all {
		l.stop(errServerStopping)
	}
	left := 0
	for _, l := range all {
		select {
		case <-l.over:
		case <-ctx.Done():
			left++
			l.abandon()
		}
	}
	r.sessions.Wait()
	if left > 0 {
		return fmt.Errorf("%d sessions were not ended in time: %w", left, context.Cause(ctx))
	}
	return nil
}

package session

import (
	"context"
	"fmt"
	"slices"

	"openivs/internal/ivs"
)

// A note is an event about a session from outside, which its record takes up.
type note struct {
	ev   ivs.Event
	done chan struct{} // closed when it is stored
}

// Note stores an event about a session, such as one of its recording, with the
// session's state: in the session's own writes while it lives, else in one more.
// It returns when that is done, and may be repeated with the same event. It is
// ivs.NotFound if there is no such session any more.
func (r *Registry) Note(ctx context.Context, ev ivs.Event) error {
	r.mu.RLock()
	l := r.live[ev.Channel]
	r.mu.RUnlock()
	if l != nil && l.id == ev.StreamID {
		n := note{ev: ev, done: make(chan struct{})}
		select {
		case l.notes <- n:
		case <-l.over:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		select {
		case <-n.done:
			return nil
		case <-l.over: // perhaps before it was taken up
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return r.append(ctx, ev)
}

// append stores an event of a session that nobody carries any more. What is
// stored already is not stored again.
func (r *Registry) append(ctx context.Context, ev ivs.Event) error {
	ctx, cancel := context.WithTimeout(ctx, r.storeWait())
	defer cancel()
	s, err := r.Store.Session(ctx, ev.Channel, ev.StreamID)
	if err != nil {
		return fmt.Errorf("note %s of session %s: %w", ev.Name, ev.StreamID, err)
	}
	s.HasError = s.HasError || ev.Fault()
	if err := r.Store.SaveSession(ctx, s, ev); err != nil {
		return fmt.Errorf("note %s of session %s: %w", ev.Name, ev.StreamID, err)
	}
	return nil
}

// take takes a note into the record. A recording begins with the stream, of which
// the session may not have been told yet.
func (l *live) take(n note) {
	select {
	case <-l.pipe.Playable():
		if l.rec.s.Started.IsZero() {
			l.start(now())
		}
	default:
	}
	l.rec.add(n.ev)
	l.trace.Note("event", "%s", n.ev.Name)
	l.noted = append(l.noted, n)
}

// confirm answers the notes that are stored by now.
func (l *live) confirm() {
	l.noted = slices.DeleteFunc(l.noted, func(n note) bool {
		waits := slices.ContainsFunc(l.rec.pending, func(ev ivs.Event) bool { return ev.ID == n.ev.ID })
		if !waits {
			close(n.done)
		}
		return !waits
	})
}

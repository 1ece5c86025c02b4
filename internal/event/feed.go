package event

import (
	"context"
)

// feedBatch is how many events a follower reads at a time.
const feedBatch = 256

// Follow hands every event after a position that the filter wants to emit, in
// the order of commits, and goes on with those that are written meanwhile. It
// returns when ctx ends, with nil, or when reading or emit fails. emit is told
// also of the position up to which nothing more is wanted, with a Message that
// has no Body.
func Follow(ctx context.Context, s Reader, position int64, f Filter, emit func(Message) error) error {
	for {
		written := s.EventsWritten() // before the look, which may miss what comes after it
		evs, err := s.EventsAfter(ctx, position, feedBatch)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was asked to end
		}
		if err != nil {
			return err
		}
		passed := false
		for _, ev := range evs {
			position = ev.Position
			if passed = !f.Wants(ev.Type, ev.Channel.String()); passed {
				continue
			}
			m, err := NewMessage(ev)
			if err != nil {
				return err
			}
			if err := emit(m); err != nil {
				return err
			}
		}
		if passed {
			if err := emit(Message{Position: position}); err != nil {
				return err
			}
		}
		if len(evs) == feedBatch {
			continue
		}
		select {
		case <-written:
		case <-ctx.Done():
			return nil
		}
	}
}

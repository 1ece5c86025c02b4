package app

import (
	"context"

	"openivs/internal/ivs"
	"openivs/internal/session"
	"openivs/internal/store"
	"openivs/internal/trace"
)

// traces are the accounts of sessions: of those that live as they are now, of the
// others as they were stored.
type traces struct {
	live   *session.Registry
	stored *store.DB
}

// Trace returns a session and its account.
func (t traces) Trace(ctx context.Context, streamID string) (ivs.Session, trace.Account, error) {
	now, live := t.live.Trace(streamID)
	s, err := t.stored.Trace(ctx, streamID)
	if err != nil || live {
		return s, now, err
	}
	account, err := trace.Parse(s.Trace)
	return s, account, err
}

package session

import (
	"context"
	"time"

	"openivs/internal/ivs"
)

// Store is where sessions and their events live. A state and the event about it
// are written in one transaction.
type Store interface {
	// Publisher returns the channel that a stream key opens, or ivs.NotFound.
	Publisher(ctx context.Context, key ivs.Secret) (ivs.Channel, error)

	// OpenSession begins a session. It fails with ivs.Conflict if the channel
	// has one that is open, and with ivs.NotFound if the channel is gone.
	OpenSession(ctx context.Context, s ivs.Session, ev ivs.Event) error

	// SaveSession replaces what is stored of a session and appends events, in
	// the order given. Saving a session with Ended set closes it. It fails with
	// ivs.NotFound if there is no such session. It may be repeated where the
	// first call's outcome is unknown: an event whose ID is stored already is
	// not stored again.
	SaveSession(ctx context.Context, s ivs.Session, evs ...ivs.Event) error

	// Checkpoint notes when media last arrived, by stream id, for all live
	// sessions in one write. It leaves sessions alone that have ended.
	Checkpoint(ctx context.Context, lastMedia map[string]time.Time) error

	// OpenSessions returns the sessions without an end.
	OpenSessions(ctx context.Context) ([]ivs.Session, error)

	// Session returns a session of a channel, or ivs.NotFound.
	Session(ctx context.Context, channel ivs.ARN, streamID string) (ivs.Session, error)

	// SessionEvents returns at most limit events of a session, the newest first.
	SessionEvents(ctx context.Context, streamID string, limit int) ([]ivs.Event, error)

	// ForgetSessions deletes at most limit sessions that ended before a time,
	// with their events, and reports how many.
	ForgetSessions(ctx context.Context, endedBefore time.Time, limit int) (int, error)
}

package recent

import (
	"context"
	"hash/maphash"
	"time"

	"openivs/internal/control"
	"openivs/internal/ivs"
)

const (
	// shards is how many tables sessions are spread over, and their events too.
	// A change of one session makes the others of its shard be read again.
	shards = 64
	// maxShardSessions is how many sessions a shard remembers.
	maxShardSessions = 64
	// maxShardEvents is how many events it remembers.
	maxShardEvents = 2048
)

// A SessionDatabase is where sessions and their events are.
type SessionDatabase interface {
	control.SessionStore
	Publisher(ctx context.Context, key ivs.Secret) (ivs.Channel, error)
	OpenSession(ctx context.Context, s ivs.Session, ev ivs.Event) error
	SaveSession(ctx context.Context, s ivs.Session, evs ...ivs.Event) error
	Checkpoint(ctx context.Context, lastMedia map[string]time.Time) error
	OpenSessions(ctx context.Context) ([]ivs.Session, error)
	ForgetSessions(ctx context.Context, endedBefore time.Time, limit int) (int, error)
}

// A History remembers what was read of sessions. Everything that changes sessions
// goes through it, by methods of its own. Only when media last arrived, which is
// noted every second, is not kept up to date: nobody is told.
type History struct {
	db       SessionDatabase
	seed     maphash.Seed
	sessions [shards]table[sessionKey, ivs.Session] // by channel
	events   [shards]table[eventsKey, []ivs.Event]  // by stream id
}

// A sessionKey names a session: the newest of its channel if there is no id.
type sessionKey struct {
	channel  ivs.ARN
	streamID string
}

// An eventsKey names the newest events of a session.
type eventsKey struct {
	streamID string
	limit    int
}

var _ control.SessionStore = (*History)(nil)

// NewHistory returns a history of the sessions in a database.
func NewHistory(db SessionDatabase) *History {
	h := &History{db: db, seed: maphash.MakeSeed()}
	for i := range shards {
		h.sessions[i].most = maxShardSessions
		h.events[i].most = maxShardEvents
		h.events[i].weigh = func(evs []ivs.Event) int { return 1 + len(evs) }
	}
	return h
}

func (h *History) ofChannel(arn ivs.ARN) *table[sessionKey, ivs.Session] {
	return &h.sessions[maphash.Comparable(h.seed, arn)%shards]
}

func (h *History) ofStream(id string) *table[eventsKey, []ivs.Event] {
	return &h.events[maphash.String(h.seed, id)%shards]
}

// Session returns a session of a channel; an empty streamID means the newest.
// The caller must not change what it refers to.
func (h *History) Session(ctx context.Context, channel ivs.ARN, streamID string) (ivs.Session, error) {
	return h.ofChannel(channel).get(ctx, sessionKey{channel, streamID}, func(ctx context.Context, k sessionKey) (ivs.Session, error) {
		return h.db.Session(ctx, k.channel, k.streamID)
	})
}

// SessionEvents returns at most limit events of a session, the newest first. The
// caller must not change them.
func (h *History) SessionEvents(ctx context.Context, streamID string, limit int) ([]ivs.Event, error) {
	return h.ofStream(streamID).get(ctx, eventsKey{streamID, limit}, func(ctx context.Context, k eventsKey) ([]ivs.Event, error) {
		return h.db.SessionEvents(ctx, k.streamID, k.limit)
	})
}

// Sessions lists the sessions of a channel, the newest first.
func (h *History) Sessions(ctx context.Context, channel ivs.ARN, after int64, limit int) (ivs.Page[ivs.SessionSummary], error) {
	return h.db.Sessions(ctx, channel, after, limit)
}

// InsertAdBreak stores a break and the event about it.
func (h *History) InsertAdBreak(ctx context.Context, b ivs.AdBreak, ev ivs.Event) (err error) {
	defer h.change(ev.Channel, ev.StreamID)(&err)
	return h.db.InsertAdBreak(ctx, b, ev)
}

// OpenSession begins a session, which is then the newest of its channel.
func (h *History) OpenSession(ctx context.Context, v ivs.Session, ev ivs.Event) (err error) {
	defer h.change(v.Channel.Channel.ARN, v.StreamID)(&err)
	return h.db.OpenSession(ctx, v, ev)
}

// SaveSession replaces what is stored of a session and appends events.
func (h *History) SaveSession(ctx context.Context, v ivs.Session, evs ...ivs.Event) (err error) {
	defer h.change(v.Channel.Channel.ARN, v.StreamID)(&err)
	return h.db.SaveSession(ctx, v, evs...)
}

// ForgetSessions deletes sessions that ended before a time.
func (h *History) ForgetSessions(ctx context.Context, endedBefore time.Time, limit int) (n int, err error) {
	for i := range shards {
		defer h.sessions[i].change()(&err)
		defer h.events[i].change()(&err)
	}
	return h.db.ForgetSessions(ctx, endedBefore, limit)
}

// Publisher returns the channel that a stream key opens.
func (h *History) Publisher(ctx context.Context, key ivs.Secret) (ivs.Channel, error) {
	return h.db.Publisher(ctx, key)
}

// Checkpoint notes when media last arrived.
func (h *History) Checkpoint(ctx context.Context, lastMedia map[string]time.Time) error {
	return h.db.Checkpoint(ctx, lastMedia)
}

// OpenSessions returns the sessions without an end.
func (h *History) OpenSessions(ctx context.Context) ([]ivs.Session, error) {
	return h.db.OpenSessions(ctx)
}

// deleteChannel begins to delete a channel, after which its sessions are not
// found, and returns what ends that.
func (h *History) deleteChannel(arn ivs.ARN) (end func(err *error)) { return h.ofChannel(arn).change() }

// change begins a change of a session and returns what ends it.
func (h *History) change(channel ivs.ARN, streamID string) (end func(err *error)) {
	session, events := h.ofChannel(channel).change(), h.ofStream(streamID).change()
	return func(err *error) {
		session(err)
		events(err)
	}
}

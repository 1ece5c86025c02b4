package control

import (
	"context"

	"openivs/internal/ivs"
)

// Store is what the operations ask of the database, one interface a resource.
// A missing resource is ivs.NotFound. Lists are in order of creation, or newest
// first where said; after is 0 for the first page, else the Next of the page before.
type Store interface {
	ChannelStore
	StreamKeyStore
	SessionStore
	TagStore
	ViewerStore
}

// Resources is what the operations ask of a table of resources.
type Resources[T any] interface {
	// Create fails with ivs.QuotaExceeded if there are limit resources already,
	// and with ivs.Conflict if this one may be there only once and is.
	Create(ctx context.Context, v T, limit int) error
	Get(ctx context.Context, arn ivs.ARN) (T, error)
	List(ctx context.Context, after int64, limit int) (ivs.Page[T], error)
	// Update reads, changes and writes in one transaction. An error of change is
	// returned and nothing is written.
	Update(ctx context.Context, arn ivs.ARN, change func(*T) error) (T, error)
	// Delete deletes if allow lets it. used says whether a channel points here.
	Delete(ctx context.Context, arn ivs.ARN, allow func(used bool) error) error
}

// ChannelStore keeps channels.
type ChannelStore interface {
	// CreateChannel stores a channel and its first stream key. It fails with
	// ivs.QuotaExceeded if there are limit channels already, and with
	// ivs.NotFound if something that the channel points to does not exist.
	CreateChannel(ctx context.Context, c ivs.Channel, k ivs.StreamKey, limit int) error
	Channel(ctx context.Context, arn ivs.ARN) (ivs.Channel, error)
	// ChannelsByARN returns those that exist, in any order.
	ChannelsByARN(ctx context.Context, arns []ivs.ARN) ([]ivs.Channel, error)
	// Channels leaves passphrases out.
	Channels(ctx context.Context, f ivs.ChannelFilter, after int64, limit int) (ivs.Page[ivs.Channel], error)
	// UpdateChannel reads, changes and writes in one transaction. live says
	// whether the channel has an open session; an error of change is returned
	// and nothing is written. ivs.NotFound is also about what the channel is to
	// point to.
	UpdateChannel(ctx context.Context, arn ivs.ARN, change func(c *ivs.Channel, live bool) error) (ivs.Channel, error)
	// DeleteChannel deletes a channel and its stream keys, if allow lets it.
	// Sessions and their events stay until their retention is over.
	DeleteChannel(ctx context.Context, arn ivs.ARN, allow func(live bool) error) error
}

// StreamKeyStore keeps stream keys.
type StreamKeyStore interface {
	// CreateStreamKey fails with ivs.NotFound if the channel is gone and with
	// ivs.QuotaExceeded if the channel has limit keys already.
	CreateStreamKey(ctx context.Context, k ivs.StreamKey, limit int) error
	StreamKey(ctx context.Context, arn ivs.ARN) (ivs.StreamKey, error)
	StreamKeysByARN(ctx context.Context, arns []ivs.ARN) ([]ivs.StreamKey, error)
	// StreamKeys leaves values out.
	StreamKeys(ctx context.Context, channel ivs.ARN, after int64, limit int) (ivs.Page[ivs.StreamKey], error)
	DeleteStreamKey(ctx context.Context, arn ivs.ARN) error
}

// SessionStore reads what sessions were.
type SessionStore interface {
	// Session returns a session of a channel; an empty streamID means the newest.
	// Those of a deleted channel are not found, though they are kept.
	Session(ctx context.Context, channel ivs.ARN, streamID string) (ivs.Session, error)
	// SessionEvents returns at most limit events of a session, the newest first.
	SessionEvents(ctx context.Context, streamID string, limit int) ([]ivs.Event, error)
	// Sessions lists the sessions of a channel, the newest first.
	Sessions(ctx context.Context, channel ivs.ARN, after int64, limit int) (ivs.Page[ivs.SessionSummary], error)
	// InsertAdBreak stores a break and the event about it. It fails with
	// ivs.NotLive if the stream is over and with ivs.Conflict if the stream has
	// a break under way.
	InsertAdBreak(ctx context.Context, b ivs.AdBreak, ev ivs.Event) error
}

// TagStore keeps tags, whatever they are on.
type TagStore interface {
	// Tags are the caller's own.
	Tags(ctx context.Context, arn ivs.ARN) (ivs.Tags, error)
	// UpdateTags reads, changes and writes in one transaction.
	UpdateTags(ctx context.Context, arn ivs.ARN, change func(t ivs.Tags) error) error
}

// ViewerStore keeps what is about single viewers.
type ViewerStore interface {
	// Revoke notes that a viewer's sessions are over; a version once noted
	// never goes back.
	Revoke(ctx context.Context, v ivs.Revocation) error
}

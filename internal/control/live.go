package control

import (
	"context"

	"openivs/internal/ivs"
)

// Audience knows how many watch.
type Audience interface {
	// Viewers returns how many watch a channel now, right to a few seconds.
	Viewers(channel ivs.ARN) int
}

// Live is what the operations ask of the sessions that run now.
type Live interface {
	// Stop ends a channel's stream as StopStream does, and returns when the
	// encoder has been told. ivs.NotLive if there is none.
	Stop(ctx context.Context, channel ivs.ARN) error
	// Stream returns what is live on a channel, from Stream Start to Stream End.
	Stream(channel ivs.ARN) (ivs.Stream, bool)
	// Streams returns all that is live, the newest first.
	Streams() []ivs.Stream
	// PutMetadata puts a payload into a channel's stream where its media is now.
	// ivs.NotLive if there is none.
	PutMetadata(ctx context.Context, channel ivs.ARN, payload ivs.Secret) error
	// PutAdBreak has a channel's stream show where an ad break begins, when its
	// media is there. ivs.NotLive if the break's stream is over.
	PutAdBreak(channel ivs.ARN, b ivs.AdBreak) error
}

// Package ingest is what every door into the service agrees on: how a publisher
// asks to come in, and what it is handed when it may.
//
// The doors themselves are its sub-packages; who may come in is decided by
// whoever implements Gate (package session).
package ingest

import (
	"context"
	"net/url"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/trace"
)

// A Request is a publisher asking to come in.
type Request struct {
	Protocol string     // rtmp, rtmps, srt
	Secure   bool       // the way in was encrypted
	Key      ivs.Secret // the stream key, without the query that may follow it
	Query    url.Values // what followed the key, unknown arguments included
	Remote   string     // address and port of the peer

	// Trace is the account of the connection, which joins that of the session. nil:
	// none is kept.
	Trace *trace.Peer

	// Unlock tries the channel's passphrase on what the peer has encrypted with
	// it. nil: the way in knows no passphrase, or the peer has encrypted nothing.
	Unlock func(passphrase ivs.Secret) error
}

// A Gate decides who may publish. An error that has an ivs.Code carries a
// message for the streamer; any other is ours and is answered as "try again".
//
//   - ivs.NotFound: no such stream key
//   - ivs.Denied: the channel does not take this protocol without encryption, or
//     not with it, or Unlock failed
//   - ivs.Conflict: somebody is publishing to the channel
//   - ivs.Unavailable: the server is stopping, or its database is away
type Gate interface {
	Admit(ctx context.Context, r Request) (Publication, error)
}

// A Link is how the network between a publisher and the server does. Packets are
// counted from the beginning of the connection.
type Link struct {
	RTT           time.Duration // smoothed round trip
	Received      int64         // packets, repeated ones included
	Lost          int64         // that were missing when the next came
	Retransmitted int64         // that came as a repetition
	Dropped       int64         // that came too late, or twice
}

// A Publication is the way in of one admitted publisher. Declare, SetTracks,
// WriteUnit and End are called from one goroutine at a time; none of them waits
// for disk, database or viewer.
type Publication interface {
	// Takes reports whether video or audio of a codec is carried at all. H.264 and
	// AAC are.
	Takes(c media.Codec) bool

	// Declare notes what the encoder says of itself. It may come before, after
	// or between media, and often more than once.
	Declare(d Declaration)

	// SetTracks notes the tracks that are known now, in track id order, video
	// before audio. It is called whenever one is added or changes.
	SetTracks(tracks []*media.Track)

	// WriteUnit takes an access unit. After an error the publication is over:
	// the door tells the peer what the error says and calls End with it.
	WriteUnit(u media.Unit) error

	// SetLink notes how the network to the peer does, about once a second, where
	// that is known. It may be called beside all others.
	SetLink(l Link)

	// Done is closed when the server wants the publisher gone. Cause then says
	// why, with a message for the streamer.
	Done() <-chan struct{}
	Cause() error

	// End is called exactly once, last. A nil cause is the encoder's own wish
	// (FCUnpublish, deleteStream, end of file).
	End(cause error)
}

// A Declaration is what an encoder says of itself: onMetaData of FLV and RTMP.
// Zero members were not said.
type Declaration struct {
	Encoder       string  // valid UTF-8 without NUL, at most 256 bytes
	VideoBitrate  int64   // bits per second
	AudioBitrate  int64   // bits per second
	Framerate     float64 // frames per second
	Width, Height int     // pixels
	SampleRate    int     // Hz
	Channels      int
}

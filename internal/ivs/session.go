package ivs

import (
	"encoding/json"
	"strings"
	"time"
)

// A Session is one stay of an encoder on a channel, from the accepted stream
// key to the last segment. Times are UTC; a zero time has not happened yet.
type Session struct {
	StreamID  string // "st-1" and 22 characters of base62
	Channel   Snapshot
	Recording json.RawMessage // the recording configuration at the start; nil: none
	Protocol  string          // rtmp, rtmps, srt: how the encoder came in
	Tracks    []GrantedTrack  // what the encoder was told to send; nil: one picture, as it likes; not stored
	KeyEvery  time.Duration   // how far apart keyframes are at most, as the encoder's address says; 0: it does not; not stored

	Created     time.Time // Session Created: the key was accepted
	Started     time.Time // Stream Start: the first segment could be watched
	LastMedia   time.Time // when the last media arrived, right to about a second while live
	IngestEnded time.Time // Session Ended: the encoder was gone
	Ended       time.Time // Stream End, or Session Ended if the stream never started

	Ingest   *Ingest // nil until the media headers are in
	HasError bool    // a limit breach, a failure or an end with a code was recorded
	Reason   string  // why it ended, for the operator; never in an API answer
	Causes   []Cause // what viewers may have noticed, and why; never in an answer of Amazon's API
	Trace    string  // what encoder and server said and decided, as package trace writes it; "": as it was; only read by itself
}

const streamIDTail = 22 // characters after "st-1"

// NewStreamID returns the id of a new session.
func NewStreamID() string { return "st-1" + RandomID(streamIDTail) }

// IsStreamID reports whether s has the form of a session's id.
func IsStreamID(s string) bool {
	tail, ok := strings.CutPrefix(s, "st-1")
	return ok && len(tail) == streamIDTail && strings.Trim(tail, base62) == ""
}

// StartTime is Stream Start's time, and Session Created's until that has happened.
func (s Session) StartTime() time.Time {
	if s.Started.IsZero() {
		return s.Created
	}
	return s.Started
}

// A SessionSummary is what a list of sessions says of each.
type SessionSummary struct {
	StreamID string
	Start    time.Time // as Session.StartTime
	Ended    time.Time // zero while live
	HasError bool
}

// Ingest is what the encoder sends, from its own declaration and from the
// bitstream (API: IngestConfigurations). Track order is track id order.
type Ingest struct {
	Video []VideoIngest `json:"video"`
	Audio []AudioIngest `json:"audio"`
}

// VideoIngest describes a video track (API: VideoConfiguration).
type VideoIngest struct {
	Codec           string `json:"codec"`           // RFC 6381, such as avc1.64001F
	Profile         string `json:"profile"`         // Baseline, Main, High
	Level           string `json:"level"`           // such as 4.2
	Encoder         string `json:"encoder"`         // as the encoder calls itself, or ""
	TargetBitrate   int64  `json:"targetBitrate"`   // bits per second, as declared
	TargetFramerate int    `json:"targetFramerate"` // frames per second, as declared
	Width           int    `json:"width"`           // pixels
	Height          int    `json:"height"`          // pixels
	Track           string `json:"track"`           // Track0, Track1, …
}

// AudioIngest describes an audio track (API: AudioConfiguration).
type AudioIngest struct {
	Codec         string `json:"codec"`         // such as mp4a.40.2
	TargetBitrate int64  `json:"targetBitrate"` // bits per second, as declared
	SampleRate    int    `json:"sampleRate"`    // Hz
	Channels      int    `json:"channels"`
	Track         string `json:"track"` // Track0, Track1, …
}

// Health says whether a live stream's media arrives (API: StreamHealth).
type Health string

// The healths.
const (
	Healthy       Health = "HEALTHY"
	Starving      Health = "STARVING"
	HealthUnknown Health = "UNKNOWN"
)

// A Stream is a session that can be watched now.
type Stream struct {
	Channel     ARN
	StreamID    string
	PlaybackURL string
	Start       time.Time // equal to the session's StartTime
	Health      Health
}

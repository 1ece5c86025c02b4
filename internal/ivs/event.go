package ivs

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// An EventType is the detail-type of an event (Amazon IVS with EventBridge).
type EventType string

// The event types.
const (
	StreamStateChange    EventType = "IVS Stream State Change"
	StreamHealthChange   EventType = "IVS Stream Health Change"
	LimitBreach          EventType = "IVS Limit Breach"
	RecordingStateChange EventType = "IVS Recording State Change"
	AdBreakStateChange   EventType = "IVS Ad Break State Change"
)

// The names of the events of a session.
const (
	SessionCreated  = "Session Created"
	StreamStart     = "Stream Start"
	SessionEnded    = "Session Ended"
	StreamEnd       = "Stream End"
	StreamFailure   = "Stream Failure"
	Takeover        = "Stream Takeover"
	TakeoverFailure = "Stream Takeover Failure"
	StarvationStart = "Starvation Start"
	StarvationEnd   = "Starvation End"
)

// The codes of a Stream Takeover Failure.
const (
	TakeoverMediaMismatch   = "StreamTakeoverMediaMismatch"
	TakeoverInvalidPriority = "StreamTakeoverInvalidPriority"
	TakeoverLimitBreached   = "StreamTakeoverLimitBreached"
)

// An Event is something that happened to a session. It is written in the
// transaction of the state it describes and delivered later.
type Event struct {
	ID          string // UUID
	Seq         int64  // place among the channel's events; the store sets it
	Position    int64  // place among all events, where the store says so
	Channel     ARN
	ChannelName string
	StreamID    string
	Type        EventType
	Name        string
	Code        string          // "" for none
	Detail      json.RawMessage // members of detail beyond the common ones, or nil
	At          time.Time
}

// MaxSessionEvents is how many events a session answers, the newest ones.
const MaxSessionEvents = 500

// Fault reports whether an event makes its session count as one with an error.
func (e Event) Fault() bool {
	return e.Type == LimitBreach ||
		strings.Contains(e.Name, "Failure") ||
		e.Name == SessionEnded && e.Code != ""
}

// NewEvent describes something that happened to s at a time.
func NewEvent(s Session, typ EventType, name string, at time.Time) Event {
	return Event{
		ID:          uuid.NewString(),
		Channel:     s.Channel.Channel.ARN,
		ChannelName: s.Channel.Channel.Name,
		StreamID:    s.StreamID,
		Type:        typ,
		Name:        name,
		At:          at,
	}
}

// NewFailure describes why s could not be processed.
func NewFailure(s Session, reason string, at time.Time) (Event, error) {
	ev := NewEvent(s, StreamStateChange, StreamFailure, at)
	var err error
	ev.Detail, err = json.Marshal(struct {
		Reason string `json:"reason"`
	}{reason})
	if err != nil {
		return ev, fmt.Errorf("describe stream failure: %w", err)
	}
	return ev, nil
}

// The names of the events about limits.
const (
	IngestBitrate        = "Ingest Bitrate"        // more bits than the channel type takes
	IngestResolution     = "Ingest Resolution"     // more pixels
	ConcurrentBroadcasts = "Concurrent Broadcasts" // a stream too many
	ConcurrentViewers    = "Concurrent Viewers"    // a viewer too many
)

// NewBreach describes a limit that s went beyond: what was seen is above what
// is allowed by exceeded. The limit has two names on the wire, for readers of
// the documentation and readers of the event schema differ.
func NewBreach(s Session, limit string, allowed, exceeded int64, unit string, at time.Time) (Event, error) {
	ev := NewEvent(s, LimitBreach, limit, at)
	var err error
	ev.Detail, err = json.Marshal(struct {
		LimitName string `json:"limit_name"`
		Limit     string `json:"limit"`
		Allowed   int64  `json:"limit_value"`
		Exceeded  int64  `json:"exceeded_by"`
		Unit      string `json:"limit_unit"`
	}{limit, limit, allowed, exceeded, unit})
	if err != nil {
		return ev, fmt.Errorf("describe limit breach: %w", err)
	}
	return ev, nil
}

// AccountWide reports whether an event is about the account rather than about
// the session that it is stored with.
func (e Event) AccountWide() bool {
	return e.Type == LimitBreach && (e.Name == ConcurrentBroadcasts || e.Name == ConcurrentViewers)
}

// A DeadLetter is an event that a sink did not take.
type DeadLetter struct {
	Sink     string
	Position int64 // of the event
	Seq      int64 // of the event
	EventID  string
	Channel  string // ARN
	Type     EventType
	Body     []byte // what was sent
	Reason   string // why it was not taken
	Tries    int
	At       time.Time // when it was given up
}

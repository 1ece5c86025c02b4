// Package inject makes things go wrong on purpose, so that the developers of an
// application see what it does about them.
//
// It decides what happens and keeps late events; what it does to a stream is done
// by whoever has the stream.
package inject

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"openivs/internal/ivs"
)

// A Kind is something that can go wrong.
type Kind string

// The kinds.
const (
	Starvation       Kind = "starvation"        // what the encoder sends is lost for a while
	Disconnect       Kind = "disconnect"        // the encoder's connection is cut
	LimitBreach      Kind = "limit-breach"      // the stream goes beyond a limit
	RecordingFailure Kind = "recording-failure" // the recording of the stream fails
	EventDelay       Kind = "event-delay"       // events reach their sinks late
)

const (
	defaultFor = 15 * time.Second
	leastFor   = time.Second
	mostFor    = time.Hour
	maxDelays  = 1000 // channels whose events are late at a time
)

// recordingReason is why a recording fails, as events say it: they do not tell it from another.
const recordingReason = "InternalServerException: the recording failed"

// A Fault is one thing that is to go wrong.
type Fault struct {
	Kind  Kind
	For   time.Duration // of Starvation and EventDelay; 0: 15 s
	Limit string        // of LimitBreach, such as ingest-bitrate; "": that
}

// Sessions is where streams are. Its methods are ivs.NotLive where a channel has
// none.
type Sessions interface {
	// Starve drops what comes of a channel's encoder for a while.
	Starve(channel ivs.ARN, d time.Duration) error

	// Disconnect cuts the encoder's connection.
	Disconnect(channel ivs.ARN) error

	// Breach has a session go beyond a limit.
	Breach(ctx context.Context, channel ivs.ARN, limit ivs.LimitError) error
}

// Recordings is where recordings are.
type Recordings interface {
	// Fail has the recording of a channel's stream fail, and reports whether there
	// is one.
	Fail(channel ivs.ARN, reason string) bool
}

// An Injector injects faults. Set the fields before the first use and leave them
// alone afterwards.
type Injector struct {
	Sessions   Sessions     // required
	Recordings Recordings   // required
	Streams    int64        // how many may be live at a time
	Viewers    int64        // how many may watch at a time
	Log        *slog.Logger // required

	mu   sync.Mutex
	late map[string]delay // by ARN of the channel
}

// A delay is how late the events of a channel are that happen until a time.
type delay struct {
	by    time.Duration
	until time.Time
}

// Inject makes something go wrong with a channel.
func (i *Injector) Inject(ctx context.Context, channel ivs.ARN, f Fault) error {
	if f.For == 0 {
		f.For = defaultFor
	}
	if f.For < leastFor || f.For > mostFor {
		return ivs.Errorf(ivs.Invalid, "it is to last %v, want %v to %v", f.For, leastFor, mostFor)
	}
	if f.Limit != "" && f.Kind != LimitBreach {
		return ivs.Errorf(ivs.Invalid, "a limit goes with %s only", LimitBreach)
	}
	switch f.Kind {
	case Starvation:
		return i.Sessions.Starve(channel, f.For)
	case Disconnect:
		return i.Sessions.Disconnect(channel)
	case LimitBreach:
		limit, err := i.limit(f.Limit)
		if err != nil {
			return err
		}
		return i.Sessions.Breach(ctx, channel, limit)
	case RecordingFailure:
		if !i.Recordings.Fail(channel, recordingReason) {
			return ivs.Errorf(ivs.NotLive, "no stream of channel %s is recorded", channel)
		}
		i.Log.Warn("a fault is injected", "channel", channel.String(), "fault", string(f.Kind))
		return nil
	case EventDelay:
		return i.delay(channel, f.For, time.Now())
	default:
		return ivs.Errorf(ivs.Invalid, "%q is nothing that can go wrong: want %s, %s, %s, %s or %s", string(f.Kind[:min(len(f.Kind), 40)]),
			Starvation, Disconnect, LimitBreach, RecordingFailure, EventDelay)
	}
}

// limit returns a limit by the name that people type, gone beyond by a tenth or by
// one.
func (i *Injector) limit(name string) (ivs.LimitError, error) {
	switch name {
	case "", "ingest-bitrate":
		return ivs.LimitError{Limit: ivs.IngestBitrate, Allowed: 8_500_000, Exceeded: 850_000, Unit: "bits per second"}, nil
	case "ingest-resolution":
		return ivs.LimitError{Limit: ivs.IngestResolution, Allowed: 2_100_000, Exceeded: 210_000, Unit: "total pixels"}, nil
	case "concurrent-broadcasts":
		return ivs.LimitError{Limit: ivs.ConcurrentBroadcasts, Allowed: i.Streams, Exceeded: 1, Unit: "active streams"}, nil
	case "concurrent-viewers":
		return ivs.LimitError{Limit: ivs.ConcurrentViewers, Allowed: i.Viewers, Exceeded: 1, Unit: "viewers"}, nil
	default:
		return ivs.LimitError{}, ivs.Errorf(ivs.Invalid,
			"%q is no limit: want ingest-bitrate, ingest-resolution, concurrent-broadcasts or concurrent-viewers", name[:min(len(name), 40)])
	}
}

// delay has the events of a channel come late that happen for as long from now.
func (i *Injector) delay(channel ivs.ARN, by time.Duration, now time.Time) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	for of, d := range i.late {
		if now.After(d.until.Add(d.by)) {
			delete(i.late, of)
		}
	}
	if len(i.late) >= maxDelays {
		return ivs.Errorf(ivs.Unavailable, "the events of %d channels are late, and no more are allowed: wait a while", maxDelays)
	}
	if i.late == nil {
		i.late = make(map[string]delay)
	}
	i.late[channel.String()] = delay{by, now.Add(by)}
	i.Log.Warn("a fault is injected", "channel", channel.String(), "fault", string(EventDelay), "pause", by)
	return nil
}

// NotBefore returns when an event that happened at a time may reach the sinks.
func (i *Injector) NotBefore(channel string, at time.Time) time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	d, late := i.late[channel]
	if !late || at.After(d.until) {
		return at
	}
	return at.Add(d.by)
}

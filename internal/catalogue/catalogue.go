// Package catalogue says what recordings there are, from the events that tell of
// them.
//
// It reads no recording: where one is, and what is in it, is for others to know.
package catalogue

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"openivs/internal/ivs"
)

// Events is where events of recordings are read.
type Events interface {
	// RecordingsBegun returns at most limit events that tell of the beginning of
	// a recording, or why there is none, before a position, the newest first: of
	// a channel, or of all if channel is "".
	RecordingsBegun(ctx context.Context, channel string, before int64, limit int) ([]ivs.Event, error)

	// RecordingEventsAfter returns at most limit events about the recordings of
	// a channel that come after a position, the oldest first.
	RecordingEventsAfter(ctx context.Context, channel string, position int64, limit int) ([]ivs.Event, error)
}

// A State is how far a recording is.
type State string

// The states.
const (
	Running State = "RECORDING"
	Ended   State = "ENDED"
	Failed  State = "FAILED"
)

// A Recording is one, as its events tell of it.
type Recording struct {
	ID          int64 // position of the event that it began with
	Channel     ivs.ARN
	ChannelName string
	StreamIDs   []string // the oldest first
	Bucket      string
	Prefix      string // "": nothing was recorded
	State       State
	Reason      string // why it failed
	Started     time.Time
	Ended       time.Time // zero: it runs
	Length      time.Duration
}

// A Catalogue lists recordings.
type Catalogue struct {
	Events Events // required
}

// The end of a recording is looked for among later events of its channel: those of
// others that began meanwhile come between.
const (
	lookAhead  = 64 // events that are read at a time
	mostAheads = 64 // such reads, after which it is taken for one that runs
)

// List returns at most limit recordings that began before one, the newest first:
// of a channel, or of all if channel is "". before is an ID; 0: begin with the
// newest.
func (c Catalogue) List(ctx context.Context, channel string, before int64, limit int) (ivs.Page[Recording], error) {
	var page ivs.Page[Recording]
	if before == 0 {
		before = math.MaxInt64
	}
	begun, err := c.Events.RecordingsBegun(ctx, channel, before, limit+1)
	if err != nil {
		return page, err
	}
	if len(begun) > limit {
		begun = begun[:limit]
		page.Next = begun[limit-1].Position
	}
	for _, ev := range begun {
		r, err := c.recording(ctx, ev)
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, r)
	}
	return page, nil
}

// Get returns a recording, or ivs.NotFound.
func (c Catalogue) Get(ctx context.Context, id int64) (Recording, error) {
	if id > 0 && id < math.MaxInt64 {
		begun, err := c.Events.RecordingsBegun(ctx, "", id+1, 1)
		if err != nil {
			return Recording{}, err
		}
		if len(begun) > 0 && begun[0].Position == id {
			return c.recording(ctx, begun[0])
		}
	}
	return Recording{}, ivs.Errorf(ivs.NotFound, "there is no recording %d", id)
}

// recording tells of the recording that an event began.
func (c Catalogue) recording(ctx context.Context, begun ivs.Event) (Recording, error) {
	d, err := detail(begun)
	if err != nil {
		return Recording{}, err
	}
	r := Recording{
		ID: begun.Position, Channel: begun.Channel, ChannelName: begun.ChannelName, StreamIDs: d.StreamIDs,
		Bucket: d.Bucket, Prefix: d.Prefix, State: Running, Started: begun.At,
	}
	if begun.Name == ivs.RecordingStartFailure {
		r.State, r.Reason, r.Ended = Failed, d.Reason, begun.At
		return r, nil
	}
	position := begun.Position
	for range mostAheads {
		after, err := c.Events.RecordingEventsAfter(ctx, begun.Channel.String(), position, lookAhead)
		if err != nil {
			return r, err
		}
		for _, ev := range after {
			if over, err := r.hears(ev, d); over || err != nil {
				return r, err
			}
			position = ev.Position
		}
		if len(after) < lookAhead {
			break
		}
	}
	return r, nil
}

// hears takes in a later event, and reports whether it ends the recording that began
// with a detail.
func (r *Recording) hears(ev ivs.Event, began ivs.RecordingDetail) (over bool, err error) {
	e, err := detail(ev)
	if err != nil || e.ID != began.ID || e.Prefix != began.Prefix {
		return false, err
	}
	r.StreamIDs = e.StreamIDs
	switch ev.Name {
	case ivs.RecordingEnd:
		r.State = Ended
	case ivs.RecordingEndFailure:
		r.State, r.Reason = Failed, e.Reason
	default:
		return false, nil
	}
	r.Ended, r.Length = ev.At, time.Duration(e.Length)*time.Millisecond
	return true, nil
}

func detail(ev ivs.Event) (d ivs.RecordingDetail, err error) {
	if err := json.Unmarshal(ev.Detail, &d); err != nil {
		return d, fmt.Errorf("read event %s: %w", ev.ID, err)
	}
	return d, nil
}

package ivs

import (
	"encoding/json"
	"fmt"
	"time"
)

// An AdConfiguration names what fills ad breaks (API: AdConfiguration).
type AdConfiguration struct {
	ARN         ARN      `json:"arn"`
	Name        string   `json:"name"`
	MediaTailor []string `json:"mediaTailor"` // ARNs of playback configurations
	PostRoll    PostRoll `json:"postRoll"`
	Tags        Tags     `json:"tags"` // never nil in what the store returns
}

// PostRoll is the ad break after a stream (API: PostRollConfiguration).
type PostRoll struct {
	Enabled bool `json:"enabled"`
	Seconds int  `json:"seconds"`
}

// DefaultPostRoll is that of a configuration that was given none.
func DefaultPostRoll() PostRoll { return PostRoll{Seconds: 15} }

// AdBreakInserted is the name of the event about an ad break.
const AdBreakInserted = "Ad Break Inserted"

const (
	adBreakID   = 12               // characters of base62
	adBreakLead = 10 * time.Second // from the call to the break, as Amazon IVS has it
)

// An AdBreak is a stretch of a stream that is meant for ads.
type AdBreak struct {
	ID       string
	StreamID string
	Start    time.Time
	Duration time.Duration
}

// NewAdBreak returns a break of the stream, asked for at a time.
func NewAdBreak(streamID string, duration time.Duration, at time.Time) AdBreak {
	return AdBreak{ID: RandomID(adBreakID), StreamID: streamID, Start: at.Add(adBreakLead), Duration: duration}
}

// Event describes the break (Amazon IVS with EventBridge, ad break state change).
func (b AdBreak) Event(s Session, at time.Time) (Event, error) {
	ev := NewEvent(s, AdBreakStateChange, AdBreakInserted, at)
	var err error
	ev.Detail, err = json.Marshal(struct {
		ID       string `json:"ad_break_id"`
		Duration int    `json:"duration_seconds"`
		Start    string `json:"target_start_time"`
	}{b.ID, int(b.Duration.Seconds()), b.Start.UTC().Format(time.RFC3339)})
	if err != nil {
		return ev, fmt.Errorf("describe ad break %s: %w", b.ID, err)
	}
	return ev, nil
}

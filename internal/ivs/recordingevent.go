package ivs

import (
	"encoding/json"
	"fmt"
	"time"
)

// The names of the events of a recording.
const (
	RecordingStart        = "Recording Start"
	RecordingEnd          = "Recording End"
	RecordingStartFailure = "Recording Start Failure"
	RecordingEndFailure   = "Recording End Failure"
)

// A RecordingDetail is what the events of a recording say of it.
type RecordingDetail struct {
	Reason    string   `json:"recording_status_reason"` // "" where nothing failed
	Bucket    string   `json:"recording_s3_bucket_name"`
	Prefix    string   `json:"recording_s3_key_prefix"` // without a slash at either end; "" if it never began
	Length    int64    `json:"recording_duration_ms"`
	ID        string   `json:"recording_session_id"`
	StreamIDs []string `json:"recording_session_stream_ids"` // the oldest first
}

// NewRecordingEvent describes what became of the recording of s.
func NewRecordingEvent(s Session, name string, d RecordingDetail, at time.Time) (Event, error) {
	ev := NewEvent(s, RecordingStateChange, name, at)
	var err error
	if ev.Detail, err = json.Marshal(d); err != nil {
		return ev, fmt.Errorf("describe %s: %w", name, err)
	}
	return ev, nil
}

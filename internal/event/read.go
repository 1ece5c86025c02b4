package event

import (
	"encoding/json"
	"time"
)

// An Envelope is an event as others read it.
type Envelope struct {
	Version   string          `json:"version"`
	ID        string          `json:"id"`
	Type      string          `json:"detail-type"`
	Source    string          `json:"source"`
	Account   string          `json:"account"`
	Time      time.Time       `json:"time"`
	Region    string          `json:"region"`
	Resources []string        `json:"resources"`
	Detail    json.RawMessage `json:"detail"`
}

// UnmarshalText reads the body of a message.
func (e *Envelope) UnmarshalText(body []byte) error {
	type form Envelope
	return json.Unmarshal(body, (*form)(e))
}

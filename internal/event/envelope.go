// Package event carries events from the outbox, where they were written with the
// state they describe, to everybody who wants to hear of them.
//
// It decides nothing about what is an event, and knows no transport: the
// packages below it do, one a kind of sink.
package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"openivs/internal/ivs"
)

// source is who events are from (Amazon IVS with EventBridge).
const source = "aws.ivs"

// A Message is an event as it is sent.
type Message struct {
	Position int64 // among all events
	Seq      int64 // among those of its channel, from 1 without a gap
	ID       string
	Channel  string // ARN
	Type     ivs.EventType
	At       time.Time
	Body     []byte // the envelope, JSON in one line without a line break

	// Resources and Detail are parts of the envelope for sinks that have a place
	// of their own for them.
	Resources []string
	Detail    []byte
}

// ChannelID is the channel's id alone.
func (m Message) ChannelID() string { return channelID(m.Channel) }

// NewMessage renders an event, byte for byte as Amazon EventBridge delivers it.
func NewMessage(ev ivs.Event) (Message, error) {
	m := Message{
		Position: ev.Position, Seq: ev.Seq, ID: ev.ID, Channel: ev.Channel.String(), Type: ev.Type,
		At: ev.At.UTC().Truncate(time.Second), Resources: []string{},
	}
	if !ev.AccountWide() {
		m.Resources = []string{m.Channel}
	}
	var err error
	if m.Detail, err = detail(ev); err != nil {
		return m, fmt.Errorf("render event %s: %w", ev.ID, err)
	}
	m.Body, err = plain(struct {
		Version   string          `json:"version"`
		ID        string          `json:"id"`
		Type      ivs.EventType   `json:"detail-type"`
		Source    string          `json:"source"`
		Account   string          `json:"account"`
		Time      string          `json:"time"`
		Region    string          `json:"region"`
		Resources []string        `json:"resources"`
		Detail    json.RawMessage `json:"detail"`
	}{"0", ev.ID, ev.Type, source, ev.Channel.Account, m.At.Format(time.RFC3339), ev.Channel.Region, m.Resources, m.Detail})
	if err != nil {
		return m, fmt.Errorf("render event %s: %w", ev.ID, err)
	}
	return m, nil
}

// detail renders the detail of an event, its members in the order of Amazon's
// samples.
func detail(ev ivs.Event) ([]byte, error) {
	var b object
	name, channel, stream := member{"event_name", ev.Name}, member{"channel_name", ev.ChannelName}, member{"stream_id", ev.StreamID}
	code := member{"code", ev.Code}
	switch {
	case ev.AccountWide():
		b.raw(ev.Detail)
	case ev.Type == ivs.LimitBreach:
		b.raw(ev.Detail)
		b.add(channel, stream)
	case ev.Type == ivs.RecordingStateChange:
		b.add(channel, stream, member{"recording_status", ev.Name})
		b.raw(ev.Detail)
	case ev.Name == ivs.SessionEnded && ev.Code != "":
		b.add(name, channel, code, stream)
		b.raw(ev.Detail)
	case ev.Code != "":
		b.add(name, channel, stream, code)
		b.raw(ev.Detail)
	default:
		b.add(name, channel, stream)
		b.raw(ev.Detail)
	}
	return b.bytes()
}

type member struct{ name, value string }

// An object is JSON that grows member by member.
type object struct {
	buf bytes.Buffer
	err error
}

func (o *object) add(members ...member) {
	for _, m := range members {
		text, err := plain(m.value)
		if err != nil && o.err == nil {
			o.err = err
		}
		o.separate()
		o.buf.WriteString(`"` + m.name + `":`)
		o.buf.Write(text)
	}
}

// raw adds the members of an object; nil has none.
func (o *object) raw(members json.RawMessage) {
	if len(members) == 0 {
		return
	}
	var flat bytes.Buffer
	if err := json.Compact(&flat, members); err != nil || flat.Bytes()[0] != '{' {
		if o.err == nil {
			o.err = fmt.Errorf("its detail is not an object: %.100q", members)
		}
		return
	}
	if inner := flat.Bytes()[1 : flat.Len()-1]; len(inner) > 0 {
		o.separate()
		o.buf.Write(inner)
	}
}

func (o *object) separate() {
	if o.buf.Len() > 0 {
		o.buf.WriteByte(',')
	}
}

func (o *object) bytes() ([]byte, error) {
	return append(append([]byte{'{'}, o.buf.Bytes()...), '}'), o.err
}

// plain is JSON without the escapes that only HTML needs.
func plain(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), err
}

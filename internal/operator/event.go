package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"openivs/internal/event"
	"openivs/internal/ivs"
)

// Events is where events are read.
type Events interface {
	event.Reader

	// PositionBefore returns the position after which everything comes that
	// happened at a time or later.
	PositionBefore(ctx context.Context, at time.Time) (int64, error)

	// NewestEvent returns the position of the newest event.
	NewestEvent(ctx context.Context) (int64, error)
}

const (
	maxEvents  = 1000             // of a page
	maxStreams = 64               // of events, at a time
	heartbeat  = 15 * time.Second // between comments in a stream in which nothing happens
	streamWait = 30 * time.Second // for a piece of a stream to be taken
	retryAfter = 2000             // milliseconds before a client comes again
)

// An eventItem is an event of a list, with its place.
type eventItem struct {
	Position int64           `json:"position"`
	Sequence int64           `json:"sequence"`
	Event    json.RawMessage `json:"event"`
}

// listEvents answers with a page of events, or with a stream of them.
func (h *Handler) listEvents(x *exchange) (any, error) {
	f, err := h.eventFilter(x)
	if err != nil {
		return nil, err
	}
	from, err := h.begin(x)
	if err != nil {
		return nil, err
	}
	if strings.Contains(x.r.Header.Get("Accept"), "text/event-stream") {
		return h.stream(x, from, f)
	}
	limit, err := x.number("maxResults", 100, 1, maxEvents)
	if err != nil {
		return nil, err
	}
	evs, err := h.Events.EventsAfter(x.r.Context(), from, maxEvents)
	if err != nil {
		return nil, err
	}
	out := struct {
		Events []eventItem `json:"events"`
		Next   *int64      `json:"next,omitempty"`
	}{Events: []eventItem{}}
	for i, ev := range evs {
		if int64(len(out.Events)) == limit {
			out.Next = &evs[i-1].Position
			return out, nil
		}
		if !f.Wants(ev.Type, ev.Channel.String()) {
			continue
		}
		m, err := event.NewMessage(ev)
		if err != nil {
			return nil, err
		}
		out.Events = append(out.Events, eventItem{m.Position, m.Seq, m.Body})
	}
	if len(evs) == maxEvents {
		out.Next = &evs[len(evs)-1].Position
	}
	return out, nil
}

// eventFilter reads which events are wanted, and sees that the caller may have
// them.
func (h *Handler) eventFilter(x *exchange) (event.Filter, error) {
	var f event.Filter
	q := x.r.URL.Query()
	for _, name := range q["type"] {
		t, ok := event.TypeNamed(name)
		if !ok {
			return f, ivs.Errorf(ivs.Invalid, "type is %q, want the detail-type of an event or its short name, such as stream-state", clip(name))
		}
		f.Types = append(f.Types, t)
	}
	for _, name := range q["channel"] {
		arn, err := h.channel(name)
		if err != nil {
			return f, err
		}
		if err := h.may(x, arn.String()); err != nil {
			return f, err
		}
		f.Channels = append(f.Channels, arn.String())
	}
	if len(f.Channels) > 0 {
		return f, nil
	}
	every := ivs.ARN{Service: "ivs", Region: h.Region, Account: h.Account, Kind: ivs.KindChannel, ID: "*"}
	return f, h.may(x, every.String())
}

// begin returns the position after which the answer begins: as the client says,
// else with the oldest event, or for a stream with the next.
func (h *Handler) begin(x *exchange) (int64, error) {
	ctx := x.r.Context()
	if last := x.r.Header.Get("Last-Event-ID"); last != "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n < 0 {
			return 0, ivs.Errorf(ivs.Invalid, "Last-Event-ID is %q, want a position", clip(last))
		}
		return n, nil
	}
	since, err := x.moment("since")
	if err != nil {
		return 0, err
	}
	if !since.IsZero() {
		return h.Events.PositionBefore(ctx, since)
	}
	if x.r.URL.Query().Get("after") == "" && strings.Contains(x.r.Header.Get("Accept"), "text/event-stream") {
		return h.Events.NewestEvent(ctx)
	}
	return x.number("after", 0, 0, 1<<62)
}

// stream answers with server-sent events (HTML standard, section 9.2) until the
// client leaves or the server stops. The id of each is its position.
func (h *Handler) stream(x *exchange, from int64, f event.Filter) (any, error) {
	if !h.streams.take(maxStreams) {
		return nil, ivs.Errorf(ivs.Unavailable, "%d streams of events are open, and no more are allowed: close one first", maxStreams)
	}
	defer h.streams.give()
	ctx, cancel := context.WithCancel(x.r.Context())
	defer cancel()
	head := x.w.Header()
	head.Set("Content-Type", "text/event-stream")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Accel-Buffering", "no")
	out := &flow{w: x.w, control: http.NewResponseController(x.w)}
	if out.send(fmt.Sprintf("retry: %d\nid: %d\n\n", retryAfter, from)) != nil {
		return answered{}, nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	messages := make(chan event.Message)
	failed := make(chan error, 1)
	go func() {
		failed <- event.Follow(ctx, h.Events, from, f, func(m event.Message) error {
			select {
			case messages <- m:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	}()
	over := out.run(messages, failed, beat.C, h.Stopping)
	cancel()
	if !over {
		<-failed
	}
	return answered{}, nil
}

// A flow is a stream that is being written.
type flow struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// run writes messages until there are no more, which it reports, the client takes
// none, or the server stops.
func (o *flow) run(messages <-chan event.Message, over <-chan error, beat <-chan time.Time, stopping <-chan struct{}) bool {
	for {
		var err error
		select {
		case m := <-messages:
			text := fmt.Sprintf("id: %d\n\n", m.Position)
			if m.Body != nil {
				text = fmt.Sprintf("id: %d\nevent: %s\ndata: %s\n\n", m.Position, event.ShortName(m.Type), m.Body)
			}
			err = o.send(text)
		case <-beat:
			err = o.send(":\n\n")
		case <-stopping:
			return false
		case <-over:
			return true
		}
		if err != nil {
			return false
		}
	}
}

func (o *flow) send(text string) error {
	_ = o.control.SetWriteDeadline(time.Now().Add(streamWait)) // a writer without deadlines is a test's
	if _, err := o.w.Write([]byte(text)); err != nil {
		return err
	}
	return o.control.Flush()
}

package operator

import (
	"context"
	"encoding/json"
	"time"

	"openivs/internal/event"
	"openivs/internal/ivs"
)

// Sinks are where events are delivered.
type Sinks interface {
	// Statuses returns how each sink is doing.
	Statuses() []event.Status

	// Replay delivers what comes after a position, again or for the first time.
	Replay(ctx context.Context, sink string, position int64) error

	// Resend delivers a dead letter again.
	Resend(ctx context.Context, l ivs.DeadLetter) error

	// DeadLetters lists what a sink did not take, the oldest first.
	DeadLetters(ctx context.Context, sink string, after int64, limit int) (ivs.Page[ivs.DeadLetter], error)

	// CountDeadLetters returns how many there are.
	CountDeadLetters(ctx context.Context, sink string) (int, error)

	// ForgetDeadLetter takes one off the list.
	ForgetDeadLetter(ctx context.Context, sink string, position int64) error
}

// A sinkItem is how a sink is doing.
type sinkItem struct {
	Name        string     `json:"name"`
	Kind        string     `json:"kind"`
	Position    int64      `json:"position"`
	Behind      int64      `json:"behind"`
	Oldest      *time.Time `json:"oldest,omitempty"`
	Delivered   int64      `json:"delivered"`
	Retried     int64      `json:"retried"`
	DeadLetters int        `json:"deadLetters"`
	Trouble     string     `json:"trouble,omitempty"`
	TroubleAt   *time.Time `json:"troubleAt,omitempty"`
}

func (h *Handler) listSinks(x *exchange) (any, error) {
	if err := h.may(x, everything); err != nil {
		return nil, err
	}
	newest, err := h.Events.NewestEvent(x.r.Context())
	if err != nil {
		return nil, err
	}
	items := []sinkItem{}
	for _, s := range h.Sinks.Statuses() {
		n, err := h.Sinks.CountDeadLetters(x.r.Context(), s.Name)
		if err != nil {
			return nil, err
		}
		item := sinkItem{
			Name: s.Name, Kind: s.Kind, Position: s.Cursor, Behind: max(newest-s.Cursor, 0), Oldest: moment(s.Oldest),
			Delivered: s.Delivered, Retried: s.Retried, DeadLetters: n, Trouble: s.Trouble,
		}
		if s.Trouble != "" {
			item.TroubleAt = moment(s.TroubleAt)
		}
		items = append(items, item)
	}
	return map[string]any{"newest": newest, "sinks": items}, nil
}

// moment is a time as answers have it; nil for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// sink returns the name of the sink that a request is about.
func (h *Handler) sink(x *exchange) (string, error) {
	name := x.r.PathValue("sink")
	for _, s := range h.Sinks.Statuses() {
		if s.Name == name {
			return name, nil
		}
	}
	return "", ivs.Errorf(ivs.NotFound, "there is no sink %q", clip(name))
}

// A letterItem is an event that a sink did not take.
type letterItem struct {
	Position int64           `json:"position"`
	Reason   string          `json:"reason"`
	Tries    int             `json:"tries"`
	At       time.Time       `json:"at"`
	Event    json.RawMessage `json:"event"`
}

const maxLetters = 100 // of a page

func (h *Handler) listDeadLetters(x *exchange) (any, error) {
	if err := h.may(x, everything); err != nil {
		return nil, err
	}
	name, err := h.sink(x)
	if err != nil {
		return nil, err
	}
	limit, err := x.number("maxResults", maxLetters, 1, maxLetters)
	if err != nil {
		return nil, err
	}
	after, err := x.number("after", 0, 0, 1<<62)
	if err != nil {
		return nil, err
	}
	page, err := h.Sinks.DeadLetters(x.r.Context(), name, after, int(limit))
	if err != nil {
		return nil, err
	}
	out := struct {
		Letters []letterItem `json:"deadLetters"`
		Next    int64        `json:"next,omitempty"`
	}{Letters: []letterItem{}, Next: page.Next}
	for _, l := range page.Items {
		out.Letters = append(out.Letters, letterItem{l.Position, l.Reason, l.Tries, l.At, l.Body})
	}
	return out, nil
}

// resend delivers dead letters again, the oldest first, until one is refused.
func (h *Handler) resend(x *exchange) (any, error) {
	if err := h.may(x, everything); err != nil {
		return nil, err
	}
	name, err := h.sink(x)
	if err != nil {
		return nil, err
	}
	ctx, sent := x.r.Context(), 0
	for {
		page, err := h.Sinks.DeadLetters(ctx, name, 0, maxLetters)
		if err != nil {
			return nil, err
		}
		for _, l := range page.Items {
			if err := h.Sinks.Resend(ctx, l); err != nil {
				return nil, ivs.Errorf(ivs.Conflict, "%d events were delivered, then one was refused: %w", sent, err)
			}
			if err := h.Sinks.ForgetDeadLetter(ctx, name, l.Position); err != nil {
				return nil, err
			}
			sent++
		}
		if page.Next == 0 {
			return map[string]any{"sink": name, "delivered": sent}, nil
		}
	}
}

// replay sets a sink back.
func (h *Handler) replay(x *exchange) (any, error) {
	if err := h.may(x, everything); err != nil {
		return nil, err
	}
	name, err := h.sink(x)
	if err != nil {
		return nil, err
	}
	var in struct {
		Since string `json:"since"`
		After *int64 `json:"after"`
	}
	if err := x.input(&in); err != nil {
		return nil, err
	}
	ctx := x.r.Context()
	newest, err := h.Events.NewestEvent(ctx)
	if err != nil {
		return nil, err
	}
	var position int64
	switch {
	case (in.Since == "") == (in.After == nil):
		return nil, ivs.Errorf(ivs.Invalid, "give since, a time, or after, a position")
	case in.After != nil:
		position = *in.After
	default:
		at, err := parseTime("since", in.Since)
		if err != nil {
			return nil, err
		}
		if position, err = h.Events.PositionBefore(ctx, at); err != nil {
			return nil, err
		}
	}
	if position < 0 || position > newest {
		return nil, ivs.Errorf(ivs.Invalid, "after is %d, want a position from 0 to %d", position, newest)
	}
	if err := h.Sinks.Replay(ctx, name, position); err != nil {
		return nil, err
	}
	return map[string]any{"sink": name, "after": position, "newest": newest}, nil
}

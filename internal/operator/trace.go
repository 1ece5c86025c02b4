package operator

import (
	"context"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/trace"
)

// Traces is where the accounts of sessions are.
type Traces interface {
	// Trace returns a session and what was said and decided in it, or
	// ivs.NotFound.
	Trace(ctx context.Context, streamID string) (ivs.Session, trace.Account, error)
}

// A traceAnswer is the account of a session.
type traceAnswer struct {
	Channel   string    `json:"channel"`
	StreamID  string    `json:"streamId"`
	Protocol  string    `json:"protocol"`
	Created   time.Time `json:"created"`
	Ended     time.Time `json:"ended,omitzero"`
	EndReason string    `json:"endReason,omitempty"`
	trace.Account
}

// getTrace answers what was said and decided in a session.
func (h *Handler) getTrace(x *exchange) (any, error) {
	id := x.r.PathValue("session")
	if !ivs.IsStreamID(id) {
		return nil, ivs.Errorf(ivs.Invalid, "%q is not a stream id", clip(id))
	}
	s, account, err := h.Traces.Trace(x.r.Context(), id)
	if err != nil {
		return nil, err
	}
	arn := s.Channel.Channel.ARN.String()
	if err := h.may(x, arn); err != nil {
		return nil, err
	}
	if account.Entries == nil {
		account.Entries = []trace.Entry{}
	}
	return traceAnswer{arn, s.StreamID, s.Protocol, s.Created, s.Ended, s.Reason, account}, nil
}

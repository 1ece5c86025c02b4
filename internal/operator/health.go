package operator

import (
	"context"
	"time"

	"openivs/internal/health"
	"openivs/internal/ivs"
)

// Sessions is where sessions are.
type Sessions interface {
	// Session returns a session of a channel, the newest if streamID is "", or
	// ivs.NotFound.
	Session(ctx context.Context, channel ivs.ARN, streamID string) (ivs.Session, error)
}

// newestSession stands in a path for the newest session of a channel.
const newestSession = "newest"

// A causeItem is something that viewers may have noticed of a session, and why.
type causeItem struct {
	Code     ivs.CauseCode `json:"code"`
	First    time.Time     `json:"first"`
	Last     time.Time     `json:"last"`
	Seconds  int64         `json:"seconds"`
	Measured float64       `json:"measured"`
	Limit    float64       `json:"limit"`
	Text     string        `json:"text"`
	Remedy   string        `json:"remedy"`
}

// getHealth answers what was found of a session's media.
func (h *Handler) getHealth(x *exchange) (any, error) {
	arn, err := h.channel(x.r.PathValue("channel"))
	if err != nil {
		return nil, err
	}
	if err := h.may(x, arn.String()); err != nil {
		return nil, err
	}
	id := x.r.PathValue("session")
	switch {
	case id == newestSession:
		id = ""
	case !ivs.IsStreamID(id):
		return nil, ivs.Errorf(ivs.Invalid, "%q is not a stream id", clip(id))
	}
	s, err := h.Sessions.Session(x.r.Context(), arn, id)
	if err != nil {
		return nil, err
	}
	causes := make([]causeItem, len(s.Causes))
	for i, c := range s.Causes {
		e := health.Explain(c)
		causes[i] = causeItem{c.Code, c.First, c.Last, c.Seconds, c.Measured, c.Limit, e.Text, e.Remedy}
	}
	return map[string]any{"channel": arn.String(), "streamId": s.StreamID, "causes": causes}, nil
}

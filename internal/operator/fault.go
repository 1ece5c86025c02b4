package operator

import (
	"context"
	"time"

	"openivs/internal/inject"
	"openivs/internal/ivs"
)

// Faults is what makes things go wrong on purpose.
type Faults interface {
	// Inject makes something go wrong with a channel. It is ivs.NotLive if that
	// needs a stream and there is none.
	Inject(ctx context.Context, channel ivs.ARN, f inject.Fault) error
}

// injectFault makes something go wrong with a channel, where the settings allow it.
func (h *Handler) injectFault(x *exchange) (any, error) {
	arn, err := h.channel(x.r.PathValue("channel"))
	if err != nil {
		return nil, err
	}
	if err := h.may(x, arn.String()); err != nil {
		return nil, err
	}
	if h.Faults == nil {
		return nil, ivs.Errorf(ivs.Denied, "this server injects no faults: set fault-injection to on where nobody minds")
	}
	var in struct {
		Fault string `json:"fault"`
		For   string `json:"for"`
		Limit string `json:"limit"`
	}
	if err := x.input(&in); err != nil {
		return nil, err
	}
	f := inject.Fault{Kind: inject.Kind(in.Fault), Limit: in.Limit}
	if in.For != "" {
		if f.For, err = time.ParseDuration(in.For); err != nil || f.For <= 0 {
			return nil, ivs.Errorf(ivs.Invalid, "for is %q, want a length of time such as 15s", clip(in.For))
		}
	}
	if err := h.Faults.Inject(x.r.Context(), arn, f); err != nil {
		return nil, err
	}
	return map[string]any{"channel": arn.String(), "fault": in.Fault}, nil
}

package control

import (
	"context"

	"openivs/internal/api/ivsapi"
	"openivs/internal/ivs"
)

// StartViewerSessionRevocation notes that the sessions of a viewer are over.
func (p *Plane) StartViewerSessionRevocation(ctx context.Context, in *ivsapi.StartViewerSessionRevocationInput) (*ivsapi.StartViewerSessionRevocationOutput, error) {
	arn, err := p.own(ctx, "channelArn", in.ChannelARN, ivs.KindChannel)
	if err != nil {
		return nil, err
	}
	return nil, p.revoke(ctx, arn, in.ViewerID, in.ViewerSessionVersionsLessThanOrEqualTo)
}

func (p *Plane) revoke(ctx context.Context, channel ivs.ARN, viewer string, version *int) error {
	v := ivs.Revocation{Channel: channel, Viewer: viewer, Version: int64(value(version))}
	return storeError(p.Store.Revoke(ctx, v), channel.String())
}

// BatchStartViewerSessionRevocation notes the same of several viewers, and
// answers an error for each whose channel the caller cannot reach.
func (p *Plane) BatchStartViewerSessionRevocation(ctx context.Context, in *ivsapi.BatchStartViewerSessionRevocationInput) (*ivsapi.BatchStartViewerSessionRevocationOutput, error) {
	channels := make([]ivs.ARN, len(in.ViewerSessions))
	refused := make([]error, len(in.ViewerSessions))
	for i, v := range in.ViewerSessions {
		var err error
		channels[i], err = p.own(ctx, sessionMember(i), v.ChannelARN, ivs.KindChannel)
		if ivs.CodeOf(err) == ivs.Invalid {
			return nil, err // one of bad form fails all
		}
		refused[i] = err
	}
	errs := []ivsapi.BatchStartViewerSessionRevocationError{}
	for i, v := range in.ViewerSessions {
		err := refused[i]
		if err == nil {
			err = p.revoke(ctx, channels[i], v.ViewerID, v.ViewerSessionVersionsLessThanOrEqualTo)
		}
		code, text, known := batchCode(ivs.CodeOf(err))
		switch {
		case err == nil:
		case known:
			errs = append(errs, ivsapi.BatchStartViewerSessionRevocationError{
				ChannelARN: v.ChannelARN, ViewerID: v.ViewerID, Code: &code, Message: &text,
			})
		default:
			return nil, err
		}
	}
	return &ivsapi.BatchStartViewerSessionRevocationOutput{Errors: errs}, nil
}

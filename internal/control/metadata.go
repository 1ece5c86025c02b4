package control

import (
	"context"

	"openivs/internal/api/ivsapi"
	"openivs/internal/ivs"
)

// PutMetadata puts a payload into a live stream, for all viewers at the same
// place of it.
func (p *Plane) PutMetadata(ctx context.Context, in *ivsapi.PutMetadataInput) (*ivsapi.PutMetadataOutput, error) {
	arn, err := p.own(ctx, "channelArn", in.ChannelARN, ivs.KindChannel)
	if err != nil {
		return nil, err
	}
	err = p.Live.PutMetadata(ctx, arn, ivs.Secret(in.Metadata))
	if ivs.CodeOf(err) == ivs.NotLive {
		return nil, p.offline(ctx, arn)
	}
	return nil, storeError(err, "")
}

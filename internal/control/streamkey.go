package control

import (
	"cmp"
	"context"

	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
	"openivs/internal/ivs"
)

// streamKeyPage is how many stream keys a page has unless the caller says otherwise.
const streamKeyPage = 1

// CreateStreamKey makes a stream key for a channel that has none.
func (p *Plane) CreateStreamKey(ctx context.Context, in *ivsapi.CreateStreamKeyInput) (*ivsapi.CreateStreamKeyOutput, error) {
	channel, err := p.own(ctx, "channelArn", in.ChannelARN, ivs.KindChannel)
	if err != nil {
		return nil, err
	}
	k := ivs.NewStreamKey(channel, ivs.Tags(in.Tags).Clone())
	limit := p.Quotas.Effective().StreamKeys
	if err := p.Store.CreateStreamKey(ctx, k, limit); err != nil {
		return nil, cmp.Or(quotaError(err, ivs.KindStreamKey, limit), storeError(err, in.ChannelARN))
	}
	return &ivsapi.CreateStreamKeyOutput{StreamKey: new(streamKey(k))}, nil
}

// GetStreamKey returns a stream key with its value.
func (p *Plane) GetStreamKey(ctx context.Context, in *ivsapi.GetStreamKeyInput) (*ivsapi.GetStreamKeyOutput, error) {
	arn, err := p.own(ctx, "arn", in.ARN, ivs.KindStreamKey)
	if err != nil {
		return nil, err
	}
	k, err := p.Store.StreamKey(ctx, arn)
	if err != nil {
		return nil, storeError(err, in.ARN)
	}
	return &ivsapi.GetStreamKeyOutput{StreamKey: new(streamKey(k))}, nil
}

// BatchGetStreamKey returns those of the stream keys that exist, and an error
// for each of the others.
func (p *Plane) BatchGetStreamKey(ctx context.Context, in *ivsapi.BatchGetStreamKeyInput) (*ivsapi.BatchGetStreamKeyOutput, error) {
	b, err := p.batch(ctx, in.ARNs, ivs.KindStreamKey)
	if err != nil {
		return nil, err
	}
	found, err := p.Store.StreamKeysByARN(ctx, b.mine)
	if err != nil {
		return nil, storeError(err, "")
	}
	keys, errs := answer(b, found, func(k ivs.StreamKey) ivs.ARN { return k.ARN }, streamKey)
	return &ivsapi.BatchGetStreamKeyOutput{StreamKeys: keys, Errors: errs}, nil
}

// ListStreamKeys lists the stream keys of a channel, without their values.
func (p *Plane) ListStreamKeys(ctx context.Context, in *ivsapi.ListStreamKeysInput) (*ivsapi.ListStreamKeysOutput, error) {
	l, err := p.list("ListStreamKeys", in.NextToken, in.MaxResults, streamKeyPage, in.ChannelARN)
	if err != nil {
		return nil, err
	}
	c, err := p.findChannel(ctx, "channelArn", in.ChannelARN)
	if err != nil {
		return nil, err
	}
	page, err := p.Store.StreamKeys(ctx, c.ARN, l.after, l.limit)
	if err != nil {
		return nil, storeError(err, in.ChannelARN)
	}
	return &ivsapi.ListStreamKeysOutput{StreamKeys: each(page.Items, streamKeySummary), NextToken: p.next(l, page.Next)}, nil
}

// DeleteStreamKey deletes a stream key. A stream that it let in goes on.
func (p *Plane) DeleteStreamKey(ctx context.Context, in *ivsapi.DeleteStreamKeyInput) (*ivsapi.DeleteStreamKeyOutput, error) {
	arn, err := p.own(ctx, "arn", in.ARN, ivs.KindStreamKey)
	if err != nil {
		return nil, err
	}
	return nil, storeError(p.Store.DeleteStreamKey(ctx, arn), in.ARN)
}

// streamKey is a stream key as the API answers it.
func streamKey(k ivs.StreamKey) ivsapi.StreamKey {
	return ivsapi.StreamKey{
		ARN:        new(k.ARN.String()),
		Value:      new(restjson.Secret(k.Value)),
		ChannelARN: new(k.Channel.String()),
		Tags:       k.Tags.Clone(),
	}
}

// streamKeySummary is a stream key as lists have it.
func streamKeySummary(k ivs.StreamKey) ivsapi.StreamKeySummary {
	return ivsapi.StreamKeySummary{
		ARN:        new(k.ARN.String()),
		ChannelARN: new(k.Channel.String()),
		Tags:       k.Tags.Clone(),
	}
}

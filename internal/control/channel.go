package control

import (
	"cmp"
	"context"

	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
	"openivs/internal/ivs"
)

// channelPage is how many channels a page has unless the caller says otherwise.
const channelPage = 100

// CreateChannel makes a channel and its stream key.
func (p *Plane) CreateChannel(ctx context.Context, in *ivsapi.CreateChannelInput) (*ivsapi.CreateChannelOutput, error) {
	c, members, err := p.newChannel(ctx, in)
	if err != nil {
		return nil, err
	}
	to, err := p.refer(ctx, members)
	if err != nil {
		return nil, err
	}
	if to.err != nil {
		return nil, to.err
	}
	to.set(&c)
	k := ivs.NewStreamKey(c.ARN, ivs.Tags{})
	limit := p.Quotas.Effective().Channels
	if err := p.Store.CreateChannel(ctx, c, k, limit); err != nil {
		return nil, cmp.Or(quotaError(err, ivs.KindChannel, limit), p.referError(ctx, members, err, ""))
	}
	return &ivsapi.CreateChannelOutput{Channel: new(p.channel(c)), StreamKey: new(streamKey(k))}, nil
}

// newChannel is the channel that a request asks for, without what it points to,
// and the members that made it so.
func (p *Plane) newChannel(ctx context.Context, in *ivsapi.CreateChannelInput) (ivs.Channel, *ivsapi.UpdateChannelInput, error) {
	c := ivs.Channel{
		ARN:           ivs.NewARN(p.Addresses.Region, p.Addresses.Account, ivs.KindChannel),
		Latency:       ivs.LatencyLow,
		Type:          ivs.Standard,
		Container:     ivs.TS,
		Multitrack:    ivs.Multitrack{Policy: "ALLOW", MaximumResolution: "FULL_HD"},
		Tags:          ivs.Tags(in.Tags).Clone(),
		SRTPassphrase: ivs.NewPassphrase(),
	}
	if err := c.Tags.Validate(); err != nil {
		return c, nil, err
	}
	if m := in.MultitrackInputConfiguration; m != nil && is(m.Enabled, true) && (m.Policy == nil || m.MaximumResolution == nil) {
		return c, nil, invalid(ctx, "multitrackInputConfiguration: policy and maximumResolution are required if enabled is true")
	}
	members := &ivsapi.UpdateChannelInput{
		Name:                         in.Name,
		LatencyMode:                  in.LatencyMode,
		Type:                         in.Type,
		Authorized:                   in.Authorized,
		RecordingConfigurationARN:    in.RecordingConfigurationARN,
		InsecureIngest:               in.InsecureIngest,
		Preset:                       in.Preset,
		PlaybackRestrictionPolicyARN: in.PlaybackRestrictionPolicyARN,
		MultitrackInputConfiguration: in.MultitrackInputConfiguration,
		ContainerFormat:              in.ContainerFormat,
		AdConfigurationARN:           in.AdConfigurationARN,
	}
	return c, members, apply(ctx, members, &c)
}

// GetChannel returns a channel.
func (p *Plane) GetChannel(ctx context.Context, in *ivsapi.GetChannelInput) (*ivsapi.GetChannelOutput, error) {
	c, err := p.findChannel(ctx, "arn", in.ARN)
	if err != nil {
		return nil, err
	}
	return &ivsapi.GetChannelOutput{Channel: new(p.channel(c))}, nil
}

// findChannel returns the channel whose ARN stands in a member of the request.
func (p *Plane) findChannel(ctx context.Context, member, arn string) (ivs.Channel, error) {
	a, err := p.own(ctx, member, arn, ivs.KindChannel)
	if err != nil {
		return ivs.Channel{}, err
	}
	c, err := p.Store.Channel(ctx, a)
	return c, storeError(err, arn)
}

// BatchGetChannel returns those of the channels that exist, and an error for
// each of the others.
func (p *Plane) BatchGetChannel(ctx context.Context, in *ivsapi.BatchGetChannelInput) (*ivsapi.BatchGetChannelOutput, error) {
	b, err := p.batch(ctx, in.ARNs, ivs.KindChannel)
	if err != nil {
		return nil, err
	}
	found, err := p.Store.ChannelsByARN(ctx, b.mine)
	if err != nil {
		return nil, storeError(err, "")
	}
	channels, errs := answer(b, found, func(c ivs.Channel) ivs.ARN { return c.ARN }, p.channel)
	return &ivsapi.BatchGetChannelOutput{Channels: channels, Errors: errs}, nil
}

// ListChannels lists channels in the order they were made.
func (p *Plane) ListChannels(ctx context.Context, in *ivsapi.ListChannelsInput) (*ivsapi.ListChannelsOutput, error) {
	f, filters := channelFilters(in)
	l, err := p.list("ListChannels", in.NextToken, in.MaxResults, channelPage, filters...)
	if err != nil {
		return nil, err
	}
	if len(filters) > 2 {
		return nil, ivs.Errorf(ivs.Conflict, "ListChannels takes one filter at a time")
	}
	page, err := p.Store.Channels(ctx, f, l.after, l.limit)
	if err != nil {
		return nil, storeError(err, "")
	}
	return &ivsapi.ListChannelsOutput{Channels: each(page.Items, channelSummary), NextToken: p.next(l, page.Next)}, nil
}

// channelFilters is what narrows a list of channels, also as a token knows it.
func channelFilters(in *ivsapi.ListChannelsInput) (f ivs.ChannelFilter, filters []string) {
	f = ivs.ChannelFilter{
		Name:            in.FilterByName,
		Recording:       value(in.FilterByRecordingConfigurationARN),
		Restriction:     value(in.FilterByPlaybackRestrictionPolicyARN),
		AdConfiguration: value(in.FilterByAdConfigurationARN),
	}
	for _, by := range []struct {
		set         bool
		name, value string
	}{
		{f.Name != nil, "name", value(f.Name)},
		{f.Recording != "", "recording", f.Recording},
		{f.Restriction != "", "restriction", f.Restriction},
		{f.AdConfiguration != "", "ads", f.AdConfiguration},
	} {
		if by.set {
			filters = append(filters, by.name, by.value)
		}
	}
	return f, filters
}

// UpdateChannel changes the members that are given. A channel that is live
// cannot be changed.
func (p *Plane) UpdateChannel(ctx context.Context, in *ivsapi.UpdateChannelInput) (*ivsapi.UpdateChannelOutput, error) {
	arn, err := p.own(ctx, "arn", in.ARN, ivs.KindChannel)
	if err != nil {
		return nil, err
	}
	to, err := p.refer(ctx, in)
	if err != nil {
		return nil, err
	}
	var refused error
	c, err := p.Store.UpdateChannel(ctx, arn, func(c *ivs.Channel, live bool) error {
		refused = cmp.Or(apply(ctx, in, c), to.err, unlessLive(arn, live, "updated"))
		to.set(c)
		return refused
	})
	if refused != nil {
		return nil, refused
	}
	if err != nil {
		return nil, p.referError(ctx, in, err, in.ARN)
	}
	return &ivsapi.UpdateChannelOutput{Channel: new(p.channel(c))}, nil
}

// DeleteChannel deletes a channel and its stream keys. A channel that is live
// cannot be deleted.
func (p *Plane) DeleteChannel(ctx context.Context, in *ivsapi.DeleteChannelInput) (*ivsapi.DeleteChannelOutput, error) {
	arn, err := p.own(ctx, "arn", in.ARN, ivs.KindChannel)
	if err != nil {
		return nil, err
	}
	var refused error
	err = p.Store.DeleteChannel(ctx, arn, func(live bool) error {
		refused = unlessLive(arn, live, "deleted")
		return refused
	})
	if refused != nil {
		return nil, refused
	}
	return nil, storeError(err, in.ARN)
}

func unlessLive(arn ivs.ARN, live bool, done string) error {
	if live {
		return ivs.Errorf(ivs.Conflict, "Channel: %s is live and cannot be %s", arn, done)
	}
	return nil
}

// channel is a channel as the API answers it.
func (p *Plane) channel(c ivs.Channel) ivsapi.Channel {
	out := snapshot(p.Addresses.Snapshot(c))
	out.SRT.Passphrase = new(restjson.Secret(c.SRTPassphrase))
	return out
}

// snapshot is a channel as it was when a session began, without its secret.
func snapshot(s ivs.Snapshot) ivsapi.Channel {
	c := s.Channel
	v := &struct { // all in one piece of memory
		arn, name, recording, ingest, playback, srt, restriction, ads string

		latency              ivsapi.ChannelLatencyMode
		kind                 ivsapi.ChannelType
		preset               ivsapi.TranscodePreset
		container            ivsapi.ContainerFormat
		policy               ivsapi.MultitrackPolicy
		resolution           ivsapi.MultitrackMaximumResolution
		authorized, insecure bool
		multitrack           bool
	}{
		c.ARN.String(), c.Name, c.Recording.String(), s.IngestEndpoint, s.PlaybackURL, s.SRTEndpoint, c.Restriction.String(), c.AdConfiguration.String(),
		ivsapi.ChannelLatencyMode(c.Latency), ivsapi.ChannelType(c.Type), ivsapi.TranscodePreset(c.Preset), ivsapi.ContainerFormat(c.Container),
		ivsapi.MultitrackPolicy(c.Multitrack.Policy), ivsapi.MultitrackMaximumResolution(c.Multitrack.MaximumResolution),
		c.Authorized, c.InsecureIngest, c.Multitrack.Enabled,
	}
	return ivsapi.Channel{
		ARN:                          &v.arn,
		Name:                         &v.name,
		LatencyMode:                  &v.latency,
		Type:                         &v.kind,
		RecordingConfigurationARN:    &v.recording,
		IngestEndpoint:               &v.ingest,
		PlaybackURL:                  &v.playback,
		Authorized:                   &v.authorized,
		Tags:                         c.Tags.Clone(),
		InsecureIngest:               &v.insecure,
		Preset:                       &v.preset,
		SRT:                          &ivsapi.SRT{Endpoint: &v.srt},
		PlaybackRestrictionPolicyARN: &v.restriction,
		MultitrackInputConfiguration: &ivsapi.MultitrackInputConfiguration{Enabled: &v.multitrack, Policy: &v.policy, MaximumResolution: &v.resolution},
		ContainerFormat:              &v.container,
		AdConfigurationARN:           &v.ads,
	}
}

// channelSummary is a channel as lists have it.
func channelSummary(c ivs.Channel) ivsapi.ChannelSummary {
	return ivsapi.ChannelSummary{
		ARN:                          new(c.ARN.String()),
		Name:                         new(c.Name),
		LatencyMode:                  new(ivsapi.ChannelLatencyMode(c.Latency)),
		Authorized:                   new(c.Authorized),
		RecordingConfigurationARN:    new(c.Recording.String()),
		Tags:                         c.Tags.Clone(),
		InsecureIngest:               new(c.InsecureIngest),
		Type:                         new(ivsapi.ChannelType(c.Type)),
		Preset:                       new(ivsapi.TranscodePreset(c.Preset)),
		PlaybackRestrictionPolicyARN: new(c.Restriction.String()),
		AdConfigurationARN:           new(c.AdConfiguration.String()),
	}
}

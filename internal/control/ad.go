package control

import (
	"context"
	"strconv"
	"time"

	"openivs/internal/api/ivsapi"
	"openivs/internal/ivs"
)

// CreateAdConfiguration makes an ad configuration.
func (p *Plane) CreateAdConfiguration(ctx context.Context, in *ivsapi.CreateAdConfigurationInput) (*ivsapi.CreateAdConfigurationOutput, error) {
	c, err := p.newAd(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := create(ctx, p.Ads, c, c.ARN.Kind, p.Quotas.Effective().AdConfigurations); err != nil {
		return nil, err
	}
	return &ivsapi.CreateAdConfigurationOutput{AdConfiguration: adConfiguration(c)}, nil
}

// newAd is the ad configuration that a request asks for.
func (p *Plane) newAd(ctx context.Context, in *ivsapi.CreateAdConfigurationInput) (ivs.AdConfiguration, error) {
	c := ivs.AdConfiguration{
		ARN:      ivs.NewARN(p.Addresses.Region, p.Addresses.Account, ivs.KindAdConfiguration),
		Name:     value(in.Name),
		PostRoll: ivs.DefaultPostRoll(),
		Tags:     ivs.Tags(in.Tags).Clone(),
	}
	if err := c.Tags.Validate(); err != nil {
		return c, err
	}
	return c, applyAd(ctx, in.MediaTailorPlaybackConfigurations, in.PostRollConfiguration, &c)
}

// applyAd sets the members that are given.
func applyAd(ctx context.Context, tailors []ivsapi.MediaTailorPlaybackConfiguration, after *ivsapi.PostRollConfiguration, c *ivs.AdConfiguration) error {
	if tailors != nil {
		c.MediaTailor = nil
	}
	for i, t := range tailors {
		if t.PlaybackConfigurationARN == nil {
			return invalid(ctx, "mediaTailorPlaybackConfigurations["+strconv.Itoa(i)+"].playbackConfigurationArn is a required attribute")
		}
		c.MediaTailor = append(c.MediaTailor, *t.PlaybackConfigurationARN)
	}
	if after != nil {
		c.PostRoll = ivs.PostRoll{Enabled: after.Enabled, Seconds: after.DurationSeconds}
	}
	return nil
}

// GetAdConfiguration returns an ad configuration.
func (p *Plane) GetAdConfiguration(ctx context.Context, in *ivsapi.GetAdConfigurationInput) (*ivsapi.GetAdConfigurationOutput, error) {
	c, err := get(ctx, p, p.Ads, in.ARN, ivs.KindAdConfiguration)
	if err != nil {
		return nil, err
	}
	return &ivsapi.GetAdConfigurationOutput{AdConfiguration: new(adConfiguration(c))}, nil
}

// ListAdConfigurations lists ad configurations in the order they were made.
func (p *Plane) ListAdConfigurations(ctx context.Context, in *ivsapi.ListAdConfigurationsInput) (*ivsapi.ListAdConfigurationsOutput, error) {
	byDefault := min(p.Quotas.Effective().AdConfigurations, maxResourcePage)
	l, err := p.list("ListAdConfigurations", in.NextToken, in.MaxResults, byDefault)
	if err != nil {
		return nil, err
	}
	items, next, err := pageOf(ctx, p, p.Ads, l)
	if err != nil {
		return nil, err
	}
	return &ivsapi.ListAdConfigurationsOutput{AdConfigurations: each(items, adSummary), NextToken: next}, nil
}

// UpdateAdConfiguration changes the members that are given.
func (p *Plane) UpdateAdConfiguration(ctx context.Context, in *ivsapi.UpdateAdConfigurationInput) (*ivsapi.UpdateAdConfigurationOutput, error) {
	c, err := update(ctx, p, p.Ads, in.ARN, ivs.KindAdConfiguration, func(c *ivs.AdConfiguration) error {
		set(&c.Name, in.Name)
		return applyAd(ctx, in.MediaTailorPlaybackConfigurations, in.PostRollConfiguration, c)
	})
	if err != nil {
		return nil, err
	}
	return &ivsapi.UpdateAdConfigurationOutput{AdConfiguration: adConfiguration(c)}, nil
}

// DeleteAdConfiguration deletes an ad configuration that no channel has.
func (p *Plane) DeleteAdConfiguration(ctx context.Context, in *ivsapi.DeleteAdConfigurationInput) (*ivsapi.DeleteAdConfigurationOutput, error) {
	return nil, remove(ctx, p, p.Ads, in.ARN, ivs.KindAdConfiguration)
}

// InsertAdBreak puts an ad break into a live stream whose channel has an ad
// configuration, unless a break is under way.
func (p *Plane) InsertAdBreak(ctx context.Context, in *ivsapi.InsertAdBreakInput) (*ivsapi.InsertAdBreakOutput, error) {
	c, err := p.findChannel(ctx, "channelArn", in.ChannelARN)
	if err != nil {
		return nil, err
	}
	if c.AdConfiguration == (ivs.ARN{}) {
		return nil, invalid(ctx, "channelArn: the channel has no ad configuration")
	}
	live, ok := p.Live.Stream(c.ARN)
	if !ok {
		return nil, offline(c.ARN)
	}
	s, err := p.Store.Session(ctx, c.ARN, live.StreamID)
	if err != nil {
		return nil, storeError(err, live.StreamID)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	b := ivs.NewAdBreak(live.StreamID, time.Duration(in.DurationSeconds)*time.Second, now)
	ev, err := b.Event(s, now)
	if err != nil {
		return nil, err
	}
	switch err := p.Store.InsertAdBreak(ctx, b, ev); ivs.CodeOf(err) {
	case ivs.NotLive:
		return nil, offline(c.ARN)
	case ivs.Conflict:
		return nil, ivs.Errorf(ivs.Conflict, "Channel: %s has an ad break under way", c.ARN)
	default:
		if err != nil {
			return nil, storeError(err, in.ChannelARN)
		}
	}
	if err := p.Live.PutAdBreak(c.ARN, b); err != nil {
		return nil, offline(c.ARN) // it has ended since
	}
	return &ivsapi.InsertAdBreakOutput{AdBreakID: &b.ID}, nil
}

// adConfiguration is an ad configuration as the API answers it.
func adConfiguration(c ivs.AdConfiguration) ivsapi.AdConfiguration {
	return ivsapi.AdConfiguration{
		ARN:                               c.ARN.String(),
		Name:                              new(c.Name),
		MediaTailorPlaybackConfigurations: each(c.MediaTailor, tailor),
		PostRollConfiguration:             postRoll(c),
		Tags:                              c.Tags.Clone(),
	}
}

// adSummary is an ad configuration as lists have it.
func adSummary(c ivs.AdConfiguration) ivsapi.AdConfigurationSummary {
	return ivsapi.AdConfigurationSummary{
		ARN:                               c.ARN.String(),
		Name:                              new(c.Name),
		MediaTailorPlaybackConfigurations: each(c.MediaTailor, tailor),
		PostRollConfiguration:             postRoll(c),
		Tags:                              c.Tags.Clone(),
	}
}

func tailor(arn string) ivsapi.MediaTailorPlaybackConfiguration {
	return ivsapi.MediaTailorPlaybackConfiguration{PlaybackConfigurationARN: &arn}
}

func postRoll(c ivs.AdConfiguration) *ivsapi.PostRollConfiguration {
	return &ivsapi.PostRollConfiguration{Enabled: c.PostRoll.Enabled, DurationSeconds: c.PostRoll.Seconds}
}

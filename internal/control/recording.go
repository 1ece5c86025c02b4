package control

import (
	"context"

	"openivs/internal/api/ivsapi"
	"openivs/internal/ivs"
)

// CreateRecordingConfiguration makes a recording configuration. Whether it can
// be used is found out meanwhile: it is answered as CREATING.
func (p *Plane) CreateRecordingConfiguration(ctx context.Context, in *ivsapi.CreateRecordingConfigurationInput) (*ivsapi.CreateRecordingConfigurationOutput, error) {
	c, err := p.newRecording(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := p.Destinations.refuse(ctx, p.Addresses.Region, c.Destination.S3.Bucket); err != nil {
		return nil, invalid(ctx, err.Error())
	}
	if err := create(ctx, p.Recordings, c, c.ARN.Kind, p.Quotas.Effective().RecordingConfigurations); err != nil {
		return nil, err
	}
	p.Destinations.look()
	return &ivsapi.CreateRecordingConfigurationOutput{RecordingConfiguration: new(recordingConfiguration(c))}, nil
}

// newRecording is the recording configuration that a request asks for.
func (p *Plane) newRecording(ctx context.Context, in *ivsapi.CreateRecordingConfigurationInput) (ivs.RecordingConfiguration, error) {
	c := ivs.RecordingConfiguration{
		ARN:             ivs.NewARN(p.Addresses.Region, p.Addresses.Account, ivs.KindRecordingConfiguration),
		Name:            value(in.Name),
		State:           ivs.RecordingCreating,
		Tags:            ivs.Tags(in.Tags).Clone(),
		ReconnectWindow: value(in.RecordingReconnectWindowSeconds),
	}
	if s3 := in.DestinationConfiguration.S3; s3 != nil {
		c.Destination.S3.Bucket = s3.BucketName
	}
	if t := in.ThumbnailConfiguration; t != nil {
		setAs(&c.Thumbnails.Mode, t.RecordingMode)
		c.Thumbnails.Interval = int(value(t.TargetIntervalSeconds))
		setAs(&c.Thumbnails.Resolution, t.Resolution)
		c.Thumbnails.Storage = names[string](t.Storage)
	}
	if r := in.RenditionConfiguration; r != nil {
		setAs(&c.Renditions.Selection, r.RenditionSelection)
		c.Renditions.Only = names[string](r.Renditions)
	}
	if err := c.Tags.Validate(); err != nil {
		return c, err
	}
	if err := c.Validate(); err != nil {
		return c, invalid(ctx, err.Error())
	}
	c.Complete()
	return c, nil
}

// GetRecordingConfiguration returns a recording configuration.
func (p *Plane) GetRecordingConfiguration(ctx context.Context, in *ivsapi.GetRecordingConfigurationInput) (*ivsapi.GetRecordingConfigurationOutput, error) {
	c, err := get(ctx, p, p.Recordings, in.ARN, ivs.KindRecordingConfiguration)
	if err != nil {
		return nil, err
	}
	return &ivsapi.GetRecordingConfigurationOutput{RecordingConfiguration: new(recordingConfiguration(c))}, nil
}

// ListRecordingConfigurations lists recording configurations in the order they
// were made.
func (p *Plane) ListRecordingConfigurations(ctx context.Context, in *ivsapi.ListRecordingConfigurationsInput) (*ivsapi.ListRecordingConfigurationsOutput, error) {
	byDefault := min(p.Quotas.Effective().RecordingConfigurations, maxResourcePage)
	l, err := p.list("ListRecordingConfigurations", in.NextToken, in.MaxResults, byDefault)
	if err != nil {
		return nil, err
	}
	items, next, err := pageOf(ctx, p, p.Recordings, l)
	if err != nil {
		return nil, err
	}
	return &ivsapi.ListRecordingConfigurationsOutput{RecordingConfigurations: each(items, recordingSummary), NextToken: next}, nil
}

// DeleteRecordingConfiguration deletes a recording configuration that no channel
// has. Recordings stay where they are.
func (p *Plane) DeleteRecordingConfiguration(ctx context.Context, in *ivsapi.DeleteRecordingConfigurationInput) (*ivsapi.DeleteRecordingConfigurationOutput, error) {
	return nil, remove(ctx, p, p.Recordings, in.ARN, ivs.KindRecordingConfiguration)
}

// recordingConfiguration is a recording configuration as the API answers it.
func recordingConfiguration(c ivs.RecordingConfiguration) ivsapi.RecordingConfiguration {
	t := &ivsapi.ThumbnailConfiguration{
		RecordingMode: new(ivsapi.RecordingMode(c.Thumbnails.Mode)),
		Storage:       names[ivsapi.ThumbnailConfigurationStorage](c.Thumbnails.Storage),
	}
	if c.Thumbnails.Interval != 0 {
		t.TargetIntervalSeconds = new(int64(c.Thumbnails.Interval))
	}
	if c.Thumbnails.Resolution != "" {
		t.Resolution = new(ivsapi.ThumbnailConfigurationResolution(c.Thumbnails.Resolution))
	}
	return ivsapi.RecordingConfiguration{
		ARN:                             c.ARN.String(),
		Name:                            new(c.Name),
		DestinationConfiguration:        destination(c),
		State:                           ivsapi.RecordingConfigurationState(c.State),
		Tags:                            c.Tags.Clone(),
		ThumbnailConfiguration:          t,
		RecordingReconnectWindowSeconds: new(c.ReconnectWindow),
		RenditionConfiguration: &ivsapi.RenditionConfiguration{
			RenditionSelection: new(ivsapi.RenditionConfigurationRenditionSelection(c.Renditions.Selection)),
			Renditions:         names[ivsapi.RenditionConfigurationRendition](c.Renditions.Only),
		},
	}
}

// recordingSummary is a recording configuration as lists have it.
func recordingSummary(c ivs.RecordingConfiguration) ivsapi.RecordingConfigurationSummary {
	return ivsapi.RecordingConfigurationSummary{
		ARN:                      c.ARN.String(),
		Name:                     new(c.Name),
		DestinationConfiguration: destination(c),
		State:                    ivsapi.RecordingConfigurationState(c.State),
		Tags:                     c.Tags.Clone(),
	}
}

func destination(c ivs.RecordingConfiguration) ivsapi.DestinationConfiguration {
	return ivsapi.DestinationConfiguration{S3: &ivsapi.S3DestinationConfiguration{BucketName: c.Destination.S3.Bucket}}
}

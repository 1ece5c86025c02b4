package app_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"

	"openivs/internal/app"
)

// What a request's own words rule out is said before whether the caller may,
// before its rate and before what is there.
func TestOrderOfChecks(t *testing.T) {
	t.Parallel()
	cfg := settings(t, t.TempDir(), "api-rates", "on", "api-rate-limit", "UpdatePlaybackRestrictionPolicy=1")
	s := run(t, cfg)
	reader := s.as(t, grant(t, cfg, app.Grant{Policies: []string{"IVSReadOnlyAccess"}}))
	noticed(t, "", func() error { _, err := reader.ListStreams(t.Context(), &ivs.ListStreamsInput{}); return err })
	missing := aws.String("arn:aws:ivs:us-east-1:000000000000:playback-restriction-policy/missingmissi")
	in := &ivs.UpdatePlaybackRestrictionPolicyInput{Arn: missing, AllowedCountries: []string{"XX"}}
	c := reader
	for _, step := range []struct {
		want string
		mend func()
	}{
		{"ValidationException", func() { in.AllowedCountries = []string{"DE"} }},
		{"AccessDeniedException", func() { c, in.AllowedCountries = s.api(t), []string{"XX"} }},
		{"ValidationException", func() {}},
		{"ValidationException", func() {}}, // and takes nothing from the rate
		{"ValidationException", func() { in.AllowedCountries = []string{"DE"} }},
		{"ResourceNotFoundException", func() {}},
	} {
		if _, err := c.UpdatePlaybackRestrictionPolicy(t.Context(), in); code(err) != step.want {
			t.Fatalf("%v: %v, want %s", in.AllowedCountries, err, step.want)
		}
		step.mend()
	}
}

// The rules that no model states are rules of the request as well: who may not
// carry it out hears of them all the same.
func TestEveryRuleOfARequestComesBeforeTheRight(t *testing.T) {
	t.Parallel()
	cfg := settings(t, t.TempDir())
	s := run(t, cfg)
	reader := s.as(t, grant(t, cfg, app.Grant{Policies: []string{"IVSReadOnlyAccess"}}))
	noticed(t, "", func() error { _, err := reader.ListStreams(t.Context(), &ivs.ListStreamsInput{}); return err })
	ctx, prefix := t.Context(), "arn:aws:ivs:us-east-1:000000000000:"
	channel, policy := aws.String(prefix+"channel/missingmissi"), aws.String(prefix+"playback-restriction-policy/missingmissi")
	ads := aws.String(prefix + "ad-configuration/missingmissi")
	reserved := map[string]string{"aws:x": "y"}
	s3 := func(bucket string) *types.DestinationConfiguration {
		return &types.DestinationConfiguration{S3: &types.S3DestinationConfiguration{BucketName: &bucket}}
	}
	multitrack := &types.MultitrackInputConfiguration{Enabled: true}
	update := func(in ivs.UpdateChannelInput) func(*ivs.Client) error {
		in.Arn = channel
		return func(c *ivs.Client) error { _, err := c.UpdateChannel(ctx, &in); return err }
	}
	create := func(in ivs.CreateChannelInput) func(*ivs.Client) error {
		return func(c *ivs.Client) error { _, err := c.CreateChannel(ctx, &in); return err }
	}
	for name, call := range map[string]func(c *ivs.Client) error{
		"a preset of no type":           create(ivs.CreateChannelInput{Preset: types.TranscodePresetHigherBandwidthTranscodePreset}),
		"reserved tags":                 create(ivs.CreateChannelInput{Tags: reserved}),
		"tracks without their policy":   create(ivs.CreateChannelInput{MultitrackInputConfiguration: multitrack, ContainerFormat: types.ContainerFormatFragmentedMP4}),
		"a channel to record with":      create(ivs.CreateChannelInput{RecordingConfigurationArn: channel}),
		"a preset of another type":      update(ivs.UpdateChannelInput{Type: types.ChannelTypeBasicChannelType, Preset: types.TranscodePresetHigherBandwidthTranscodePreset}),
		"tracks of another type":        update(ivs.UpdateChannelInput{Type: types.ChannelTypeBasicChannelType, MultitrackInputConfiguration: multitrack}),
		"tracks in another container":   update(ivs.UpdateChannelInput{ContainerFormat: types.ContainerFormatTs, MultitrackInputConfiguration: multitrack}),
		"tracks and a preset":           update(ivs.UpdateChannelInput{Preset: types.TranscodePresetHigherBandwidthTranscodePreset, MultitrackInputConfiguration: multitrack}),
		"tracks and ads":                update(ivs.UpdateChannelInput{AdConfigurationArn: ads, MultitrackInputConfiguration: multitrack}),
		"ads in another container":      update(ivs.UpdateChannelInput{AdConfigurationArn: ads, ContainerFormat: types.ContainerFormatFragmentedMP4}),
		"an ad configuration to record": update(ivs.UpdateChannelInput{RecordingConfigurationArn: ads}),
		"another kind of resource": func(c *ivs.Client) error {
			_, err := c.DeleteChannel(ctx, &ivs.DeleteChannelInput{Arn: policy})
			return err
		},
		"another kind of resource to stop": func(c *ivs.Client) error {
			_, err := c.StopStream(ctx, &ivs.StopStreamInput{ChannelArn: ads})
			return err
		},
		"a key that is none": func(c *ivs.Client) error {
			_, err := c.ImportPlaybackKeyPair(ctx, &ivs.ImportPlaybackKeyPairInput{PublicKeyMaterial: aws.String("x")})
			return err
		},
		"metadata too long": func(c *ivs.Client) error {
			_, err := c.PutMetadata(ctx, &ivs.PutMetadataInput{ChannelArn: channel, Metadata: aws.String(strings.Repeat("x", 2000))})
			return err
		},
		"a bucket of no name": func(c *ivs.Client) error {
			_, err := c.CreateRecordingConfiguration(ctx, &ivs.CreateRecordingConfigurationInput{DestinationConfiguration: s3("192.168.1.1")})
			return err
		},
		"a country that is none": func(c *ivs.Client) error {
			_, err := c.CreatePlaybackRestrictionPolicy(ctx, &ivs.CreatePlaybackRestrictionPolicyInput{AllowedCountries: []string{"XX"}})
			return err
		},
		"an origin that is none": func(c *ivs.Client) error {
			_, err := c.UpdatePlaybackRestrictionPolicy(ctx, &ivs.UpdatePlaybackRestrictionPolicyInput{Arn: policy, AllowedOrigins: []string{"x"}})
			return err
		},
		"ads from nowhere": func(c *ivs.Client) error {
			_, err := c.CreateAdConfiguration(ctx, &ivs.CreateAdConfigurationInput{MediaTailorPlaybackConfigurations: []types.MediaTailorPlaybackConfiguration{{}}})
			return err
		},
		"reserved tags on a key": func(c *ivs.Client) error {
			_, err := c.CreateStreamKey(ctx, &ivs.CreateStreamKeyInput{ChannelArn: channel, Tags: reserved})
			return err
		},
		"reserved tags on a channel": func(c *ivs.Client) error {
			_, err := c.TagResource(ctx, &ivs.TagResourceInput{ResourceArn: channel, Tags: reserved})
			return err
		},
		"a token of no list": func(c *ivs.Client) error {
			_, err := c.ListStreamKeys(ctx, &ivs.ListStreamKeysInput{ChannelArn: channel, NextToken: aws.String("x")})
			return err
		},
		"revocations of no channel": func(c *ivs.Client) error {
			_, err := c.BatchStartViewerSessionRevocation(ctx, &ivs.BatchStartViewerSessionRevocationInput{
				ViewerSessions: []types.BatchStartViewerSessionRevocationViewerSession{{ChannelArn: ads, ViewerId: aws.String("v")}},
			})
			return err
		},
	} {
		if got := code(call(reader)); got != "ValidationException" {
			t.Errorf("%s, of one who may not: %s, want a ValidationException", name, got)
		}
		if got := code(call(s.api(t))); got != "ValidationException" {
			t.Errorf("%s, of one who may: %s, want a ValidationException", name, got)
		}
	}
}

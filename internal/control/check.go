package control

import (
	"cmp"
	"context"
	"fmt"

	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
	"openivs/internal/ivs"
)

// Check holds a request to the rules that are not in the model and need nothing
// but the request. They come before the question whether the caller may: a
// request that nobody could have carried out costs no rate, and its answer says
// nothing of what is there.
func (p *Plane) Check(ctx context.Context, operation string, in any) error {
	return cmp.Or(p.checkNew(ctx, in), checkChannel(ctx, in), checkResource(ctx, in), p.checkList(operation, in))
}

// checkNew is for operations that make or change resources.
func (p *Plane) checkNew(ctx context.Context, in any) (err error) {
	switch in := in.(type) {
	case *ivsapi.CreateChannelInput:
		var members *ivsapi.UpdateChannelInput
		if _, members, err = p.newChannel(ctx, in); err == nil {
			err = checkReferences(ctx, members)
		}
	case *ivsapi.UpdateChannelInput:
		err = cmp.Or(checkARN(ctx, "arn", in.ARN, ivs.KindChannel), checkUpdate(ctx, in))
	case *ivsapi.CreateStreamKeyInput:
		err = cmp.Or(ivs.Tags(in.Tags).Validate(), checkARN(ctx, "channelArn", in.ChannelARN, ivs.KindChannel))
	case *ivsapi.ImportPlaybackKeyPairInput:
		_, err = p.newKeyPair(ctx, in)
	case *ivsapi.CreateRecordingConfigurationInput:
		_, err = p.newRecording(ctx, in)
	case *ivsapi.CreatePlaybackRestrictionPolicyInput:
		_, err = p.newRestriction(ctx, in)
	case *ivsapi.UpdatePlaybackRestrictionPolicyInput:
		err = cmp.Or(checkARN(ctx, "arn", in.ARN, ivs.KindPlaybackRestrictionPolicy),
			applyLists(ctx, in.AllowedCountries, in.AllowedOrigins, new(ivs.RestrictionPolicy)))
	case *ivsapi.CreateAdConfigurationInput:
		_, err = p.newAd(ctx, in)
	case *ivsapi.UpdateAdConfigurationInput:
		err = cmp.Or(checkARN(ctx, "arn", in.ARN, ivs.KindAdConfiguration),
			applyAd(ctx, in.MediaTailorPlaybackConfigurations, in.PostRollConfiguration, new(ivs.AdConfiguration)))
	case *ivsapi.TagResourceInput:
		err = cmp.Or(checkTaggable(ctx, in.ResourceARN), ivs.Tags(in.Tags).Validate())
	case *ivsapi.UntagResourceInput:
		err = checkTaggable(ctx, in.ResourceARN)
	}
	return err
}

// checkChannel is for operations on a channel and what goes on there.
func checkChannel(ctx context.Context, in any) error {
	channel := func(member, arn string) error { return checkARN(ctx, member, arn, ivs.KindChannel) }
	switch in := in.(type) {
	case *ivsapi.GetChannelInput:
		return channel("arn", in.ARN)
	case *ivsapi.DeleteChannelInput:
		return channel("arn", in.ARN)
	case *ivsapi.BatchGetChannelInput:
		return checkARNs(ctx, in.ARNs, ivs.KindChannel)
	case *ivsapi.GetStreamInput:
		return channel("channelArn", in.ChannelARN)
	case *ivsapi.GetStreamSessionInput:
		return channel("channelArn", in.ChannelARN)
	case *ivsapi.ListStreamSessionsInput:
		return channel("channelArn", in.ChannelARN)
	case *ivsapi.ListStreamKeysInput:
		return channel("channelArn", in.ChannelARN)
	case *ivsapi.StopStreamInput:
		return channel("channelArn", in.ChannelARN)
	case *ivsapi.InsertAdBreakInput:
		return channel("channelArn", in.ChannelARN)
	case *ivsapi.PutMetadataInput:
		if len(in.Metadata) > ivs.MaxMetadata {
			return ivs.Errorf(ivs.Invalid, "Metadata size exceeds payload limit")
		}
		return channel("channelArn", in.ChannelARN)
	case *ivsapi.StartViewerSessionRevocationInput:
		return channel("channelArn", in.ChannelARN)
	case *ivsapi.BatchStartViewerSessionRevocationInput:
		for i, v := range in.ViewerSessions {
			if err := channel(sessionMember(i), v.ChannelARN); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkResource is for operations on one resource of another kind.
func checkResource(ctx context.Context, in any) error {
	switch in := in.(type) {
	case *ivsapi.GetStreamKeyInput:
		return checkARN(ctx, "arn", in.ARN, ivs.KindStreamKey)
	case *ivsapi.DeleteStreamKeyInput:
		return checkARN(ctx, "arn", in.ARN, ivs.KindStreamKey)
	case *ivsapi.BatchGetStreamKeyInput:
		return checkARNs(ctx, in.ARNs, ivs.KindStreamKey)
	case *ivsapi.GetPlaybackKeyPairInput:
		return checkARN(ctx, "arn", in.ARN, ivs.KindPlaybackKeyPair)
	case *ivsapi.DeletePlaybackKeyPairInput:
		return checkARN(ctx, "arn", in.ARN, ivs.KindPlaybackKeyPair)
	case *ivsapi.GetRecordingConfigurationInput:
		return checkARN(ctx, "arn", in.ARN, ivs.KindRecordingConfiguration)
	case *ivsapi.DeleteRecordingConfigurationInput:
		return checkARN(ctx, "arn", in.ARN, ivs.KindRecordingConfiguration)
	case *ivsapi.GetPlaybackRestrictionPolicyInput:
		return checkARN(ctx, "arn", in.ARN, ivs.KindPlaybackRestrictionPolicy)
	case *ivsapi.DeletePlaybackRestrictionPolicyInput:
		return checkARN(ctx, "arn", in.ARN, ivs.KindPlaybackRestrictionPolicy)
	case *ivsapi.GetAdConfigurationInput:
		return checkARN(ctx, "arn", in.ARN, ivs.KindAdConfiguration)
	case *ivsapi.DeleteAdConfigurationInput:
		return checkARN(ctx, "arn", in.ARN, ivs.KindAdConfiguration)
	case *ivsapi.ListTagsForResourceInput:
		return checkTaggable(ctx, in.ResourceARN)
	default:
		return nil
	}
}

// checkList says whether a token comes from the list that it is given to.
func (p *Plane) checkList(operation string, in any) error {
	var token *string
	var filters []string
	switch in := in.(type) {
	case *ivsapi.ListChannelsInput:
		token = in.NextToken
		_, filters = channelFilters(in)
	case *ivsapi.ListStreamsInput:
		token, filters = in.NextToken, []string{string(healthFilter(in))}
	case *ivsapi.ListStreamSessionsInput:
		token, filters = in.NextToken, []string{in.ChannelARN}
	case *ivsapi.ListStreamKeysInput:
		token, filters = in.NextToken, []string{in.ChannelARN}
	case *ivsapi.ListPlaybackKeyPairsInput:
		token = in.NextToken
	case *ivsapi.ListRecordingConfigurationsInput:
		token = in.NextToken
	case *ivsapi.ListPlaybackRestrictionPoliciesInput:
		token = in.NextToken
	case *ivsapi.ListAdConfigurationsInput:
		token = in.NextToken
	}
	_, err := p.Tokens.Decode(operation, filters, token)
	return err
}

// arnOf reads an ARN in the member of an operation that takes one kind of resource.
func arnOf(ctx context.Context, member, arn string, kind ivs.Kind) (ivs.ARN, error) {
	a, err := ivs.ParseARN(arn)
	switch op := restjson.OperationName(ctx); {
	case err != nil:
		return ivs.ARN{}, ivs.Errorf(ivs.Invalid, "%s.%s: %w", op, member, err)
	case a.Kind != kind:
		return ivs.ARN{}, ivs.Errorf(ivs.Invalid, "%s.%s must be the ARN of a %s, not of a %s", op, member, kind, a.Kind)
	default:
		return a, nil
	}
}

func checkARN(ctx context.Context, member, arn string, kind ivs.Kind) error {
	_, err := arnOf(ctx, member, arn, kind)
	return err
}

// checkARNs is for the ARNs of a batch: one of bad form fails all.
func checkARNs(ctx context.Context, arns []string, kind ivs.Kind) error {
	for _, a := range arns {
		if err := checkARN(ctx, "arns", a, kind); err != nil {
			return err
		}
	}
	return nil
}

func checkTaggable(ctx context.Context, resource string) error {
	_, err := taggable(ctx, resource)
	return err
}

// sessionMember is where a batch of revocations names its i-th channel.
func sessionMember(i int) string { return fmt.Sprintf("viewerSessions[%d].channelArn", i) }

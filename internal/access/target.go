package access

import (
	"fmt"

	"openivs/internal/api/ivsapi"
	"openivs/internal/ivs"
)

// A target is what a request is about. The caller needs the right to each of the
// resources.
type target struct {
	resources []string          // ARNs; with a wildcard for what is listed or not there yet
	tags      map[string]string // that the request gives
	keys      []string          // of tags that it takes away
}

// target finds what a request is about (Service Authorization Reference,
// "Actions, resources, and condition keys for Amazon Interactive Video Service").
func (g *Guard) target(operation string, in any) (target, error) {
	for _, find := range []func(any) (target, bool){g.channelTarget, g.resourceTarget, g.wildcardTarget} {
		if t, ok := find(in); ok {
			return t, nil
		}
	}
	return target{}, fmt.Errorf("it is not known what %s is about", operation)
}

func on(arn string) (target, bool) { return target{resources: []string{arn}}, true }

// every returns the ARN that stands for all resources of a kind.
func (g *Guard) every(k ivs.Kind) string {
	return ivs.ARN{Service: "ivs", Region: g.Region, Account: g.Account, Kind: k, ID: "*"}.String()
}

// channelTarget is for operations on a channel and what goes on there.
func (g *Guard) channelTarget(in any) (target, bool) {
	switch in := in.(type) {
	case *ivsapi.GetChannelInput:
		return on(in.ARN)
	case *ivsapi.UpdateChannelInput:
		return on(in.ARN)
	case *ivsapi.DeleteChannelInput:
		return on(in.ARN)
	case *ivsapi.GetStreamInput:
		return on(in.ChannelARN)
	case *ivsapi.GetStreamSessionInput:
		return on(in.ChannelARN)
	case *ivsapi.ListStreamSessionsInput:
		return on(in.ChannelARN)
	case *ivsapi.StopStreamInput:
		return on(in.ChannelARN)
	case *ivsapi.PutMetadataInput:
		return on(in.ChannelARN)
	case *ivsapi.InsertAdBreakInput:
		return on(in.ChannelARN)
	case *ivsapi.StartViewerSessionRevocationInput:
		return on(in.ChannelARN)
	case *ivsapi.ListStreamKeysInput:
		return target{resources: []string{in.ChannelARN, g.every(ivs.KindStreamKey)}}, true
	case *ivsapi.CreateStreamKeyInput:
		return target{resources: []string{in.ChannelARN, g.every(ivs.KindStreamKey)}, tags: in.Tags}, true
	default:
		return target{}, false
	}
}

// resourceTarget is for operations on another resource, or on any.
func (g *Guard) resourceTarget(in any) (target, bool) {
	switch in := in.(type) {
	case *ivsapi.GetStreamKeyInput:
		return on(in.ARN)
	case *ivsapi.DeleteStreamKeyInput:
		return on(in.ARN)
	case *ivsapi.GetPlaybackKeyPairInput:
		return on(in.ARN)
	case *ivsapi.DeletePlaybackKeyPairInput:
		return on(in.ARN)
	case *ivsapi.GetRecordingConfigurationInput:
		return on(in.ARN)
	case *ivsapi.DeleteRecordingConfigurationInput:
		return on(in.ARN)
	case *ivsapi.GetPlaybackRestrictionPolicyInput:
		return on(in.ARN)
	case *ivsapi.UpdatePlaybackRestrictionPolicyInput:
		return on(in.ARN)
	case *ivsapi.DeletePlaybackRestrictionPolicyInput:
		return on(in.ARN)
	case *ivsapi.GetAdConfigurationInput:
		return on(in.ARN)
	case *ivsapi.UpdateAdConfigurationInput:
		return on(in.ARN)
	case *ivsapi.DeleteAdConfigurationInput:
		return on(in.ARN)
	case *ivsapi.ListTagsForResourceInput:
		return on(in.ResourceARN)
	case *ivsapi.TagResourceInput:
		return target{resources: []string{in.ResourceARN}, tags: in.Tags}, true
	case *ivsapi.UntagResourceInput:
		return target{resources: []string{in.ResourceARN}, keys: in.TagKeys}, true
	default:
		return target{}, false
	}
}

// wildcardTarget is for operations on all resources of a kind, and on one that
// is not there yet.
func (g *Guard) wildcardTarget(in any) (target, bool) {
	of := func(k ivs.Kind, tags map[string]string) (target, bool) {
		return target{resources: []string{g.every(k)}, tags: tags}, true
	}
	switch in := in.(type) {
	case *ivsapi.CreateChannelInput:
		return of(ivs.KindChannel, in.Tags)
	case *ivsapi.ListChannelsInput, *ivsapi.ListStreamsInput:
		return of(ivs.KindChannel, nil)
	case *ivsapi.ImportPlaybackKeyPairInput:
		return of(ivs.KindPlaybackKeyPair, in.Tags)
	case *ivsapi.ListPlaybackKeyPairsInput:
		return of(ivs.KindPlaybackKeyPair, nil)
	case *ivsapi.CreateRecordingConfigurationInput:
		return of(ivs.KindRecordingConfiguration, in.Tags)
	case *ivsapi.ListRecordingConfigurationsInput:
		return of(ivs.KindRecordingConfiguration, nil)
	case *ivsapi.CreatePlaybackRestrictionPolicyInput:
		return of(ivs.KindPlaybackRestrictionPolicy, in.Tags)
	case *ivsapi.ListPlaybackRestrictionPoliciesInput:
		return of(ivs.KindPlaybackRestrictionPolicy, nil)
	case *ivsapi.CreateAdConfigurationInput:
		return of(ivs.KindAdConfiguration, in.Tags)
	case *ivsapi.ListAdConfigurationsInput:
		return of(ivs.KindAdConfiguration, nil)
	default:
		return target{}, false
	}
}

package main

import (
	"context"
	"reflect"
	"time"

	"openivs/internal/api/ivsapi"
)

// answers is a Service that is there in full. Its answers have every member,
// or none.
type answers struct{ full bool }

var _ ivsapi.Service = answers{}

// answer makes an answer of a type.
func answer[Out any](a answers) *Out {
	if !a.full {
		return nil
	}
	out := new(Out)
	fill(reflect.ValueOf(out).Elem())
	return out
}

// fill sets everything in v.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"one": "1", "two": ""}))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 11, 23, 1, 2, 3, 999999999, time.FixedZone("", 3600))))
			return
		}
		for _, f := range v.Fields() {
			fill(f)
		}
	case reflect.String:
		v.SetString("text")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Bool:
		v.SetBool(true)
	default:
		panic("no value is known for " + v.Type().String())
	}
}

func (a answers) BatchGetChannel(context.Context, *ivsapi.BatchGetChannelInput) (*ivsapi.BatchGetChannelOutput, error) {
	return answer[ivsapi.BatchGetChannelOutput](a), nil
}

func (a answers) BatchGetStreamKey(context.Context, *ivsapi.BatchGetStreamKeyInput) (*ivsapi.BatchGetStreamKeyOutput, error) {
	return answer[ivsapi.BatchGetStreamKeyOutput](a), nil
}

func (a answers) BatchStartViewerSessionRevocation(context.Context, *ivsapi.BatchStartViewerSessionRevocationInput) (*ivsapi.BatchStartViewerSessionRevocationOutput, error) {
	return answer[ivsapi.BatchStartViewerSessionRevocationOutput](a), nil
}

func (a answers) CreateAdConfiguration(context.Context, *ivsapi.CreateAdConfigurationInput) (*ivsapi.CreateAdConfigurationOutput, error) {
	return answer[ivsapi.CreateAdConfigurationOutput](a), nil
}

func (a answers) CreateChannel(context.Context, *ivsapi.CreateChannelInput) (*ivsapi.CreateChannelOutput, error) {
	return answer[ivsapi.CreateChannelOutput](a), nil
}

func (a answers) CreatePlaybackRestrictionPolicy(context.Context, *ivsapi.CreatePlaybackRestrictionPolicyInput) (*ivsapi.CreatePlaybackRestrictionPolicyOutput, error) {
	return answer[ivsapi.CreatePlaybackRestrictionPolicyOutput](a), nil
}

func (a answers) CreateRecordingConfiguration(context.Context, *ivsapi.CreateRecordingConfigurationInput) (*ivsapi.CreateRecordingConfigurationOutput, error) {
	return answer[ivsapi.CreateRecordingConfigurationOutput](a), nil
}

func (a answers) CreateStreamKey(context.Context, *ivsapi.CreateStreamKeyInput) (*ivsapi.CreateStreamKeyOutput, error) {
	return answer[ivsapi.CreateStreamKeyOutput](a), nil
}

func (a answers) DeleteAdConfiguration(context.Context, *ivsapi.DeleteAdConfigurationInput) (*ivsapi.DeleteAdConfigurationOutput, error) {
	return answer[ivsapi.DeleteAdConfigurationOutput](a), nil
}

func (a answers) DeleteChannel(context.Context, *ivsapi.DeleteChannelInput) (*ivsapi.DeleteChannelOutput, error) {
	return answer[ivsapi.DeleteChannelOutput](a), nil
}

func (a answers) DeletePlaybackKeyPair(context.Context, *ivsapi.DeletePlaybackKeyPairInput) (*ivsapi.DeletePlaybackKeyPairOutput, error) {
	return answer[ivsapi.DeletePlaybackKeyPairOutput](a), nil
}

func (a answers) DeletePlaybackRestrictionPolicy(context.Context, *ivsapi.DeletePlaybackRestrictionPolicyInput) (*ivsapi.DeletePlaybackRestrictionPolicyOutput, error) {
	return answer[ivsapi.DeletePlaybackRestrictionPolicyOutput](a), nil
}

func (a answers) DeleteRecordingConfiguration(context.Context, *ivsapi.DeleteRecordingConfigurationInput) (*ivsapi.DeleteRecordingConfigurationOutput, error) {
	return answer[ivsapi.DeleteRecordingConfigurationOutput](a), nil
}

func (a answers) DeleteStreamKey(context.Context, *ivsapi.DeleteStreamKeyInput) (*ivsapi.DeleteStreamKeyOutput, error) {
	return answer[ivsapi.DeleteStreamKeyOutput](a), nil
}

func (a answers) GetAdConfiguration(context.Context, *ivsapi.GetAdConfigurationInput) (*ivsapi.GetAdConfigurationOutput, error) {
	return answer[ivsapi.GetAdConfigurationOutput](a), nil
}

func (a answers) GetChannel(context.Context, *ivsapi.GetChannelInput) (*ivsapi.GetChannelOutput, error) {
	return answer[ivsapi.GetChannelOutput](a), nil
}

func (a answers) GetPlaybackKeyPair(context.Context, *ivsapi.GetPlaybackKeyPairInput) (*ivsapi.GetPlaybackKeyPairOutput, error) {
	return answer[ivsapi.GetPlaybackKeyPairOutput](a), nil
}

func (a answers) GetPlaybackRestrictionPolicy(context.Context, *ivsapi.GetPlaybackRestrictionPolicyInput) (*ivsapi.GetPlaybackRestrictionPolicyOutput, error) {
	return answer[ivsapi.GetPlaybackRestrictionPolicyOutput](a), nil
}

func (a answers) GetRecordingConfiguration(context.Context, *ivsapi.GetRecordingConfigurationInput) (*ivsapi.GetRecordingConfigurationOutput, error) {
	return answer[ivsapi.GetRecordingConfigurationOutput](a), nil
}

func (a answers) GetStream(context.Context, *ivsapi.GetStreamInput) (*ivsapi.GetStreamOutput, error) {
	return answer[ivsapi.GetStreamOutput](a), nil
}

func (a answers) GetStreamKey(context.Context, *ivsapi.GetStreamKeyInput) (*ivsapi.GetStreamKeyOutput, error) {
	return answer[ivsapi.GetStreamKeyOutput](a), nil
}

func (a answers) GetStreamSession(context.Context, *ivsapi.GetStreamSessionInput) (*ivsapi.GetStreamSessionOutput, error) {
	return answer[ivsapi.GetStreamSessionOutput](a), nil
}

func (a answers) ImportPlaybackKeyPair(context.Context, *ivsapi.ImportPlaybackKeyPairInput) (*ivsapi.ImportPlaybackKeyPairOutput, error) {
	return answer[ivsapi.ImportPlaybackKeyPairOutput](a), nil
}

func (a answers) InsertAdBreak(context.Context, *ivsapi.InsertAdBreakInput) (*ivsapi.InsertAdBreakOutput, error) {
	return answer[ivsapi.InsertAdBreakOutput](a), nil
}

func (a answers) ListAdConfigurations(context.Context, *ivsapi.ListAdConfigurationsInput) (*ivsapi.ListAdConfigurationsOutput, error) {
	return answer[ivsapi.ListAdConfigurationsOutput](a), nil
}

func (a answers) ListChannels(context.Context, *ivsapi.ListChannelsInput) (*ivsapi.ListChannelsOutput, error) {
	return answer[ivsapi.ListChannelsOutput](a), nil
}

func (a answers) ListPlaybackKeyPairs(context.Context, *ivsapi.ListPlaybackKeyPairsInput) (*ivsapi.ListPlaybackKeyPairsOutput, error) {
	return answer[ivsapi.ListPlaybackKeyPairsOutput](a), nil
}

func (a answers) ListPlaybackRestrictionPolicies(context.Context, *ivsapi.ListPlaybackRestrictionPoliciesInput) (*ivsapi.ListPlaybackRestrictionPoliciesOutput, error) {
	return answer[ivsapi.ListPlaybackRestrictionPoliciesOutput](a), nil
}

func (a answers) ListRecordingConfigurations(context.Context, *ivsapi.ListRecordingConfigurationsInput) (*ivsapi.ListRecordingConfigurationsOutput, error) {
	return answer[ivsapi.ListRecordingConfigurationsOutput](a), nil
}

func (a answers) ListStreamKeys(context.Context, *ivsapi.ListStreamKeysInput) (*ivsapi.ListStreamKeysOutput, error) {
	return answer[ivsapi.ListStreamKeysOutput](a), nil
}

func (a answers) ListStreamSessions(context.Context, *ivsapi.ListStreamSessionsInput) (*ivsapi.ListStreamSessionsOutput, error) {
	return answer[ivsapi.ListStreamSessionsOutput](a), nil
}

func (a answers) ListStreams(context.Context, *ivsapi.ListStreamsInput) (*ivsapi.ListStreamsOutput, error) {
	return answer[ivsapi.ListStreamsOutput](a), nil
}

func (a answers) ListTagsForResource(context.Context, *ivsapi.ListTagsForResourceInput) (*ivsapi.ListTagsForResourceOutput, error) {
	return answer[ivsapi.ListTagsForResourceOutput](a), nil
}

func (a answers) PutMetadata(context.Context, *ivsapi.PutMetadataInput) (*ivsapi.PutMetadataOutput, error) {
	return answer[ivsapi.PutMetadataOutput](a), nil
}

func (a answers) StartViewerSessionRevocation(context.Context, *ivsapi.StartViewerSessionRevocationInput) (*ivsapi.StartViewerSessionRevocationOutput, error) {
	return answer[ivsapi.StartViewerSessionRevocationOutput](a), nil
}

func (a answers) StopStream(context.Context, *ivsapi.StopStreamInput) (*ivsapi.StopStreamOutput, error) {
	return answer[ivsapi.StopStreamOutput](a), nil
}

func (a answers) TagResource(context.Context, *ivsapi.TagResourceInput) (*ivsapi.TagResourceOutput, error) {
	return answer[ivsapi.TagResourceOutput](a), nil
}

func (a answers) UntagResource(context.Context, *ivsapi.UntagResourceInput) (*ivsapi.UntagResourceOutput, error) {
	return answer[ivsapi.UntagResourceOutput](a), nil
}

func (a answers) UpdateAdConfiguration(context.Context, *ivsapi.UpdateAdConfigurationInput) (*ivsapi.UpdateAdConfigurationOutput, error) {
	return answer[ivsapi.UpdateAdConfigurationOutput](a), nil
}

func (a answers) UpdateChannel(context.Context, *ivsapi.UpdateChannelInput) (*ivsapi.UpdateChannelOutput, error) {
	return answer[ivsapi.UpdateChannelOutput](a), nil
}

func (a answers) UpdatePlaybackRestrictionPolicy(context.Context, *ivsapi.UpdatePlaybackRestrictionPolicyInput) (*ivsapi.UpdatePlaybackRestrictionPolicyOutput, error) {
	return answer[ivsapi.UpdatePlaybackRestrictionPolicyOutput](a), nil
}

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
func answer[Out any](a answers) (*Out, error) {
	if !a.full {
		return nil, nil
	}
	out := new(Out)
	fill(reflect.ValueOf(out).Elem())
	return out, nil
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
		for i := range v.NumField() {
			fill(v.Field(i))
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
	return answer[ivsapi.BatchGetChannelOutput](a)
}

func (a answers) BatchGetStreamKey(context.Context, *ivsapi.BatchGetStreamKeyInput) (*ivsapi.BatchGetStreamKeyOutput, error) {
	return answer[ivsapi.BatchGetStreamKeyOutput](a)
}

func (a answers) BatchStartViewerSessionRevocation(context.Context, *ivsapi.BatchStartViewerSessionRevocationInput) (*ivsapi.BatchStartViewerSessionRevocationOutput, error) {
	return answer[ivsapi.BatchStartViewerSessionRevocationOutput](a)
}

func (a answers) CreateAdConfiguration(context.Context, *ivsapi.CreateAdConfigurationInput) (*ivsapi.CreateAdConfigurationOutput, error) {
	return answer[ivsapi.CreateAdConfigurationOutput](a)
}

func (a answers) CreateChannel(context.Context, *ivsapi.CreateChannelInput) (*ivsapi.CreateChannelOutput, error) {
	return answer[ivsapi.CreateChannelOutput](a)
}

func (a answers) CreatePlaybackRestrictionPolicy(context.Context, *ivsapi.CreatePlaybackRestrictionPolicyInput) (*ivsapi.CreatePlaybackRestrictionPolicyOutput, error) {
	return answer[ivsapi.CreatePlaybackRestrictionPolicyOutput](a)
}

func (a answers) CreateRecordingConfiguration(context.Context, *ivsapi.CreateRecordingConfigurationInput) (*ivsapi.CreateRecordingConfigurationOutput, error) {
	return answer[ivsapi.CreateRecordingConfigurationOutput](a)
}

func (a answers) CreateStreamKey(context.Context, *ivsapi.CreateStreamKeyInput) (*ivsapi.CreateStreamKeyOutput, error) {
	return answer[ivsapi.CreateStreamKeyOutput](a)
}

func (a answers) DeleteAdConfiguration(context.Context, *ivsapi.DeleteAdConfigurationInput) (*ivsapi.DeleteAdConfigurationOutput, error) {
	return answer[ivsapi.DeleteAdConfigurationOutput](a)
}

func (a answers) DeleteChannel(context.Context, *ivsapi.DeleteChannelInput) (*ivsapi.DeleteChannelOutput, error) {
	return answer[ivsapi.DeleteChannelOutput](a)
}

func (a answers) DeletePlaybackKeyPair(context.Context, *ivsapi.DeletePlaybackKeyPairInput) (*ivsapi.DeletePlaybackKeyPairOutput, error) {
	return answer[ivsapi.DeletePlaybackKeyPairOutput](a)
}

func (a answers) DeletePlaybackRestrictionPolicy(context.Context, *ivsapi.DeletePlaybackRestrictionPolicyInput) (*ivsapi.DeletePlaybackRestrictionPolicyOutput, error) {
	return answer[ivsapi.DeletePlaybackRestrictionPolicyOutput](a)
}

func (a answers) DeleteRecordingConfiguration(context.Context, *ivsapi.DeleteRecordingConfigurationInput) (*ivsapi.DeleteRecordingConfigurationOutput, error) {
	return answer[ivsapi.DeleteRecordingConfigurationOutput](a)
}

func (a answers) DeleteStreamKey(context.Context, *ivsapi.DeleteStreamKeyInput) (*ivsapi.DeleteStreamKeyOutput, error) {
	return answer[ivsapi.DeleteStreamKeyOutput](a)
}

func (a answers) GetAdConfiguration(context.Context, *ivsapi.GetAdConfigurationInput) (*ivsapi.GetAdConfigurationOutput, error) {
	return answer[ivsapi.GetAdConfigurationOutput](a)
}

func (a answers) GetChannel(context.Context, *ivsapi.GetChannelInput) (*ivsapi.GetChannelOutput, error) {
	return answer[ivsapi.GetChannelOutput](a)
}

func (a answers) GetPlaybackKeyPair(context.Context, *ivsapi.GetPlaybackKeyPairInput) (*ivsapi.GetPlaybackKeyPairOutput, error) {
	return answer[ivsapi.GetPlaybackKeyPairOutput](a)
}

func (a answers) GetPlaybackRestrictionPolicy(context.Context, *ivsapi.GetPlaybackRestrictionPolicyInput) (*ivsapi.GetPlaybackRestrictionPolicyOutput, error) {
	return answer[ivsapi.GetPlaybackRestrictionPolicyOutput](a)
}

func (a answers) GetRecordingConfiguration(context.Context, *ivsapi.GetRecordingConfigurationInput) (*ivsapi.GetRecordingConfigurationOutput, error) {
	return answer[ivsapi.GetRecordingConfigurationOutput](a)
}

func (a answers) GetStream(context.Context, *ivsapi.GetStreamInput) (*ivsapi.GetStreamOutput, error) {
	return answer[ivsapi.GetStreamOutput](a)
}

func (a answers) GetStreamKey(context.Context, *ivsapi.GetStreamKeyInput) (*ivsapi.GetStreamKeyOutput, error) {
	return answer[ivsapi.GetStreamKeyOutput](a)
}

func (a answers) GetStreamSession(context.Context, *ivsapi.GetStreamSessionInput) (*ivsapi.GetStreamSessionOutput, error) {
	return answer[ivsapi.GetStreamSessionOutput](a)
}

func (a answers) ImportPlaybackKeyPair(context.Context, *ivsapi.ImportPlaybackKeyPairInput) (*ivsapi.ImportPlaybackKeyPairOutput, error) {
	return answer[ivsapi.ImportPlaybackKeyPairOutput](a)
}

func (a answers) InsertAdBreak(context.Context, *ivsapi.InsertAdBreakInput) (*ivsapi.InsertAdBreakOutput, error) {
	return answer[ivsapi.InsertAdBreakOutput](a)
}

func (a answers) ListAdConfigurations(context.Context, *ivsapi.ListAdConfigurationsInput) (*ivsapi.ListAdConfigurationsOutput, error) {
	return answer[ivsapi.ListAdConfigurationsOutput](a)
}

func (a answers) ListChannels(context.Context, *ivsapi.ListChannelsInput) (*ivsapi.ListChannelsOutput, error) {
	return answer[ivsapi.ListChannelsOutput](a)
}

func (a answers) ListPlaybackKeyPairs(context.Context, *ivsapi.ListPlaybackKeyPairsInput) (*ivsapi.ListPlaybackKeyPairsOutput, error) {
	return answer[ivsapi.ListPlaybackKeyPairsOutput](a)
}

func (a answers) ListPlaybackRestrictionPolicies(context.Context, *ivsapi.ListPlaybackRestrictionPoliciesInput) (*ivsapi.ListPlaybackRestrictionPoliciesOutput, error) {
	return answer[ivsapi.ListPlaybackRestrictionPoliciesOutput](a)
}

func (a answers) ListRecordingConfigurations(context.Context, *ivsapi.ListRecordingConfigurationsInput) (*ivsapi.ListRecordingConfigurationsOutput, error) {
	return answer[ivsapi.ListRecordingConfigurationsOutput](a)
}

func (a answers) ListStreamKeys(context.Context, *ivsapi.ListStreamKeysInput) (*ivsapi.ListStreamKeysOutput, error) {
	return answer[ivsapi.ListStreamKeysOutput](a)
}

func (a answers) ListStreamSessions(context.Context, *ivsapi.ListStreamSessionsInput) (*ivsapi.ListStreamSessionsOutput, error) {
	return answer[ivsapi.ListStreamSessionsOutput](a)
}

func (a answers) ListStreams(context.Context, *ivsapi.ListStreamsInput) (*ivsapi.ListStreamsOutput, error) {
	return answer[ivsapi.ListStreamsOutput](a)
}

func (a answers) ListTagsForResource(context.Context, *ivsapi.ListTagsForResourceInput) (*ivsapi.ListTagsForResourceOutput, error) {
	return answer[ivsapi.ListTagsForResourceOutput](a)
}

func (a answers) PutMetadata(context.Context, *ivsapi.PutMetadataInput) (*ivsapi.PutMetadataOutput, error) {
	return answer[ivsapi.PutMetadataOutput](a)
}

func (a answers) StartViewerSessionRevocation(context.Context, *ivsapi.StartViewerSessionRevocationInput) (*ivsapi.StartViewerSessionRevocationOutput, error) {
	return answer[ivsapi.StartViewerSessionRevocationOutput](a)
}

func (a answers) StopStream(context.Context, *ivsapi.StopStreamInput) (*ivsapi.StopStreamOutput, error) {
	return answer[ivsapi.StopStreamOutput](a)
}

func (a answers) TagResource(context.Context, *ivsapi.TagResourceInput) (*ivsapi.TagResourceOutput, error) {
	return answer[ivsapi.TagResourceOutput](a)
}

func (a answers) UntagResource(context.Context, *ivsapi.UntagResourceInput) (*ivsapi.UntagResourceOutput, error) {
	return answer[ivsapi.UntagResourceOutput](a)
}

func (a answers) UpdateAdConfiguration(context.Context, *ivsapi.UpdateAdConfigurationInput) (*ivsapi.UpdateAdConfigurationOutput, error) {
	return answer[ivsapi.UpdateAdConfigurationOutput](a)
}

func (a answers) UpdateChannel(context.Context, *ivsapi.UpdateChannelInput) (*ivsapi.UpdateChannelOutput, error) {
	return answer[ivsapi.UpdateChannelOutput](a)
}

func (a answers) UpdatePlaybackRestrictionPolicy(context.Context, *ivsapi.UpdatePlaybackRestrictionPolicyInput) (*ivsapi.UpdatePlaybackRestrictionPolicyOutput, error) {
	return answer[ivsapi.UpdatePlaybackRestrictionPolicyOutput](a)
}

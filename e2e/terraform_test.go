package e2e

import (
	"crypto/md5" //nolint:gosec // the API's own fingerprint
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
)

// These are the calls that Terraform's AWS provider makes for its IVS resources, in
// their order and with its waiters (internal/service/ivs of the provider). The
// provider itself is not run.

// gone waits as the provider does after a deletion: until Get says that the
// resource is not found.
func gone(t *testing.T, what string, get func() error) {
	t.Helper()
	until(t, overIn, what+" is gone", func() (bool, string) {
		_, notFound := errors.AsType[*types.ResourceNotFoundException](get())
		return notFound, "still there"
	})
}

// retag does what the provider does when tags change: it takes the old ones away
// and adds the new ones, and reads them back.
func retag(t *testing.T, c *ivs.Client, arn string, remove []string, add map[string]string) {
	t.Helper()
	if _, err := c.UntagResource(t.Context(), &ivs.UntagResourceInput{ResourceArn: &arn, TagKeys: remove}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.TagResource(t.Context(), &ivs.TagResourceInput{ResourceArn: &arn, Tags: add}); err != nil {
		t.Fatal(err)
	}
	out, err := c.ListTagsForResource(t.Context(), &ivs.ListTagsForResourceInput{ResourceArn: &arn})
	if err != nil || !maps.Equal(out.Tags, add) {
		t.Errorf("tags are %v, %v; want %v", out.Tags, err, add)
	}
}

func TestTerraformChannelAndStreamKey(t *testing.T) {
	t.Parallel()
	s := serve(t)
	made, err := s.ivs.CreateChannel(t.Context(), &ivs.CreateChannelInput{
		Name: new("tf"), LatencyMode: types.ChannelLatencyModeNormalLatency, Type: types.ChannelTypeBasicChannelType, Tags: map[string]string{"a": "1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	arn := str(made.Channel.Arn)
	get := func() (*ivs.GetChannelOutput, error) {
		return s.ivs.GetChannel(t.Context(), &ivs.GetChannelInput{Arn: &arn})
	}
	out, err := get() // the waiter's first look is enough: a channel is there at once
	if err != nil || str(out.Channel.Name) != "tf" || str(out.Channel.IngestEndpoint) == "" || str(out.Channel.PlaybackUrl) == "" ||
		str(out.Channel.RecordingConfigurationArn) != "" || out.Channel.Authorized {
		t.Errorf("GetChannel = %+v, %v", out, err)
	}

	// data "aws_ivs_stream_key"
	keys, err := s.ivs.ListStreamKeys(t.Context(), &ivs.ListStreamKeysInput{ChannelArn: &arn})
	if err != nil || len(keys.StreamKeys) != 1 {
		t.Fatalf("ListStreamKeys = %+v, %v", keys, err)
	}
	key, err := s.ivs.GetStreamKey(t.Context(), &ivs.GetStreamKeyInput{Arn: keys.StreamKeys[0].Arn})
	if err != nil || str(key.StreamKey.Value) != str(made.StreamKey.Value) {
		t.Errorf("GetStreamKey = %v; want the value that CreateChannel answered", err)
	}

	if _, err := s.ivs.UpdateChannel(t.Context(), &ivs.UpdateChannelInput{
		Arn: &arn, Name: new("tf2"), LatencyMode: types.ChannelLatencyModeLowLatency, Type: types.ChannelTypeStandardChannelType,
	}); err != nil {
		t.Fatal(err)
	}
	if out, err = get(); err != nil || str(out.Channel.Name) != "tf2" || out.Channel.Type != types.ChannelTypeStandardChannelType {
		t.Errorf("after an update GetChannel = %+v, %v", out, err)
	}
	retag(t, s.ivs, arn, []string{"a"}, map[string]string{"b": "2"})

	if _, err := s.ivs.DeleteChannel(t.Context(), &ivs.DeleteChannelInput{Arn: &arn}); err != nil {
		t.Fatal(err)
	}
	gone(t, "the channel", func() error { _, err := get(); return err })
	_, err = s.ivs.DeleteChannel(t.Context(), &ivs.DeleteChannelInput{Arn: &arn})
	wantError[*types.ResourceNotFoundException](t, "a second delete", err)
}

func TestTerraformPlaybackKeyPair(t *testing.T) {
	t.Parallel()
	s := serve(t)
	key := publicKey(t)
	made, err := s.ivs.ImportPlaybackKeyPair(t.Context(), &ivs.ImportPlaybackKeyPairInput{PublicKeyMaterial: &key, Name: new("tf"), Tags: map[string]string{"a": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(key))
	sum := md5.Sum(block.Bytes) //nolint:gosec // the API's own fingerprint
	want := strings.ReplaceAll(fmt.Sprintf("% x", sum), " ", ":")
	get := func() (*ivs.GetPlaybackKeyPairOutput, error) {
		return s.ivs.GetPlaybackKeyPair(t.Context(), &ivs.GetPlaybackKeyPairInput{Arn: made.KeyPair.Arn})
	}
	if out, err := get(); err != nil || str(out.KeyPair.Fingerprint) != want || str(out.KeyPair.Name) != "tf" {
		t.Errorf("GetPlaybackKeyPair = %+v, %v; want fingerprint %s", out, err, want)
	}
	retag(t, s.ivs, str(made.KeyPair.Arn), []string{"a"}, map[string]string{"a": "2", "c": ""})
	if _, err := s.ivs.DeletePlaybackKeyPair(t.Context(), &ivs.DeletePlaybackKeyPairInput{Arn: made.KeyPair.Arn}); err != nil {
		t.Fatal(err)
	}
	gone(t, "the key pair", func() error { _, err := get(); return err })
}

func TestTerraformRecordingConfiguration(t *testing.T) {
	t.Parallel()
	s := serve(t)
	made, err := s.ivs.CreateRecordingConfiguration(t.Context(), &ivs.CreateRecordingConfigurationInput{
		DestinationConfiguration:        &types.DestinationConfiguration{S3: &types.S3DestinationConfiguration{BucketName: new("tf-recordings")}},
		Name:                            new("tf"),
		RecordingReconnectWindowSeconds: 60,
		ThumbnailConfiguration:          &types.ThumbnailConfiguration{RecordingMode: types.RecordingModeInterval, TargetIntervalSeconds: new(int64(30))},
		Tags:                            map[string]string{"a": "1"},
	})
	if err != nil || made.RecordingConfiguration.State != types.RecordingConfigurationStateCreating {
		t.Fatalf("CreateRecordingConfiguration = %+v, %v; want state CREATING", made, err)
	}
	arn := made.RecordingConfiguration.Arn
	get := func() (*ivs.GetRecordingConfigurationOutput, error) {
		return s.ivs.GetRecordingConfiguration(t.Context(), &ivs.GetRecordingConfigurationInput{Arn: arn})
	}
	active, start := 0, time.Now()
	until(t, readyIn, "the state is ACTIVE twice in a row", func() (bool, string) {
		out, err := get()
		if err != nil {
			t.Fatalf("%v, %v after the creation", err, time.Since(start))
		}
		if out.RecordingConfiguration.State == types.RecordingConfigurationStateActive {
			active++
		} else {
			active = 0
		}
		return active == 2, string(out.RecordingConfiguration.State)
	})
	out, err := get()
	if r := out.RecordingConfiguration; err != nil || str(r.DestinationConfiguration.S3.BucketName) != "tf-recordings" ||
		r.RecordingReconnectWindowSeconds != 60 || *r.ThumbnailConfiguration.TargetIntervalSeconds != 30 {
		t.Errorf("GetRecordingConfiguration = %+v, %v", r, err)
	}
	retag(t, s.ivs, *arn, []string{"a"}, map[string]string{"b": "2"})
	if _, err := s.ivs.DeleteRecordingConfiguration(t.Context(), &ivs.DeleteRecordingConfigurationInput{Arn: arn}); err != nil {
		t.Fatal(err)
	}
	gone(t, "the recording configuration", func() error { _, err := get(); return err })
}

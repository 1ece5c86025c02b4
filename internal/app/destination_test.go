package app_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"

	"openivs/internal/blob/s3/s3test"
)

// record makes a recording configuration for a bucket.
func record(t *testing.T, client *ivs.Client, bucket string) (string, error) {
	t.Helper()
	out, err := client.CreateRecordingConfiguration(t.Context(), &ivs.CreateRecordingConfigurationInput{
		DestinationConfiguration: &types.DestinationConfiguration{S3: &types.S3DestinationConfiguration{BucketName: &bucket}},
	})
	if err != nil {
		return "", err
	}
	if got := out.RecordingConfiguration.State; got != types.RecordingConfigurationStateCreating {
		t.Errorf("%s is made %s, want CREATING", bucket, got)
	}
	return *out.RecordingConfiguration.Arn, nil
}

// decided waits until a configuration is not CREATING any more.
func decided(t *testing.T, client *ivs.Client, arn string) types.RecordingConfigurationState {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	limit := time.After(20 * time.Second)
	for {
		out, err := client.GetRecordingConfiguration(t.Context(), &ivs.GetRecordingConfigurationInput{Arn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		if got := out.RecordingConfiguration.State; got != types.RecordingConfigurationStateCreating {
			return got
		}
		select {
		case <-again.C:
		case <-limit:
			t.Fatalf("%s is still CREATING", arn)
		}
	}
}

func TestABucketOnTheDiskIsMade(t *testing.T) {
	for _, region := range []string{"us-east-1", "eu-west-1"} {
		t.Run(region, func(t *testing.T) {
			s := run(t, settings(t, t.TempDir(), "region", region))
			client := s.api(t)
			arn, err := record(t, client, "any.valid-name")
			if err != nil {
				t.Fatal(err)
			}
			if got := decided(t, client, arn); got != types.RecordingConfigurationStateActive {
				t.Errorf("it became %s, want ACTIVE", got)
			}
			dir := filepath.Join(s.data, "buckets", "any.valid-name")
			if got := mode(t, dir); got&0o007 != 0 {
				t.Errorf("%s has mode %v, want one that others cannot read", dir, got)
			}
		})
	}
}

func TestBucketsOnS3(t *testing.T) {
	server := s3test.Start(t)
	mine, theirs := server.Account(t, "mine"), server.Account(t, "theirs")
	server.Bucket(t, mine, "my-bucket")
	server.Bucket(t, theirs, "their-bucket")
	for _, kv := range append(mine.Environ(), "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null") {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	for _, tt := range []struct {
		region string
		late   bool // whether a bad bucket fails later than the call
	}{{"us-east-1", true}, {s3test.Region, false}} {
		t.Run(tt.region, func(t *testing.T) {
			s := run(t, settings(t, t.TempDir(), "region", tt.region, "recording-store", "s3",
				"s3-endpoint", server.Endpoint, "s3-region", s3test.Region, "s3-path-style", "true"))
			client := s.api(t)
			arn, err := record(t, client, "my-bucket")
			if err != nil {
				t.Fatal(err)
			}
			if got := decided(t, client, arn); got != types.RecordingConfigurationStateActive {
				t.Errorf("my-bucket became %s, want ACTIVE", got)
			}
			for _, bucket := range []string{"their-bucket", "missing-bucket"} {
				arn, err := record(t, client, bucket)
				if (err == nil) != tt.late {
					t.Errorf("CreateRecordingConfiguration for %s: %v, want success: %t", bucket, err, tt.late)
				}
				if err != nil {
					if !strings.Contains(err.Error(), "ValidationException") {
						t.Errorf("%s: %v, want a ValidationException", bucket, err)
					}
					continue
				}
				if got := decided(t, client, arn); got != types.RecordingConfigurationStateCreateFailed {
					t.Errorf("%s became %s, want CREATE_FAILED", bucket, got)
				}
			}
		})
	}
}

package control_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"

	"openivs/internal/api/ivsapi"
	"openivs/internal/control"
	"openivs/internal/ivs"
)

// Quotas are the operator's, and a list's page is as long as its quota where
// that is less than 100.
func TestQuotasAndPages(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			s := newServer(b.open(t))
			s.plane.Addresses.Region = "us-east-1"
			s.plane.Quotas = ivs.Quotas{
				Channels: 2, StreamKeys: 2, RecordingConfigurations: 2, AdConfigurations: 2,
				PlaybackKeyPairs: 2, PlaybackRestrictionPolicies: 2,
			}
			var channel string
			for what, create := range map[string]func(i int) error{
				"channel": func(int) error {
					out, err := s.plane.CreateChannel(t.Context(), &ivsapi.CreateChannelInput{})
					if err == nil {
						channel = *out.Channel.ARN
					}
					return err
				},
				"recording-configuration": func(int) error {
					_, err := s.plane.CreateRecordingConfiguration(t.Context(), &ivsapi.CreateRecordingConfigurationInput{
						DestinationConfiguration: ivsapi.DestinationConfiguration{S3: &ivsapi.S3DestinationConfiguration{BucketName: "bucket"}},
					})
					return err
				},
				"ad-configuration": func(int) error {
					_, err := s.plane.CreateAdConfiguration(t.Context(), &ivsapi.CreateAdConfigurationInput{
						MediaTailorPlaybackConfigurations: []ivsapi.MediaTailorPlaybackConfiguration{{PlaybackConfigurationARN: new("arn")}},
					})
					return err
				},
				"playback-restriction-policy": func(int) error {
					_, err := s.plane.CreatePlaybackRestrictionPolicy(t.Context(), &ivsapi.CreatePlaybackRestrictionPolicyInput{})
					return err
				},
			} {
				for i := range 3 {
					err := create(i)
					if i < 2 && err != nil {
						t.Errorf("%s %d: %v", what, i, err)
					}
					if want := fmt.Sprintf("ServiceQuotaExceededException: %s quota of 2 exceeded", what); i == 2 && control.Fault(err).Message != want {
						t.Errorf("%s %d: %q, want %q", what, i, control.Fault(err).Message, want)
					}
				}
			}
			if _, err := s.plane.CreateStreamKey(t.Context(), &ivsapi.CreateStreamKeyInput{ChannelARN: channel}); err != nil {
				t.Errorf("a second stream key: %v", err)
			}
			if _, err := s.plane.CreateStreamKey(t.Context(), &ivsapi.CreateStreamKeyInput{ChannelARN: channel}); control.Fault(err).Status != http.StatusPaymentRequired {
				t.Errorf("a third stream key: %v, want 402", err)
			}
			s.plane.Quotas.RecordingConfigurations = 1 // as if the operator had lowered it
			out, err := s.plane.ListRecordingConfigurations(t.Context(), &ivsapi.ListRecordingConfigurationsInput{})
			if err != nil || len(out.RecordingConfigurations) != 1 || out.NextToken == nil {
				t.Errorf("a page of a quota of 1 has %d, %v, want 1 and a token", len(out.RecordingConfigurations), err)
			}
		})
	}
}

// resourceCallers has sixteen callers make, change, tag, use, stop using and
// delete policies and channels. Each answer is one that the operation models; no
// update is lost, no channel points to what is not there, and no quota is exceeded.
func resourceCallers(t *testing.T, s *server) {
	t.Helper()
	shared := s.answer(t, "/CreatePlaybackRestrictionPolicy", `{"name": "shared"}`, 200).PlaybackRestrictionPolicy.ARN
	var callers sync.WaitGroup
	for i := range 16 {
		callers.Go(func() { s.resourceCaller(t, i, shared) })
	}
	callers.Wait()
	got := s.answer(t, "/GetPlaybackRestrictionPolicy", fmt.Sprintf(`{"arn": %q}`, shared), 200).PlaybackRestrictionPolicy
	if len(got.Tags) != 16 {
		t.Errorf("the shared policy has tags %v, want one of each of the 16 callers", got.Tags)
	}
	policies := s.policies(t)
	for _, c := range s.answer(t, "/ListChannels", `{}`, 200).Channels {
		if p := c.PlaybackRestrictionPolicyARN; p != "" && !slices.Contains(policies, p) {
			t.Errorf("a channel points to %s, which is not there: %v", p, policies)
		}
	}
}

// answers are what the requests of these tests are answered with.
type answers struct {
	PlaybackRestrictionPolicy struct {
		ARN  string
		Tags map[string]string
	}
	PlaybackRestrictionPolicies []struct{ ARN string }
	Channel                     struct{ ARN string }
	Channels                    []struct{ PlaybackRestrictionPolicyARN string }

	status int
}

// answer sends a request, whose answer must have one of some statuses.
func (s *server) answer(t *testing.T, path, body string, want ...int) (a answers) {
	t.Helper()
	r := s.do(http.MethodPost, path, body)
	text, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode == http.StatusOK {
		err = json.Unmarshal(text, &a)
	}
	if a.status = r.StatusCode; err != nil || !slices.Contains(want, a.status) {
		t.Errorf("%s %s answered %d %s, %v, want one of %v", path, body, a.status, text, err, want)
	}
	return a
}

func (s *server) policies(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, p := range s.answer(t, "/ListPlaybackRestrictionPolicies", `{"maxResults": 100}`, 200).PlaybackRestrictionPolicies {
		out = append(out, p.ARN)
	}
	return out
}

// resourceCaller does what caller number i does.
func (s *server) resourceCaller(t *testing.T, i int, shared string) {
	t.Helper()
	for round := range 4 {
		s.answer(t, "/tags/"+url.QueryEscape(shared), fmt.Sprintf(`{"tags": {"caller%d": "%d"}}`, i, round), 200)
		s.answer(t, "/UpdatePlaybackRestrictionPolicy", fmt.Sprintf(`{"arn": %q, "name": "caller%d"}`, shared, i), 200)
		if n := len(s.policies(t)); n > 3 {
			t.Errorf("there are %d policies, at most 3 are allowed", n)
		}
		made := s.answer(t, "/CreatePlaybackRestrictionPolicy", `{}`, 200, 402)
		policy := made.PlaybackRestrictionPolicy.ARN
		if made.status != http.StatusOK {
			policy = shared
		}
		channel := s.answer(t, "/CreateChannel", fmt.Sprintf(`{"playbackRestrictionPolicyArn": %q}`, policy), 200).Channel.ARN
		if policy != shared {
			s.answer(t, "/DeletePlaybackRestrictionPolicy", fmt.Sprintf(`{"arn": %q}`, policy), 409)
		}
		for _, p := range s.policies(t) { // anybody's, perhaps gone by now
			s.answer(t, "/UpdateChannel", fmt.Sprintf(`{"arn": %q, "playbackRestrictionPolicyArn": %q}`, channel, p), 200, 404)
			if p != shared {
				s.answer(t, "/DeletePlaybackRestrictionPolicy", fmt.Sprintf(`{"arn": %q}`, p), 204, 404, 409)
			}
		}
		if round%2 == 0 {
			s.answer(t, "/DeleteChannel", fmt.Sprintf(`{"arn": %q}`, channel), 204)
		}
	}
}

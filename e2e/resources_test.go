package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
)

// activeIn is how long a recording configuration may be CREATING, by the
// documentation.
const activeIn = 20 * time.Second

// recording makes a recording configuration and waits as Terraform's provider
// does: until ACTIVE was read twice in a row.
func (s *running) recording(t *testing.T, bucket string, change ...func(*ivs.CreateRecordingConfigurationInput)) string {
	t.Helper()
	in := &ivs.CreateRecordingConfigurationInput{
		DestinationConfiguration: &types.DestinationConfiguration{S3: &types.S3DestinationConfiguration{BucketName: &bucket}},
		Tags:                     map[string]string{"made-by": "terraform"},
	}
	for _, f := range change {
		f(in)
	}
	out, err := s.ivs.CreateRecordingConfiguration(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if got := out.RecordingConfiguration.State; got != types.RecordingConfigurationStateCreating {
		t.Errorf("created in state %s, want CREATING", got)
	}
	arn := str(out.RecordingConfiguration.Arn)
	active := 0
	until(t, activeIn, "ACTIVE was read twice", func() (bool, string) {
		out, err := s.ivs.GetRecordingConfiguration(t.Context(), &ivs.GetRecordingConfigurationInput{Arn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		if active++; out.RecordingConfiguration.State != types.RecordingConfigurationStateActive {
			active = 0
		}
		return active == 2, string(out.RecordingConfiguration.State)
	})
	return arn
}

// TestRecordingConfigurationAsTerraformHasIt replays what the provider's
// resource does from creation to deletion, and records a stream's session.
func TestRecordingConfigurationAsTerraformHasIt(t *testing.T) {
	t.Parallel()
	s := serve(t, "--api-rates", "off")
	arn := s.recording(t, "demo-bucket")
	got, err := s.ivs.GetRecordingConfiguration(t.Context(), &ivs.GetRecordingConfigurationInput{Arn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	c := got.RecordingConfiguration
	if th := c.ThumbnailConfiguration; th == nil || th.RecordingMode != types.RecordingModeInterval || aws.ToInt64(th.TargetIntervalSeconds) != 60 ||
		th.Resolution != "" || len(th.Storage) != 1 || c.RenditionConfiguration.RenditionSelection != "ALL" || c.RecordingReconnectWindowSeconds != 0 {
		t.Errorf("defaults: %s", show(t, c))
	}
	tags, err := s.ivs.ListTagsForResource(t.Context(), &ivs.ListTagsForResourceInput{ResourceArn: &arn})
	if err != nil || tags.Tags["made-by"] != "terraform" {
		t.Errorf("tags %v, %v", tags, err)
	}

	ch := s.channel(t, func(in *ivs.CreateChannelInput) { in.RecordingConfigurationArn = &arn })
	list, err := s.ivs.ListChannels(t.Context(), &ivs.ListChannelsInput{FilterByRecordingConfigurationArn: &arn})
	if err != nil || len(list.Channels) != 1 || str(list.Channels[0].Arn) != ch.arn {
		t.Errorf("ListChannels by configuration: %v, %v", list, err)
	}
	enc := stream(t, encode(t, small, voice), ch.rtmp())
	id := str(ch.live().StreamId)
	snapshot := ch.session(id).RecordingConfiguration
	if snapshot == nil || show(t, snapshot) != show(t, c) {
		t.Errorf("the session has\n%s\nwant\n%s", show(t, snapshot), show(t, c))
	}
	_, err = s.ivs.UpdateChannel(t.Context(), &ivs.UpdateChannelInput{Arn: &ch.arn, RecordingConfigurationArn: aws.String("")})
	wantError[*types.ConflictException](t, "UpdateChannel while live", err)
	_, err = s.ivs.DeleteRecordingConfiguration(t.Context(), &ivs.DeleteRecordingConfigurationInput{Arn: &arn})
	wantError[*types.ConflictException](t, "DeleteRecordingConfiguration while used", err)
	enc.quit()
	ch.over(id)

	if _, err := s.ivs.UpdateChannel(t.Context(), &ivs.UpdateChannelInput{Arn: &ch.arn, RecordingConfigurationArn: aws.String("")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ivs.DeleteRecordingConfiguration(t.Context(), &ivs.DeleteRecordingConfigurationInput{Arn: &arn}); err != nil {
		t.Fatal(err)
	}
	_, err = s.ivs.GetRecordingConfiguration(t.Context(), &ivs.GetRecordingConfigurationInput{Arn: &arn})
	wantError[*types.ResourceNotFoundException](t, "GetRecordingConfiguration after the deletion", err)
	if kept := ch.session(id).RecordingConfiguration; kept == nil || str(kept.Arn) != arn {
		t.Errorf("the session forgot what it was recorded with: %s", show(t, kept))
	}
}

// TestResourcesAreKeptAndPaged goes through the life of each kind of resource
// with the SDK, its paginators included, and finds all again after a restart.
func TestResourcesAreKeptAndPaged(t *testing.T) {
	t.Parallel()
	s := serve(t, "--api-rates", "off")
	pairs, policies, ads := s.keyPairs(t), s.policies(t), s.adConfigurations(t)
	recordings := []string{s.recording(t, "bucket-1"), s.recording(t, "bucket-2"), s.recording(t, "bucket-3")}
	s.end(syscall.SIGTERM)
	s.start()

	var got []string
	for p := ivs.NewListPlaybackKeyPairsPaginator(s.ivs, &ivs.ListPlaybackKeyPairsInput{MaxResults: aws.Int32(1)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range page.KeyPairs {
			got = append(got, str(k.Arn))
		}
	}
	same(t, "key pairs", got, pairs)
	got = nil
	for in := new(ivs.ListPlaybackRestrictionPoliciesInput); ; { // one a page by default, and no paginator
		page, err := s.ivs.ListPlaybackRestrictionPolicies(t.Context(), in)
		if err != nil || len(page.PlaybackRestrictionPolicies) != 1 {
			t.Fatalf("a page of policies: %v, %v", page, err)
		}
		got = append(got, str(page.PlaybackRestrictionPolicies[0].Arn))
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	same(t, "policies", got, policies)
	got = nil
	for p := ivs.NewListAdConfigurationsPaginator(s.ivs, &ivs.ListAdConfigurationsInput{MaxResults: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range page.AdConfigurations {
			got = append(got, str(a.Arn))
		}
	}
	same(t, "ad configurations", got, ads)
	got = nil
	for p := ivs.NewListRecordingConfigurationsPaginator(s.ivs, &ivs.ListRecordingConfigurationsInput{MaxResults: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.RecordingConfigurations {
			got = append(got, str(c.Arn))
			if c.State != types.RecordingConfigurationStateActive {
				t.Errorf("%s is %s after a restart", str(c.Arn), c.State)
			}
		}
	}
	same(t, "recording configurations", got, recordings)
	s.deleteAll(t, pairs, policies, ads, recordings)
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// keyPairs imports as many keys as there may be, and one more.
func (s *running) keyPairs(t *testing.T) (arns []string) {
	t.Helper()
	for i := range 4 {
		key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		material := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		out, err := s.ivs.ImportPlaybackKeyPair(t.Context(), &ivs.ImportPlaybackKeyPairInput{PublicKeyMaterial: &material, Name: aws.String(fmt.Sprint("key-", i))})
		if i == 3 {
			wantError[*types.ServiceQuotaExceededException](t, "a fourth key", err)
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		sum := md5.Sum(der)
		if want := strings.ReplaceAll(fmt.Sprintf("% x", sum[:]), " ", ":"); str(out.KeyPair.Fingerprint) != want {
			t.Errorf("fingerprint %s, want %s", str(out.KeyPair.Fingerprint), want)
		}
		_, err = s.ivs.ImportPlaybackKeyPair(t.Context(), &ivs.ImportPlaybackKeyPairInput{PublicKeyMaterial: &material})
		wantError[*types.ConflictException](t, "the same key again", err)
		got, err := s.ivs.GetPlaybackKeyPair(t.Context(), &ivs.GetPlaybackKeyPairInput{Arn: out.KeyPair.Arn})
		if err != nil || show(t, got.KeyPair) != show(t, out.KeyPair) {
			t.Errorf("GetPlaybackKeyPair: %v, want %s", err, show(t, out.KeyPair))
		}
		arns = append(arns, str(out.KeyPair.Arn))
	}
	_, err := s.ivs.ImportPlaybackKeyPair(t.Context(), &ivs.ImportPlaybackKeyPairInput{PublicKeyMaterial: aws.String("no key")})
	wantError[*types.ValidationException](t, "no key", err)
	return arns
}

// policies makes playback restriction policies, changes one and attaches it.
func (s *running) policies(t *testing.T) (arns []string) {
	t.Helper()
	for i := range 3 {
		out, err := s.ivs.CreatePlaybackRestrictionPolicy(t.Context(), &ivs.CreatePlaybackRestrictionPolicyInput{
			AllowedCountries: []string{"DE", "FR"}, AllowedOrigins: []string{"https://*.example.com"}, Name: aws.String(fmt.Sprint("policy-", i)),
		})
		if err != nil {
			t.Fatal(err)
		}
		arns = append(arns, str(out.PlaybackRestrictionPolicy.Arn))
	}
	_, err := s.ivs.CreatePlaybackRestrictionPolicy(t.Context(), nil)
	wantError[*types.ServiceQuotaExceededException](t, "a fourth policy", err)
	changed, err := s.ivs.UpdatePlaybackRestrictionPolicy(t.Context(), &ivs.UpdatePlaybackRestrictionPolicyInput{
		Arn: &arns[0], AllowedCountries: []string{}, EnableStrictOriginEnforcement: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	p := changed.PlaybackRestrictionPolicy
	if len(p.AllowedCountries) != 0 || !slices.Equal(p.AllowedOrigins, []string{"https://*.example.com"}) || !aws.ToBool(p.EnableStrictOriginEnforcement) || str(p.Name) != "policy-0" {
		t.Errorf("updated to %s", show(t, p))
	}
	ch := s.channel(t, func(in *ivs.CreateChannelInput) { in.PlaybackRestrictionPolicyArn = &arns[0] })
	_, err = s.ivs.DeletePlaybackRestrictionPolicy(t.Context(), &ivs.DeletePlaybackRestrictionPolicyInput{Arn: &arns[0]})
	wantError[*types.ConflictException](t, "DeletePlaybackRestrictionPolicy while used", err)
	if _, err := s.ivs.DeleteChannel(t.Context(), &ivs.DeleteChannelInput{Arn: &ch.arn}); err != nil {
		t.Fatal(err)
	}
	_, err = s.ivs.UpdatePlaybackRestrictionPolicy(t.Context(), &ivs.UpdatePlaybackRestrictionPolicyInput{Arn: &arns[0], AllowedCountries: []string{"XX"}})
	wantError[*types.ValidationException](t, "no country", err)
	return arns
}

// adConfigurations makes ad configurations and changes one.
func (s *running) adConfigurations(t *testing.T) (arns []string) {
	t.Helper()
	for range 5 {
		arns = append(arns, s.ads(t))
	}
	// The SDK does not know this operation yet.
	answer := s.call(t, "/UpdateAdConfiguration", fmt.Sprintf(`{"arn": %q, "name": "renamed"}`, arns[0]))
	if answer != http.StatusOK {
		t.Errorf("UpdateAdConfiguration answered %d", answer)
	}
	out, err := s.ivs.GetAdConfiguration(t.Context(), &ivs.GetAdConfigurationInput{Arn: &arns[0]})
	if err != nil || str(out.AdConfiguration.Name) != "renamed" || len(out.AdConfiguration.MediaTailorPlaybackConfigurations) != 1 {
		t.Errorf("after UpdateAdConfiguration: %v, %v", out, err)
	}
	return arns
}

func (s *running) ads(t *testing.T) string {
	t.Helper()
	out, err := s.ivs.CreateAdConfiguration(t.Context(), &ivs.CreateAdConfigurationInput{
		MediaTailorPlaybackConfigurations: []types.MediaTailorPlaybackConfiguration{{
			PlaybackConfigurationArn: aws.String("arn:aws:mediatailor:us-east-1:000000000000:playbackConfiguration/demo"),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return str(out.AdConfiguration.Arn)
}

// call signs a request by hand and returns the status of the answer.
func (s *running) call(t *testing.T, path, body string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.At.API+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	options := s.ivs.Options()
	who, err := options.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(t.Context(), who, r, hex.EncodeToString(sum[:]), "ivs", s.At.Region, time.Now()); err != nil {
		t.Fatal(err)
	}
	answer, err := options.HTTPClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	return answer.StatusCode
}

// deleteAll deletes every resource and looks that each is gone.
func (s *running) deleteAll(t *testing.T, pairs, policies, ads, recordings []string) {
	t.Helper()
	for _, arn := range pairs {
		if _, err := s.ivs.DeletePlaybackKeyPair(t.Context(), &ivs.DeletePlaybackKeyPairInput{Arn: &arn}); err != nil {
			t.Error(err)
		}
		_, err := s.ivs.GetPlaybackKeyPair(t.Context(), &ivs.GetPlaybackKeyPairInput{Arn: &arn})
		wantError[*types.ResourceNotFoundException](t, "GetPlaybackKeyPair", err)
	}
	for _, arn := range policies {
		if _, err := s.ivs.DeletePlaybackRestrictionPolicy(t.Context(), &ivs.DeletePlaybackRestrictionPolicyInput{Arn: &arn}); err != nil {
			t.Error(err)
		}
		_, err := s.ivs.GetPlaybackRestrictionPolicy(t.Context(), &ivs.GetPlaybackRestrictionPolicyInput{Arn: &arn})
		wantError[*types.ResourceNotFoundException](t, "GetPlaybackRestrictionPolicy", err)
	}
	for _, arn := range ads {
		if _, err := s.ivs.DeleteAdConfiguration(t.Context(), &ivs.DeleteAdConfigurationInput{Arn: &arn}); err != nil {
			t.Error(err)
		}
		_, err := s.ivs.GetAdConfiguration(t.Context(), &ivs.GetAdConfigurationInput{Arn: &arn})
		wantError[*types.ResourceNotFoundException](t, "GetAdConfiguration", err)
	}
	for _, arn := range recordings {
		if _, err := s.ivs.TagResource(t.Context(), &ivs.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"a": "b"}}); err != nil {
			t.Error(err)
		}
		if _, err := s.ivs.UntagResource(t.Context(), &ivs.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"made-by"}}); err != nil {
			t.Error(err)
		}
		if out, err := s.ivs.ListTagsForResource(t.Context(), &ivs.ListTagsForResourceInput{ResourceArn: &arn}); err != nil || len(out.Tags) != 1 || out.Tags["a"] != "b" {
			t.Errorf("tags %v, %v", out, err)
		}
		if _, err := s.ivs.DeleteRecordingConfiguration(t.Context(), &ivs.DeleteRecordingConfigurationInput{Arn: &arn}); err != nil {
			t.Error(err)
		}
	}
}

// TestWhatIsSaidToALiveStream puts metadata and an ad break into a stream, and
// revokes viewers of it.
func TestWhatIsSaidToALiveStream(t *testing.T) {
	t.Parallel()
	s := serve(t, "--api-rates", "off")
	ads := s.ads(t)
	ch := s.channel(t, func(in *ivs.CreateChannelInput) { in.AdConfigurationArn = &ads })
	put := func(payload string) error {
		_, err := s.ivs.PutMetadata(t.Context(), &ivs.PutMetadataInput{ChannelArn: &ch.arn, Metadata: &payload})
		return err
	}
	insert := func() (*ivs.InsertAdBreakOutput, error) {
		return s.ivs.InsertAdBreak(t.Context(), &ivs.InsertAdBreakInput{ChannelArn: &ch.arn, DurationSeconds: aws.Int32(30)})
	}
	wantError[*types.ChannelNotBroadcasting](t, "PutMetadata offline", put("x"))
	_, err := insert()
	wantError[*types.ChannelNotBroadcasting](t, "InsertAdBreak offline", err)

	enc := stream(t, encode(t, small, voice), ch.rtmp())
	id := str(ch.live().StreamId)
	for _, payload := range []string{"hello", strings.Repeat("é", 512)} {
		if err := put(payload); err != nil {
			t.Errorf("PutMetadata of %d bytes: %v", len(payload), err)
		}
	}
	wantError[*types.ValidationException](t, "PutMetadata of 1025 bytes", put(strings.Repeat("x", 1025)))
	made, err := insert()
	if err != nil || len(str(made.AdBreakId)) != 12 {
		t.Errorf("InsertAdBreak: %v, %v", made, err)
	}
	asked := time.Now()
	_, err = insert()
	wantError[*types.ConflictException](t, "another break", err)
	ch.showsBreak(str(made.AdBreakId), asked)

	revoke := &ivs.StartViewerSessionRevocationInput{ChannelArn: &ch.arn, ViewerId: aws.String("viewer"), ViewerSessionVersionsLessThanOrEqualTo: 3}
	if _, err := s.ivs.StartViewerSessionRevocation(t.Context(), revoke); err != nil {
		t.Error(err)
	}
	gone := strings.Replace(ch.arn, ch.arn[strings.LastIndex(ch.arn, "/"):], "/gonegonegone", 1)
	batch, err := s.ivs.BatchStartViewerSessionRevocation(t.Context(), &ivs.BatchStartViewerSessionRevocationInput{
		ViewerSessions: []types.BatchStartViewerSessionRevocationViewerSession{
			{ChannelArn: &ch.arn, ViewerId: aws.String("a")}, {ChannelArn: &gone, ViewerId: aws.String("b")},
		},
	})
	if err != nil || len(batch.Errors) != 1 || str(batch.Errors[0].Code) != "404" || str(batch.Errors[0].ViewerId) != "b" {
		t.Errorf("BatchStartViewerSessionRevocation: %v, %v", batch, err)
	}

	if out, err := s.ivs.GetStream(t.Context(), &ivs.GetStreamInput{ChannelArn: &ch.arn}); err != nil || str(out.Stream.StreamId) != id {
		t.Errorf("the stream did not go on: %v, %v", out, err)
	}
	enc.quit()
	over := ch.over(id)
	if got, want := names(over), []string{"Session Created", "Stream Start", "Ad Break Inserted", "Session Ended", "Stream End"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if got := str(event(t, over, "Ad Break Inserted").Type); got != "IVS Ad Break State Change" {
		t.Errorf("the break's event is of type %q", got)
	}
}

var breakTag = regexp.MustCompile(`#EXT-X-DATERANGE:ID="stitched-ad-\d+-30000000000",CLASS="live-video-net-stitched-ad",` +
	`START-DATE="([^"]+)",DURATION=30\.000,X-NET-LIVE-VIDEO-AD-AD-BREAK-ID="([^"]+)"\n`)

// showsBreak waits until the playlist shows an ad break of 30 s, which begins some
// ten seconds after it was asked for.
func (c channel) showsBreak(id string, asked time.Time) {
	c.t.Helper()
	_, _, master := fetch(c.t, c.playback)
	variant := firstURI(c.t, c.playback, master)
	var found []string
	until(c.t, overIn, "the playlist shows the break", func() (bool, string) {
		_, _, text := fetch(c.t, variant)
		found = breakTag.FindStringSubmatch(text)
		return found != nil, text
	})
	begins, err := time.Parse(time.RFC3339, found[1])
	if lead := begins.Sub(asked); err != nil || found[2] != id || lead < 8*time.Second || lead > 14*time.Second {
		c.t.Errorf("break %s begins %v after the call, %v; want %s 10 s after it", found[2], lead, err, id)
	}
}

// TestAStreamTooManyIsRefused publishes beyond the quota of streams.
func TestAStreamTooManyIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, "--quota-concurrent-streams", "1")
	first, second := s.channel(t), s.channel(t)
	c := encode(t, small, voice)
	enc := stream(t, c, first.rtmp())
	first.live()
	if err := stream(t, c, second.rtmp()).left(overIn); err == nil {
		t.Error("the second encoder left as if nothing had happened, want an error")
	}
	refused := second.over(str(second.appears().StreamId))
	if got, want := names(refused), []string{"Session Created", "Concurrent Broadcasts", "Session Ended"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if all := second.sessions(); len(all) == 0 || !all[0].HasErrorEvent {
		t.Errorf("sessions %s, want one with an error", show(t, all))
	}
	enc.quit()
	first.over("")
	stream(t, c, second.rtmp())
	second.live()
}

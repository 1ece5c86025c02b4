package app_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
	"github.com/aws/smithy-go"

	"openivs/internal/app"
	"openivs/internal/config"
	"openivs/internal/store"
)

// as returns a client with an access key.
func (s *server) as(t *testing.T, k store.AccessKey) *ivs.Client {
	t.Helper()
	return ivs.New(ivs.Options{
		BaseEndpoint:     aws.String(s.Endpoints().API),
		Region:           s.Endpoints().Region,
		Credentials:      credentials.NewStaticCredentialsProvider(k.ID, string(k.Secret), string(k.SessionToken)),
		HTTPClient:       s.client(t),
		RetryMaxAttempts: 1,
	})
}

// grant makes an access key beside the running server.
func grant(t *testing.T, cfg *config.Config, g app.Grant) store.AccessKey {
	t.Helper()
	k, err := app.CreateAccessKey(t.Context(), cfg, g)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// code is the name of a refusal, "" if there is none.
func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// noticed calls until the answer is the wanted one, or a change of keys should
// long have been noticed.
func noticed(t *testing.T, want string, call func() error) {
	t.Helper()
	const limit = 5 * time.Second
	deadline := time.After(limit)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		got := code(call())
		if got == want {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("after %v the answer is %q, want %q", limit, got, want)
		}
	}
}

func TestAccessKeysAreMadeAndChangedWhileTheServerRuns(t *testing.T) {
	t.Parallel()
	cfg := settings(t, t.TempDir())
	s := run(t, cfg)
	arn, _ := s.channel(t, "seen")
	k := grant(t, cfg, app.Grant{Name: "reader", Policies: []string{"IVSReadOnlyAccess"}})
	reader := s.as(t, k)
	list := func() error { _, err := reader.ListChannels(t.Context(), &ivs.ListChannelsInput{}); return err }
	noticed(t, "", list)

	_, err := reader.DeleteChannel(t.Context(), &ivs.DeleteChannelInput{Arn: &arn})
	denied, ok := errors.AsType[*types.AccessDeniedException](err)
	if want := "User: arn:aws:iam::000000000000:user/reader is not authorized to perform: ivs:DeleteChannel on resource: " + arn; !ok || *denied.ExceptionMessage != want {
		t.Errorf("DeleteChannel: %v, want %q", err, want)
	}
	keys, err := s.api(t).ListStreamKeys(t.Context(), &ivs.ListStreamKeysInput{ChannelArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	_, err = reader.BatchGetStreamKey(t.Context(), &ivs.BatchGetStreamKeyInput{Arns: []string{*keys.StreamKeys[0].Arn}})
	if err != nil {
		t.Errorf("a batch is refused as a whole: %v", err)
	}

	if err := app.DisableAccessKey(t.Context(), cfg, k.ID, true, false); err != nil {
		t.Fatal(err)
	}
	noticed(t, "UnrecognizedClientException", list)
	if err := app.DisableAccessKey(t.Context(), cfg, k.ID, false, false); err != nil {
		t.Fatal(err)
	}
	noticed(t, "", list)
	if err := app.DeleteAccessKey(t.Context(), cfg, k.ID, false); err != nil {
		t.Fatal(err)
	}
	noticed(t, "UnrecognizedClientException", list)
}

func TestBatchesAreRefusedItemByItem(t *testing.T) {
	t.Parallel()
	cfg := settings(t, t.TempDir())
	s := run(t, cfg)
	mine, _ := s.channel(t, "mine")
	other, _ := s.channel(t, "other")
	c := s.as(t, grant(t, cfg, app.Grant{Policies: []string{`{"Statement":{"Effect":"Allow","Action":"ivs:BatchGet*","Resource":"` + mine + `"}}`}}))
	var out *ivs.BatchGetChannelOutput
	noticed(t, "", func() (err error) {
		out, err = c.BatchGetChannel(t.Context(), &ivs.BatchGetChannelInput{Arns: []string{other, mine}})
		return err
	})
	if len(out.Channels) != 1 || *out.Channels[0].Arn != mine || len(out.Errors) != 1 ||
		*out.Errors[0].Arn != other || *out.Errors[0].Code != "403" || *out.Errors[0].Message != "not authorized" {
		t.Errorf("BatchGetChannel = %v, %v; want mine, and 403 for the other", out.Channels, out.Errors)
	}
}

func TestTagsDecideWhatAKeyMayDo(t *testing.T) {
	t.Parallel()
	cfg := settings(t, t.TempDir())
	s := run(t, cfg)
	c := s.as(t, grant(t, cfg, app.Grant{Name: "news", Policies: []string{`{"Statement":[
		{"Effect":"Allow","Action":"ivs:CreateChannel","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/Team":"news"}}},
		{"Effect":"Allow","Action":"ivs:*Channel","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"news"}}}]}`}}))
	var out *ivs.CreateChannelOutput
	noticed(t, "", func() (err error) {
		out, err = c.CreateChannel(t.Context(), &ivs.CreateChannelInput{Tags: map[string]string{"team": "news"}})
		return err
	})
	if _, err := c.CreateChannel(t.Context(), &ivs.CreateChannelInput{Tags: map[string]string{"team": "sports"}}); code(err) != "AccessDeniedException" {
		t.Errorf("CreateChannel with another tag: %v", err)
	}
	if _, err := c.GetChannel(t.Context(), &ivs.GetChannelInput{Arn: out.Channel.Arn}); err != nil {
		t.Errorf("GetChannel: %v", err)
	}
	other, _ := s.channel(t, "other")
	if _, err := c.GetChannel(t.Context(), &ivs.GetChannelInput{Arn: &other}); code(err) != "AccessDeniedException" {
		t.Errorf("GetChannel of another: %v", err)
	}
}

func TestTemporaryKeys(t *testing.T) {
	t.Parallel()
	cfg := settings(t, t.TempDir())
	s := run(t, cfg)
	k := grant(t, cfg, app.Grant{Token: true})
	if left := time.Until(k.Expires); !strings.HasPrefix(k.ID, "ASIA") || k.SessionToken == "" || left > 12*time.Hour || left < 11*time.Hour {
		t.Errorf("made %s, expires in %v", k.ID, left)
	}
	call := func(k store.AccessKey) func() error {
		c := s.as(t, k)
		return func() error { _, err := c.ListChannels(t.Context(), &ivs.ListChannelsInput{}); return err }
	}
	noticed(t, "", call(k))
	without, wrong := k, k
	without.SessionToken, wrong.SessionToken = "", "-"+k.SessionToken[1:]
	for name, k := range map[string]store.AccessKey{"without its token": without, "with another token": wrong} {
		if got := code(call(k)()); got != "UnrecognizedClientException" {
			t.Errorf("%s: %q", name, got)
		}
	}
	short := grant(t, cfg, app.Grant{For: 3 * time.Second})
	noticed(t, "", call(short))
	noticed(t, "ExpiredTokenException", call(short))
}

func TestGrantsThatCannotBe(t *testing.T) {
	t.Parallel()
	cfg := settings(t, t.TempDir())
	run(t, cfg)
	for name, g := range map[string]app.Grant{
		"an unknown policy":          {Policies: []string{"AdministratorAccess"}},
		"a document that is none":    {Policies: []string{"{}"}},
		"a token for too long":       {Token: true, For: 37 * time.Hour},
		"a token for too short":      {Token: true, For: time.Minute},
		"an expiry in the past":      {For: -time.Second},
		"a name that is no name":     {Name: "a b"},
		"a name that breaks the ARN": {Name: "a:b"},
	} {
		if _, err := app.CreateAccessKey(t.Context(), cfg, g); err == nil {
			t.Errorf("%s: made", name)
		}
	}
	keys, err := app.AccessKeys(t.Context(), cfg)
	if err != nil || len(keys) != 1 || keys[0].Secret != "" {
		t.Errorf("AccessKeys = %+v, %v; want the first one alone, without its secret", keys, err)
	}
}

func TestNobodyIsLockedOutUnasked(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	cfg := settings(t, data)
	s := run(t, cfg)
	first, _, err := app.ReadCredentials(data)
	if err != nil {
		t.Fatal(err)
	}
	// None of these may do everything for ever.
	grant(t, cfg, app.Grant{For: time.Hour})
	grant(t, cfg, app.Grant{Token: true})
	grant(t, cfg, app.Grant{Policies: []string{"IVSFullAccess", `{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`}})
	if err := app.DisableAccessKey(t.Context(), cfg, first, true, false); !errors.Is(err, app.ErrLastKey) {
		t.Errorf("disable: %v, want ErrLastKey", err)
	}
	if err := app.DeleteAccessKey(t.Context(), cfg, first, false); !errors.Is(err, app.ErrLastKey) {
		t.Errorf("delete: %v, want ErrLastKey", err)
	}

	second := grant(t, cfg, app.Grant{})
	if err := app.DeleteAccessKey(t.Context(), cfg, first, false); err != nil {
		t.Fatal(err)
	}
	if id, secret, err := app.ReadCredentials(data); err != nil || id != second.ID || secret != second.Secret {
		t.Errorf("the credentials file has %s, %v; want the key that is left", id, err)
	}

	if err := app.DeleteAccessKey(t.Context(), cfg, second.ID, true); err != nil {
		t.Fatal(err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s = run(t, cfg)
	if third, _, err := app.ReadCredentials(data); err != nil || third == first || third == second.ID {
		t.Errorf("after a start the credentials file has %s, %v; want a new key", third, err)
	}
	s.channel(t, "again")
}

func TestARateLimitOfAnUnknownOperationIsRefused(t *testing.T) {
	t.Parallel()
	cfg := settings(t, t.TempDir(), "api-rates", "on", "api-rate-limit", "GetChanel=5")
	_, err := app.New(t.Context(), cfg, app.NewLog(new(logbook), "text", 0))
	if _, ok := errors.AsType[config.SettingErrors](err); !ok || !strings.Contains(err.Error(), "GetChanel") {
		t.Errorf("New: %v, want an error about the setting", err)
	}
}

func TestTheSDKGetsThroughRates(t *testing.T) {
	t.Parallel()
	s := run(t, settings(t, t.TempDir(), "api-rates", "on", "api-rate-limit", "CreateChannel=10"))
	once := s.api(t)
	throttled := 0
	for range 30 {
		_, err := once.CreateChannel(t.Context(), &ivs.CreateChannelInput{})
		if code(err) == "ThrottlingException" {
			throttled++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if throttled == 0 || throttled > 10 {
		t.Errorf("%d of 30 were throttled, want at most 10 and some", throttled)
	}
	patient := ivs.New(once.Options(), func(o *ivs.Options) { o.RetryMaxAttempts = 8 })
	for range 15 {
		if _, err := patient.CreateChannel(t.Context(), &ivs.CreateChannelInput{}); err != nil {
			t.Fatalf("the SDK's own retries do not get through: %v", err)
		}
	}
}

// records reads the audit trail of a data directory.
func records(t *testing.T, data string) []map[string]any {
	t.Helper()
	f, err := os.Open(filepath.Join(data, "audit", "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []map[string]any
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var r map[string]any
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		all = append(all, r)
	}
	return all
}

func TestTheAuditTrailHasEveryRequest(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := run(t, settings(t, data, "audit", "file"))
	arn, key := s.channel(t, "news")
	_, err := s.api(t).GetChannel(t.Context(), &ivs.GetChannelInput{Arn: aws.String(arn + "x")})
	if code(err) != "ResourceNotFoundException" {
		t.Fatal(err)
	}
	_, err = s.as(t, store.AccessKey{ID: "AKIAMALLORY", Secret: "x"}).DeleteChannel(t.Context(), &ivs.DeleteChannelInput{Arn: &arn})
	if code(err) != "UnrecognizedClientException" {
		t.Fatal(err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	all := records(t, data)
	var got []string
	for _, r := range all {
		code, _ := r["errorCode"].(string)
		got = append(got, r["eventName"].(string)+" "+code)
	}
	if want := []string{"CreateChannel ", "GetChannel ResourceNotFoundException", "DeleteChannel UnrecognizedClientException"}; !slices.Equal(got, want) {
		t.Fatalf("the trail has %q, want %q", got, want)
	}
	if who := all[2]["userIdentity"].(map[string]any); who["type"] != "Unknown" || who["accessKeyId"] != "AKIAMALLORY" || all[2]["requestParameters"] != nil {
		t.Errorf("of a stranger it has %v and %v", who, all[2]["requestParameters"])
	}
	text, err := os.ReadFile(filepath.Join(data, "audit", "audit.log"))
	if err != nil || strings.Contains(string(text), key) || !strings.Contains(string(text), "[secret]") {
		t.Errorf("the stream key is in the trail, or nothing is hidden: %v\n%s", err, text)
	}
}

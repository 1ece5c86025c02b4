package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
	"github.com/aws/smithy-go"
)

// grant makes an access key with the command that operators use.
func (s *running) grant(t *testing.T, name, policy string, flags ...string) aws.CredentialsProvider {
	t.Helper()
	args := append([]string{"credentials", "create", "--data", s.Data, "--name", name}, flags...)
	if policy != "" {
		file := filepath.Join(t.TempDir(), "policy.json")
		if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--policy", file)
	}
	lines := make(map[string]string)
	for line := range strings.Lines(string(command(t, built.command, args...))) {
		k, v, _ := strings.Cut(line, "=")
		lines[strings.TrimSpace(k)] = strings.TrimSpace(v)
	}
	return credentials.NewStaticCredentialsProvider(lines["aws_access_key_id"], lines["aws_secret_access_key"], lines["aws_session_token"])
}

// TestAccessKeysByCommand makes, lists, disables and deletes keys beside the
// running server, and restarts it.
func TestAccessKeysByCommand(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t, named("seen"))
	studio := s.as(t, "studio", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["ivs:GetChannel","ivs:ListChannels"],"Resource":"*"},
		{"Effect":"Deny","Action":"ivs:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/secret":"yes"}}}]}`)
	get := func() error { _, err := studio.GetChannel(t.Context(), &ivs.GetChannelInput{Arn: &ch.arn}); return err }
	if err := get(); err != nil {
		t.Error(err)
	}
	if _, err := s.ivs.TagResource(t.Context(), &ivs.TagResourceInput{ResourceArn: &ch.arn, Tags: map[string]string{"Secret": "yes"}}); err != nil {
		t.Fatal(err)
	}
	wantError[*types.AccessDeniedException](t, "GetChannel of what is tagged secret", get())

	temporary := s.as(t, "temporary", "", "--session-token", "--expires", "15m")
	if _, err := temporary.ListStreamKeys(t.Context(), &ivs.ListStreamKeysInput{ChannelArn: &ch.arn}); err != nil {
		t.Errorf("a temporary key: %v", err)
	}

	list := string(command(t, built.command, "credentials", "list", "--data", s.Data))
	for _, want := range []string{"studio", "document of", "temporary", "IVSFullAccess"} {
		if !strings.Contains(list, want) {
			t.Errorf("the list has no %q:\n%s", want, list)
		}
	}
	creds, err := studio.Options().Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(list, creds.SecretAccessKey) {
		t.Error("the list shows a secret")
	}
	s.end(syscall.SIGTERM)
	s.start()
	wantError[*types.AccessDeniedException](t, "after a start", func() error {
		o := studio.Options()
		o.BaseEndpoint = &s.At.API
		_, err := ivs.New(o).StopStream(t.Context(), &ivs.StopStreamInput{ChannelArn: &ch.arn})
		return err
	}())
	command(t, built.command, "credentials", "delete", "--data", s.Data, creds.AccessKeyID)
	first := strings.Fields(list)[7] // behind the head of the table
	if _, err := output(t.Context(), built.command, "credentials", "delete", "--data", s.Data, first); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("the last key that may do everything: %v, want a refusal that tells of --force", err)
	}
}

// TestThrottlingAndTheSDK has the SDK's own retries get through Amazon's rates.
func TestThrottlingAndTheSDK(t *testing.T) {
	t.Parallel()
	s := serve(t, "--api-rates", "on")
	throttled := 0
	for range 25 {
		_, err := s.ivs.ListChannels(t.Context(), &ivs.ListChannelsInput{})
		e, ok := errors.AsType[smithy.APIError](err)
		switch {
		case err == nil:
		case ok && e.ErrorCode() == "ThrottlingException" && textOf(e) == "Operation: ivs:ListChannels exceeded call rate: 5 for resource: "+s.At.Account:
			throttled++
		default:
			t.Fatal(err)
		}
	}
	if throttled == 0 {
		t.Error("25 calls at once were let through, want 10 and what a moment brings")
	}
	patient := ivs.New(s.ivs.Options(), func(o *ivs.Options) { o.RetryMaxAttempts = 10 })
	for range 5 {
		if _, err := patient.ListChannels(t.Context(), &ivs.ListChannelsInput{}); err != nil {
			t.Errorf("with the SDK's retries: %v", err)
		}
	}
}

// TestTheAuditTrail has small files, many requests at once and a restart, and
// misses no record.
func TestTheAuditTrail(t *testing.T) {
	t.Parallel()
	s := serve(t, "--audit", "file", "--audit-size", "1", "--audit-files", "100")
	const callers, calls = 8, 1600 // more than a file takes
	var all sync.WaitGroup
	var mu sync.Mutex
	want := map[string]bool{}
	for i := range callers {
		all.Go(func() {
			for j := range calls / callers {
				name := strings.Repeat("x", (i+j)%100)
				out, err := s.ivs.ListChannels(t.Context(), &ivs.ListChannelsInput{FilterByName: &name})
				if err != nil {
					t.Error(err)
					return
				}
				id, _ := middleware.GetRequestIDMetadata(out.ResultMetadata)
				mu.Lock()
				want[id] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	s.end(syscall.SIGTERM)
	files, err := filepath.Glob(filepath.Join(s.Data, "audit", "audit*.log"))
	if err != nil || len(files) < 2 {
		t.Errorf("files %v, %v; want more than one", files, err)
	}
	got := 0
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(f); lines.Scan(); got++ {
			var r struct{ EventName, RequestID string }
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil || r.EventName != "ListChannels" || !want[r.RequestID] {
				t.Fatalf("%s: %s: %v", file, lines.Text(), err)
			}
			delete(want, r.RequestID)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got != calls || len(want) != 0 {
		t.Errorf("%d records, %d requests are missing; want %d", got, len(want), calls)
	}
}

package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
)

// TestSecretsAreNowhereInTheClear looks through everything the server keeps and
// says, while it runs and after a crash, for the secrets it knows.
func TestSecretsAreNowhereInTheClear(t *testing.T) {
	t.Parallel()
	s := serve(t, "--log-level", "debug")
	ch := s.channel(t)
	secrets := map[string]string{"stream key": ch.key}
	got, err := s.ivs.GetChannel(t.Context(), &ivs.GetChannelInput{Arn: &ch.arn})
	if err != nil {
		t.Fatal(err)
	}
	if got.Channel.Srt != nil && str(got.Channel.Srt.Passphrase) != "" {
		secrets["SRT passphrase"] = str(got.Channel.Srt.Passphrase)
	} else {
		t.Error("the channel has no SRT passphrase")
	}
	secrets["secret access key"] = secretKey(t, s)

	enc := stream(t, encode(t, small, voice), ch.rtmp())
	id := str(ch.live().StreamId)
	wantRefused(t, s.At.RTMP, ch.key)
	enc.quit()
	ch.over(id)
	search(t, "running", s, secrets)
	s.end(syscall.SIGKILL)
	search(t, "after a crash", s, secrets)
}

// secretKey reads the one file that is there to hold the secret access key.
func secretKey(t *testing.T, s *running) string {
	t.Helper()
	file := filepath.Join(s.Data, "credentials")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("credentials has mode %o, want 600", mode)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(name) == "aws_secret_access_key" {
			return strings.TrimSpace(value)
		}
	}
	t.Fatal("credentials has no aws_secret_access_key")
	return ""
}

func search(t *testing.T, when string, s *running, secrets map[string]string) {
	t.Helper()
	looked := 0
	look := func(name string) {
		b, err := os.ReadFile(name)
		if err != nil {
			return // a file that came and went
		}
		looked++
		for what, secret := range secrets {
			if len(secret) < 16 {
				t.Fatalf("%s of %d characters", what, len(secret))
			}
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s: the %s is in %s", when, what, filepath.Base(name))
			}
		}
	}
	err := filepath.WalkDir(s.Data, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "credentials" {
			look(name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	look(s.Log)
	if looked < 3 {
		t.Errorf("%s: looked through %d files only", when, looked)
	}
}

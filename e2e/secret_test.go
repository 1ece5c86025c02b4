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

	"openivs/internal/store/storetest"
)

// needle is the name of a channel: what is no secret is found where the secrets
// are looked for.
const needle = "this-stands-there-in-the-clear"

// TestSecretsAreNowhereInTheClear looks through everything the server keeps and
// says, while it runs and after a crash, for the secrets it knows.
func TestSecretsAreNowhereInTheClear(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "--log-level", "debug")
		hide(t, s, s.Data)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		pg := storetest.Start(t)
		s := serve(t, "--log-level", "debug", "--database", pg.Database(t))
		hide(t, s, pg.Dir(), s.Data)
	})
}

// hide has a server learn its secrets, and searches where it keeps everything:
// the database is in the first directory.
func hide(t *testing.T, s *running, dirs ...string) {
	t.Helper()
	ch := s.channel(t, named(needle))
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
	search(t, "running", s.Log, dirs, secrets)
	s.end(syscall.SIGKILL)
	search(t, "after a crash", s.Log, dirs, secrets)
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

// search looks for secrets in a log and in all files of directories, of which
// the first has to hold the needle.
func search(t *testing.T, when, log string, dirs []string, secrets map[string]string) {
	t.Helper()
	for what, secret := range secrets {
		if len(secret) < 16 {
			t.Fatalf("%s of %d characters", what, len(secret))
		}
	}
	look := func(name string) (found bool) {
		b, err := os.ReadFile(name)
		if err != nil {
			return false // a file that came and went
		}
		for what, secret := range secrets {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s: the %s is in %s", when, what, filepath.Base(name))
			}
		}
		return bytes.Contains(b, []byte(needle))
	}
	if look(log); t.Failed() {
		return
	}
	for i, dir := range dirs {
		found := false
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && d.Name() != "credentials" {
				found = look(name) || found
			}
			return nil
		})
		if err != nil || i == 0 && !found {
			t.Errorf("%s: the database is not in %s, of which this test looked at every file (%v)", when, dir, err)
		}
	}
}

package app_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivs"

	"openivs/internal/app"
	"openivs/internal/config"
)

// A logbook keeps what a server logs.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// settings returns the settings of a server on a free port of this machine.
func settings(t *testing.T, data string, more ...string) *config.Config {
	t.Helper()
	flags := map[string][]string{"data": {data}, "listen": {"127.0.0.1:0"}, "srt": {"127.0.0.1:0"}, "api-rates": {"off"}}
	for i := 0; i < len(more); i += 2 {
		flags[more[i]] = []string{more[i+1]}
	}
	cfg, err := config.Load(config.Source{Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// A server is an App that runs.
type server struct {
	*app.App
	data string
	log  *logbook
	stop func() error // ends it and returns what Run did
}

// run starts a server and waits until it is ready.
func run(t *testing.T, cfg *config.Config) *server {
	t.Helper()
	s := &server{data: cfg.Data, log: new(logbook)}
	var err error
	s.App, err = app.New(t.Context(), cfg, app.NewLog(s.log, "text", slog.LevelDebug))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = s.Run(ctx)
	}()
	s.stop = func() error { cancel(); <-ended; return err }
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("Run: %v\n%s", err, s.log)
		}
	})
	select {
	case <-s.Ready():
	case <-ended:
		t.Fatalf("Run: %v", err)
	}
	return s
}

// client returns an HTTP client that trusts the server.
func (s *server) client(t *testing.T) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	authority, err := os.ReadFile(app.AuthorityFile(s.data))
	if err != nil || !pool.AppendCertsFromPEM(authority) {
		t.Fatalf("authority: %v", err)
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// api returns a client of the API with the server's own credentials.
func (s *server) api(t *testing.T) *ivs.Client {
	t.Helper()
	id, secret, err := app.ReadCredentials(s.data)
	if err != nil {
		t.Fatal(err)
	}
	return ivs.New(ivs.Options{
		BaseEndpoint:     aws.String(s.Endpoints().API),
		Region:           s.Endpoints().Region,
		Credentials:      credentials.NewStaticCredentialsProvider(id, string(secret), ""),
		HTTPClient:       s.client(t),
		RetryMaxAttempts: 1,
	})
}

// channel makes a channel and returns its name and its stream key's value.
func (s *server) channel(t *testing.T, name string) (arn, key string) {
	t.Helper()
	out, err := s.api(t).CreateChannel(t.Context(), &ivs.CreateChannelInput{Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Channel.Arn, *out.StreamKey.Value
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestAServerStartsServesAndStops(t *testing.T) {
	data := filepath.Join(t.TempDir(), "new", "data")
	s := run(t, settings(t, data, "region", "eu-west-1", "account", "123456789012"))

	for path, want := range map[string]fs.FileMode{".": 0o700, "master.key": 0o600, "credentials": 0o600, "openivs.db": 0o600, "tls": 0o700} {
		if got := mode(t, filepath.Join(data, path)); got != want {
			t.Errorf("%s has mode %04o, want %04o", path, got, want)
		}
	}
	where, err := app.ReadEndpoints(data)
	if err != nil || where != s.Endpoints() || where.Region != "eu-west-1" || where.Account != "123456789012" {
		t.Errorf("endpoints.json says %+v, %v; the server %+v", where, err, s.Endpoints())
	}
	out, err := s.api(t).CreateChannel(t.Context(), &ivs.CreateChannelInput{})
	if err != nil {
		t.Fatal(err)
	}
	if got := *out.Channel.Arn; !strings.HasPrefix(got, "arn:aws:ivs:eu-west-1:123456789012:channel/") {
		t.Errorf("channel %s, want one of this region and account", got)
	}
	if got := *out.Channel.PlaybackUrl; !strings.HasPrefix(got, where.Playback+"/") {
		t.Errorf("playbackUrl %s does not begin with %s", got, where.Playback)
	}

	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := app.ReadEndpoints(data); !errors.Is(err, app.ErrNotRunning) {
		t.Errorf("after the stop endpoints.json is still there: %v", err)
	}
	u, err := url.Parse(where.API)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", u.Host); err == nil {
		_ = c.Close()
		t.Error("after the stop the port still takes connections")
	}
}

func TestWhatWasAnsweredIsThereAfterAStart(t *testing.T) {
	data := t.TempDir()
	s := run(t, settings(t, data))
	arn, _ := s.channel(t, "kept")
	first, _, err := app.ReadCredentials(data)
	if err := errors.Join(err, s.stop()); err != nil {
		t.Fatal(err)
	}
	s = run(t, settings(t, data))
	out, err := s.api(t).GetChannel(t.Context(), &ivs.GetChannelInput{Arn: &arn})
	if err != nil || *out.Channel.Name != "kept" {
		t.Errorf("GetChannel = %+v, %v", out, err)
	}
	if second, _, err := app.ReadCredentials(data); err != nil || second != first {
		t.Errorf("the access key is %s after a start, it was %s (%v)", second, first, err)
	}
}

func TestEveryProtocolIsServedOnOnePort(t *testing.T) {
	s := run(t, settings(t, t.TempDir()))
	where := s.Endpoints()
	overTLS := where.API + "/console/"
	for name, u := range map[string]string{"HTTP": where.Console, "HTTPS": overTLS} {
		r, err := s.client(t).Get(u)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body, err := io.ReadAll(r.Body)
		if err := errors.Join(err, r.Body.Close()); err != nil || r.StatusCode != 200 || !bytes.Contains(body, []byte("console")) {
			t.Errorf("%s: %s %q %v", name, r.Status, body, err)
		}
		if want := map[string]int{"HTTP": 1, "HTTPS": 2}[name]; r.ProtoMajor != want {
			t.Errorf("%s came as %s, want HTTP/%d", name, r.Proto, want)
		}
	}
	host := strings.TrimPrefix(where.API, "https://")
	dialled, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	secure := tls.Client(dialled, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // whose it is is not the question here
	bare, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]net.Conn{"RTMP": bare, "RTMPS": secure} {
		answer := make([]byte, 1)
		_, err := c.Write(append([]byte{3}, make([]byte, 1536)...))
		if err == nil {
			_, err = io.ReadFull(c, answer)
		}
		if err = errors.Join(err, c.Close()); err != nil || answer[0] != 3 {
			t.Errorf("%s: the handshake is answered by %v, %v; want version 3", name, answer, err)
		}
	}
}

func TestASecondServerIsRefusedAndNamesTheFirst(t *testing.T) {
	data := t.TempDir()
	run(t, settings(t, data))
	before, err := app.ReadEndpoints(data)
	if err != nil {
		t.Fatal(err)
	}
	_, err = app.New(t.Context(), settings(t, data), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "openivs on ") || !strings.Contains(err.Error(), "pid ") {
		t.Errorf("New = %v, want an error that names the holder", err)
	}
	if after, err := app.ReadEndpoints(data); err != nil || after != before {
		t.Errorf("the refused start changed endpoints.json: %+v, %v", after, err)
	}
}

func TestAStartThatFailsUndoesWhatItDid(t *testing.T) {
	data := t.TempDir()
	bad := filepath.Join(t.TempDir(), "bad.pem")
	if err := os.WriteFile(bad, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, cfg := range map[string]*config.Config{
		"certificate": settings(t, data, "tls-cert", bad, "tls-key", bad),
		"port":        settings(t, data, "listen", taken.Addr().String()),
		"database":    settings(t, data, "database", "postgres://nobody@127.0.0.1:1/none?connect_timeout=1"),
	} {
		if _, err := app.New(t.Context(), cfg, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: New succeeds", name)
		}
	}
	run(t, settings(t, data)) // the directory, its key and its database are free
}

func TestADatabaseIsNotOpenedWithAnotherKey(t *testing.T) {
	data := t.TempDir()
	s := run(t, settings(t, data))
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(data, "master.key")
	aside := filepath.Join(t.TempDir(), "aside.key")
	if err := os.Rename(key, aside); err != nil {
		t.Fatal(err)
	}
	_, err := app.New(t.Context(), settings(t, data), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("without the key: %v", err)
	}
	other := filepath.Join(t.TempDir(), "other.key")
	_, err = app.New(t.Context(), settings(t, data, "master-key-file", other), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "master key") {
		t.Errorf("with another key: %v", err)
	}
	if _, err := os.Stat(other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key that is of no use is left behind: %v", err)
	}
	run(t, settings(t, data, "master-key-file", aside))
}

func TestALostCredentialsFileIsWrittenAgain(t *testing.T) {
	data := t.TempDir()
	s := run(t, settings(t, data))
	id, _, err := app.ReadCredentials(data)
	if err := errors.Join(err, s.stop(), os.Remove(filepath.Join(data, "credentials"))); err != nil {
		t.Fatal(err)
	}
	s = run(t, settings(t, data))
	again, _, err := app.ReadCredentials(data)
	if err != nil || again != id {
		t.Errorf("the credentials file has %s, %v; want %s", again, err, id)
	}
	s.channel(t, "works")
}

func TestAnOperatorsCertificateIsServed(t *testing.T) {
	maker := t.TempDir()
	s := run(t, settings(t, maker, "public-host", "live.example.com"))
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	s = run(t, settings(t, data, "public-host", "live.example.com",
		"tls-cert", filepath.Join(maker, "tls", "server.pem"), "tls-key", filepath.Join(maker, "tls", "server.key")))
	where := s.Endpoints()
	if !strings.HasPrefix(where.Playback, "https://live.example.com:") {
		t.Errorf("playback base is %s, want https with an operator's certificate", where.Playback)
	}
	if got := app.AuthorityFile(data); got != "" {
		t.Errorf("clients are told to trust %s, which signed nothing", got)
	}
	u, err := url.Parse(where.API)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", u.Port()), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // its name is compared below
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.ConnectionState().PeerCertificates[0].VerifyHostname("live.example.com"); err != nil {
		t.Error(err)
	}
}

func TestSecretsAreInNoFileAndNoLog(t *testing.T) {
	data := t.TempDir()
	s := run(t, settings(t, data))
	_, streamKey := s.channel(t, "secret")
	_, access, err := app.ReadCredentials(data)
	if err := errors.Join(err, s.stop()); err != nil {
		t.Fatal(err)
	}
	seen := map[string][]byte{"the log": []byte(s.log.String())}
	err = filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "credentials" {
			return err
		}
		seen[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range seen {
		for name, secret := range map[string]string{"stream key": streamKey, "secret access key": string(access)} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("the %s is in %s", name, where)
			}
		}
	}
	if len(seen) < 5 {
		t.Errorf("only %d files were looked through", len(seen))
	}
}

func TestARequestIsRefusedAsAWSDoes(t *testing.T) {
	s := run(t, settings(t, t.TempDir()))
	id, secret, err := app.ReadCredentials(s.data)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, id, secret, token, region, want string }{
		{"unknown key", "AKIANOBODY", string(secret), "", "us-east-1", "UnrecognizedClientException"},
		{"wrong secret", id, "wrong", "", "us-east-1", "InvalidSignatureException"},
		{"session token", id, string(secret), "token", "us-east-1", "UnrecognizedClientException"},
		{"other region", id, string(secret), "", "eu-west-1", "InvalidSignatureException"},
	} {
		c := ivs.New(ivs.Options{
			BaseEndpoint: aws.String(s.Endpoints().API), Region: tc.region, RetryMaxAttempts: 1, HTTPClient: s.client(t),
			Credentials: credentials.NewStaticCredentialsProvider(tc.id, tc.secret, tc.token),
		})
		if _, err := c.ListChannels(t.Context(), &ivs.ListChannelsInput{}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
		}
	}
}

func TestBackupAndRestoreKeepEverything(t *testing.T) {
	data, target := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	s := run(t, settings(t, data))
	arn, key := s.channel(t, "precious")
	if withKey, err := app.Backup(t.Context(), settings(t, data), target); err != nil || !withKey {
		t.Fatalf("Backup = %v, %v", withKey, err)
	}
	if got := mode(t, target); got != 0o700 {
		t.Errorf("the backup has mode %04o, want 0700", got)
	}
	if _, err := app.Backup(t.Context(), settings(t, data), target); err == nil {
		t.Error("a backup is written over another")
	}
	log := slog.New(slog.DiscardHandler)
	if err := app.Restore(t.Context(), settings(t, data), target, log); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("Restore under a running server: %v", err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if err := app.Restore(t.Context(), settings(t, data), target, log); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("Restore over data: %v", err)
	}

	fresh := t.TempDir()
	if err := app.Restore(t.Context(), settings(t, fresh), target, log); err != nil {
		t.Fatal(err)
	}
	s = run(t, settings(t, fresh))
	keys, err := s.api(t).ListStreamKeys(t.Context(), &ivs.ListStreamKeysInput{ChannelArn: &arn})
	if err != nil || len(keys.StreamKeys) != 1 {
		t.Fatalf("ListStreamKeys = %+v, %v", keys, err)
	}
	out, err := s.api(t).GetStreamKey(t.Context(), &ivs.GetStreamKeyInput{Arn: keys.StreamKeys[0].Arn})
	if err != nil || *out.StreamKey.Value != key {
		t.Errorf("the restored stream key is not the one that was (%v)", err)
	}
	for _, name := range []string{"credentials", "master.key", "tls/ca.pem", "tls/ca.key"} {
		was, err1 := os.ReadFile(filepath.Join(data, name))
		is, err2 := os.ReadFile(filepath.Join(fresh, name))
		if err := errors.Join(err1, err2); err != nil || !bytes.Equal(was, is) {
			t.Errorf("%s is not what it was (%v)", name, err)
		}
	}
}

func TestADamagedBackupChangesNothing(t *testing.T) {
	data := t.TempDir()
	s := run(t, settings(t, data))
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(dir string) error{
		"no manifest":   func(dir string) error { return os.Remove(filepath.Join(dir, "manifest.json")) },
		"file missing":  func(dir string) error { return os.Remove(filepath.Join(dir, "database.gz")) },
		"file changed":  func(dir string) error { return os.WriteFile(filepath.Join(dir, "credentials"), []byte("x"), 0o600) },
		"other format":  rewrite("openivs backup directory 1", "openivs backup directory 9"),
		"strange file":  rewrite(`"credentials"`, `"../../credentials"`),
		"export broken": rewriteExport,
	} {
		dir := filepath.Join(t.TempDir(), "backup")
		if _, err := app.Backup(t.Context(), settings(t, data), dir); err != nil {
			t.Fatal(err)
		}
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
		fresh := t.TempDir()
		if err := app.Restore(t.Context(), settings(t, fresh), dir, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: Restore succeeds", name)
		}
		for _, left := range []string{"openivs.db", "master.key", "credentials"} {
			if _, err := os.Stat(filepath.Join(fresh, left)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %s is left behind (%v)", name, left, err)
			}
		}
	}
}

// rewrite changes a manifest.
func rewrite(old, with string) func(dir string) error {
	return func(dir string) error {
		path := filepath.Join(dir, "manifest.json")
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, bytes.Replace(text, []byte(old), []byte(with), 1), 0o600)
	}
}

// rewriteExport makes a backup whose manifest is right and whose export is not one.
func rewriteExport(dir string) error {
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // SHA-256 of nothing
	path := filepath.Join(dir, "manifest.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, _ := strings.Cut(string(text), `"database.gz",`)
	_, rest, _ = strings.Cut(rest, "}")
	text = []byte(head + `"database.gz", "bytes": 0, "sha256": "` + empty + `"}` + rest)
	return errors.Join(os.WriteFile(path, text, 0o600), os.WriteFile(filepath.Join(dir, "database.gz"), nil, 0o600))
}

func TestAKeyKeptElsewhereIsNotInTheBackup(t *testing.T) {
	data, key, target := t.TempDir(), filepath.Join(t.TempDir(), "elsewhere.key"), filepath.Join(t.TempDir(), "backup")
	s := run(t, settings(t, data, "master-key-file", key))
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	withKey, err := app.Backup(t.Context(), settings(t, data, "master-key-file", key), target)
	if err != nil || withKey {
		t.Fatalf("Backup = %v, %v; want it without the key", withKey, err)
	}
	log := slog.New(slog.DiscardHandler)
	fresh := t.TempDir()
	if err := app.Restore(t.Context(), settings(t, fresh), target, log); err == nil || !strings.Contains(err.Error(), "--master-key-file") {
		t.Errorf("Restore without the key: %v", err)
	}
	if err := app.Restore(t.Context(), settings(t, fresh, "master-key-file", key), target, log); err != nil {
		t.Errorf("Restore with the key: %v", err)
	}
}

func TestRekeyChangesTheKeyAndNothingElse(t *testing.T) {
	data := t.TempDir()
	s := run(t, settings(t, data))
	arn, key := s.channel(t, "kept")
	log := slog.New(slog.DiscardHandler)
	if err := app.Rekey(t.Context(), settings(t, data), log); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("Rekey under a running server: %v", err)
	}
	old, err := os.ReadFile(filepath.Join(data, "master.key"))
	if err := errors.Join(err, s.stop()); err != nil {
		t.Fatal(err)
	}
	if err := app.Rekey(t.Context(), settings(t, data), log); err != nil {
		t.Fatal(err)
	}
	now, err := os.ReadFile(filepath.Join(data, "master.key"))
	if err != nil || bytes.Equal(now, old) {
		t.Errorf("the master key is the old one (%v)", err)
	}
	s = run(t, settings(t, data))
	keys, err := s.api(t).ListStreamKeys(t.Context(), &ivs.ListStreamKeysInput{ChannelArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.api(t).GetStreamKey(t.Context(), &ivs.GetStreamKeyInput{Arn: keys.StreamKeys[0].Arn})
	if err != nil || *out.StreamKey.Value != key {
		t.Errorf("the stream key changed with the master key (%v)", err)
	}
}

func TestAnInterruptedRekeyIsSettledByTheNextStart(t *testing.T) {
	for _, tc := range []struct {
		name      string
		interrupt func(t *testing.T, data string)
	}{
		{"before the database changed", func(t *testing.T, data string) {
			t.Helper()
			other := t.TempDir()
			if err := run(t, settings(t, other)).stop(); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(other, "master.key"), filepath.Join(data, "master.key.next")); err != nil {
				t.Fatal(err)
			}
		}},
		{"after the database changed", func(t *testing.T, data string) {
			t.Helper()
			old, err := os.ReadFile(filepath.Join(data, "master.key"))
			if err != nil {
				t.Fatal(err)
			}
			if err := app.Rekey(t.Context(), settings(t, data), slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			key := filepath.Join(data, "master.key")
			if err := errors.Join(os.Rename(key, key+".next"), os.WriteFile(key, old, 0o600)); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		data := t.TempDir()
		if err := run(t, settings(t, data)).stop(); err != nil {
			t.Fatal(err)
		}
		tc.interrupt(t, data)
		run(t, settings(t, data)).channel(t, "kept")
	}
}

func TestHurryEndsAServerAtOnce(t *testing.T) {
	s := run(t, settings(t, t.TempDir()))
	r, err := s.client(t).Get(s.Endpoints().Playback + "/api/video/v1/us-east-1.000000000000.channel.abcdefghijkl.m3u8")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Body.Close(); err != nil {
		t.Fatal(err)
	}
	s.Hurry() // a viewer was there a moment ago, and would be waited for
	start := time.Now()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("the stop took %v although it was hurried", took)
	}
}

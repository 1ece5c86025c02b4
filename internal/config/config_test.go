package config_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"openivs/internal/config"
)

// file writes a configuration file and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "openivs.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// nowhere keeps a test from the openivs.yaml of whoever runs it.
func nowhere(t *testing.T) string {
	t.Helper()
	return "OPENIVS_DATA=" + filepath.Join(t.TempDir(), "none")
}

func TestDefaults(t *testing.T) {
	c, err := config.Load(config.Source{Environ: []string{nowhere(t)}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Listen, []string{":4500"}) || c.PublicHost != "127.0.0.1" || c.Region != "us-east-1" ||
		c.Account != "000000000000" || c.Database != config.SQLite || c.SessionRetention != 60*24*time.Hour ||
		c.MaxViewers != 15000 || c.LogFormat != "text" || c.LogLevel != slog.LevelInfo {
		t.Errorf("defaults are %+v", c)
	}
}

func TestTheNearerSourceOverrules(t *testing.T) {
	yaml := "region: eu-west-1\naccount: \"111122223333\"\nlog-level: warn\n"
	c, err := config.Load(config.Source{
		File:    file(t, yaml),
		Environ: []string{"OPENIVS_ACCOUNT=222233334444", "OPENIVS_LOG_LEVEL=error", "OPENIVS_REGION=", "HOME=/"},
		Flags:   map[string][]string{"log-level": {"debug"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Region != "eu-west-1" || c.Account != "222233334444" || c.LogLevel != slog.LevelDebug {
		t.Errorf("region %s, account %s, level %v; want the file's, the environment's, the flag's", c.Region, c.Account, c.LogLevel)
	}
	origins := map[string]string{}
	for _, v := range c.Values() {
		origins[v.Setting] = v.Origin
	}
	for setting, want := range map[string]string{
		"region": "openivs.yaml:1", "account": "$OPENIVS_ACCOUNT", "log-level": "--log-level", "listen": "default",
	} {
		if got := origins[setting]; !strings.HasSuffix(got, want) {
			t.Errorf("origin of %s is %q, want %q", setting, got, want)
		}
	}
}

func TestListsAreGivenInEachSource(t *testing.T) {
	want := []string{":443", "127.0.0.1:1935"}
	for _, tc := range []struct {
		name string
		src  config.Source
	}{
		{"flags", config.Source{Environ: []string{nowhere(t)}, Flags: map[string][]string{"listen": want}}},
		{"environment", config.Source{Environ: []string{nowhere(t), "OPENIVS_LISTEN=:443, 127.0.0.1:1935"}}},
		{"file", config.Source{File: file(t, "listen:\n  - :443\n  - 127.0.0.1:1935\n")}},
	} {
		c, err := config.Load(tc.src)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if !slices.Equal(c.Listen, want) {
			t.Errorf("%s: listen is %q, want %q", tc.name, c.Listen, want)
		}
	}
}

func TestFileIsFoundInTheDataDirectory(t *testing.T) {
	data := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(data, "openivs.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("region: eu-west-1\n")
	src := config.Source{Flags: map[string][]string{"data": {data}}}
	c, err := config.Load(src)
	if err != nil || c.Region != "eu-west-1" || c.Data != data {
		t.Fatalf("Load = %+v, %v; want the region of the file", c, err)
	}
	write("data: /elsewhere\n")
	if _, err := config.Load(src); err == nil || !strings.Contains(err.Error(), "cannot name another") {
		t.Errorf("a found file that names a data directory: %v", err)
	}
	c, err = config.Load(config.Source{Environ: []string{"OPENIVS_CONFIG=" + filepath.Join(data, "openivs.yaml")}})
	if err != nil || c.Data != "/elsewhere" {
		t.Errorf("a named file that names a data directory: %+v, %v", c, err)
	}
}

func TestEverythingWrongIsSaidAtOnce(t *testing.T) {
	yaml := "regoin: us-east-1\nplayback-base: ftp://x\nlisten: [\"4500\"]\naccount: 12\naccount: 13\nlog-format:\n"
	_, err := config.Load(config.Source{
		File:    file(t, yaml),
		Environ: []string{"OPENIVS_LOG_LVL=info", "OPENIVS_SESSION_RETENTION=5m", "OPENIVS_DATABASE=mysql://u:hunter2@h/d"},
		Flags:   map[string][]string{"tls-cert": {file(t, "x")}, "public-host": {"https://live.example.com"}, "region": {"a", "b"}, "x": {"y"}},
	})
	probs, ok := errors.AsType[config.SettingErrors](err)
	if !ok {
		t.Fatalf("Load's error is %T %v, want SettingErrors", err, err)
	}
	type want struct{ setting, origin, says string }
	for _, w := range []want{
		{"regoin", "openivs.yaml:1", "did you mean region?"},
		{"playback-base", "openivs.yaml:2", "http"},
		{"listen", "openivs.yaml:3", "HOST:PORT"},
		{"account", "openivs.yaml:4", "12 digits"},
		{"account", "openivs.yaml:5", "twice"},
		{"log-format", "openivs.yaml:6", "no plain value"},
		{"OPENIVS_LOG_LVL", "environment", "did you mean $OPENIVS_LOG_LEVEL?"},
		{"session-retention", "$OPENIVS_SESSION_RETENTION", "between 1h"},
		{"database", "$OPENIVS_DATABASE", "postgres"},
		{"tls-cert", "--tls-cert", "without tls-key"},
		{"public-host", "--public-host", "bare host"},
		{"region", "--region", "given twice"},
		{"x", "--x", "no such setting"},
	} {
		if !slices.ContainsFunc(probs, func(p config.Problem) bool {
			return p.Setting == w.setting && strings.HasSuffix(p.Origin, w.origin) && strings.Contains(p.String(), w.says) && p.Cure != ""
		}) {
			t.Errorf("no problem with %s (%s) that says %q in:\n%v", w.setting, w.origin, w.says, err)
		}
	}
	if len(probs) != 13 {
		t.Errorf("%d problems, want 13:\n%v", len(probs), err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the password is in: %v", err)
	}
}

func TestRules(t *testing.T) {
	for _, tc := range []struct {
		setting string
		good    []string
		bad     []string
	}{
		{"listen", []string{":0", "127.0.0.1:1935", "[::1]:443", "localhost:80"}, []string{"4500", ":70000", ":-1", ":http", "a b:80", ""}},
		{"public-host", []string{"live.example.com", "10.0.0.1", "::1", "a"}, []string{"", "a:80", "http://a", "a/b", "-a", "a_b", strings.Repeat("a.", 130) + "a"}},
		{"playback-base", []string{"https://cdn.example.com", "http://h:1/p"}, []string{"cdn", "https://", "https://h/", "https://h?q", "https://u@h"}},
		{"database", []string{"sqlite", "postgres://u:p@h/d", "postgresql://h"}, []string{"", "file.db", "mysql://h", "postgres://u:%zz@h"}},
		{"region", []string{"us-east-1", "ap-southeast-2", "us-gov-west-1"}, []string{"", "us", "US-EAST-1", "us-east-1 "}},
		{"account", []string{"012345678901"}, []string{"", "1", "0123456789012", "01234567890a"}},
		{"log-format", []string{"text", "json"}, []string{"", "xml"}},
		{"log-level", []string{"debug", "info", "warn", "error"}, []string{"", "INFO", "trace"}},
		{"session-retention", []string{"1h", "60d", "36h30m"}, []string{"", "60", "59m", "-1d", "99999d", "d"}},
		{"max-viewers", []string{"1", "15000", "1000000"}, []string{"", "0", "-1", "1000001", "1e3", "many"}},
		{"api-rates", []string{"on", "off"}, []string{"", "true", "ON"}},
		{"api-rate-limit", []string{"GetChannel=1", "PutMetadata/channel=1000000"}, []string{"", "GetChannel", "GetChannel=0", "GetChannel=1.5", "Get Channel=1", "a/b=1", "=1"}},
		{"audit", []string{"off", "file", "stdout"}, []string{"", "on"}},
		{"audit-size", []string{"1", "1024"}, []string{"", "0", "1MiB", "-1"}},
		{"audit-files", []string{"1", "16"}, []string{"", "0", "1000000"}},
		{"recording-store", []string{"disk", "s3"}, []string{"", "S3", "gcs"}},
		{"geoip", []string{""}, []string{"/nowhere/countries.mmdb"}},
		{"trusted-proxies", []string{"10.0.0.7", "10.0.0.0/8", "::1", "2001:db8::/32"}, []string{"", "proxy", "10.0.0.0/33", "10.0.0.7:80", "fe80::1%eth0"}},
		{"s3-endpoint", []string{"", "http://127.0.0.1:7070", "https://s3.example.com"}, []string{"s3.example.com", "ftp://h", "http://h/"}},
		{"s3-region", []string{"", "eu-west-1"}, []string{"us", "EU-WEST-1"}},
		{"s3-encryption", []string{"bucket", "s3"}, []string{"", "kms", "AES256"}},
		{"recording-spool", []string{"1", "8192"}, []string{"", "0", "-1", "8GiB"}},
		{"disk-warn", []string{"0", "5120"}, []string{"", "-1", "1.5"}},
		{"disk-thumbnails", []string{"0", "1"}, []string{"", "-1"}},
		{"disk-recordings", []string{"0", "1"}, []string{"", "9999999999"}},
		{"s3-path-style", []string{"true", "false"}, []string{"", "yes", "1"}},
		{"quota-channels", []string{"1", "5000", "1000000"}, []string{"", "0", "-1", "1000001", "1.5", "many"}},
		{"quota-stream-keys", []string{"1", "2"}, []string{"", "0"}},
		{"quota-concurrent-streams", []string{"1", "100"}, []string{"", "0"}},
		{"quota-takeovers", []string{"1", "100", "1000000"}, []string{"", "0", "-1", "1000001"}},
		{"quota-recording-configurations", []string{"1", "20"}, []string{"", "0"}},
		{"quota-ad-configurations", []string{"1", "20"}, []string{"", "0"}},
		{"quota-playback-key-pairs", []string{"1", "3"}, []string{"", "0"}},
		{"quota-playback-restriction-policies", []string{"1", "3"}, []string{"", "0"}},
		{"data", []string{"x"}, []string{""}},
	} {
		for _, v := range tc.good {
			if err := set(t, tc.setting, v); err != nil {
				t.Errorf("%s = %q: %v", tc.setting, v, err)
			}
		}
		for _, v := range tc.bad {
			if set(t, tc.setting, v) == nil {
				t.Errorf("%s = %q is taken, want it refused", tc.setting, v)
			}
		}
	}
}

// set loads one setting from a flag.
func set(t *testing.T, setting, value string) error {
	t.Helper()
	_, err := config.Load(config.Source{Environ: []string{nowhere(t)}, Flags: map[string][]string{setting: {value}}})
	return err
}

func TestOtherPeoplesVariablesAreLeftAlone(t *testing.T) {
	_, err := config.Load(config.Source{Environ: []string{
		nowhere(t), "OPENIVS_RTMP=rtmp://h/app", "OPENIVS_API=http://h",
		"OPENIVS_SERVICE_HOST=10.0.0.1", "OPENIVS_PORT=tcp://10.0.0.1:4500", "OPENIVS_PORT_4500_TCP=x",
	}})
	if err != nil {
		t.Error(err)
	}
}

func TestWriteHidesPasswordsAndCanBeLoaded(t *testing.T) {
	c, err := config.Load(config.Source{
		Environ: []string{nowhere(t), "OPENIVS_DATABASE=postgres://ivs:hunter2@db/ivs?sslpassword=hunter3&sslmode=disable"},
		Flags:   map[string][]string{"listen": {":443", ":1935"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.Write(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "hunter") {
		t.Errorf("a password is in:\n%s", out.String())
	}
	for _, want := range []string{`listen: [":443", ":1935"]`, "# --listen", "# $OPENIVS_DATABASE", "# default", "sslmode=disable"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	again, err := config.Load(config.Source{File: file(t, out.String())})
	if err != nil {
		t.Fatalf("what was written does not load: %v", err)
	}
	if !slices.Equal(again.Listen, c.Listen) {
		t.Errorf("listen is %q after a round, want %q", again.Listen, c.Listen)
	}
}

func TestExampleListsEverySettingWithItsDefault(t *testing.T) {
	c, err := config.Load(config.Source{File: filepath.Join("..", "..", "openivs.example.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	defaults := map[string][]string{}
	for _, s := range config.Settings() {
		defaults[s.Name] = s.Default
	}
	for _, v := range c.Values() {
		if v.Origin == "default" {
			t.Errorf("%s is not in the example", v.Setting)
		}
		if !slices.Equal(v.Values, defaults[v.Setting]) {
			t.Errorf("the example has %q for %s, the default is %q", v.Values, v.Setting, defaults[v.Setting])
		}
	}
}

func TestHostileFiles(t *testing.T) {
	for _, tc := range []struct{ name, text, says string }{
		{"too large", strings.Repeat("#", 1<<20+1), "more than"},
		{"not YAML", "a: [", "did not find"},
		{"a list", "- a\n", "not a list of settings"},
		{"anchors", "listen: &a [*a]\n", ""},
		{"many aliases", "a: &a [x,x]\nb: &b [*a,*a]\nregion: *b\n", "no such setting"},
		{"nested", "region: {a: b}\n", "no plain value"},
		{"binary", "\x00\x01\x02", "config"},
		{"long key", strings.Repeat("k", 1000) + ": 1\n", "no such setting"},
	} {
		_, err := config.Load(config.Source{File: file(t, tc.text)})
		if err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want an error that says %q", tc.name, err, tc.says)
		}
	}
	for _, text := range []string{"", "# nothing\n", "---\n", "null\n"} {
		if _, err := config.Load(config.Source{File: file(t, text)}); err != nil {
			t.Errorf("empty file %q: %v", text, err)
		}
	}
	if _, err := config.Load(config.Source{File: t.TempDir()}); err == nil {
		t.Error("a directory is taken for a file")
	}
	if _, err := config.Load(config.Source{File: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("a named file that does not exist is passed over")
	}
}

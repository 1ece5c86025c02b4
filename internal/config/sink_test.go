package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"openivs/internal/config"
)

func secretFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hook.secret")
	if err := os.WriteFile(path, []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestASinkIsTheSameInEachSource(t *testing.T) {
	secret := secretFile(t)
	want := []config.Sink{
		{
			Name: "crm", To: config.SinkWebhook, URL: "https://crm.example/in?x=1", SecretFile: secret, Types: []string{"stream-state", "limit-breach"},
			Channels: []string{"abc"}, GiveUp: 12 * time.Hour, Timeout: 5 * time.Second, Size: 64 << 20, Files: 16,
		},
		{Name: "log", To: config.SinkFile, Dir: "/var/log/open ivs", Size: 8 << 20, Files: 3, GiveUp: 24 * time.Hour},
	}
	words := []string{
		"name=crm to=webhook url=https://crm.example/in?x=1 secret-file=" + secret + " types=stream-state+limit-breach channels=abc give-up=12h timeout=5s",
		`name=log to=file "dir=/var/log/open ivs" size=8 files=3`,
	}
	yaml := "event-sink:\n  - name: crm\n    to: webhook\n    url: https://crm.example/in?x=1\n    secret-file: " + secret +
		"\n    types: [stream-state, limit-breach]\n    channels: [abc]\n    give-up: 12h\n    timeout: 5s\n" +
		"  - {name: log, to: file, dir: /var/log/open ivs, size: 8, files: 3}\n"
	for name, src := range map[string]config.Source{
		"flags":           {Environ: []string{nowhere(t)}, Flags: map[string][]string{"event-sink": words}},
		"environment":     {Environ: []string{nowhere(t), "OPENIVS_EVENT_SINK=" + strings.Join(words, ",")}},
		"file":            {File: file(t, yaml)},
		"words in a file": {File: file(t, "event-sink:\n  - '"+words[0]+"'\n  - '"+words[1]+"'\n")},
	} {
		c, err := config.Load(src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(c.Sinks, want) {
			t.Errorf("%s: %+v\nwant %+v", name, c.Sinks, want)
		}
		var out strings.Builder
		if err := c.Write(&out); err != nil {
			t.Fatal(err)
		}
		again, err := config.Load(config.Source{File: file(t, out.String())})
		if err != nil || !reflect.DeepEqual(again.Sinks, want) {
			t.Errorf("%s: what is printed reads as %+v, %v", name, again, err)
		}
	}
}

func TestSinksThatAreWrong(t *testing.T) {
	secret := secretFile(t)
	for words, want := range map[string]string{
		"to=stdout":                "no good name",
		"name=a/b to=stdout":       "no good name",
		"name=a to=kafka":          "no kind of sink",
		"name=a to=stdout url=x":   `has no "url"`,
		"name=a to=stdout to=nats": "of its own",
		"name=a stdout":            "NAME=VALUE",
		`name=a to="stdout`:        "quotation mark",
		"name=a to=webhook url=ftp://x secret-file=" + secret:           "no address on the web",
		"name=a to=webhook url=https://x":                               "nothing signs",
		"name=a to=webhook url=https://x secret-file=/no/such/file":     "cannot be read",
		"name=a to=nats url=http://x":                                   "no address of NATS",
		"name=a to=nats url=nats://x subject=a.*":                       "wildcard",
		"name=a to=stdout types=stream":                                 "no type of event",
		"name=a to=stdout give-up=1s":                                   "no length of time",
		"name=a to=stdout timeout=soon":                                 "no length of time",
		"name=a to=file size=0":                                         "size",
		"name=a to=file files=x":                                        "files",
		"name=a to=eventbridge region=nowhere":                          "AWS region",
		"name=a to=stdout channels=" + strings.Repeat("x+", 1001) + "x": "1002 channels",
	} {
		_, err := config.Load(config.Source{Environ: []string{nowhere(t)}, Flags: map[string][]string{"event-sink": {words}}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", words, err, want)
		}
	}
	_, err := config.Load(config.Source{Environ: []string{nowhere(t)}, Flags: map[string][]string{"event-sink": {"name=a to=stdout", "name=a to=stdout"}}})
	if err == nil || !strings.Contains(err.Error(), "two are called a") {
		t.Errorf("two of a name: %v", err)
	}
	for _, yaml := range []string{"event-sink:\n  - {name: a, to: {x: y}}\n", "event-sink:\n  - {name: a, to: null}\n", "event-sink:\n  - {name: 'a\"b', to: stdout}\n"} {
		if _, err := config.Load(config.Source{File: file(t, yaml)}); err == nil {
			t.Errorf("%s is taken", yaml)
		}
	}
}

func TestAPasswordInTheURLOfASinkIsNotPrinted(t *testing.T) {
	c, err := config.Load(config.Source{Environ: []string{nowhere(t)}, Flags: map[string][]string{"event-sink": {"name=js to=nats url=nats://me:hush@host:4222"}}})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := c.Write(&out); err != nil || strings.Contains(out.String(), "hush") || !strings.Contains(out.String(), "nats://me:hidden@host:4222") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

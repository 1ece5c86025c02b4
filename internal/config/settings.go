package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Setting is one thing an operator can set: --NAME, OPENIVS_NAME in the
// environment (upper case, _ for -), NAME in the file.
type Setting struct {
	Name    string
	Default []string
	Help    string // one sentence
	Repeats bool   // more than one value: flag given again, list in the file, commas in the environment
	Path    bool   // the value names a file or directory
	Fields  bool   // a value is NAME=VALUE words, in the file a mapping

	// set parses values into c. Of what is wrong it says what, and a cure.
	set  func(c *Config, values []string) (wrong, cure string)
	hide func(string) string // nil: nothing to hide
}

// Env returns the environment variable of the setting.
func (s *Setting) Env() string {
	return prefix + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
}

func (s *Setting) shown(values []string) []string {
	if s.hide == nil {
		return values
	}
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = s.hide(v)
	}
	return out
}

// Settings returns every setting there is, in the order they are printed.
func Settings() []Setting {
	return slices.Concat(whatItKeeps(), whereItRecords(), whereItIs(), howItWorks(), howItTranscodes(), howMuchItAllows(), whoMayWatch(), whoMayAsk(), whoIsTold(), whatIsMeasured(), whatGoesWrong())
}

func whatItKeeps() []Setting {
	return []Setting{
		{
			Name: "data", Default: []string{"./openivs-data"}, Path: true,
			Help: "Directory that holds everything: database, keys, certificates, recordings.",
			set:  text(func(c *Config) *string { return &c.Data }, present),
		},
		{
			Name: "database", Default: []string{SQLite},
			Help: "sqlite, which is a file in the data directory, or postgres://USER:PASSWORD@HOST:PORT/NAME.",
			set:  text(func(c *Config) *string { return &c.Database }, isDatabase), hide: hidePassword,
		},
		{
			Name: "master-key-file", Default: []string{""}, Path: true,
			Help: "File with the key that seals secrets in the database; master.key in the data directory unless set.",
			set:  text(func(c *Config) *string { return &c.MasterKeyFile }, none),
		},
	}
}

func whereItIs() []Setting {
	return []Setting{
		{
			Name: "listen", Default: []string{":4500"}, Repeats: true,
			Help: "HOST:PORT to listen on; each speaks HTTP, HTTPS, RTMP and RTMPS. Port 0 picks a free one.",
			set:  setListen,
		},
		{
			Name: "srt", Default: []string{":9000"},
			Help: "HOST:PORT to listen on for SRT, over UDP, or off. Port 0 picks a free one.",
			set:  setSRT,
		},
		{
			Name: "srt-latency", Default: []string{"120ms"},
			Help: "How long SRT packets are held back for missing ones to come, such as 500ms, unless the encoder wants more; 20ms to 8s.",
			set:  setSRTLatency,
		},
		{
			Name: "replace-after", Default: []string{"3s"},
			Help: "How long an encoder sends nothing before another with the same key replaces it, 1s to 30s, or off.",
			set:  setReplaceAfter,
		},
		{
			Name: "public-host", Default: []string{"127.0.0.1"},
			Help: "Host name or address, without a port, that encoders and viewers reach this server by.",
			set:  text(func(c *Config) *string { return &c.PublicHost }, isHost),
		},
		{
			Name: "playback-base", Default: []string{""},
			Help: "URL that every playbackUrl starts with; made from public-host unless set.",
			set:  text(func(c *Config) *string { return &c.PlaybackBase }, optional(isBase)),
		},
		{
			Name: "tls-cert", Default: []string{""}, Path: true,
			Help: "PEM file with the certificate and its chain, read again when it changes; self-signed unless set.",
			set:  text(func(c *Config) *string { return &c.TLSCert }, optional(readable)),
		},
		{
			Name: "tls-key", Default: []string{""}, Path: true,
			Help: "PEM file with the private key of tls-cert.",
			set:  text(func(c *Config) *string { return &c.TLSKey }, optional(readable)),
		},
	}
}

func howItWorks() []Setting {
	return []Setting{
		{
			Name: "region", Default: []string{"us-east-1"},
			Help: "AWS region that this server stands for; requests signed for another are refused.",
			set:  text(func(c *Config) *string { return &c.Region }, isRegion),
		},
		{
			Name: "account", Default: []string{"000000000000"},
			Help: "AWS account id that this server stands for, 12 digits; part of every ARN.",
			set:  text(func(c *Config) *string { return &c.Account }, isAccount),
		},
		{
			Name: "log-format", Default: []string{"text"},
			Help: "Form of the log on standard error: text or json.",
			set:  text(func(c *Config) *string { return &c.LogFormat }, isOneOf("text", "json")),
		},
		{
			Name: "log-level", Default: []string{"info"},
			Help: "Least severe line that is logged: debug, info, warn or error.",
			set:  setLogLevel,
		},
		{
			Name: "session-retention", Default: []string{"60d"},
			Help: "How long an ended session stays readable, such as 60d or 36h; at least 1h.",
			set:  setRetention,
		},
		{
			Name: "max-viewers", Default: []string{"15000"},
			Help: "Most viewers at once, of all channels together; more are answered 429.",
			set:  count(func(c *Config) *int { return &c.MaxViewers }, maxMaxViewers),
		},
	}
}

// text returns a setter for one string that keeps a rule.
func text(to func(*Config) *string, rule func(string) (wrong, cure string)) func(*Config, []string) (string, string) {
	return func(c *Config, values []string) (string, string) {
		*to(c) = values[0]
		return rule(values[0])
	}
}

// maxMaxViewers is beyond what one server's connections allow.
const maxMaxViewers = 1_000_000

// count returns a setter for a whole number from 1 to most.
func count(to func(*Config) *int, most int) func(*Config, []string) (string, string) {
	return func(c *Config, values []string) (wrong, cure string) {
		n, err := strconv.Atoi(values[0])
		if err != nil || n < 1 || n > most {
			return fmt.Sprintf("%q is not a whole number from 1 to %d", values[0], most), "give a number, such as 500"
		}
		*to(c) = n
		return "", ""
	}
}

func none(string) (wrong, cure string) { return "", "" }

func optional(rule func(string) (wrong, cure string)) func(string) (string, string) {
	return func(v string) (string, string) {
		if v == "" {
			return "", ""
		}
		return rule(v)
	}
}

func present(v string) (wrong, cure string) {
	if v == "" {
		return "it is empty", "name a directory"
	}
	return "", ""
}

func setListen(c *Config, values []string) (wrong, cure string) {
	const form = "give HOST:PORT or :PORT, such as :4500 or 127.0.0.1:0"
	c.Listen = values
	if len(values) == 0 {
		return "it is empty", form
	}
	seen := map[string]bool{}
	for _, v := range values {
		n, wrong := listenable(v)
		if wrong != "" {
			return wrong, form
		}
		if n != 0 && seen[v] {
			return fmt.Sprintf("%q is there twice", v), "remove one"
		}
		seen[v] = true
	}
	return "", ""
}

// listenable returns the port of an address to listen on.
func listenable(v string) (port uint64, wrong string) {
	host, text, err := net.SplitHostPort(v)
	if err != nil {
		return 0, fmt.Sprintf("%q is not an address to listen on", v)
	}
	if wrong, _ := optional(isHost)(host); wrong != "" {
		return 0, fmt.Sprintf("%q is not an address to listen on: %s", v, wrong)
	}
	if port, err = strconv.ParseUint(text, 10, 16); err != nil {
		return 0, fmt.Sprintf("%q has no port between 0 and 65535", v)
	}
	return port, ""
}

func setSRT(c *Config, values []string) (wrong, cure string) {
	if values[0] == "off" {
		return "", ""
	}
	c.SRT = values[0]
	_, wrong = listenable(values[0])
	return wrong, "give HOST:PORT or :PORT, such as :9000, or off"
}

// What packets of SRT may be held back. Beyond that a stream is not live.
const (
	minSRTLatency = 20 * time.Millisecond
	maxSRTLatency = 8 * time.Second
)

func setSRTLatency(c *Config, values []string) (wrong, cure string) {
	d, err := time.ParseDuration(values[0])
	c.SRTLatency = d
	if err != nil || d < minSRTLatency || d > maxSRTLatency {
		return fmt.Sprintf("%q is not a time from %v to %v", values[0], minSRTLatency, maxSRTLatency), "give one such as 120ms or 2s"
	}
	return "", ""
}

// When an encoder may be replaced. One that is silent for longer is ended anyway.
const (
	minReplaceAfter = time.Second
	maxReplaceAfter = 30 * time.Second
)

func setReplaceAfter(c *Config, values []string) (wrong, cure string) {
	if values[0] == "off" {
		c.ReplaceAfter = -1
		return "", ""
	}
	d, err := time.ParseDuration(values[0])
	c.ReplaceAfter = d
	if err != nil || d < minReplaceAfter || d > maxReplaceAfter {
		return fmt.Sprintf("%q is not a time from %v to %v", values[0], minReplaceAfter, maxReplaceAfter), "give one such as 3s, or off"
	}
	return "", ""
}

var hostForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)

const maxHost = 253 // characters of a name in the DNS

func isHost(v string) (wrong, cure string) {
	const form = "give a bare host name or IP address, such as live.example.com"
	if _, err := netip.ParseAddr(v); err == nil {
		return "", ""
	}
	if len(v) > maxHost || !hostForm.MatchString(v) {
		return fmt.Sprintf("%q is neither a host name nor an IP address", v), form
	}
	return "", ""
}

func isBase(v string) (wrong, cure string) {
	const form = "give the start of a URL, such as https://cdn.example.com"
	u, err := url.Parse(v)
	switch {
	case err != nil:
		return fmt.Sprintf("%q is not a URL", v), form
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Sprintf("%q does not start with http:// or https://", v), form
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Sprintf("%q has to be scheme, host and perhaps a path, nothing else", v), form
	case strings.HasSuffix(v, "/"):
		return fmt.Sprintf("%q ends in a slash", v), "leave the slash away"
	}
	return "", ""
}

func readable(v string) (wrong, cure string) {
	f, err := os.Open(v)
	if err != nil {
		return "it cannot be read: " + err.Error(), "name a file that the user running openivs can read"
	}
	_ = f.Close() // nothing was written
	return "", ""
}

// isDatabase never quotes its value, which may hold a password.
func isDatabase(v string) (wrong, cure string) {
	const form = "give sqlite or postgres://USER:PASSWORD@HOST:PORT/NAME"
	if v == SQLite {
		return "", ""
	}
	u, err := url.Parse(v)
	switch {
	case err != nil:
		return "it is not a URL; a password in it may need percent-encoding", form
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		return "it is neither sqlite nor a postgres URL", form
	}
	return "", ""
}

const hiddenPart = "[secret]"

// hidePassword hides what a database URL says of passwords, and the whole of
// what it does not understand.
func hidePassword(v string) string {
	if wrong, _ := isDatabase(v); wrong != "" {
		return hiddenPart
	}
	u, err := url.Parse(v)
	if err != nil {
		return hiddenPart
	}
	if _, has := u.User.Password(); has {
		u.User = url.UserPassword(u.User.Username(), "hidden")
	}
	q := u.Query()
	for k := range q {
		if strings.Contains(strings.ToLower(k), "password") {
			q.Set(k, "hidden")
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

var (
	regionForm  = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}$`)
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
)

func isRegion(v string) (wrong, cure string) {
	if !regionForm.MatchString(v) {
		return fmt.Sprintf("%q does not look like an AWS region", v), "give one such as us-east-1"
	}
	return "", ""
}

func isAccount(v string) (wrong, cure string) {
	if !accountForm.MatchString(v) {
		return fmt.Sprintf("%q is not an AWS account id", v), "give 12 digits, in quotes in the file"
	}
	return "", ""
}

func isOneOf(allowed ...string) func(string) (string, string) {
	return func(v string) (string, string) {
		if slices.Contains(allowed, v) {
			return "", ""
		}
		return fmt.Sprintf("%q is not one of its values", v), "give one of: " + strings.Join(allowed, ", ")
	}
}

func setLogLevel(c *Config, values []string) (wrong, cure string) {
	if wrong, cure := isOneOf("debug", "info", "warn", "error")(values[0]); wrong != "" {
		return wrong, cure
	}
	if err := c.LogLevel.UnmarshalText([]byte(values[0])); err != nil {
		return err.Error(), "give one of: debug, info, warn, error"
	}
	return "", ""
}

const (
	day          = 24 * time.Hour
	minRetention = time.Hour
	maxRetention = 100 * 365 * day
)

func setRetention(c *Config, values []string) (wrong, cure string) {
	const form = "give a number of days or hours, such as 60d or 36h"
	v := values[0]
	d, err := time.ParseDuration(v)
	if n, isDays := strings.CutSuffix(v, "d"); isDays {
		var days uint64
		days, err = strconv.ParseUint(n, 10, 16)
		d = time.Duration(days) * day
	}
	switch {
	case err != nil:
		return fmt.Sprintf("%q is not a length of time", v), form
	case d < minRetention || d > maxRetention:
		return fmt.Sprintf("%q is not between 1h and 36500d", v), form
	}
	c.SessionRetention = d
	return "", ""
}

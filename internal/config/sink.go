package config

import (
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Sink is somewhere that events are delivered.
type Sink struct {
	Name string // its cursor is kept under it
	To   string // SinkWebhook, …

	URL         string // of webhook, nats, eventbridge; "" with eventbridge: Amazon's own
	SecretFile  string // of webhook: signs
	Credentials string // of nats and eventbridge: file
	Authorities string // of nats: file of certificates
	Subject     string // of nats: first words of the subjects; "": openivs
	Bus         string // of eventbridge; "": the default one
	Region      string // of eventbridge; "": that of the server
	Source      string // of eventbridge; "": aws.ivs
	Dir         string // of file; "": events in Data
	Size        int64  // of file: bytes at which it is put aside
	Files       int    // of file: that are kept

	Types    []string      // of events, by their short names; none: all
	Channels []string      // ids or ARNs; none: all
	GiveUp   time.Duration // how long an event is tried
	Timeout  time.Duration // of one try
}

// The values of Sink.To.
const (
	SinkWebhook     = "webhook"
	SinkEventBridge = "eventbridge"
	SinkNATS        = "nats"
	SinkFile        = "file"
	SinkStdout      = "stdout"
)

const (
	maxSinks      = 32
	defaultGiveUp = 24 * time.Hour
	maxGiveUp     = 30 * 24 * time.Hour
	maxTimeout    = 5 * time.Minute
	maxFilter     = 1000 // channels of a filter
)

func whoIsTold() []Setting {
	return []Setting{
		{
			Name: "event-sink", Repeats: true, Fields: true,
			Help: "Where events go: words such as name=crm to=webhook url=https://… secret-file=…; in the file, a list of mappings.",
			set:  setSinks, hide: hideWords,
		},
	}
}

// sinkFields are the words that a sink of a kind may have beside those of all.
func sinkFields(to string) []string {
	every := []string{"name", "to", "types", "channels", "give-up", "timeout"}
	own := map[string][]string{
		SinkWebhook:     {"url", "secret-file"},
		SinkEventBridge: {"url", "bus", "region", "source", "credentials-file"},
		SinkNATS:        {"url", "subject", "credentials-file", "ca-file"},
		SinkFile:        {"dir", "size", "files"},
		SinkStdout:      {},
	}
	if _, known := own[to]; !known {
		return nil
	}
	return append(every, own[to]...)
}

var sinkName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

func setSinks(c *Config, values []string) (wrong, cure string) {
	if len(values) > maxSinks {
		return fmt.Sprintf("there are %d, at most %d are allowed", len(values), maxSinks), "remove some"
	}
	c.Sinks = nil
	for _, v := range values {
		s, wrong, cure := parseSink(v)
		if wrong != "" {
			return wrong, cure
		}
		if slices.ContainsFunc(c.Sinks, func(o Sink) bool { return o.Name == s.Name }) {
			return fmt.Sprintf("two are called %s", s.Name), "give each a name of its own"
		}
		c.Sinks = append(c.Sinks, s)
	}
	return "", ""
}

// parseSink reads the words of one sink.
func parseSink(text string) (s Sink, wrong, cure string) {
	const form = `give words such as name=crm to=webhook url=https://example.com/in secret-file=FILE`
	words, err := splitWords(text)
	if err != nil {
		return s, err.Error(), form
	}
	given := make(map[string]string)
	for _, w := range words {
		k, v, ok := strings.Cut(w, "=")
		if _, twice := given[k]; !ok || twice {
			return s, fmt.Sprintf("%q is no NAME=VALUE of its own", clip(k)), form
		}
		given[k] = v
	}
	if !sinkName.MatchString(given["name"]) {
		return s, fmt.Sprintf("a sink has no good name: %q", clip(given["name"])), "give name=, letters, digits and any of _.-"
	}
	fields := sinkFields(given["to"])
	if fields == nil {
		return s, fmt.Sprintf("%s: %q is no kind of sink", given["name"], clip(given["to"])), "give to=webhook, eventbridge, nats, file or stdout"
	}
	for _, k := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(fields, k) {
			return s, fmt.Sprintf("%s: a sink to %s has no %q", given["name"], given["to"], clip(k)), "it has " + strings.Join(fields, ", ")
		}
	}
	if wrong, cure := s.fill(given); wrong != "" {
		return s, given["name"] + ": " + wrong, cure
	}
	return s, "", ""
}

// fill sets the members of a sink, and says what is wrong with them.
func (s *Sink) fill(given map[string]string) (wrong, cure string) {
	const days = 30
	*s = Sink{
		Name: given["name"], To: given["to"], URL: given["url"], SecretFile: given["secret-file"],
		Credentials: given["credentials-file"], Authorities: given["ca-file"], Subject: given["subject"],
		Bus: given["bus"], Region: given["region"], Source: given["source"], Dir: given["dir"],
		Size: 64 * mebibyte, Files: 16, GiveUp: defaultGiveUp,
	}
	for _, rule := range []func() (string, string){
		func() (string, string) { return s.reach() },
		func() (string, string) { return optional(isRegion)(s.Region) },
		func() (string, string) {
			return duration(given["give-up"], &s.GiveUp, time.Minute, maxGiveUp, fmt.Sprintf("from 1m to %dd", days))
		},
		func() (string, string) {
			return duration(given["timeout"], &s.Timeout, time.Second, maxTimeout, "from 1s to 5m")
		},
		func() (string, string) { return s.fileSize(given["size"], given["files"]) },
		func() (string, string) { return s.filter(given["types"], given["channels"]) },
	} {
		if wrong, cure := rule(); wrong != "" {
			return wrong, cure
		}
	}
	return "", ""
}

// reach holds the address of a sink to its kind.
func (s *Sink) reach() (wrong, cure string) {
	u, err := url.Parse(s.URL)
	web := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
	switch {
	case s.To == SinkWebhook && !web:
		return "its url is no address on the web", "give url=https://…"
	case s.To == SinkWebhook && s.SecretFile == "":
		return "nothing signs what it sends", "give secret-file=FILE, with at least 16 characters in it"
	case s.To == SinkEventBridge && s.URL != "" && !web:
		return "its url is no address on the web", "give url=https://…, or none for Amazon EventBridge"
	case s.To == SinkNATS && !slices.ContainsFunc([]string{"nats://", "tls://", "ws://", "wss://"}, func(p string) bool { return strings.HasPrefix(s.URL, p) }):
		return "its url is no address of NATS", "give url=nats://HOST:4222"
	case strings.ContainsAny(s.Subject, " *>"):
		return "its subject has a space or a wildcard", "give words with dots between, such as video.events"
	}
	for _, file := range []string{s.SecretFile, s.Credentials, s.Authorities} {
		if wrong, cure := optional(readable)(file); wrong != "" {
			return filepath.Base(file) + ": " + wrong, cure
		}
	}
	return "", ""
}

func (s *Sink) fileSize(size, files string) (wrong, cure string) {
	if size != "" {
		n, wrong, cure := whole(size, maxAuditSize)
		if wrong != "" {
			return "size: " + wrong, cure
		}
		s.Size = int64(n) * mebibyte
	}
	if files != "" {
		n, wrong, cure := whole(files, maxAuditFiles)
		if wrong != "" {
			return "files: " + wrong, cure
		}
		s.Files = n
	}
	return "", ""
}

// eventTypes are the short names of the types of events.
func eventTypes() []string {
	return []string{"stream-state", "stream-health", "limit-breach", "recording-state", "ad-break-state"}
}

func (s *Sink) filter(types, channels string) (wrong, cure string) {
	for t := range strings.FieldsFuncSeq(types, isComma) {
		if !slices.Contains(eventTypes(), t) {
			return fmt.Sprintf("%q is no type of event", clip(t)), "give some of " + strings.Join(eventTypes(), ",")
		}
		s.Types = append(s.Types, t)
	}
	for c := range strings.FieldsFuncSeq(channels, isComma) {
		s.Channels = append(s.Channels, c)
	}
	if len(s.Channels) > maxFilter {
		return fmt.Sprintf("it names %d channels, at most %d are allowed", len(s.Channels), maxFilter), "name fewer, or none for all"
	}
	return "", ""
}

func isComma(r rune) bool { return r == ',' || r == '+' || r == ' ' }

// duration reads a length of time; "" leaves what there is.
func duration(text string, to *time.Duration, least, most time.Duration, between string) (wrong, cure string) {
	if text == "" {
		return "", ""
	}
	d, err := time.ParseDuration(text)
	if n, isDays := strings.CutSuffix(text, "d"); isDays {
		var count uint64
		count, err = strconv.ParseUint(n, 10, 16)
		d = time.Duration(count) * day
	}
	if err != nil || d < least || d > most {
		return fmt.Sprintf("%q is no length of time %s", clip(text), between), "give one such as 30s or 12h"
	}
	*to = d
	return "", ""
}

// splitWords splits at spaces; double quotes keep them together.
func splitWords(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	quoted, begun := false, false
	for _, r := range text {
		switch {
		case r == '"':
			quoted, begun = !quoted, true
		case !quoted && (r == ' ' || r == '\t' || r == '\n'):
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quotation mark is missing")
	}
	if begun {
		words = append(words, word.String())
	}
	return words, nil
}

// joinWord is the reverse of splitWords for one NAME=VALUE.
func joinWord(name, value string) string {
	if strings.ContainsAny(value, " \t\n") || value == "" {
		return name + `="` + value + `"`
	}
	return name + "=" + value
}

var passwordInURL = regexp.MustCompile(`(://[^/@\s:]*):[^/@\s]*@`)

// hideWords hides passwords in URLs.
func hideWords(text string) string { return passwordInURL.ReplaceAllString(text, "$1:hidden@") }

func clip(s string) string {
	const most = 60
	return s[:min(len(s), most)]
}

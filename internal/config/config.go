// Package config reads the settings of the server: defaults, then a YAML file,
// then the environment, then flags, each overruling the one before; and it says
// everything that is wrong with them at once.
//
// It acts on none of them: package app does. It opens the files that settings
// name only to see that they can be read.
package config

import (
	"cmp"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// A Config is the settings in force. Load makes one in which every value keeps
// its rules.
type Config struct {
	Data             string        // directory of everything the server keeps
	Listen           []string      // HOST:PORT; each speaks every TCP protocol
	SRT              string        // HOST:PORT; "": SRT is off
	SRTLatency       time.Duration // how long packets are held back for missing ones
	ReplaceAfter     time.Duration // how long a publisher sends nothing before another may replace it; negative: never
	PublicHost       string        // name or address that clients reach the server by
	PlaybackBase     string        // start of every playbackUrl; "": made from PublicHost
	TLSCert          string        // file; "" together with TLSKey: self-signed
	TLSKey           string        // file
	Database         string        // "sqlite", or a postgres URL, which may hold a password: print Values instead
	MasterKeyFile    string        // "": master.key in Data
	Region           string        // such as us-east-1
	Account          string        // 12 digits
	LogFormat        string        // "text" or "json"
	LogLevel         slog.Level    //
	SessionRetention time.Duration // how long an ended session is remembered
	MaxViewers       int           // most viewers at once
	Recording        Recording
	Transcode        Transcode
	Viewing          Viewing
	Quotas           Quotas
	Rates            Rates
	Audit            Audit
	Sinks            []Sink
	Metrics          Metrics
	Prometheus       string // PrometheusOff, …
	FaultInjection   bool   // faults may be injected
	Traces           string // URL of an OTLP receiver; "": nothing is traced

	values []Value
}

// SQLite is the Database that needs nothing else: a file in Data.
const SQLite = "sqlite"

// A Value is one setting in force, fit to be printed.
type Value struct {
	Setting string
	Values  []string // as written, secrets hidden; one unless the setting repeats
	Repeats bool
	Origin  string // "default", "FILE:LINE", "$OPENIVS_…" or "--…"
}

// Values returns every setting with its origin, in the order of Settings.
func (c *Config) Values() []Value { return slices.Clone(c.values) }

// A Source is where settings are read from.
type Source struct {
	Flags   map[string][]string // by name of setting, as given on the command line
	File    string              // from --config; "": $OPENIVS_CONFIG, else openivs.yaml in the data directory if there is one
	Environ []string            // as os.Environ returns it
}

// A given is what one source says of one setting.
type given struct {
	values []string
	origin string
}

// Load returns the settings in force. Its error is SettingErrors if anything is
// wrong with them.
func Load(src Source) (*Config, error) {
	var probs SettingErrors
	env := fromEnvironment(src.Environ, &probs)
	flags := fromFlags(src.Flags, &probs)
	data := overrule("data", nil, env, flags)

	path, required := cmp.Or(src.File, variable(src.Environ, "OPENIVS_CONFIG")), true
	if path == "" {
		path, required = fileIn(data.values[0]), false
	}
	file := fromFile(path, required, &probs)
	if at, found := file["data"]; found && !required {
		delete(file, "data")
		probs.add("data", at.origin, "a file that is found in the data directory cannot name another",
			"remove the line and give --data or $OPENIVS_DATA, or give the file with --config")
	}

	c := new(Config)
	for _, s := range Settings() {
		g := overrule(s.Name, file, env, flags)
		wrong, cure := s.set(c, g.values)
		if wrong != "" {
			probs.add(s.Name, g.origin, wrong, cure)
		}
		c.values = append(c.values, Value{Setting: s.Name, Values: s.shown(g.values), Repeats: s.Repeats, Origin: g.origin})
	}
	c.check(&probs)
	if len(probs) > 0 {
		return nil, probs
	}
	return c, nil
}

// overrule returns what the last of the sources says that says anything.
func overrule(name string, file, env, flags map[string]given) given {
	for _, from := range []map[string]given{flags, env, file} {
		if g, found := from[name]; found {
			return g
		}
	}
	s, _ := find(name)
	return given{s.Default, "default"}
}

// origin returns where a setting came from.
func (c *Config) origin(name string) string {
	for _, v := range c.values {
		if v.Setting == name {
			return v.Origin
		}
	}
	return "default"
}

// check finds what is wrong with settings together.
func (c *Config) check(probs *SettingErrors) {
	if (c.TLSCert == "") == (c.TLSKey == "") {
		return
	}
	have, miss := "tls-cert", "tls-key"
	if c.TLSCert == "" {
		have, miss = miss, have
	}
	probs.add(have, c.origin(have), "it is given without "+miss, "give both, or neither for a self-signed certificate")
}

// SettingErrors is everything that is wrong with the settings.
type SettingErrors []Problem

// A Problem is one thing wrong with one setting.
type Problem struct {
	Setting string
	Origin  string
	Wrong   string // what is wrong
	Cure    string // what to do about it
}

// Error returns one line for each problem.
func (p SettingErrors) Error() string {
	lines := make([]string, len(p))
	for i, q := range p {
		lines[i] = q.String()
	}
	return strings.Join(lines, "\n")
}

// String returns the problem as one line.
func (p Problem) String() string {
	return p.Setting + " (" + p.Origin + "): " + p.Wrong + "; " + p.Cure
}

func (p *SettingErrors) add(setting, origin, wrong, cure string) {
	*p = append(*p, Problem{setting, origin, wrong, cure})
}

package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Rates are how often an operation of the API may be called.
type Rates struct {
	Off   bool
	Given map[string]int // calls a second by operation, where not the service's own
}

// Audit is where requests of the API are recorded.
type Audit struct {
	To    string // AuditOff, AuditFile or AuditStdout
	Dir   string // of the files; "": audit in Data
	Size  int64  // bytes of a file
	Files int    // that are kept
}

// The values of Audit.To.
const (
	AuditOff    = "off"
	AuditFile   = "file"
	AuditStdout = "stdout"
)

const (
	maxRate       = 1_000_000 // calls a second
	mebibyte      = 1 << 20
	maxAuditSize  = 1 << 20 // MiB
	maxAuditFiles = 10_000
)

func whoMayAsk() []Setting {
	return []Setting{
		{
			Name: "api-rates", Default: []string{"on"},
			Help: "on holds back who calls an operation more often than Amazon IVS allows; off is for tests.",
			set:  setRates,
		},
		{
			Name: "api-rate-limit", Repeats: true,
			Help: "OPERATION=N, calls a second instead of Amazon's number; PutMetadata/channel=N is for each channel.",
			set:  setRateLimits,
		},
		{
			Name: "audit", Default: []string{AuditOff},
			Help: "Where every request of the API is recorded, in the shape of CloudTrail: off, file or stdout.",
			set:  text(func(c *Config) *string { return &c.Audit.To }, isOneOf(AuditOff, AuditFile, AuditStdout)),
		},
		{
			Name: "audit-dir", Default: []string{""}, Path: true,
			Help: "Directory of audit.log and its older files; audit in the data directory unless set.",
			set:  text(func(c *Config) *string { return &c.Audit.Dir }, none),
		},
		{
			Name: "audit-size", Default: []string{"64"},
			Help: "Size at which audit.log is put aside and begun anew, in MiB.",
			set: func(c *Config, values []string) (wrong, cure string) {
				n, wrong, cure := whole(values[0], maxAuditSize)
				c.Audit.Size = int64(n) * mebibyte
				return wrong, cure
			},
		},
		{
			Name: "audit-files", Default: []string{"16"},
			Help: "How many files of audit records are kept, audit.log among them.",
			set: func(c *Config, values []string) (wrong, cure string) {
				c.Audit.Files, wrong, cure = whole(values[0], maxAuditFiles)
				return wrong, cure
			},
		},
	}
}

// whole reads a whole number from 1.
func whole(v string, most int) (n int, wrong, cure string) {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Sprintf("%q is not a whole number from 1 to %d", v, most), "give a number"
	}
	return n, "", ""
}

func setRates(c *Config, values []string) (wrong, cure string) {
	c.Rates.Off = values[0] == "off"
	return isOneOf("on", "off")(values[0])
}

var rateForm = regexp.MustCompile(`^[A-Za-z]{1,64}(/channel)?$`)

func setRateLimits(c *Config, values []string) (wrong, cure string) {
	const form = "give OPERATION=N, such as GetChannel=50"
	c.Rates.Given = make(map[string]int)
	for _, v := range values {
		name, number, ok := strings.Cut(v, "=")
		if !ok || !rateForm.MatchString(name) {
			return fmt.Sprintf("%q is not an operation and a number", v), form
		}
		n, wrong, _ := whole(number, maxRate)
		if wrong != "" {
			return fmt.Sprintf("%q: %s", v, wrong), form
		}
		if _, twice := c.Rates.Given[name]; twice {
			return fmt.Sprintf("%s is there twice", name), "remove one"
		}
		c.Rates.Given[name] = n
	}
	return "", ""
}

package config

import (
	"fmt"
	"strconv"
)

// Quotas are how many of each resource there may be.
type Quotas struct {
	Channels                    int
	StreamKeys                  int // of one channel
	ConcurrentStreams           int
	Takeovers                   int // of one stream
	RecordingConfigurations     int
	AdConfigurations            int
	PlaybackKeyPairs            int
	PlaybackRestrictionPolicies int
}

// maxQuota is far beyond what one server serves.
const maxQuota = 1_000_000

// howMuchItAllows has Amazon's own defaults.
func howMuchItAllows() []Setting {
	return []Setting{
		quota("channels", 5000, "Channels", func(q *Quotas) *int { return &q.Channels }),
		quota("stream-keys", 1, "Stream keys of one channel", func(q *Quotas) *int { return &q.StreamKeys }),
		quota("concurrent-streams", 100, "Streams that are live at the same time", func(q *Quotas) *int { return &q.ConcurrentStreams }),
		quota("takeovers", 100, "Takeovers of one stream", func(q *Quotas) *int { return &q.Takeovers }),
		quota("recording-configurations", 20, "Recording configurations", func(q *Quotas) *int { return &q.RecordingConfigurations }),
		quota("ad-configurations", 20, "Ad configurations", func(q *Quotas) *int { return &q.AdConfigurations }),
		quota("playback-key-pairs", 3, "Playback key pairs", func(q *Quotas) *int { return &q.PlaybackKeyPairs }),
		quota("playback-restriction-policies", 3, "Playback restriction policies", func(q *Quotas) *int { return &q.PlaybackRestrictionPolicies }),
	}
}

func quota(name string, byDefault int, what string, to func(*Quotas) *int) Setting {
	return Setting{
		Name: "quota-" + name, Default: []string{strconv.Itoa(byDefault)},
		Help: what + " that there may be, at least 1.",
		set: func(c *Config, values []string) (wrong, cure string) {
			n, err := strconv.ParseUint(values[0], 10, 32)
			if err != nil || n < 1 || n > maxQuota {
				return fmt.Sprintf("%q is not a number between 1 and %d", values[0], maxQuota), "give a whole number"
			}
			*to(&c.Quotas) = int(n)
			return "", ""
		},
	}
}

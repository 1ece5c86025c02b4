package ivs

import "cmp"

// Quotas are how many of each resource an account may have. A member that is 0
// stands for its default, which is Amazon's own.
type Quotas struct {
	Channels                    int // 0: 5,000
	StreamKeys                  int // of one channel; 0: 1
	ConcurrentStreams           int // 0: 100
	Takeovers                   int // of one stream; 0: 100
	RecordingConfigurations     int // 0: 20
	AdConfigurations            int // 0: 20
	PlaybackKeyPairs            int // 0: 3
	PlaybackRestrictionPolicies int // 0: 3
}

// Effective returns q with its defaults filled in.
func (q Quotas) Effective() Quotas {
	return Quotas{
		Channels:                    cmp.Or(q.Channels, 5000),
		StreamKeys:                  cmp.Or(q.StreamKeys, 1),
		ConcurrentStreams:           cmp.Or(q.ConcurrentStreams, 100),
		Takeovers:                   cmp.Or(q.Takeovers, 100),
		RecordingConfigurations:     cmp.Or(q.RecordingConfigurations, 20),
		AdConfigurations:            cmp.Or(q.AdConfigurations, 20),
		PlaybackKeyPairs:            cmp.Or(q.PlaybackKeyPairs, 3),
		PlaybackRestrictionPolicies: cmp.Or(q.PlaybackRestrictionPolicies, 3),
	}
}

// Limits that an operator cannot change.
const (
	MaxMetadata     = 1024 // bytes of a PutMetadata payload
	MaxCountries    = 200  // of a playback restriction policy
	MaxOrigins      = 5    // of a playback restriction policy
	MaxOriginLength = 256  // characters
)

package app

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"openivs/internal/config"
	"openivs/internal/iam"
	"openivs/internal/ivs"
	"openivs/internal/operator"
	"openivs/internal/store"
)

var (
	_ operator.Self      = (*self)(nil)
	_ operator.Temporary = (*self)(nil)
)

// self is the server as the operator's API tells of it.
type self struct {
	a       *App
	started time.Time
	version string
	doctor  func(context.Context) []operator.Finding

	mu     sync.Mutex // held while the doctor looks
	found  []operator.Finding
	looked time.Time
}

const (
	lookAgain   = time.Minute      // how old findings of the doctor may be
	doctorLimit = 30 * time.Second // for it to look
)

// Describe says what the server tells of itself: its version, and what its doctor
// finds. It is called before Run.
func (a *App) Describe(version string, doctor func(context.Context) []operator.Finding) {
	a.self.version, a.self.doctor = version, doctor
}

// About says what the server is and how much it has to do.
func (s *self) About(context.Context) (operator.About, error) {
	a := s.a
	out := operator.About{
		Version: s.version, Region: a.cfg.Region, Account: a.cfg.Account, Started: s.started.UTC(), Now: time.Now().UTC(),
		Database: "PostgreSQL",
		Endpoints: map[string]string{
			"api": a.where.API, "rtmp": a.where.RTMP, "rtmps": a.where.RTMPS, "srt": a.where.SRT, "playback": a.where.Playback, "watch": a.where.Watch, "console": a.where.Console,
		},
		Streams: operator.Used{Most: a.cfg.Quotas.ConcurrentStreams},
		Viewers: operator.Used{Most: a.cfg.MaxViewers},
		Disk:    diskOf(a.cfg.Data),
		Quotas: map[string]int{
			"channels": a.cfg.Quotas.Channels, "streamKeysPerChannel": a.cfg.Quotas.StreamKeys, "concurrentStreams": a.cfg.Quotas.ConcurrentStreams,
			"takeoversPerStream": a.cfg.Quotas.Takeovers, "recordingConfigurations": a.cfg.Quotas.RecordingConfigurations, "adConfigurations": a.cfg.Quotas.AdConfigurations,
			"playbackKeyPairs": a.cfg.Quotas.PlaybackKeyPairs, "playbackRestrictionPolicies": a.cfg.Quotas.PlaybackRestrictionPolicies,
		},
	}
	if a.cfg.Database == config.SQLite {
		out.Database = "SQLite"
	}
	for _, m := range a.sessions.Measures() {
		out.Streams.Now++
		out.Viewers.Now += a.audience.Viewers(m.Channel)
	}
	return out, nil
}

// Findings returns what the doctor finds, or found a moment ago.
func (s *self) Findings(ctx context.Context) ([]operator.Finding, error) {
	if s.doctor == nil {
		return []operator.Finding{}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.looked.IsZero() || time.Since(s.looked) > lookAgain {
		// What it finds is for whoever asks next, too: that one may leave is no finding.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), doctorLimit)
		defer cancel()
		s.found, s.looked = s.doctor(ctx), time.Now()
	}
	return s.found, nil
}

// AccessKeys lists who may ask.
func (s *self) AccessKeys(ctx context.Context) ([]operator.AccessKey, error) {
	keys, err := s.a.db.AccessKeys(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]operator.AccessKey, len(keys))
	for i, k := range keys {
		out[i] = operator.AccessKey{ID: k.ID, Name: k.Name, State: KeyState(k, time.Now()), Policies: PolicyNames(k), Created: k.Created.UTC()}
		if !k.Expires.IsZero() {
			until := k.Expires.UTC()
			out[i].Expires = &until
		}
	}
	return out, nil
}

// Policies names what an access key may do.
func (s *self) Policies(ctx context.Context, accessKey string) ([]string, error) {
	k, err := s.a.db.AccessKey(ctx, accessKey)
	return PolicyNames(k), err
}

// TemporaryKey makes a key that may do what another may, and works no longer.
func (s *self) TemporaryKey(ctx context.Context, accessKey string, last time.Duration) (operator.Keys, error) {
	by, err := s.a.db.AccessKey(ctx, accessKey)
	if err != nil {
		return operator.Keys{}, err
	}
	now := time.Now()
	if !usable(by, now) {
		return operator.Keys{}, ivs.Errorf(ivs.Denied, "the access key that made the link works no more")
	}
	k, err := Grant{Name: by.Name, Policies: by.Policies, For: last, Token: true}.key(now)
	if err != nil {
		return operator.Keys{}, err
	}
	if !by.Expires.IsZero() && by.Expires.Before(k.Expires) {
		k.Expires = by.Expires
	}
	err = s.a.db.CreateAccessKey(ctx, k)
	return operator.Keys{ID: k.ID, Secret: k.Secret, Token: k.SessionToken, Expires: k.Expires.UTC()}, err
}

// KeyState says in a word whether an access key works.
func KeyState(k store.AccessKey, now time.Time) string {
	switch {
	case k.Disabled:
		return "disabled"
	case !usable(k, now):
		return "expired"
	case strings.HasPrefix(k.ID, "ASIA"):
		return "temporary"
	default:
		return "enabled"
	}
}

// PolicyNames names the policies of a key; documents have no name.
func PolicyNames(k store.AccessKey) []string {
	out := make([]string, len(k.Policies))
	for i, doc := range k.Policies {
		if _, managed := iam.Managed(doc); !managed {
			doc = fmt.Sprintf("document of %d bytes", len(doc))
		}
		out[i] = doc
	}
	return out
}

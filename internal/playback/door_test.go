package playback_test

import (
	"context"
	"sync"
	"time"

	"openivs/internal/ivs"
)

// rules are kept in memory.
type rules struct {
	mu       sync.Mutex
	pairs    []ivs.PlaybackKeyPair
	policies map[ivs.ARN]ivs.RestrictionPolicy
	used     map[string]bool
	err      error // of every method
}

func (r *rules) KeyPairs(context.Context) ([]ivs.PlaybackKeyPair, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pairs, r.err
}

func (r *rules) Restriction(_ context.Context, arn ivs.ARN) (ivs.RestrictionPolicy, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.policies[arn], r.err
}

func (r *rules) UseToken(_ context.Context, channel ivs.ARN, id string, _ time.Time) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.used == nil {
		r.used = make(map[string]bool)
	}
	name := channel.String() + " " + id
	first := !r.used[name]
	r.used[name] = true
	return first && r.err == nil, r.err
}

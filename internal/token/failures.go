package token

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"openivs/internal/limit"
)

const (
	// An address may fail failBurst times in a row, and failRate times a second
	// in the long run. Verifying those takes less than 1 % of a processor.
	failBurst = 50
	failRate  = 10

	// networks is how many addresses are known. One more takes the place of
	// another, which then begins anew.
	networks = 4096 // a power of two
)

// failures counts the bad tokens of each network. The zero value has counted
// nothing.
type failures struct {
	mu    sync.Mutex
	seed  maphash.Seed
	known []bucket // by a hash of the network; nil: none yet
}

// A bucket is how often a network may still fail.
type bucket struct {
	network netip.Prefix
	left    float64
	at      time.Time // when left was right
}

// find returns the bucket of an address. The caller has mu.
func (f *failures) find(from netip.Addr, now time.Time) *bucket {
	if f.known == nil {
		f.seed, f.known = maphash.MakeSeed(), make([]bucket, networks)
	}
	n := limit.NetworkOfIP(from)
	b := &f.known[maphash.Comparable(f.seed, n)%networks]
	if b.network != n || b.at.IsZero() {
		*b = bucket{network: n, left: failBurst, at: now}
	}
	return b
}

// fill brings what is left up to date.
func (b *bucket) fill(now time.Time) {
	b.left = min(failBurst, b.left+now.Sub(b.at).Seconds()*failRate)
	b.at = now
}

// spent reports whether an address failed too often.
func (f *failures) spent(from netip.Addr, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.find(from, now)
	b.fill(now)
	return b.left < 1
}

// count counts a failure.
func (f *failures) count(from netip.Addr, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.find(from, now)
	b.fill(now)
	b.left = max(b.left-1, 0)
}

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

	// From networks that bad tokens came from, and from those that good ones did,
	// more are expected for so long.
	suspectedFor = 10 * time.Minute
	provedFor    = 24 * time.Hour

	// offenders and patrons are how many networks of either sort are known, at 32
	// and 16 bytes. One more takes the place of another.
	offenders = 32768
	patrons   = 8192
)

// networks is what is known of the networks that tokens come from. Only tokens that
// were verified leave a trace. The zero value knows nothing.
type networks struct {
	mu    sync.Mutex
	seed  maphash.Seed
	epoch time.Time  // what times are counted from
	bad   []offender // by a hash of the network; nil: no token came yet
	good  []patron   // the same
}

// An offender is a network that bad tokens came from.
type offender struct {
	network uint64 // a hash; 0: none
	left    float64
	at      time.Duration // when left was right
	failed  time.Duration
}

// A patron is a network that good tokens came from.
type patron struct {
	network uint64
	at      time.Duration
}

// now begins a look at what is known. The caller has mu.
func (n *networks) now() time.Duration {
	if n.bad == nil {
		n.seed, n.epoch = maphash.MakeSeed(), time.Now()
		n.bad, n.good = make([]offender, offenders), make([]patron, patrons)
	}
	return time.Since(n.epoch)
}

func (n *networks) hash(p netip.Prefix) uint64 { return maphash.Comparable(n.seed, p) | 1 }

// site is what one holder of IPv6 addresses may be expected to have, who can send
// each token from another network. The zero value stands for none.
func site(from netip.Addr) netip.Prefix {
	if from = from.Unmap(); !from.Is6() {
		return netip.Prefix{}
	}
	p, err := from.WithZone("").Prefix(48)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// offender returns what is known of a network, nil for nothing.
func (n *networks) offender(hash uint64) *offender {
	if o := &n.bad[hash%offenders]; o.network == hash {
		return o
	}
	return nil
}

// fill brings what is left up to date.
func (o *offender) fill(now time.Duration) {
	o.left = min(failBurst, o.left+(now-o.at).Seconds()*failRate)
	o.at = now
}

// spent reports whether an address failed too often.
func (n *networks) spent(from netip.Addr) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	o := n.offender(n.hash(limit.NetworkOfIP(from)))
	if o == nil {
		return false
	}
	o.fill(now)
	return o.left < 1
}

// rank is that of tokens from an address.
func (n *networks) rank(from netip.Addr) rank {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	network := n.hash(limit.NetworkOfIP(from))
	for _, hash := range [...]uint64{network, n.hash(site(from))} {
		if o := n.offender(hash); o != nil && now-o.failed < suspectedFor {
			return suspected
		}
	}
	if p := n.good[network%patrons]; p.network == network && now-p.at < provedFor {
		return proved
	}
	return unknown
}

// note takes down what a token from an address was found to be.
func (n *networks) note(from netip.Addr, good bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	network := n.hash(limit.NetworkOfIP(from))
	if good {
		n.good[network%patrons] = patron{network, now}
		return
	}
	n.fail(network, now)
	if p := site(from); p.IsValid() {
		n.fail(n.hash(p), now)
	}
}

// fail counts a failure.
func (n *networks) fail(network uint64, now time.Duration) {
	o := &n.bad[network%offenders]
	if o.network != network {
		*o = offender{network: network, left: failBurst, at: now}
	}
	o.fill(now)
	o.left = max(o.left-1, 0)
	o.failed = now
}

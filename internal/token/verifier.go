package token

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/netip"
	"runtime"
	"sync"
	"time"
)

const (
	// verdicts is how many signatures are remembered, good and bad.
	verdicts = 8192 // a power of two

	// patience is how long a token waits for its turn to be verified.
	patience = 5 * time.Second
)

// ErrBusy is what a token gets whose turn does not come.
var ErrBusy = errors.New("too many tokens are being verified")

// ErrTooMany is what an address gets that sent too many bad tokens of late.
var ErrTooMany = errors.New("too many bad tokens came from this address")

// A Verifier verifies tokens. To do so takes more than half a millisecond of a
// processor, so it remembers what it found, does few at a time, and nothing for
// addresses that bad ones come from. Its memory never grows. The zero value is
// ready; it must not be copied.
type Verifier struct {
	once     sync.Once
	turns    chan struct{}
	failures failures

	mu       sync.Mutex
	verdicts []verdict // by the first bytes of sum
}

// A verdict is what was found of a signature.
type verdict struct {
	sum  [sha256.Size]byte // of the token
	keys [sha256.Size]byte // id of the keys
	good bool
}

// prepare makes what the zero value lacks. Half of the processors are left to
// those who watch already.
func (v *Verifier) prepare() {
	v.turns = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))
	v.verdicts = make([]verdict, verdicts)
}

// Verify returns what a token says if it is signed by one of keys and begins a
// session on a channel now. from is where it was sent from. The error is a
// FaultError, ErrBusy or ErrTooMany.
func (v *Verifier) Verify(ctx context.Context, text, channel string, keys *Keys, from netip.Addr) (Claims, error) {
	v.once.Do(v.prepare)
	if len(text) > maxToken {
		return Claims{}, ErrMalformed
	}
	sum := sha256.Sum256([]byte(text))
	good, known := v.known(sum, keys)
	if !known && v.failures.spent(from, time.Now()) {
		return Claims{}, ErrTooMany
	}
	p, err := parse(text)
	if err != nil {
		return Claims{}, err
	}
	if err := p.claims.check(channel, time.Now()); err != nil {
		return Claims{}, err
	}
	if !known {
		if good, err = v.verify(ctx, sum, p, keys, from); err != nil {
			return Claims{}, err
		}
	}
	if !good {
		return Claims{}, ErrBadSign
	}
	return p.claims, nil
}

// verify reports whether a signature is good, when it is its turn. Many good tokens
// may wait from one address, and what became known of it meanwhile counts.
func (v *Verifier) verify(ctx context.Context, sum [sha256.Size]byte, p *parsed, keys *Keys, from netip.Addr) (bool, error) {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case v.turns <- struct{}{}:
	case <-late.C:
		return false, ErrBusy
	case <-ctx.Done():
		return false, ErrBusy
	}
	defer func() { <-v.turns }()
	if good, known := v.known(sum, keys); known {
		return good, nil
	}
	if v.failures.spent(from, time.Now()) {
		return false, ErrTooMany
	}
	good := keys.signed(p)
	if !good {
		v.failures.count(from, time.Now())
	}
	v.remember(verdict{sum: sum, keys: keys.id, good: good})
	return good, nil
}

// place is where the verdict on a token is kept.
func place(sum [sha256.Size]byte) uint64 { return binary.BigEndian.Uint64(sum[:]) % verdicts }

func (v *Verifier) remember(found verdict) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.verdicts[place(found.sum)] = found
}

func (v *Verifier) known(sum [sha256.Size]byte, keys *Keys) (good, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	at := &v.verdicts[place(sum)]
	return at.good, at.sum == sum && at.keys == keys.id
}

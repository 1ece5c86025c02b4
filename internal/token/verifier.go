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

// verdicts is how many good signatures are remembered, and how many bad ones.
const verdicts = 8192

// ErrBusy is what a token gets whose turn does not come.
var ErrBusy = errors.New("too many tokens are being verified")

// ErrTooMany is what an address gets that sent too many bad tokens of late.
var ErrTooMany = errors.New("too many bad tokens came from this address")

// A Verifier verifies tokens. To do so takes more than half a millisecond of a
// processor, so it remembers what it found, does few at a time, those first that
// come from where nothing bad came from, and nothing for addresses that many bad
// ones come from. Its memory never grows. The zero value is ready; it must not be
// copied.
type Verifier struct {
	once     sync.Once
	queue    queue
	networks networks

	mu   sync.Mutex
	good []verdict // by the first bytes of sum
	bad  []verdict // the same, so that bad ones do not make good ones be forgotten
}

// A verdict is what was found of a signature.
type verdict struct {
	sum  [sha256.Size]byte // of the token
	keys [sha256.Size]byte // id of the keys
}

// prepare makes what the zero value lacks. Half of the processors are left to
// those who watch already.
func (v *Verifier) prepare() {
	v.queue.turns = max(1, runtime.GOMAXPROCS(0)/2)
	v.queue.rank = v.networks.rank
	v.good, v.bad = make([]verdict, verdicts), make([]verdict, verdicts)
}

// Verify returns what a token says if it is signed by one of keys and begins a
// session on a channel now. from is where it was sent from. The error is a
// FaultError, ErrBusy or ErrTooMany.
func (v *Verifier) Verify(ctx context.Context, text, channel string, keys *Keys, from netip.Addr) (Claims, error) {
	v.once.Do(v.prepare)
	if len(text) > maxToken {
		return Claims{}, ErrMalformed
	}
	it := verdict{sum: sha256.Sum256([]byte(text)), keys: keys.id}
	good, known := v.known(it)
	if !known && v.networks.spent(from) {
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
		if good, err = v.verify(ctx, it, p, keys, from); err != nil {
			return Claims{}, err
		}
	}
	if !good {
		return Claims{}, ErrBadSign
	}
	return p.claims, nil
}

// verify reports whether a signature is good, when it is its turn. Many good tokens
// may wait from one address, and what became known of it meanwhile counts. Who
// sent a bad one waits while the turn rests.
func (v *Verifier) verify(ctx context.Context, it verdict, p *parsed, keys *Keys, from netip.Addr) (bool, error) {
	if err := v.queue.wait(ctx, from); err != nil {
		return false, err
	}
	defer v.queue.release()
	if good, known := v.known(it); known {
		return good, nil
	}
	if v.networks.spent(from) {
		return false, ErrTooMany
	}
	began := time.Now()
	good := keys.signed(p)
	took := time.Since(began)
	v.networks.note(from, good)
	v.remember(it, good)
	if !good {
		<-time.After(v.queue.rest(took, len(keys.public)))
	}
	return good, nil
}

// place is where the verdict on a token is kept.
func (it *verdict) place() uint64 { return binary.BigEndian.Uint64(it.sum[:]) % verdicts }

func (v *Verifier) remember(it verdict, good bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if good {
		v.good[it.place()] = it
	} else {
		v.bad[it.place()] = it
	}
}

func (v *Verifier) known(it verdict) (good, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	good = v.good[it.place()] == it
	return good, good || v.bad[it.place()] == it
}

package token

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
	"time"
)

const (
	// A turn that a bad token had rests restFor times as long as verifying it
	// took. There are turns for half of the processors, so that bad tokens get an
	// eighth of them, or a quarter of the only one, from however many addresses
	// they come. Good tokens get the whole half.
	restFor = 3

	// leastCost is what verifying with one key takes at least: about a third of
	// what it takes an x86-64 processor of 2020.
	leastCost = 200 * time.Microsecond

	// patience is how long a token waits for its turn.
	patience = 5 * time.Second
)

// A rank is who goes first when tokens have to wait.
type rank int

const (
	proved    rank = iota // good tokens came from its network of late
	unknown               // nothing is known of its network
	suspected             // bad tokens came from its network of late
	ranks
)

// room is how many tokens of a rank may wait: as many as have their turn within
// patience where all are good, and few of those that have to wait for the others.
func (r rank) room() int {
	if r == suspected {
		return 256
	}
	return 8192
}

// A queue decides which token is verified next: by rank, then in the order in which
// they came. Set the fields before the first use.
type queue struct {
	turns int                   // how many are verified at once
	rank  func(netip.Addr) rank // may change while somebody waits

	mu    sync.Mutex
	taken int              // turns; all of them if anybody waits
	lines [ranks]list.List // of *waiter
	each  time.Duration    // the least that verifying with one key took; 0: not known
}

// A waiter is a token whose turn has not come. All but turn belong to the queue.
type waiter struct {
	from netip.Addr
	turn chan struct{} // closed when it is, or when it will not be
	line *list.List    // nil: it does not wait any more
	at   *list.Element
	busy bool // it will not be
}

// wait returns when it is the turn of a token from an address, which must then be
// given back with release. ErrBusy says that there will be none.
func (q *queue) wait(ctx context.Context, from netip.Addr) error {
	w, err := q.enter(from)
	if err != nil || w == nil {
		return err
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-w.turn:
	case <-late.C:
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.line != nil {
		w.line.Remove(w.at)
		return ErrBusy
	}
	if w.busy {
		return ErrBusy
	}
	return nil
}

// enter takes a turn, and returns nil then, or a place in a line.
func (q *queue) enter(from netip.Addr) (*waiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken < q.turns {
		q.taken++
		return nil, nil //nolint:nilnil // as the comment says
	}
	w := &waiter{from: from, turn: make(chan struct{})}
	if !q.queue(w, q.rank(from)) {
		return nil, ErrBusy
	}
	return w, nil
}

// queue puts a token at the end of a line, if that has room. The caller has mu.
func (q *queue) queue(w *waiter, r rank) bool {
	line := &q.lines[r]
	if line.Len() >= r.room() {
		return false
	}
	w.line, w.at = line, line.PushBack(w)
	return true
}

// release gives a turn back to whoever is next.
func (q *queue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for r := range ranks {
		line := &q.lines[r]
		for at := line.Front(); at != nil; at = line.Front() {
			w, ok := line.Remove(at).(*waiter)
			if !ok { // nothing else is in it
				continue
			}
			w.line = nil
			now := q.rank(w.from)
			if now > r && q.queue(w, now) {
				continue // bad ones came from there while it waited
			}
			w.busy = now > r
			close(w.turn)
			if !w.busy {
				return
			}
		}
	}
	q.taken--
}

// rest is how long a turn rests in which a bad token was verified with a number of
// keys, given how long that took. Where others kept the processor busy that was too
// long, so it is the least it ever took that counts.
func (q *queue) rest(took time.Duration, keys int) time.Duration {
	if keys == 0 {
		return 0
	}
	took = max(took/time.Duration(keys), leastCost)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.each == 0 || took < q.each {
		q.each = took
	}
	return restFor * q.each * time.Duration(keys)
}

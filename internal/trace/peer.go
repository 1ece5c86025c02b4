package trace

import (
	"fmt"
	"sync"
	"time"
)

// What a connection may note at once, and how often then. What is more is counted.
const (
	peerBurst = 64
	peerEvery = time.Second
)

// A Peer is one connection's part in an account. Until it joins a session's, it
// holds what it notes itself; what never joins is gone with it. Nil keeps nothing.
type Peer struct {
	mu     sync.Mutex
	log    *Log // nil: it has not joined
	number int
	held   []Entry
	size   int
	lost   int // of what was to be held
	pace   pace
}

// Note notes what was said or decided. A peer that has too much to say is not
// listened to for a while.
func (p *Peer) Note(what, format string, args ...any) {
	if p == nil {
		return
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.pace.may(now, peerBurst, peerEvery) {
		p.lose()
		return
	}
	p.put(now, what, fmt.Sprintf(format, args...))
}

// Last notes what is said only once, as how it ended.
func (p *Peer) Last(what, format string, args ...any) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(time.Now(), what, fmt.Sprintf(format, args...))
}

// put keeps an entry. The caller has mu.
func (p *Peer) put(now time.Time, what, text string) {
	if p.log != nil {
		p.log.add(p.number, what, text)
		return
	}
	e := Entry{At: now, What: what, Text: text}
	if p.size+e.size() > maxUnjoined {
		p.lost++
		return
	}
	p.held, p.size = append(p.held, e), p.size+e.size()
}

// lose counts what is not kept. The caller has mu.
func (p *Peer) lose() {
	if p.log == nil {
		p.lost++
		return
	}
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	p.log.omit()
}

// Join makes the peer one of a session's, with all that it has noted. It joins
// once.
func (p *Peer) Join(l *Log) {
	if p == nil || l == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.log != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.peers++
	p.log, p.number = l, l.peers
	for _, e := range p.held {
		e.Peer = p.number
		l.put(e)
	}
	l.omitted += p.lost
	p.held = nil
}

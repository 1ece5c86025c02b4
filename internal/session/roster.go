package session

import (
	"slices"
	"strings"
	"sync/atomic"

	"openivs/internal/ivs"
)

// An entry is a session that can be watched now, as Stream and Streams show it.
type entry struct {
	stream ivs.Stream // without its health
	health *verdict
}

func (e entry) now() ivs.Stream {
	s := e.stream
	s.Health = e.health.get()
	return s
}

// A verdict is a session's newest health. It is set by the session's goroutine
// and read by any.
type verdict struct{ p atomic.Pointer[ivs.Health] }

func (v *verdict) get() ivs.Health {
	if h := v.p.Load(); h != nil {
		return *h
	}
	return ivs.HealthUnknown
}

func (v *verdict) set(h ivs.Health) { v.p.Store(&h) }

// Stream returns what is live on a channel, from Stream Start to Stream End.
func (r *Registry) Stream(channel ivs.ARN) (ivs.Stream, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	l := r.live[channel]
	if l == nil || l.shown == nil {
		return ivs.Stream{}, false
	}
	return l.shown.now(), true
}

// Streams returns all that is live, the newest first.
func (r *Registry) Streams() []ivs.Stream {
	roster := r.roster()
	out := make([]ivs.Stream, len(roster))
	for i, e := range roster {
		out[i] = e.now()
	}
	return out
}

// roster returns the entries of all started sessions, the newest first. A list
// once published is never changed; a start or an end drops it, and the next
// reader makes it anew.
func (r *Registry) roster() []entry {
	if p := r.started.Load(); p != nil {
		return *p
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var es []entry
	for _, l := range r.live {
		if l.shown != nil {
			es = append(es, *l.shown)
		}
	}
	slices.SortFunc(es, func(a, b entry) int {
		if c := b.stream.Start.Compare(a.stream.Start); c != 0 {
			return c
		}
		return strings.Compare(a.stream.StreamID, b.stream.StreamID)
	})
	r.started.Store(&es)
	return es
}

// show lets Stream and Streams answer a session whose start is stored.
func (r *Registry) show(l *live, s ivs.Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.shown = &entry{
		stream: ivs.Stream{
			Channel:     l.channel,
			StreamID:    s.StreamID,
			PlaybackURL: s.Channel.PlaybackURL,
			Start:       s.StartTime(),
		},
		health: &l.health,
	}
	r.started.Store(nil)
}

// release gives the channel of a session back: nothing of it is left.
func (r *Registry) release(l *live) {
	r.mu.Lock()
	delete(r.live, l.channel)
	l.shown = nil
	r.started.Store(nil)
	r.mu.Unlock()
	close(l.over)
}

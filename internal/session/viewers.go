package session

import (
	"time"

	"openivs/internal/ivs"
)

// TooManyViewers notes on every session that runs that a viewer beyond the
// account's limit was turned away. It waits for nothing; a session that has not
// taken the last note yet is left out.
func (r *Registry) TooManyViewers(limit int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, l := range r.live {
		select {
		case l.crowd <- limit:
		default:
		}
	}
}

// crowded queues the event about a viewer too many. The one that was turned
// away is the first beyond the limit.
func (l *live) crowded(limit int, at time.Time) {
	ev, err := ivs.NewBreach(l.rec.s, ivs.ConcurrentViewers, int64(limit), 1, "viewers", at)
	if err != nil {
		l.log.Error("limit breach is not reported", "err", err)
		return
	}
	l.rec.breach(ev)
}

package session

import (
	"openivs/internal/health"
	"openivs/internal/ingest"
	"openivs/internal/ivs"
)

// A Measure is what was counted of a live session since its stream began.
type Measure struct {
	Channel  ivs.ARN
	StreamID string
	Totals   health.Totals
	Health   ivs.Health
	Link     *ingest.Link // nil: the way in does not know
}

// Measures returns what was counted of every session whose media comes. It holds
// up no media.
func (r *Registry) Measures() []Measure {
	r.mu.RLock()
	running := make([]*live, 0, len(r.live))
	for _, l := range r.live {
		if l.end.Load() == nil {
			running = append(running, l)
		}
	}
	r.mu.RUnlock()
	var out []Measure
	for _, l := range running {
		if t := l.meter.Totals(); !t.First.IsZero() {
			out = append(out, Measure{Channel: l.channel, StreamID: l.id, Totals: t, Health: l.health.get(), Link: l.linked()})
		}
	}
	return out
}

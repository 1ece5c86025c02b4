package health

import "openivs/internal/ivs"

// The thresholds, in seconds of media per second of wall clock over a Window;
// Amazon IVS does not publish its own. What lies between them changes no
// verdict, so a stream at the edge of one does not flap. What the encoder
// declared as its bitrate is no threshold: a still picture needs far fewer bits.
const (
	starvingBelow = 0.5
	healthyFrom   = 0.9
)

// Judge returns the verdict that follows prev, given the newest rates.
func Judge(prev ivs.Health, r Rates) ivs.Health {
	switch {
	case r.Window == 0:
		return prev
	case r.Media < starvingBelow:
		return ivs.Starving
	case r.Media >= healthyFrom:
		return ivs.Healthy
	default:
		return prev
	}
}

// Event names what a change of verdict is reported as, or "" if it is not.
// Starvation ends only where it began.
func Event(from, to ivs.Health) string {
	switch {
	case from != ivs.Starving && to == ivs.Starving:
		return ivs.StarvationStart
	case from == ivs.Starving && to == ivs.Healthy:
		return ivs.StarvationEnd
	default:
		return ""
	}
}

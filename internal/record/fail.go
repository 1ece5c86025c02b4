package record

import "openivs/internal/ivs"

// Fail has the recording of a channel's stream fail for a reason, on purpose, and
// reports whether there is one.
func (r *Recorder) Fail(channel ivs.ARN, reason string) bool {
	var found *Recording
	r.mu.Lock()
	for rec := range r.open {
		rec.mu.Lock()
		if rec.head.Channel == channel && rec.ended.IsZero() && !rec.spooled {
			found = rec
		}
		rec.mu.Unlock()
	}
	r.mu.Unlock()
	if found == nil {
		return false
	}
	found.fail(reason)
	return true
}

// Taking reports whether segments are kept: the recording has not failed, and has
// more to keep than thumbnails.
func (rec *Recording) Taking() bool {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.state.Failure == "" && rec.head.Config.Renditions.Selection != ivs.NoRenditions
}

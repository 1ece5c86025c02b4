package session

import (
	"openivs/internal/ivs"
	"openivs/internal/media"
)

// PutAdBreak has a channel's stream show where an ad break begins: with the first
// picture that comes at its time. It is ivs.NotLive if the break's stream is over.
func (r *Registry) PutAdBreak(channel ivs.ARN, b ivs.AdBreak) error {
	r.mu.RLock()
	l := r.live[channel]
	r.mu.RUnlock()
	if l == nil || l.id != b.StreamID || !l.expect(b) {
		return ivs.Errorf(ivs.NotLive, "stream %s is over", b.StreamID)
	}
	return nil
}

// expect notes a break until its time has come, and reports whether there is
// media to wait for. There is one break at a time. It is not given to the pipeline
// before: that would hold back the metadata behind it.
func (l *live) expect(b ivs.AdBreak) bool {
	l.feed.Lock()
	defer l.feed.Unlock()
	if l.end.Load() != nil {
		return false
	}
	l.adBreak = b
	return true
}

// mark writes that the ad break begins with a picture. The caller has feed.
func (l *live) mark(picture media.Unit) error {
	b := l.adBreak
	l.adBreak = ivs.AdBreak{}
	return l.pipe.WriteUnit(media.Unit{
		Track: l.ads,
		PTS:   picture.PTS,
		DTS:   picture.PTS,
		Key:   true,
		At:    picture.At,
		Data:  media.AdBreak{ID: b.ID, Length: b.Duration}.Data(),
	})
}

package session

import (
	"context"
	"fmt"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/media"
)

var errInjected = ivs.Errorf(ivs.NotLive, "the stream was cut on purpose, by openivs inject")

// A withholding is media that is dropped on purpose. Its owner has feed.
type withholding struct {
	until time.Time // zero: nothing is dropped
}

// drops reports whether a unit is to be dropped: those until the time, and behind
// it those that come before a keyframe.
func (w *withholding) drops(u media.Unit) bool {
	if w.until.IsZero() || u.Track.Kind == media.Data {
		return false
	}
	if u.Key && u.Track.Kind == media.Video && u.Track.ID == 0 && !u.At.Before(w.until) {
		w.until = time.Time{}
		return false
	}
	return true
}

// inject returns the session of a channel that something is to happen to on
// purpose, and says so in its log. It is ivs.NotLive if there is none.
func (r *Registry) inject(channel ivs.ARN, fault string) (*live, error) {
	r.mu.RLock()
	l := r.live[channel]
	r.mu.RUnlock()
	if l == nil || !l.carries.Load() || l.end.Load() != nil {
		return nil, ivs.Errorf(ivs.NotLive, "channel %s is not broadcasting", channel)
	}
	l.log.Warn("a fault is injected", "fault", fault)
	return l, nil
}

// Starve drops what comes of a channel's encoder for a while, on purpose.
func (r *Registry) Starve(channel ivs.ARN, d time.Duration) error {
	l, err := r.inject(channel, "starvation")
	if err != nil {
		return err
	}
	l.feed.Lock()
	defer l.feed.Unlock()
	l.withheld.until = time.Now().Add(d)
	return nil
}

// Disconnect ends the session of a channel on purpose, as if its encoder had lost
// the connection.
func (r *Registry) Disconnect(channel ivs.ARN) error {
	l, err := r.inject(channel, "disconnect")
	if err != nil {
		return err
	}
	l.stop(errInjected)
	return nil
}

// Breach has a channel's session go beyond a limit on purpose: one of its media
// ends it, one of the account is noted only.
func (r *Registry) Breach(ctx context.Context, channel ivs.ARN, limit ivs.LimitError) error {
	l, err := r.inject(channel, limit.Limit)
	if err != nil {
		return err
	}
	if !(ivs.Event{Type: ivs.LimitBreach, Name: limit.Limit}).AccountWide() {
		limit.Err = errInjected
		l.stop(&limit)
		return nil
	}
	s, err := r.Store.Session(ctx, channel, l.id)
	if err != nil {
		return fmt.Errorf("breach a limit of session %s: %w", l.id, err)
	}
	ev, err := ivs.NewBreach(s, limit.Limit, limit.Allowed, limit.Exceeded, limit.Unit, now())
	if err != nil {
		return err
	}
	return r.Note(ctx, ev)
}

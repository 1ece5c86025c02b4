package session

import (
	"errors"
	"slices"
	"sync"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/media"
)

// Why the server refuses and ends sessions. Each is told to the streamer as it stands.
var (
	errAway           = ivs.Errorf(ivs.Unavailable, "the server cannot start a stream at the moment, try again in a few seconds")
	errBusy           = ivs.Errorf(ivs.Conflict, "another encoder is streaming to this channel: stop it first")
	errStillEnding    = ivs.Errorf(ivs.Conflict, "the channel's last stream is still ending, try again in a few seconds")
	errDeleted        = ivs.Errorf(ivs.NotFound, "the channel was deleted")
	errStopped        = ivs.Errorf(ivs.NotLive, "the stream was stopped by StopStream")
	errServerStopping = ivs.Errorf(ivs.Unavailable, "server is stopping")
	errNoVideo        = ivs.Errorf(ivs.Invalid, "video is missing: only audio came, and a stream needs H.264 video")
	errNoTrack        = errors.New("a unit came without its track")
	errOver           = ivs.Errorf(ivs.NotLive, "the stream is over")
)

// An ending says why and when the media of a session ended. It never changes.
type ending struct {
	cause error // nil: the encoder's own wish
	at    time.Time
}

// facts are what the encoder said of its media: its declaration and its tracks.
// The publisher's goroutine sets them, the session's reads them.
type facts struct {
	mu       sync.Mutex
	declared ingest.Declaration
	tracks   []*media.Track // never changed in place
}

func (f *facts) get() (ingest.Declaration, []*media.Track) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.declared, f.tracks
}

// Declare notes what the encoder says of itself. Saying it again costs nothing.
func (l *live) Declare(d ingest.Declaration) {
	l.facts.mu.Lock()
	same := l.facts.declared == d
	l.facts.declared = d
	l.facts.mu.Unlock()
	if !same {
		l.notice()
	}
}

// SetTracks notes the tracks that are known now.
func (l *live) SetTracks(tracks []*media.Track) {
	l.facts.mu.Lock()
	same := slices.Equal(l.facts.tracks, tracks)
	if !same {
		l.facts.tracks = slices.Clone(tracks)
	}
	l.facts.mu.Unlock()
	if same {
		return
	}
	l.notice()
	if err := inspect(tracks); err != nil {
		l.stop(err)
	}
}

// notice tells the session's goroutine that the facts changed. Changes that it
// has not looked at yet become one.
func (l *live) notice() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// WriteUnit measures a unit and hands it to the pipeline. It takes no lock that
// another channel uses.
func (l *live) WriteUnit(u media.Unit) error {
	if u.Track == nil {
		return l.fail(errNoTrack)
	}
	l.feed.Lock()
	defer l.feed.Unlock()
	if e := l.end.Load(); e != nil {
		return e.refusal()
	}
	l.lastMedia.Store(u.At.UnixMicro())
	l.meter.Observe(u)
	if u.Track.Kind == media.Video {
		l.position = u.DTS
		if l.adBreak.ID != "" && !u.At.Before(l.adBreak.Start) {
			if err := l.mark(u); err != nil {
				return l.fail(err)
			}
		}
	}
	if err := l.pipe.WriteUnit(u); err != nil {
		return l.fail(err)
	}
	return nil
}

// refusal is what a unit that comes after the end is answered with.
func (e *ending) refusal() error {
	if e.cause == nil {
		return errOver
	}
	return e.cause
}

func (l *live) fail(err error) error {
	l.stop(err)
	return err
}

// Done is closed when the server wants the publisher gone.
func (l *live) Done() <-chan struct{} { return l.done }

// Cause says why media ended, or nil: it has not, or the encoder wished it.
func (l *live) Cause() error {
	if e := l.end.Load(); e != nil {
		return e.cause
	}
	return nil
}

// End notes that the publisher is gone. It waits for nothing.
func (l *live) End(cause error) {
	l.finish(cause)
	l.leave.Do(func() { close(l.gone) })
}

// stop ends the session at the server's wish and reports whether it was the
// first to end it.
func (l *live) stop(cause error) bool {
	first := l.finish(cause)
	if first {
		close(l.done)
	}
	return first
}

// finish sets the ending, once, and reports whether it did.
func (l *live) finish(cause error) bool {
	if !l.end.CompareAndSwap(nil, &ending{cause: cause, at: now()}) {
		return false
	}
	close(l.ended)
	return true
}

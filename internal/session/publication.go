package session

import (
	"errors"
	"slices"
	"sync"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/trace"
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
	errReplaced       = ivs.Errorf(ivs.Conflict, "nothing came of this encoder for a while, and another connected in its place")
	errTakenOver      = ivs.Errorf(ivs.Conflict, "another encoder with a higher priority took the stream over")
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

// declare sets the declaration, and reports whether it was another.
func (f *facts) declare(d ingest.Declaration) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	same := f.declared == d
	f.declared = d
	return !same
}

// setTracks sets the tracks, and reports whether they were others.
func (f *facts) setTracks(tracks []*media.Track) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Equal(f.tracks, tracks) {
		return false
	}
	f.tracks = slices.Clone(tracks)
	return true
}

// A publisher is the way in of one encoder to a session: of the one that holds
// it, of one that did, or of one that wants to take it over.
type publisher struct {
	live     *live
	remote   string
	priority int64 // of a takeover; 0: none was given
	trace    *trace.Peer

	done   chan struct{} // closed when the server wants the publisher gone
	cause  error         // why; set before done is closed
	told   sync.Once     // closes done
	gone   chan struct{} // closed when the publisher is gone
	leave  sync.Once     // closes gone
	wanted facts         // until it holds the session

	// Owned by the publisher's goroutine.
	since  time.Time         // of the first unit, before it holds the session
	offset media.Ticks       // from its clock to the session's
	alias  [][2]*media.Track // tracks of its own, and those of its predecessor that they equal
}

func newPublisher(l *live, q ingest.Request, priority int64) *publisher {
	return &publisher{live: l, remote: q.Remote, priority: priority, trace: q.Trace, done: make(chan struct{}), gone: make(chan struct{})}
}

// facts are those that the publisher sets: the session's if it holds it.
func (p *publisher) facts() (f *facts, holds bool) {
	p.live.seat.Lock()
	defer p.live.seat.Unlock()
	if p.live.holder == p {
		return &p.live.facts, true
	}
	return &p.wanted, false
}

// Declare notes what the encoder says of itself. Saying it again costs nothing.
func (p *publisher) Declare(d ingest.Declaration) {
	if f, holds := p.facts(); f.declare(d) {
		p.noteDeclared(d)
		if holds {
			p.live.notice()
		}
	}
}

// SetTracks notes the tracks that are known now.
func (p *publisher) SetTracks(tracks []*media.Track) {
	f, holds := p.facts()
	if !holds {
		if f.setTracks(tracks) {
			p.noteTracks(tracks)
		}
		return
	}
	if !f.setTracks(p.aliased(tracks)) {
		return
	}
	p.noteTracks(tracks)
	p.live.notice()
	if err := p.live.inspect(tracks); err != nil {
		p.live.stop(err)
	}
}

// SetLink notes how the network to the encoder does.
func (p *publisher) SetLink(link ingest.Link) {
	if _, holds := p.facts(); holds {
		p.live.link.Store(&link)
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
func (p *publisher) WriteUnit(u media.Unit) error {
	l := p.live
	if u.Track == nil {
		return p.fail(errNoTrack)
	}
	l.feed.Lock()
	defer l.feed.Unlock()
	if e := l.end.Load(); e != nil {
		return e.refusal()
	}
	if l.holder != p { // it changes with feed held
		if taken, err := p.takeOver(u); !taken {
			return err
		}
	}
	if u = p.moved(u); u.Track.Kind == media.Audio && p.offset != 0 && u.DTS <= l.sounded {
		return nil // from before the takeover
	}
	return l.write(u)
}

// fail ends what the publisher holds.
func (p *publisher) fail(err error) error {
	p.live.stopped(p, err)
	return err
}

// write carries a unit. The caller has feed.
func (l *live) write(u media.Unit) error {
	if l.withheld.drops(u) {
		return nil
	}
	l.lastMedia.Store(u.At.UnixMicro())
	if err := l.terms.Unit(u); err != nil {
		return l.fail(err)
	}
	l.meter.Observe(u)
	switch u.Track.Kind {
	case media.Video:
		if u.Track.ID != 0 {
			break
		}
		l.position, l.step, l.pictured = u.DTS, u.DTS-l.position, u.At
		if l.adBreak.ID != "" && !u.At.Before(l.adBreak.Start) {
			if err := l.mark(u); err != nil {
				return l.fail(err)
			}
		}
	case media.Audio:
		l.sounded = u.DTS
	case media.Data:
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
func (p *publisher) Done() <-chan struct{} { return p.done }

// Cause says why the server wants the publisher gone, or why its media ended; nil:
// neither, or the encoder wished it.
func (p *publisher) Cause() error {
	select {
	case <-p.done:
		return p.cause
	default:
	}
	if e := p.live.end.Load(); e != nil {
		return e.cause
	}
	return nil
}

// End notes that the publisher is gone. It waits for nothing.
func (p *publisher) End(cause error) {
	l := p.live
	l.seat.Lock()
	if l.holder == p {
		l.finish(cause)
	}
	l.seat.Unlock()
	p.leave.Do(func() { close(p.gone) })
}

// dismiss tells the publisher to go.
func (p *publisher) dismiss(cause error) {
	p.told.Do(func() {
		p.cause = cause
		close(p.done)
	})
}

// stop ends the session at the server's wish and reports whether it was the
// first to end it.
func (l *live) stop(cause error) bool { return l.stopped(nil, cause) }

// stopped is stop, if a publisher still holds the session; nil: whoever does.
func (l *live) stopped(by *publisher, cause error) bool {
	l.seat.Lock()
	defer l.seat.Unlock()
	if by != nil && l.holder != by || !l.finish(cause) {
		return false
	}
	l.holder.dismiss(cause)
	return true
}

// publisher returns who holds the session.
func (l *live) publisher() *publisher {
	l.seat.Lock()
	defer l.seat.Unlock()
	return l.holder
}

// finish sets the ending, once, and reports whether it did.
func (l *live) finish(cause error) bool {
	if !l.end.CompareAndSwap(nil, &ending{cause: cause, at: now()}) {
		return false
	}
	close(l.ended)
	return true
}

package session

import (
	"bytes"
	"net/url"
	"slices"
	"strconv"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/media"
)

const (
	// maxRivals is how many publishers may wait to take one session over.
	maxRivals = 4

	// takeoverWait is how long the tracks of who wants to take a session over may
	// take to come, and a keyframe after them: longer than keyframes are apart.
	takeoverWait = 10 * time.Second

	// maxTakeoverGap is the longest pause that a takeover leaves in the media's
	// time.
	maxTakeoverGap = 10 * time.Second

	// leastStep is the least from the last picture before a takeover to the first
	// behind it: that of 60 pictures a second.
	leastStep = media.Clock / 60

	// smallGap is a pause that is none: the pictures go on as evenly as before, so
	// that a segment ends where its last picture was expected to.
	smallGap = media.Clock / 4

	maxReports = 2 * 100 // takeovers, and failures beside them, that wait to be stored
)

// A report is a takeover, or with a code one that failed, on its way to the
// session's goroutine.
type report struct {
	name, code string
	at         time.Time
}

// takeoverPriority reads the priority of a takeover. 0: it is none of those that
// there are.
func takeoverPriority(query url.Values) (priority int64, given bool) {
	if !query.Has("priority") {
		return 0, false
	}
	n, err := strconv.ParseInt(query.Get("priority"), 10, 32)
	if err != nil || n < 1 {
		return 0, true
	}
	return n, true
}

// challenge lets a publisher in that may take the session over once its media
// has come. If it may not, the error says why; nil with no publisher: the
// session was ended in its favour, for its own publisher has fallen silent.
func (l *live) challenge(q applicant) (*publisher, error) {
	if q.flaw != nil {
		return nil, q.flaw
	}
	priority, given := takeoverPriority(q.Query)
	silent := l.silent(time.Now())
	if given && l.carries.Load() {
		p, code, err := l.rival(q, priority)
		if p != nil || !silent {
			if code != "" {
				l.report(ivs.TakeoverFailure, code)
			}
			return p, err
		}
	}
	if !silent {
		return nil, errBusy
	}
	l.trace.Note("replaced", "nothing came for %v, and %s connected in its place", time.Since(l.quietSince()).Round(time.Millisecond), q.Remote)
	if l.stop(errReplaced) {
		l.log.Info("publisher replaced", "remote", q.Remote)
	}
	return nil, nil
}

// silent reports whether so little has come of a publisher that another may
// replace it.
func (l *live) silent(at time.Time) bool {
	after := l.reg.replaceAfter()
	return after > 0 && at.Sub(l.quietSince()) > after
}

// quietSince is when media last came, or when the session began.
func (l *live) quietSince() time.Time {
	if last := l.mediaTime(); !last.IsZero() {
		return last
	}
	return l.created
}

// rival makes a publisher that wants to take the session over, unless the limit
// or its priority forbids it.
func (l *live) rival(q applicant, priority int64) (p *publisher, code string, err error) {
	l.seat.Lock()
	defer l.seat.Unlock()
	if code, err := l.forbids(priority); err != nil {
		return nil, code, err
	}
	if !slices.Equal(q.tracks, l.terms.Granted) {
		return nil, ivs.TakeoverMediaMismatch, errOtherMedia
	}
	for i := 0; i < len(l.rivals); {
		select {
		case <-l.rivals[i].gone:
			l.rivals = append(l.rivals[:i], l.rivals[i+1:]...)
		default:
			i++
		}
	}
	if len(l.rivals) >= maxRivals {
		return nil, "", errBusy
	}
	l.trace.Hide(q.sent)
	q.Trace.Join(l.trace)
	l.trace.Note("takeover", "%s asks for it with priority %d, over %d; its media is looked at", q.Remote, priority, l.holder.priority)
	p = newPublisher(l, q.Request, priority)
	l.rivals = append(l.rivals, p)
	return p, "", nil
}

// forbids says why a priority does not allow a takeover now. The caller has seat.
func (l *live) forbids(priority int64) (code string, err error) {
	most := l.reg.maxTakeovers()
	switch {
	case l.takeovers >= most:
		return ivs.TakeoverLimitBreached, ivs.Errorf(ivs.QuotaExceeded, "the stream was taken over %d times, and may be no more: stop it first", most)
	case priority == 0:
		return ivs.TakeoverInvalidPriority, ivs.Errorf(ivs.Invalid, "the priority must be a whole number from 1 to 2147483647")
	case priority <= l.holder.priority:
		return ivs.TakeoverInvalidPriority, ivs.Errorf(ivs.Conflict, "another encoder is streaming to this channel with priority %d: give a higher one to take over, or stop it first", l.holder.priority)
	}
	return "", nil
}

// takeOver gives the session to the publisher, with a keyframe, once its tracks
// are those of its predecessor; until then its media goes nowhere. The caller has
// feed.
func (p *publisher) takeOver(u media.Unit) (taken bool, err error) {
	l := p.live
	select {
	case <-p.done:
		return false, p.cause
	default:
	}
	if p.since.IsZero() {
		p.since = u.At
	}
	declared, tracks := p.wanted.get()
	_, current := l.facts.get()
	matches, whole := match(current, tracks)
	if !matches || u.At.Sub(p.since) > takeoverWait {
		l.report(ivs.TakeoverFailure, ivs.TakeoverMediaMismatch)
		return false, errOtherMedia
	}
	if !whole || u.Track.Kind != media.Video || u.Track.ID != 0 || !u.Key {
		return false, nil
	}
	l.seat.Lock()
	defer l.seat.Unlock()
	if e := l.end.Load(); e != nil {
		return false, e.refusal()
	}
	if code, err := l.forbids(p.priority); err != nil { // another was faster
		l.report(ivs.TakeoverFailure, code)
		return false, err
	}
	if !l.report(ivs.Takeover, "") {
		return false, errAway
	}
	l.holder.dismiss(errTakenOver)
	l.holder = p
	l.takeovers++
	p.follow(u, current, tracks)
	l.facts.declare(declared)
	l.facts.setTracks(p.aliased(tracks))
	l.link.Store(nil)
	l.notice()
	return true, nil
}

// match reports whether tracks fit those of a running stream, and whether all of
// them are there.
func match(current, tracks []*media.Track) (matches, whole bool) {
	if len(current) == 0 {
		return true, true
	}
	if len(tracks) > len(current) {
		return false, false
	}
	left := append([]*media.Track(nil), current...)
	for _, t := range tracks {
		i := 0
		for i < len(left) && !alike(left[i], t) {
			i++
		}
		if i == len(left) {
			return false, false
		}
		left = append(left[:i], left[i+1:]...)
	}
	return true, len(left) == 0
}

// errOtherMedia says what a takeover failed of.
var errOtherMedia = ivs.Errorf(ivs.Invalid, "the stream can only be taken over with the same codecs, resolution and number of tracks: set the encoder as the first one is")

// alike reports whether one track may take the place of another.
func alike(a, b *media.Track) bool {
	return a.Kind == b.Kind && a.ID == b.ID && a.Codec == b.Codec && a.Picture.Width == b.Picture.Width && a.Picture.Height == b.Picture.Height
}

// follow fits the publisher's clock and tracks to what came before it: its first
// picture is shown as much later than the last as it came, or at once if that is as
// good as nothing. The caller has feed.
func (p *publisher) follow(first media.Unit, current, tracks []*media.Track) {
	l := p.live
	if !l.pictured.IsZero() {
		gap := media.TicksOf(min(max(first.At.Sub(l.pictured), 0), maxTakeoverGap))
		if gap < smallGap && l.step > 0 && l.step < smallGap {
			gap = l.step
		}
		p.offset = l.position + max(gap, leastStep) - first.DTS
	}
	p.alias = nil
	for _, t := range tracks {
		for _, c := range current {
			if equal(t, c) {
				p.alias = append(p.alias, [2]*media.Track{t, c})
			}
		}
	}
}

// equal reports whether the units of one track can be decoded as those of
// another, however their headers are written.
func equal(a, b *media.Track) bool {
	return a.Kind == b.Kind && a.ID == b.ID && a.Codec == b.Codec && a.Sound == b.Sound &&
		slices.EqualFunc(a.Picture.SPS, b.Picture.SPS, bytes.Equal) && slices.EqualFunc(a.Picture.PPS, b.Picture.PPS, bytes.Equal)
}

// moved brings a unit to the session's clock and tracks.
func (p *publisher) moved(u media.Unit) media.Unit {
	u.PTS += p.offset
	u.DTS += p.offset
	u.Track = p.aliasOf(u.Track)
	return u
}

func (p *publisher) aliasOf(t *media.Track) *media.Track {
	for _, a := range p.alias {
		if a[0] == t {
			return a[1]
		}
	}
	return t
}

func (p *publisher) aliased(tracks []*media.Track) []*media.Track {
	out := make([]*media.Track, len(tracks))
	for i, t := range tracks {
		out[i] = p.aliasOf(t)
	}
	return out
}

// report has the session's goroutine store an event, and reports whether there is
// room. Failures leave room for what happened.
func (l *live) report(name, code string) bool {
	if code != "" && len(l.reports) >= maxReports/2 {
		return false
	}
	select {
	case l.reports <- report{name, code, now()}:
		return true
	default:
		return false
	}
}

// reported queues the event of a report.
func (l *live) reported(r report) {
	ev := ivs.NewEvent(l.rec.s, ivs.StreamStateChange, r.name, r.at)
	ev.Code = r.code
	l.rec.add(ev)
	if r.code != "" {
		l.trace.Note("takeover", "failed: %s", r.code)
	}
	if r.name == ivs.Takeover {
		l.targets = targets{}
		l.trace.Note("takeover", "%s has the stream now", l.publisher().remote)
		l.log.Info("session taken over", "remote", l.publisher().remote)
	}
}

// allReported queues the events of all reports that wait.
func (l *live) allReported() {
	for {
		select {
		case r := <-l.reports:
			l.reported(r)
		default:
			return
		}
	}
}

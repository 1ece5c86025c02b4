package session

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"openivs/internal/health"
	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/multitrack"
	"openivs/internal/trace"
)

const (
	// beat is how often a session is judged, and how often at most a change of
	// what its encoder says is stored.
	beat = time.Second

	// settle is how long the first media headers are collected before they are
	// stored: audio's come a moment after video's, or the other way about.
	settle = 200 * time.Millisecond
)

// A live session. Its goroutine (run) owns the record and writes it; the
// publisher's carries media and never waits for that.
type live struct {
	reg     *Registry
	log     *slog.Logger
	channel ivs.ARN
	id      string // stream id
	created time.Time
	trace   *trace.Log
	excess  int          // by how many sessions this one is too many; 0: it is let in
	flaw    error        // why it ends as soon as it has begun; nil: it does not
	data    *media.Track // of metadata
	ads     *media.Track // of ad breaks
	pipe    Pipeline

	// Shared with the publisher's goroutine and with whoever stops the session.
	end       atomic.Pointer[ending] // nil while media flows
	ended     chan struct{}          // closed when end is set
	over      chan struct{}          // closed when the channel is free again
	opened    chan error             // holds one: how opening went
	abandon   context.CancelFunc     // ends the session's goroutine, whatever is left to write
	changed   chan struct{}          // holds one: facts changed
	carries   atomic.Bool            // the session is open, and its pipeline
	reports   chan report            // takeovers to be stored
	crowd     chan int               // holds one: the limit, when a viewer beyond it was turned away
	notes     chan note              // from outside; held until they are in the record
	facts     facts
	meter     health.Meter
	lastMedia atomic.Int64 // arrival of the newest unit, microseconds since 1970; 0: none
	health    verdict
	link      atomic.Pointer[ingest.Link] // nil: nothing is known
	shown     *entry                      // guarded by Registry.mu; nil: not to be seen

	feed     sync.Mutex       // held while a unit is written; after it, pipe is none
	position media.Ticks      // of the newest picture; guarded by feed
	step     media.Ticks      // to it from the one before; guarded by feed
	pictured time.Time        // when it came; zero: there was none; guarded by feed
	terms    multitrack.Terms // of its pictures; what came is guarded by feed
	sounded  media.Ticks      // of the newest audio; guarded by feed
	adBreak  ivs.AdBreak      // whose time has not come, with an id; guarded by feed
	withheld withholding      // guarded by feed

	first *publisher // whose session it was made for

	seat      sync.Mutex
	holder    *publisher   // whose media it is; changes with feed held, too
	rivals    []*publisher // who wants to take it over
	takeovers int          // there were

	// Owned by the session's goroutine.
	rec     *record
	rates   health.Sampler
	causes  health.Diagnosis
	pace    pace
	fps     framerate
	targets targets
	visible bool // in the roster
	noted   []note
}

func (r *Registry) newLive(ch ivs.Channel, rec json.RawMessage, q applicant) *live {
	s := ivs.Session{
		StreamID:  ivs.NewStreamID(),
		Channel:   r.Addresses.Snapshot(ch),
		Recording: rec,
		Protocol:  q.Protocol,
		Created:   now(),
		Tracks:    q.tracks,
		KeyEvery:  keyframeInterval(q.Query),
	}
	log := r.log().With("channel", ch.ARN.String(), "session", s.StreamID)
	priority, _ := takeoverPriority(q.Query)
	l := &live{
		reg:     r,
		log:     log,
		channel: ch.ARN,
		id:      s.StreamID,
		created: s.Created,
		trace:   trace.New(q.Key, q.sent, ch.SRTPassphrase),
		flaw:    q.flaw,
		terms:   q.terms(ch),
		data:    &media.Track{Kind: media.Data, Codec: media.ID3},
		ads:     &media.Track{Kind: media.Data, Codec: media.AdMarker},
		pipe:    none{},
		ended:   make(chan struct{}),
		over:    make(chan struct{}),
		opened:  make(chan error, 1),
		changed: make(chan struct{}, 1),
		crowd:   make(chan int, 1),
		notes:   make(chan note),
		reports: make(chan report, maxReports),
		rec:     newRecord(r.Store, r.storeWait(), log, s),
	}
	l.rec.trace = l.trace
	q.Trace.Join(l.trace)
	l.trace.Note("session", "%s begins on channel %s", l.id, ch.ARN)
	l.first = newPublisher(l, q.Request, priority)
	l.holder = l.first
	return l
}

// now is the time as it is stored: UTC, in whole microseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// run carries the session from its creation to its last write.
func (l *live) run(ctx context.Context) {
	defer l.abandon()
	defer l.reg.release(l)
	defer l.rec.writes.Wait()
	exists, err := l.open(ctx)
	if err != nil {
		l.first.End(err)
	}
	l.carries.Store(err == nil)
	l.opened <- err
	if !exists {
		return
	}
	l.carry(ctx)
	l.close(ctx)
}

// open stores the session and opens its pipeline. exists is false where the
// store surely has no such session; where that cannot be known, it is ended as
// if it had, so that none stays open for ever.
func (l *live) open(ctx context.Context) (exists bool, err error) {
	err = l.rec.open(ctx)
	switch ivs.CodeOf(err) {
	case ivs.Conflict:
		return false, errBusy
	case ivs.NotFound:
		return false, errDeleted
	default:
	}
	if err != nil {
		l.rec.away.begin(l.log, "open session", err)
		return true, errAway
	}
	if l.excess > 0 {
		return true, l.tooMany()
	}
	if l.flaw != nil {
		return true, l.flaw
	}
	pipe, err := l.reg.Open(l.rec.s)
	if err != nil {
		l.trace.Note("pipeline", "does not open: see the server's log")
		l.log.Error("pipeline does not open", "err", err)
		return true, errAway
	}
	l.pipe = pipe
	l.log.Info("session created", "remote", l.publisher().remote)
	return true, nil
}

// tooMany notes that the account has all the streams that it may have.
func (l *live) tooMany() error {
	limit := l.reg.maxStreams()
	ev, err := ivs.NewBreach(l.rec.s, ivs.ConcurrentBroadcasts, int64(limit), int64(l.excess), "active streams", now())
	if err != nil {
		return err
	}
	l.rec.add(ev)
	return ivs.Errorf(ivs.QuotaExceeded, "%d streams are live, and no more are allowed at a time: end another first", limit)
}

// carry looks after the session while media flows.
func (l *live) carry(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	longest := time.NewTimer(l.reg.maxDuration())
	defer longest.Stop()
	look := time.NewTimer(settle)
	look.Stop()
	defer look.Stop()
	playable := l.pipe.Playable()
	looking := false
	for {
		select {
		case <-l.ended:
			return
		case <-playable:
			playable = nil
			l.start(now())
			l.save(ctx)
		case <-l.changed:
			if !looking {
				look.Reset(l.patience())
				looking = true
			}
		case <-look.C:
			looking = false
			l.refresh()
			l.save(ctx)
		case r := <-l.reports:
			l.reported(r)
			l.save(ctx)
		case limit := <-l.crowd:
			l.crowded(limit, now())
			l.save(ctx)
		case n := <-l.notes:
			l.take(n)
			l.save(ctx)
		case <-tick.C:
			l.judge(time.Now())
			l.rec.traced(time.Now())
			l.save(ctx)
		case err := <-l.rec.wrote:
			l.saved(err)
			l.save(ctx)
		case <-longest.C:
			l.stop(ivs.Errorf(ivs.QuotaExceeded, "a stream lasts at most %v", l.reg.maxDuration()))
		}
	}
}

// patience is how long changed facts may settle before they are stored.
func (l *live) patience() time.Duration {
	if l.rec.s.Ingest == nil {
		return settle
	}
	return beat
}

// start notes that the stream can be watched.
func (l *live) start(at time.Time) {
	l.noteStart(at)
	l.rec.s.Started = l.rec.note(ivs.StreamStateChange, ivs.StreamStart, at)
}

// judge looks at what was measured: health, missing video, the frame rate.
func (l *live) judge(at time.Time) {
	t := l.meter.Totals()
	if t.Frames == 0 && !t.First.IsZero() && at.Sub(t.First) >= l.reg.videoWait() {
		l.stop(errNoVideo)
		return
	}
	r := l.rates.Sample(at, t)
	l.measure(at, t, r)
	if l.causes.Look(at, t, r, l.declared()) {
		l.rec.diagnosed(l.causes.Causes())
	}
	if l.fps.take(at, r) || l.rec.s.Protocol == "srt" && l.targets.take(r) {
		l.refresh()
	}
	if l.rec.s.Started.IsZero() {
		return // nobody can be starved yet
	}
	from := l.health.get()
	to := health.Judge(from, r)
	if to == from {
		return
	}
	l.health.set(to)
	if name := health.Event(from, to); name != "" {
		l.trace.Note("health", "%s: %v of video and %v of audio a second, %.1f pictures a second", name, r.Video, r.Audio, r.Framerate)
		l.rec.health(name, now())
	}
}

// declared is what the encoder said of itself.
func (l *live) declared() health.Declared {
	say := health.Declared{LowLatency: l.rec.s.Channel.Channel.Latency == ivs.LatencyLow}
	say.Renditions, say.Wanted = l.pipe.Renditions()
	if in := l.rec.s.Ingest; in != nil && len(in.Video) > 0 && in.Video[0].TargetBitrate > 0 {
		say.Framerate = float64(in.Video[0].TargetFramerate)
		for _, v := range in.Video {
			say.Bitrate += health.Bitrate(v.TargetBitrate)
		}
		if len(in.Audio) > 0 {
			say.Bitrate += health.Bitrate(in.Audio[0].TargetBitrate)
		}
	}
	return say
}

// refresh brings the record up to what the encoder says and sends now.
func (l *live) refresh() {
	declared, tracks := l.facts.get()
	video := firstVideo(tracks)
	l.fps.follow(video, now())
	if video == nil {
		return // audio's headers came first
	}
	l.rec.ingest(l.described(l.targets.complete(declared), tracks, l.fps.value))
}

// save has what is not stored yet written, beside the session's goroutine.
func (l *live) save(ctx context.Context) {
	l.rec.s.LastMedia = l.mediaTime()
	l.rec.save(ctx)
}

// saved notes how that went. A store that is away costs nothing but the delay:
// the next beat tries again.
func (l *live) saved(err error) {
	l.rec.took(err)
	l.confirm()
	if !l.visible && !l.rec.stored.Started.IsZero() {
		l.visible = true
		l.reg.show(l, l.rec.stored)
	}
}

// mediaTime is when the newest media arrived, or zero.
func (l *live) mediaTime() time.Time {
	us := l.lastMedia.Load()
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// firstVideo returns the first video track, or nil.
func firstVideo(tracks []*media.Track) *media.Track {
	for _, t := range tracks {
		if t.Kind == media.Video {
			return t
		}
	}
	return nil
}

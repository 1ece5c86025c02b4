package pipeline

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"openivs/internal/hls"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/transcode"
)

// A Transcoding is how the renditions of streams are made. Set the fields before
// the first use and leave them alone afterwards.
type Transcoding struct {
	Engine *transcode.Engine // nil: there is none, and every stream is passed on as sent
	Log    *slog.Logger      // required

	// Passthrough has streams for which there are no cores left be passed on as
	// sent; otherwise they fail.
	Passthrough bool

	Watch transcode.Watch // of processes; its Lost is not used

	failures atomic.Int64
}

// Failures counts the processes that failed.
func (t *Transcoding) Failures() int64 { return t.failures.Load() }

const (
	// patience is how long the first part of a stream waits for those of its
	// renditions, and longestStart how long all of them may take where there is
	// nothing else to watch.
	patience     = 5 * time.Second
	longestStart = 15 * time.Second

	// hopeless is how many processes in a row have failed when a stream that
	// nothing else is shown of is shown as sent.
	hopeless = 3

	// earsWait is how long the first pictures of a rendition wait for its audio,
	// which another process makes.
	earsWait = 3 * media.Clock

	// drainWait is how long the renditions of a stream that ended may take to
	// come out.
	drainWait = 3 * time.Second
)

// A ladder makes the renditions of one stream besides the source's. WriteUnit
// and close belong to the pipeline's writer; what comes out is written by
// goroutines that Run starts.
type ladder struct {
	log      *slog.Logger
	leads    bool // the source is a rendition, and the others are cut as it is
	source   *hls.Packager
	plan     *hls.Plan
	rungs    []*rendition // with pictures, the first leads if the source does not
	sounds   []*rendition // without
	video    transcode.Video
	sound    *transcode.Sound // nil: all have the encoder's own audio
	release  func()           // gives the cores back
	progress func()           // is called when something may have become playable

	clock   clock
	began   time.Time // arrival of the first unit
	source0 time.Time // when the source could be watched; zero: not yet
	settled bool      // all renditions are there, or not waited for any more
	shown   bool      // the source is written, as it leads or nothing else works

	sounding   atomic.Bool // the encoder sends audio
	failed     atomic.Bool // to make pictures, for good reason to show the source instead
	soundFails atomic.Bool // the encoder's own audio is all there is

	stop context.CancelFunc
	work sync.WaitGroup
}

// A rendition is what is made of one rung.
type rendition struct {
	audio int // by place in ladder.sound.Rates; negative: the encoder's own

	mu       sync.Mutex
	packager hls.Packager
	line     transcode.Line
	any      bool      // there was a picture
	heard    bool      // its audio has come, or is not waited for
	early    []picture // that wait for the audio, in order
}

// A picture is one that a process made.
type picture struct {
	unit media.Unit
	line transcode.Line
}

// ladder makes the ladder of a pipeline for an input, or none: there is no other
// rendition than the source then.
func (t *Transcoding) ladder(p *Pipeline, in transcode.Input) (*ladder, error) {
	ch := p.snapshot.Channel
	table := transcode.LadderOf(ch.Type, ch.Preset, in)
	if len(table.Rungs) == 0 {
		return nil, nil
	}
	p.wanted = table.Renditions()
	if t.Engine == nil {
		return nil, nil
	}
	log := t.Log.With("channel", ch.ARN.String(), "session", p.stream.ID)
	release, ok := t.Engine.Admit(table.Cost(in))
	if !ok && t.Passthrough {
		log.Warn("a stream is passed on as sent: there are no cores left to transcode it")
		return nil, nil
	}
	if !ok {
		return nil, &ivs.FailureError{
			Reason: ivs.CapacityExceeded,
			Err:    ivs.Errorf(ivs.Unavailable, "the server has no capacity left to transcode another stream: try again later, or set the channel's type to BASIC"),
		}
	}
	l := &ladder{
		log: log, leads: table.Source, source: &p.packager, plan: new(hls.Plan),
		release: release, progress: p.progress, shown: table.Source,
	}
	rates := table.Sounds()
	for _, g := range table.Rungs {
		l.rungs = append(l.rungs, l.rendition(p, g.Name, indexOf(rates, g.Audio)))
	}
	if table.AudioOnly {
		r := l.rendition(p, transcode.AudioOnly, indexOf(rates, table.Sound))
		r.packager.Window.SoundOnly = true
		l.sounds = append(l.sounds, r)
	}
	if l.leads {
		l.source.Plan = l.plan
	} else {
		l.rungs[0].packager.Follows = false
		l.source.Window.Withdraw()
	}
	l.run(t, table, rates)
	return l, nil
}

// indexOf returns the place of a rate, negative if there is none.
func indexOf(rates []int64, rate int64) int {
	for i, r := range rates {
		if r == rate {
			return i
		}
	}
	return -1
}

func (l *ladder) rendition(p *Pipeline, name string, audio int) *rendition {
	w := p.packager.Window.Sibling(name)
	return &rendition{audio: audio, packager: hls.Packager{Window: w, Target: p.packager.Target, Plan: l.plan, Follows: true, Made: true}}
}

// all are the renditions that are made.
func (l *ladder) all() []*rendition {
	return append(append([]*rendition(nil), l.rungs...), l.sounds...)
}

// watchable counts the renditions that can be watched.
func (l *ladder) watchable() (n int) {
	if l.leads || l.failed.Load() {
		n++
	}
	for _, r := range l.all() {
		if snap := r.packager.Window.Snapshot(); snap.Promising() && !snap.Away {
			n++
		}
	}
	return n
}

// run starts what makes pictures and sound; close waits for it.
func (l *ladder) run(t *Transcoding, table transcode.Ladder, rates []int64) {
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	l.video = transcode.Video{
		Program: t.Engine.Program, Rungs: table.Rungs, KeyEvery: table.KeyEvery,
		Write: func(i int, u media.Unit, line transcode.Line) { l.picture(l.rungs[i], u, line) }, Watch: t.Watch,
	}
	l.video.Lost = func(err error, failures int, pause time.Duration) {
		t.failures.Add(1)
		l.lost(err, failures, pause)
	}
	l.work.Go(func() { l.video.Run(ctx) })
	if len(rates) == 0 {
		return
	}
	l.sound = &transcode.Sound{
		Program: t.Engine.Program, Rates: rates,
		Write: func(i int, u media.Unit) { l.made(i, u) }, Watch: t.Watch,
	}
	l.sound.Lost = func(err error, failures int, pause time.Duration) {
		t.failures.Add(1)
		l.log.Warn("a process that makes audio failed", "err", err, "count", failures, "took", pause)
		l.soundFails.Store(failures >= hopeless)
	}
	l.work.Go(func() { l.sound.Run(ctx) })
}

// WriteUnit takes a unit of the encoder's.
func (l *ladder) WriteUnit(u media.Unit) error {
	if l.began.IsZero() {
		l.began = u.At
	}
	if !l.shown && l.failed.Load() {
		l.shown = true // nothing else is
	}
	if l.shown {
		if err := l.source.WriteUnit(u); err != nil {
			return err
		}
	}
	switch {
	case u.Track.Kind == media.Video && u.Track.ID == 0:
		timeline := l.clock.take(u)
		if l.leads {
			timeline = l.plan.Timeline()
		}
		l.video.WriteUnit(u, timeline)
	case u.Track.Kind == media.Audio && u.Track.ID == 0:
		l.audio(u)
	case u.Track.Kind == media.Data:
		for _, r := range l.all() {
			l.write(r, u)
		}
	}
	if !l.settled {
		l.settle(u.At)
	}
	return nil
}

// audio passes the encoder's own audio on to those renditions that have it, and
// to what makes other of it.
func (l *ladder) audio(u media.Unit) {
	l.sounding.Store(true)
	if l.sound != nil {
		l.sound.WriteUnit(u)
	}
	for _, r := range l.all() {
		if r.audio < 0 || l.soundFails.Load() {
			l.write(r, u)
		}
	}
}

// made takes audio of a rate.
func (l *ladder) made(rate int, u media.Unit) {
	for _, r := range l.all() {
		if r.audio == rate && !l.soundFails.Load() {
			r.mu.Lock()
			l.put(r, u)
			l.letIn(r)
			r.mu.Unlock()
		}
	}
	l.progress()
}

func (l *ladder) write(r *rendition, u media.Unit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.put(r, u)
}

func (l *ladder) put(r *rendition, u media.Unit) {
	if err := r.packager.WriteUnit(u); err != nil {
		l.log.Error("a unit does not fit a rendition", "rendition", r.packager.Window.Rendition, "err", err)
	}
}

// picture takes a picture of a rung. The first ones wait for its audio: players take
// what begins without it for silent.
func (l *ladder) picture(r *rendition, u media.Unit, line transcode.Line) {
	r.mu.Lock()
	if !r.heard && r.audio >= 0 && l.sounding.Load() && !l.soundFails.Load() && (len(r.early) == 0 || u.DTS-r.early[0].unit.DTS < earsWait) {
		r.early = append(r.early, picture{u, line})
		r.mu.Unlock()
		return
	}
	l.letIn(r)
	l.show(r, picture{u, line})
	r.mu.Unlock()
	l.progress()
}

// letIn ends the waiting for audio, if there is any. The caller holds r.mu.
func (l *ladder) letIn(r *rendition) {
	r.heard = true
	for _, p := range r.early {
		l.show(r, p)
	}
	r.early = nil
}

// show packages a picture. Where pictures are missing before it, a rendition that
// follows the source leaves, and comes back where the source has a segment that
// begins with a keyframe; if it is what others follow, all go on with a
// discontinuity. The caller holds r.mu.
func (l *ladder) show(r *rendition, p picture) {
	line := p.line
	if r.any && line.Gaps != r.line.Gaps && r == l.rungs[0] {
		l.log.Warn("pictures are missing in renditions, which begin anew", "dropped", l.video.Dropped())
	}
	if !r.any || line != r.line {
		switch {
		case !l.leads:
			r.packager.Timeline(line.Timeline + line.Gaps)
		case r.any && line.Gaps != r.line.Gaps:
			r.packager.Leave()
			fallthrough
		default:
			r.packager.Timeline(line.Timeline)
		}
		r.any, r.line = true, line
	}
	l.put(r, p.unit)
}

// lost notes that the process that makes pictures has failed.
func (l *ladder) lost(err error, failures int, pause time.Duration) {
	l.log.Warn("a process that makes renditions failed, another starts", "err", err, "count", failures, "took", pause)
	give := !l.leads && failures >= hopeless
	if l.leads || give {
		l.leave(false)
	}
	if give {
		l.failed.Store(true)
	}
	l.progress()
}

// leave has the renditions with pictures leave; if only those that never came,
// the others stay.
func (l *ladder) leave(absent bool) {
	for _, r := range l.all() {
		r.mu.Lock()
		never := !r.packager.Window.Snapshot().Promising()
		if pictures := !r.packager.Window.SoundOnly; (pictures || !l.leads) && (!absent || never) {
			r.packager.Leave()
		}
		r.mu.Unlock()
	}
}

// settle ends the waiting for renditions that do not come.
func (l *ladder) settle(now time.Time) {
	if l.source0.IsZero() && l.source.Window.Snapshot().Promising() {
		l.source0 = now
	}
	missing := false
	for _, r := range l.all() {
		snap := r.packager.Window.Snapshot()
		missing = missing || !snap.Promising() && !snap.Away
	}
	late := now.Sub(l.began) > longestStart || !l.source0.IsZero() && now.Sub(l.source0) > patience
	if missing && !late {
		return
	}
	l.settled = true
	if !missing {
		return
	}
	l.log.Warn("a rendition does not come in time, the stream begins without it")
	l.leave(true)
	if !l.leads {
		l.failed.Store(true)
	}
	l.progress()
}

// close waits a while for what was written to come out, then ends all renditions.
func (l *ladder) close(final bool) {
	l.video.End()
	if l.sound != nil {
		l.sound.End()
	}
	late := time.AfterFunc(drainWait, l.stop)
	l.work.Wait()
	late.Stop()
	l.stop()
	l.release()
	for _, r := range l.all() {
		r.mu.Lock()
		l.letIn(r)
		if err := r.packager.Close(final); err != nil {
			l.log.Error("a rendition closed with an error", "rendition", r.packager.Window.Rendition, "err", err)
		}
		r.mu.Unlock()
	}
}

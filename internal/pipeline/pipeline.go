// Package pipeline joins the stages that the media of one session passes, and
// knows which streams can be watched now.
//
// It decides nothing about who may publish or watch: packages session and
// playback do. What the stages make of the media is theirs.
package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"openivs/internal/hls"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/transcode"
)

const (
	defaultLinger   = 60 * time.Second
	maxLingerMemory = 256 << 20 // bytes
)

// errClosed is what a closed pipeline answers to more media.
var errClosed = errors.New("the pipeline is closed")

// A Builder makes the pipeline of each session and remembers them while they
// can be watched. Set the fields before the first Open and leave them alone
// afterwards.
type Builder struct {
	Target       time.Duration // segment length; 0: 2 s
	Linger       time.Duration // how long a stream can be watched to its end after it ended; 0: 60 s
	LingerMemory int64         // bytes that ended streams may keep together, the oldest let go first; 0: 256 MiB
	PartsInTS    bool          // low latency in transport streams has parts too
	Transcode    *Transcoding  // nil: every stream is passed on as sent, whatever its channel's type
	Key          []byte        // seals the media of channels that not everybody may watch; nil: it is not sealed

	// Record begins the recording of a session, or returns Unrecorded. It does not
	// wait. nil: nothing is recorded.
	Record func(s ivs.Session) Recording

	// Reserve returns the first of n media sequence numbers of a channel that
	// were never used, and what was learned of the channel last. nil: they are
	// only unique while the builder lives.
	Reserve func(channel ivs.ARN, n int64) (first int64, target time.Duration, err error)

	// Learned is told how long a channel's segments are, when a stream has ended
	// whose segments were others. nil: nobody is.
	Learned func(channel ivs.ARN, target time.Duration) error

	mu       sync.RWMutex
	channels map[ivs.ARN]*Pipeline    // what is live
	streams  map[string]*Pipeline     // by stream id: what is live or ended a short while ago
	ended    []*Pipeline              // the oldest first
	numbers  map[ivs.ARN]hls.Position // where channels go on
	opened   chan struct{}            // closed by Open; nil: nobody waits
}

// A Pipeline carries the media of one session. Its methods may be called from
// different goroutines.
type Pipeline struct {
	builder  *Builder
	snapshot ivs.Snapshot // never changes
	record   Recording
	stream   *hls.Stream
	playable chan struct{} // closed when the first segment can be watched
	forget   *time.Timer   // set by end, under Builder.mu

	watched sync.Once   // closes playable
	seen    atomic.Bool // it is closed

	mu       sync.Mutex
	packager hls.Packager  // of the source
	listened *hls.Packager // of the source's audio alone, where anybody wants it
	opening  *opening      // nil: the renditions are known
	ladder   *ladder       // nil: nothing is made of the source
	wanted   int           // renditions that the channel's type has; 0: not known, or it has none
	tracks   *tracks       // nil: the encoder sends one picture
	closed   bool
}

// Open makes the pipeline of a session that begins. It replaces what the
// channel had before.
func (b *Builder) Open(s ivs.Session) (*Pipeline, error) {
	if s.StreamID == "" {
		return nil, errors.New("open a pipeline: the session has no stream id")
	}
	window := &hls.Window{
		Stream:    s.StreamID,
		Rendition: hls.Source,
		Container: container(s.Channel.Channel),
		Delivery:  b.delivery(s.Channel.Channel),
	}
	if s.Channel.Channel.Restricted() {
		window.Key = b.Key
	}
	var err error
	if window.From, err = b.position(s.Channel.Channel.ARN); err != nil {
		return nil, fmt.Errorf("open a pipeline: %w", err)
	}
	p := b.pipeline(s, window)
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, taken := b.streams[s.StreamID]; taken {
		p.record.End(true)
		return nil, fmt.Errorf("open a pipeline: stream %s has one", s.StreamID)
	}
	if b.streams == nil {
		b.streams = make(map[string]*Pipeline)
		b.channels = make(map[ivs.ARN]*Pipeline)
	}
	b.streams[s.StreamID] = p
	b.channels[s.Channel.Channel.ARN] = p
	if b.opened != nil {
		close(b.opened)
		b.opened = nil
	}
	return p, nil
}

// pipeline makes a pipeline around the window of its source.
func (b *Builder) pipeline(s ivs.Session, window *hls.Window) *Pipeline {
	record := b.recording(s)
	window.Keep = record.Segment
	p := &Pipeline{
		builder:  b,
		snapshot: s.Channel,
		record:   record,
		stream:   hls.NewStream(s.StreamID, window),
		playable: make(chan struct{}),
		packager: hls.Packager{Window: window, Target: b.target(s), Plan: new(hls.Plan)},
	}
	if len(s.Tracks) > 0 {
		p.tracks = newTracks(p, s.Tracks)
		p.stream.Grow(append(p.tracks.windows(), p.listen(p.packager.Plan))...)
		return p
	}
	if b.Transcode != nil && s.Channel.Channel.Type != ivs.Basic {
		p.opening = new(opening)
		p.stream.Await()
		return p
	}
	p.stream.Grow(p.listen(p.packager.Plan))
	return p
}

// target is how long the segments of a session are: what its encoder says of its
// keyframes counts where they are not ours.
func (b *Builder) target(s ivs.Session) time.Duration {
	if s.KeyEvery > 0 && !s.Channel.Channel.Type.Advanced() {
		return s.KeyEvery
	}
	return b.Target
}

// listen makes the rendition of the source's audio alone, which is made for those
// who ask for it, and returns its window.
func (p *Pipeline) listen(plan *hls.Plan) *hls.Window {
	w := p.packager.Window.Sibling(transcode.AudioOnly)
	w.SoundOnly, w.OnDemand = true, true
	p.listened = &hls.Packager{Window: w, Plan: plan, Follows: true}
	return w
}

// Opened is closed when the next stream begins, whatever its channel.
func (b *Builder) Opened() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opened == nil {
		b.opened = make(chan struct{})
	}
	return b.opened
}

// Live returns the stream that runs on a channel, and the channel as it was
// when the stream began.
func (b *Builder) Live(channel ivs.ARN) (*hls.Stream, *ivs.Snapshot, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	p, ok := b.channels[channel]
	if !ok {
		return nil, nil, false
	}
	return p.stream, &p.snapshot, true
}

// Latest returns the stream that runs on a channel, else the newest of those
// that ended a short while ago.
func (b *Builder) Latest(channel ivs.ARN) (*hls.Stream, *ivs.Snapshot, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	p, ok := b.channels[channel]
	for i := len(b.ended) - 1; i >= 0 && !ok; i-- {
		p, ok = b.ended[i], b.ended[i].snapshot.Channel.ARN == channel
	}
	if !ok {
		return nil, nil, false
	}
	return p.stream, &p.snapshot, true
}

// Stream returns a stream by its id: one that runs, or one that ended a short
// while ago and can be watched to its end.
func (b *Builder) Stream(id string) (*hls.Stream, *ivs.Snapshot, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	p, ok := b.streams[id]
	if !ok {
		return nil, nil, false
	}
	return p.stream, &p.snapshot, true
}

// Playable is closed when the first segment can be watched.
func (p *Pipeline) Playable() <-chan struct{} { return p.playable }

// Renditions returns how many renditions can be watched, and how many the channel's
// type has for what is sent; wanted is 0 until that is known.
func (p *Pipeline) Renditions() (made, wanted int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ladder == nil {
		return 1, p.wanted
	}
	return p.ladder.watchable(), p.wanted
}

// WriteUnit takes a unit. It waits for nothing slower than memory. An error
// says what about the media cannot be carried; the session is over then.
func (p *Pipeline) WriteUnit(u media.Unit) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return errClosed
	case p.opening == nil:
		return p.carry(u)
	case u.Track == nil || !p.opening.take(u):
		return nil
	}
	early := p.opening
	p.opening = nil
	if err := p.climb(early); err != nil {
		return err
	}
	for _, u := range early.units {
		if err := p.carry(u); err != nil {
			return err
		}
	}
	return nil
}

// climb decides on the renditions, now that it is known what comes.
func (p *Pipeline) climb(o *opening) error {
	t := o.track()
	l, err := p.builder.Transcode.ladder(p, transcode.Input{Width: t.Picture.Width, Height: t.Picture.Height, Framerate: o.rate()})
	if err != nil {
		return err
	}
	var windows []*hls.Window
	plan := p.packager.Plan
	if p.ladder = l; l != nil {
		plan = l.plan
		for _, r := range l.all() {
			windows = append(windows, r.packager.Window)
		}
	}
	if l == nil || len(l.sounds) == 0 {
		windows = append(windows, p.listen(plan))
	}
	p.stream.Grow(windows...)
	return nil
}

// carry takes a unit of a stream whose renditions are known.
func (p *Pipeline) carry(u media.Unit) error {
	write := p.packager.WriteUnit
	switch {
	case p.ladder != nil:
		write = p.ladder.WriteUnit
	case p.tracks != nil:
		write = p.tracks.WriteUnit
	}
	if err := write(u); err != nil {
		return err
	}
	if u.Key && u.Track.Kind == media.Video && u.Track.ID == 0 {
		p.record.Picture(u)
	}
	if p.listened != nil && p.listened.Window.Wanted() && u.Track != nil {
		if err := p.listened.WriteUnit(u); err != nil {
			return err
		}
	}
	p.progress()
	return nil
}

// progress notes that the stream may have become playable.
func (p *Pipeline) progress() {
	if p.seen.Load() || !p.stream.Playable() {
		return
	}
	p.watched.Do(func() {
		p.seen.Store(true)
		p.record.Playable()
		close(p.playable)
	})
}

// Close ends the stream with what has arrived. If final, viewers are told that
// nothing will follow; if not, as when the server stops, their players keep
// asking. Closing again does nothing.
func (p *Pipeline) Close(final bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed, p.opening = true, nil
	err := p.packager.Close(final)
	if p.ladder != nil {
		p.ladder.close(final)
		p.progress()
	}
	if p.tracks != nil {
		err = errors.Join(err, p.tracks.close(final))
		p.progress()
	}
	if p.listened != nil {
		err = errors.Join(err, p.listened.Close(final))
	}
	p.record.End(final)
	if target := p.builder.end(p); target > 0 && p.builder.Learned != nil {
		err = errors.Join(err, p.builder.Learned(p.snapshot.Channel.ARN, target))
	}
	return err
}

// end moves a pipeline from what is live to what ended a short while ago. It
// returns how long the channel's segments are if that was learned from it, or 0.
func (b *Builder) end(p *Pipeline) (learned time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	arn := p.snapshot.Channel.ARN
	if b.channels[arn] == p {
		delete(b.channels, arn)
	}
	learned = b.goesOn(arn, p.stream.Next())
	if p.stream.Size() == 0 {
		delete(b.streams, p.stream.ID)
		return learned
	}
	b.ended = append(b.ended, p)
	p.forget = time.AfterFunc(cmp.Or(b.Linger, defaultLinger), func() { b.drop(p) })
	limit := cmp.Or(b.LingerMemory, maxLingerMemory)
	for i := 0; i < len(b.ended) && b.endedSize() > limit; i++ {
		b.ended[i].stream.Shed() // viewers still learn that it is over
	}
	return learned
}

// endedSize is how many bytes ended streams keep together. The caller has mu.
func (b *Builder) endedSize() (n int64) {
	for _, p := range b.ended {
		n += p.stream.Size()
	}
	return n
}

// drop forgets an ended stream.
func (b *Builder) drop(p *Pipeline) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.ended, p); i >= 0 {
		b.forgetOldest(i)
	}
}

// forgetOldest forgets the ended stream at place i. The caller has mu.
func (b *Builder) forgetOldest(i int) {
	delete(b.streams, b.ended[i].stream.ID)
	b.ended = slices.Delete(b.ended, i, i+1)
}

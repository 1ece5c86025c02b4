package session_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/session"
)

var errStoreAway = errors.New("the database is away")

// A fault is what happens to a call of the store.
type fault int

const (
	none      fault = iota
	failing         // nothing is written, an error is returned
	forgetful       // all is written, an error is returned: the answer was lost
	hanging         // nothing is written, the call returns when its context ends
)

// A disk is what outlives a server: sessions and events, changed in
// transactions. It notes every breach of what a database enforces.
type disk struct {
	mu       sync.Mutex
	keys     map[ivs.Secret]ivs.Channel
	sessions map[string]ivs.Session
	newest   map[ivs.ARN]string     // stream id of a channel's newest session
	events   map[string][]ivs.Event // by stream id, in the order of commits
	ids      map[string]bool        // of all events
	traces   map[string]string      // by stream id
	breaches []string
	writes   int // successful calls of OpenSession and SaveSession
	marks    int // successful calls of Checkpoint
}

func newDisk(chs ...ivs.Channel) *disk {
	d := &disk{
		keys:     make(map[ivs.Secret]ivs.Channel),
		sessions: make(map[string]ivs.Session),
		newest:   make(map[ivs.ARN]string),
		events:   make(map[string][]ivs.Event),
		ids:      make(map[string]bool),
		traces:   make(map[string]string),
	}
	for _, ch := range chs {
		d.keys[keyOf(ch)] = ch
	}
	return d
}

func keyOf(ch ivs.Channel) ivs.Secret { return ivs.Secret("sk_" + ch.ARN.ID) }

func testChannel(name string) ivs.Channel {
	return ivs.Channel{
		ARN:            ivs.NewARN("us-east-1", "123456789012", ivs.KindChannel),
		Name:           name,
		Type:           ivs.Standard,
		Latency:        ivs.LatencyLow,
		InsecureIngest: true,
		Tags:           ivs.Tags{},
		SRTPassphrase:  "hidden",
	}
}

func (d *disk) breach(format string, args ...any) {
	d.breaches = append(d.breaches, fmt.Sprintf(format, args...))
}

func (d *disk) session(id string) ivs.Session {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sessions[id]
}

// all returns the sessions in the order in which they were created.
func (d *disk) all() []ivs.Session {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.SortedFunc(maps.Values(d.sessions), func(a, b ivs.Session) int { return a.Created.Compare(b.Created) })
}

// history returns the names of a session's events, the oldest first.
func (d *disk) history(id string) []string {
	var names []string
	for _, ev := range d.log(id) {
		names = append(names, ev.Name)
	}
	return names
}

func (d *disk) log(id string) []ivs.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.events[id])
}

func (d *disk) written() (writes, marks int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writes, d.marks
}

func (d *disk) append(evs []ivs.Event) {
	for _, ev := range evs {
		if !d.ids[ev.ID] {
			d.ids[ev.ID] = true
			d.events[ev.StreamID] = append(d.events[ev.StreamID], ev)
		}
	}
}

// Publisher, OpenSession and the rest make a disk a session.Store that never fails.
func (d *disk) Publisher(_ context.Context, key ivs.Secret) (ivs.Channel, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ch, ok := d.keys[key]
	if !ok {
		return ivs.Channel{}, ivs.Errorf(ivs.NotFound, "no such stream key")
	}
	return ch, nil
}

func (d *disk) OpenSession(_ context.Context, s ivs.Session, ev ivs.Event) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	arn := s.Channel.Channel.ARN
	if id, ok := d.newest[arn]; ok && d.sessions[id].Ended.IsZero() {
		return ivs.Errorf(ivs.Conflict, "the channel has an open session")
	}
	d.newest[arn] = s.StreamID
	d.sessions[s.StreamID] = s
	d.append([]ivs.Event{ev})
	d.writes++
	return nil
}

func (d *disk) SaveSession(_ context.Context, s ivs.Session, evs ...ivs.Event) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	old, ok := d.sessions[s.StreamID]
	if !ok {
		return ivs.Errorf(ivs.NotFound, "no such session")
	}
	if !old.Ended.IsZero() && !old.Ended.Equal(s.Ended) {
		d.breach("session %s is saved after its end", s.StreamID)
	}
	if s.Trace != "" {
		d.traces[s.StreamID], s.Trace = s.Trace, ""
	}
	d.sessions[s.StreamID] = s
	d.append(evs)
	d.writes++
	return nil
}

func (d *disk) Checkpoint(_ context.Context, lastMedia map[string]time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, at := range lastMedia {
		if v, ok := d.sessions[id]; ok && v.Ended.IsZero() {
			v.LastMedia = at
			d.sessions[id] = v
		}
	}
	d.marks++
	return nil
}

func (d *disk) OpenSessions(context.Context) ([]ivs.Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var open []ivs.Session
	for _, v := range d.sessions {
		if v.Ended.IsZero() {
			open = append(open, v)
		}
	}
	return open, nil
}

func (d *disk) Session(_ context.Context, channel ivs.ARN, id string) (ivs.Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.sessions[id]
	if !ok || s.Channel.Channel.ARN != channel {
		return s, ivs.Errorf(ivs.NotFound, "no session %s", id)
	}
	return s, nil
}

func (d *disk) SessionEvents(_ context.Context, id string, limit int) ([]ivs.Event, error) {
	evs := d.log(id)
	slices.Reverse(evs)
	return evs[:min(limit, len(evs))], nil
}

func (d *disk) ForgetSessions(_ context.Context, before time.Time, limit int) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for id, v := range d.sessions {
		if n < limit && !v.Ended.IsZero() && v.Ended.Before(before) {
			delete(d.sessions, id)
			delete(d.events, id)
			n++
		}
	}
	return n, nil
}

// A store is one server's connection to a database. next decides what becomes
// of each call.
type store struct {
	under session.Store

	mu   sync.Mutex
	next func(op string) fault // nil: nothing befalls them
}

// behave sets next from now on.
func (s *store) behave(next func(op string) fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = next
}

func (s *store) call(ctx context.Context, op string, do func() error) error {
	f := none
	s.mu.Lock()
	next := s.next
	s.mu.Unlock()
	if next != nil {
		f = next(op)
	}
	switch f {
	case failing:
		return errStoreAway
	case hanging:
		<-ctx.Done()
		return context.Cause(ctx)
	case none, forgetful:
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err := do()
	if f == forgetful {
		return errStoreAway
	}
	return err
}

func (s *store) Publisher(ctx context.Context, key ivs.Secret) (ch ivs.Channel, err error) {
	err = s.call(ctx, "publisher", func() error { ch, err = s.under.Publisher(ctx, key); return err })
	return ch, err
}

func (s *store) OpenSession(ctx context.Context, v ivs.Session, ev ivs.Event) error {
	return s.call(ctx, "open", func() error { return s.under.OpenSession(ctx, v, ev) })
}

func (s *store) SaveSession(ctx context.Context, v ivs.Session, evs ...ivs.Event) error {
	return s.call(ctx, "save", func() error { return s.under.SaveSession(ctx, v, evs...) })
}

func (s *store) Checkpoint(ctx context.Context, lastMedia map[string]time.Time) error {
	return s.call(ctx, "checkpoint", func() error { return s.under.Checkpoint(ctx, lastMedia) })
}

func (s *store) SessionEvents(ctx context.Context, id string, limit int) (evs []ivs.Event, err error) {
	err = s.call(ctx, "events", func() error { evs, err = s.under.SessionEvents(ctx, id, limit); return err })
	return evs, err
}

func (s *store) Session(ctx context.Context, channel ivs.ARN, id string) (v ivs.Session, err error) {
	err = s.call(ctx, "session", func() error { v, err = s.under.Session(ctx, channel, id); return err })
	return v, err
}

func (s *store) OpenSessions(ctx context.Context) (open []ivs.Session, err error) {
	err = s.call(ctx, "list", func() error { open, err = s.under.OpenSessions(ctx); return err })
	return open, err
}

func (s *store) ForgetSessions(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = s.call(ctx, "forget", func() error { n, err = s.under.ForgetSessions(ctx, before, limit); return err })
	return n, err
}

// A pipeline makes a segment of every two seconds of video.
type pipeline struct {
	playable chan struct{}
	stuck    chan struct{} // nil, or Close waits for it
	refuse   error         // what WriteUnit answers
	after    media.Ticks   // how much video makes it playable

	made, wanted int // renditions

	mu     sync.Mutex
	units  int
	begun  bool
	first  media.Ticks
	shown  bool
	data   []media.Unit // of data tracks
	closes []bool       // what final was
	newest map[media.Kind]media.Ticks
	seen   map[*media.Track]bool
	tracks int         // that units had
	gap    media.Ticks // the most between two units of a kind
	back   int         // how often a unit was not later than the one before
}

func (p *pipeline) WriteUnit(u media.Unit) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		return p.refuse
	}
	p.units++
	p.compare(u)
	if u.Track.Kind == media.Data {
		p.data = append(p.data, u)
	}
	if u.Track.Kind != media.Video {
		return nil
	}
	if !p.begun {
		p.begun, p.first = true, u.DTS
	}
	if !p.shown && u.DTS-p.first >= p.after {
		p.shown = true
		close(p.playable)
	}
	return nil
}

// compare notes how the times and tracks of units follow each other.
func (p *pipeline) compare(u media.Unit) {
	if u.Track.Kind == media.Data {
		return
	}
	if was, ok := p.newest[u.Track.Kind]; ok {
		p.gap = max(p.gap, u.DTS-was)
		if u.DTS <= was {
			p.back++
		}
	}
	if p.newest == nil {
		p.newest, p.seen = make(map[media.Kind]media.Ticks), make(map[*media.Track]bool)
	}
	p.newest[u.Track.Kind] = u.DTS
	if !p.seen[u.Track] {
		p.seen[u.Track] = true
		p.tracks++
	}
}

func (p *pipeline) Playable() <-chan struct{} { return p.playable }

func (p *pipeline) Renditions() (made, wanted int) { return p.made, p.wanted }

func (p *pipeline) Close(final bool) error {
	p.mu.Lock()
	p.closes = append(p.closes, final)
	stuck := p.stuck
	p.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
	return nil
}

func (p *pipeline) received() []media.Unit {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.data)
}

func (p *pipeline) closed() []bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.closes)
}

// A house is a registry and what it stands on.
type house struct {
	*session.Registry
	disk  *disk
	store *store

	mu    sync.Mutex
	pipes []*pipeline
	build func(p *pipeline) error // nil, or changes each pipeline before it is used
}

// open starts a registry on a disk; the test's end closes it.
func open(t *testing.T, d *disk) *house {
	t.Helper()
	h := build(d)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		if err := h.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer stop()
		_ = h.Close(ctx)
		cancel()
		<-ran
		for _, b := range d.breaches {
			t.Error(b)
		}
	})
	return h
}

func build(d *disk) *house {
	h := on(d)
	h.disk = d
	return h
}

// on makes a registry that stands on any store.
func on(under session.Store) *house {
	h := &house{store: &store{under: under}}
	h.Registry = &session.Registry{
		Store:     h.store,
		Addresses: ivs.Addresses{Host: "live.example", Playback: "https://live.example", Region: "us-east-1", Account: "123456789012"},
		Open: func(ivs.Session) (session.Pipeline, error) {
			p := &pipeline{playable: make(chan struct{}), after: 2 * media.Clock}
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.build != nil {
				if err := h.build(p); err != nil {
					return nil, err
				}
			}
			h.pipes = append(h.pipes, p)
			return p, nil
		},
	}
	return h
}

func (h *house) pipe(i int) *pipeline {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pipes[i]
}

func request(ch ivs.Channel) ingest.Request {
	return ingest.Request{Protocol: "rtmp", Key: keyOf(ch), Remote: "192.0.2.1:5000"}
}

// admit lets an encoder in that is expected to be let in.
func (h *house) admit(t *testing.T, ch ivs.Channel) *encoder {
	t.Helper()
	pub, err := h.Admit(t.Context(), request(ch))
	if err != nil {
		t.Fatalf("Admit: %v", err)
	}
	all := h.disk.all()
	e := &encoder{pub: pub, video: videoTrack(), audio: audioTrack()}
	for _, s := range all {
		if s.Channel.Channel.ARN == ch.ARN && s.Ended.IsZero() {
			e.id = s.StreamID
		}
	}
	return e
}

func videoTrack() *media.Track {
	return &media.Track{
		Kind: media.Video, Codec: media.H264,
		Picture: media.Picture{Profile: 100, Level: 31, Width: 1280, Height: 720, Framerate: 30},
	}
}

func audioTrack() *media.Track {
	return &media.Track{
		Kind: media.Audio, Codec: media.AAC,
		Sound: media.Sound{ObjectType: 2, SampleRate: 48000, Channels: 2},
	}
}

// An encoder publishes 10 pictures and 10 sounds a second.
type encoder struct {
	pub   ingest.Publication
	id    string // stream id
	video *media.Track
	audio *media.Track
	dts   media.Ticks
	n     int
}

const frame = 100 * time.Millisecond

// headers says what is going to come, as encoders do before any media.
func (e *encoder) headers() {
	e.pub.Declare(ingest.Declaration{Encoder: "Lavf59.27.100", VideoBitrate: 2500000, AudioBitrate: 160000, Framerate: 30, Width: 1280, Height: 720})
	tracks := []*media.Track{e.audio}
	if e.video != nil {
		tracks = []*media.Track{e.video, e.audio}
	}
	e.pub.SetTracks(tracks)
}

// send publishes for d in real time and returns the first error.
func (e *encoder) send(d time.Duration) error {
	for range d / frame {
		if err := e.one(); err != nil {
			return err
		}
		wait(frame)
	}
	return nil
}

// one publishes a picture and a sound.
func (e *encoder) one() error {
	defer func() { e.dts += media.TicksOf(frame); e.n++ }()
	if e.video != nil {
		err := e.pub.WriteUnit(media.Unit{Track: e.video, DTS: e.dts, PTS: e.dts, Key: e.n%10 == 0, At: time.Now(), Data: make([]byte, 1000)})
		if err != nil {
			return err
		}
	}
	if e.audio == nil {
		return nil
	}
	return e.pub.WriteUnit(media.Unit{Track: e.audio, DTS: e.dts, PTS: e.dts, Key: true, At: time.Now(), Data: make([]byte, 100)})
}

// obey ends the publication as a door does when the server wants it gone.
func (e *encoder) obey() error {
	<-e.pub.Done()
	err := e.pub.Cause()
	e.pub.End(err)
	return err
}

// wait lets time pass.
func wait(d time.Duration) { <-time.After(d) }

package session_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/session"
)

// legal checks a session's history: one letter an event.
func legal(names []string) error {
	letters := strings.NewReplacer(
		ivs.SessionCreated, "C", ivs.StreamStart, "S", ivs.StarvationStart, "(", ivs.StarvationEnd, ")",
		ivs.SessionEnded, "E", ivs.StreamEnd, "X", " ", "")
	word := letters.Replace(strings.Join(names, " "))
	if !regexp.MustCompile(`^C(E|S(\(\))*\(?EX)$`).MatchString(word) {
		return fmt.Errorf("illegal history %s", word)
	}
	return nil
}

// The model of the channels: who is at each. It is told what publishers did and
// what they were answered, and says whether that may be.
type model struct {
	mu    sync.Mutex
	owner map[ivs.ARN]*encoder // was let in last, and has not left
	here  map[ivs.ARN]int      // publishers between their first knock and the return of End
	knock map[ivs.ARN]int      // how often anybody knocked
	errs  []error
}

func newModel() *model {
	return &model{owner: make(map[ivs.ARN]*encoder), here: make(map[ivs.ARN]int), knock: make(map[ivs.ARN]int)}
}

func (m *model) wrong(format string, args ...any) {
	m.errs = append(m.errs, fmt.Errorf(format, args...))
}

// knocks: somebody asks to come in. The returned function says whether anybody
// else was there since, and so a reason to refuse.
func (m *model) knocks(ch ivs.ARN) (rival func() bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	others := m.here[ch] > 0
	m.here[ch]++
	m.knock[ch]++
	n := m.knock[ch]
	return func() bool { return others || m.knock[ch] != n }
}

// admitted: nobody else may be publishing.
func (m *model) admitted(ch ivs.ARN, e *encoder) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o := m.owner[ch]; o != nil && !told(o) {
		m.wrong("a publisher was let in beside another on %s", ch)
	}
	m.owner[ch] = e
}

// told reports whether the server wants e gone; its media is not taken any more.
func told(e *encoder) bool {
	select {
	case <-e.pub.Done():
		return true
	default:
		return false
	}
}

// refused: there must be a rival, unless the store or the server was away.
func (m *model) refused(ch ivs.ARN, err error, rival func() bool, troubled bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.here[ch]--
	if !rival() && !troubled {
		m.wrong("refused although nobody has the channel: %w", err)
	}
}

// leaves: e is about to end by itself, and then has.
func (m *model) leaves(ch ivs.ARN, e *encoder, end func()) {
	m.mu.Lock()
	if m.owner[ch] == e {
		delete(m.owner, ch)
	}
	m.mu.Unlock()
	end()
	m.mu.Lock()
	m.here[ch]--
	m.mu.Unlock()
}

// A ledger tells what is stored.
type ledger interface {
	session.Store
	all() []ivs.Session // the oldest first
	session(id string) ivs.Session
	log(id string) []ivs.Event // the oldest first
}

// A world is servers that come and go on one database, and publishers that try.
type world struct {
	*model
	t     *testing.T
	chs   []ivs.Channel
	disk  ledger
	crowd sync.WaitGroup // of publishers

	mu       sync.Mutex
	rnd      *rand.Rand
	server   *house
	fault    fault
	troubled time.Time // until when refusals are excused
}

func (w *world) roll(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rnd.IntN(n)
}

// boot starts a server on the disk and returns how to kill it.
func (w *world) boot() (kill func()) {
	h := on(w.disk)
	dead := false // guarded by w.mu
	h.store.behave(func(op string) fault {
		w.mu.Lock()
		defer w.mu.Unlock()
		if dead {
			return failing
		}
		if w.fault != none && w.rnd.IntN(3) > 0 {
			return w.fault
		}
		return none
	})
	h.build = func(p *pipeline) error {
		if w.roll(4) == 0 {
			p.stuck = make(chan struct{})
			time.AfterFunc(time.Duration(w.roll(20000))*time.Millisecond, func() { close(p.stuck) })
		}
		return nil
	}
	for h.Recover(w.t.Context()) != nil {
		wait(100 * time.Millisecond)
	}
	w.mu.Lock()
	w.server = h
	w.mu.Unlock()
	ctx, cancel := context.WithCancel(w.t.Context())
	var ran sync.WaitGroup
	ran.Go(func() { _ = h.Run(ctx) })
	return func() {
		w.mu.Lock()
		dead = w.rnd.IntN(3) > 0 // or it is stopped in good order
		w.troubled = time.Now().Add(recovery)
		stop := time.Duration(w.rnd.IntN(12)) * time.Second
		w.mu.Unlock()
		cctx, ccancel := context.WithTimeout(ctx, stop)
		defer ccancel()
		_ = h.Close(cctx)
		w.mu.Lock()
		dead = true
		w.mu.Unlock()
		cancel()
		ran.Wait()
	}
}

// publish is one publisher's try, from Admit to End.
func (w *world) publish(ch ivs.Channel) {
	w.mu.Lock()
	h := w.server
	w.mu.Unlock()
	rival := w.knocks(ch.ARN)
	pub, err := h.Admit(w.t.Context(), request(ch))
	w.mu.Lock()
	troubled := w.fault != none || time.Now().Before(w.troubled) || h != w.server
	w.mu.Unlock()
	if err != nil {
		w.refused(ch.ARN, err, rival, troubled || strings.Contains(err.Error(), "still ending"))
		return
	}
	e := &encoder{pub: pub, video: videoTrack(), audio: audioTrack()}
	if w.roll(8) == 0 {
		e.video = nil
	}
	w.admitted(ch.ARN, e)
	e.headers()
	err = w.stream(e)
	w.leaves(ch.ARN, e, func() { pub.End(err) })
}

// stream sends media with pauses until the publisher or the server has enough.
func (w *world) stream(e *encoder) error {
	for range w.roll(200) {
		select {
		case <-e.pub.Done():
			return e.pub.Cause()
		case <-time.After(frame):
		}
		if w.roll(150) == 0 {
			wait(time.Duration(w.roll(8000)) * time.Millisecond)
		}
		if err := e.one(); err != nil {
			return err
		}
	}
	if w.roll(2) == 0 {
		return errors.New("connection reset")
	}
	return nil
}

// recovery is how long the end of an outage may go unnoticed.
const recovery = 15 * time.Second

// trouble breaks the store, or mends it.
func (w *world) trouble(f fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault != none {
		w.troubled = time.Now().Add(recovery)
	}
	w.fault = f
}

// step is what befalls the world in one moment.
func (w *world) step(kill *func()) {
	switch n := w.roll(100); {
	case n < 60:
		ch := w.chs[w.roll(len(w.chs))]
		w.crowd.Go(func() { w.publish(ch) })
	case n < 75:
		ch := w.chs[w.roll(len(w.chs))]
		w.mu.Lock()
		h := w.server
		w.mu.Unlock()
		w.crowd.Go(func() { _ = h.Stop(w.t.Context(), ch.ARN) })
	case n < 78:
		w.trouble(fault(1 + w.roll(3)))
	case n < 90:
		w.trouble(none)
	case n < 92:
		(*kill)()
		*kill = w.boot()
	}
	w.check()
}

// check looks at what the server shows: nothing twice, nothing that is over.
func (w *world) check() {
	seen := make(map[ivs.ARN]bool)
	for _, st := range w.server.Streams() {
		if seen[st.Channel] {
			w.t.Errorf("two streams on %s", st.Channel)
		}
		seen[st.Channel] = true
		if s := w.disk.session(st.StreamID); s.Started.IsZero() || !s.Started.Equal(st.Start) {
			w.t.Errorf("%s is shown since %v, stored is %v", st.StreamID, st.Start, s.Started)
		}
	}
}

// verdict checks every session when all is over.
func (w *world) verdict() {
	for _, err := range w.errs {
		w.t.Error(err)
	}
	for _, s := range w.disk.all() {
		var names []string
		for _, ev := range w.disk.log(s.StreamID) {
			names = append(names, ev.Name)
		}
		if err := legal(names); err != nil {
			w.t.Errorf("%s: %v", s.StreamID, err)
		}
		if s.Ended.IsZero() || s.Ended.Before(s.IngestEnded) || s.IngestEnded.Before(s.StartTime()) || s.StartTime().Before(s.Created) {
			w.t.Errorf("%s: created %v, started %v, ingest ended %v, ended %v", s.StreamID, s.Created, s.Started, s.IngestEnded, s.Ended)
		}
		var last time.Time
		for _, ev := range w.disk.log(s.StreamID) {
			if ev.At.Before(last) {
				w.t.Errorf("%s: %s at %v, after an event at %v", s.StreamID, ev.Name, ev.At, last)
			}
			last = ev.At
			at := map[string]time.Time{ivs.SessionCreated: s.Created, ivs.StreamStart: s.Started, ivs.SessionEnded: s.IngestEnded, ivs.StreamEnd: s.Ended}
			if want, ok := at[ev.Name]; ok && !ev.At.Equal(want) {
				w.t.Errorf("%s: %s at %v, the session says %v", s.StreamID, ev.Name, ev.At, want)
			}
		}
	}
}

// Random publishers, stops, outages and crashes never make an illegal state,
// lose an event or write one twice.
func TestSimulation(t *testing.T) {
	worlds := 20
	if testing.Short() {
		worlds = 4
	}
	for range worlds {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chs := []ivs.Channel{testChannel("a"), testChannel("b"), testChannel("c")}
				d := newDisk(chs...)
				simulate(t, seed, d, chs, 400)
				for _, b := range d.breaches {
					t.Error(b)
				}
			})
		})
	}
}

// simulate lets a world live for a number of steps. It runs in a bubble.
func simulate(t *testing.T, seed uint64, disk ledger, chs []ivs.Channel, steps int) {
	t.Helper()
	w := &world{model: newModel(), t: t, chs: chs, disk: disk, rnd: rand.New(rand.NewPCG(seed, 0))}
	kill := w.boot()
	for range steps {
		w.step(&kill)
		wait(time.Duration(w.roll(3000)) * time.Millisecond)
	}
	w.trouble(none)
	w.crowd.Wait()
	wait(30 * time.Second)
	if n := len(w.server.Streams()); n != 0 {
		t.Errorf("%d streams are shown when all is over", n)
	}
	kill()
	w.boot()()
	wait(time.Minute) // stuck pipelines
	w.verdict()
}

package playback

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"openivs/internal/ivs"
)

const (
	defaultLimit = 15_000 // concurrent views of an account (Amazon IVS service quotas)

	// watching is how long after its last media playlist a viewer counts. The
	// rarest to ask are players of a stream with long segments.
	watching = 30 * time.Second

	// A ticket is good for ticketLife after its last use. Whoever uses it only
	// in the first half of firstLife after its issue need not be remembered.
	ticketLife = time.Hour
	firstLife  = 2 * ticketLife

	// censusAge is how old a count may be that is answered.
	censusAge = time.Second

	// breachPause is the least time between two reports of too many viewers.
	breachPause = time.Minute

	shards = 64 // a power of two

	// remembered is how many sessions are known for each that may watch: those
	// beyond are of viewers who left and may come back, and when there is no
	// room some of these are forgotten early.
	remembered = 4
)

// An Audience knows who watches which channel. A viewer is a session that was
// answered at a channel's playback URL and asked for a media playlist a short
// while ago; the others take no memory. Set the fields before the first use
// and leave them alone afterwards.
type Audience struct {
	Key    []byte          // required; signs viewer sessions
	Limit  int             // the most viewers at once; 0: 15,000
	Barred *Barred         // whose sessions are over; nil: nobody's
	Full   func(limit int) // told now and then while there are too many; nil: nobody is

	once   sync.Once
	epoch  time.Time // when memory begins; the clock below counts from here
	office ticketOffice
	gates  gatehouse

	shards   [shards]shard
	total    atomic.Int64           // of viewers who watch
	told     atomic.Int64           // the clock when Full was told; 0: never
	newest   atomic.Pointer[census] // nil: none yet
	counting sync.Mutex             // held while one is taken
}

// A shard has the viewers whose ids begin alike.
type shard struct {
	mu      sync.Mutex
	viewers map[viewerID]viewer
}

// A viewer is a session that watches, or may come back.
type viewer struct {
	channel unique.Handle[ivs.ARN]
	seen    time.Duration // the clock at its newest playlist
	issued  time.Duration // the clock when its ticket was issued; below zero before the epoch
	watches bool          // it counts
}

// A census is how many watched each channel at a time.
type census struct {
	at       time.Duration
	channels map[unique.Handle[ivs.ARN]]int
}

// A visit is a request for a media playlist that was let in.
type visit struct {
	channel ivs.ARN
	viewer  viewerID
	rights  rights
	at      time.Duration
	fresh   bool // the viewer did not watch before
}

func (a *Audience) limit() int64 { return int64(cmp.Or(a.Limit, defaultLimit)) }

// clock returns the time since memory began, which is never zero.
func (a *Audience) clock() time.Duration {
	a.once.Do(func() {
		a.epoch = time.Now()
		a.office.key = a.Key
	})
	return max(time.Since(a.epoch), 1)
}

func (a *Audience) shard(v viewerID) *shard { return &a.shards[v[0]%shards] }

// invite returns a ticket for a new viewer of a channel, and the viewer's id, or
// why there is none.
func (a *Audience) invite(channel ivs.ARN, r rights) (string, viewerID, failure) {
	now := a.clock()
	if a.Barred.has(channel, r.viewer, r.version) {
		return "", viewerID{}, revoked
	}
	if a.total.Load() >= a.limit() && a.stillFull(now) {
		return "", viewerID{}, houseFull
	}
	v := newViewerID()
	return a.office.issue(channel, v, r, time.Now()), v, 0
}

// admit lets the holder of a ticket in, or says why not. If it counts, the
// holder is a viewer from now on.
func (a *Audience) admit(text string, counts bool) (visit, failure) {
	now := a.clock()
	p := a.office.pen()
	defer a.office.pens.Put(p)
	t, ok := a.office.read(p, text)
	if !ok {
		return visit{}, forbidden
	}
	v, why := a.enter(t, now, counts)
	if why == houseFull && !a.stillFull(now) {
		return a.enter(t, now, counts)
	}
	return v, why
}

// enter looks a viewer up and notes that it was here.
func (a *Audience) enter(t ticket, now time.Duration, counts bool) (visit, failure) {
	id := t.viewer()
	s := a.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	v, known := s.viewers[id]
	if !known {
		v = viewer{channel: unique.Make(t.channel()), issued: t.issued().Sub(a.epoch)}
	}
	if !v.valid(now, known) {
		return visit{}, forbidden
	}
	in := visit{channel: v.channel.Value(), viewer: id, rights: t.rights(), at: now, fresh: !v.watches}
	if a.Barred.has(in.channel, in.rights.viewer, in.rights.version) {
		return visit{}, forbidden
	}
	if !counts {
		return in, 0
	}
	if !v.watches {
		if a.total.Add(1) > a.limit() {
			a.total.Add(-1)
			return visit{}, houseFull
		}
		v.watches = true
	}
	v.seen = now
	if !known {
		s.makeRoom(int(remembered*a.limit()/shards) + shards)
	}
	s.viewers[id] = v
	return in, 0
}

// valid reports whether a ticket is good at a time. One that is older than
// memory is given the benefit of the doubt while that is young.
func (v viewer) valid(now time.Duration, known bool) bool {
	return now-v.issued < firstLife || known && now-v.seen < ticketLife || now < ticketLife
}

// leave takes a visit back that came to nothing.
func (a *Audience) leave(in visit) {
	s := a.shard(in.viewer)
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.viewers[in.viewer]; in.fresh && v.watches && v.seen == in.at {
		v.watches = false
		s.viewers[in.viewer] = v
		a.total.Add(-1)
	}
}

// Viewers returns how many watch a channel, right to censusAge.
func (a *Audience) Viewers(channel ivs.ARN) int {
	return a.census(a.clock()).channels[unique.Make(channel)]
}

// stillFull counts again and reports whether there is no room. If so, Full is
// told, unless it was a short while ago.
func (a *Audience) stillFull(now time.Duration) bool {
	a.census(now)
	if a.total.Load() < a.limit() {
		return false
	}
	told := a.told.Load()
	if a.Full != nil && (told == 0 || now-time.Duration(told) >= breachPause) && a.told.CompareAndSwap(told, int64(now)) {
		a.Full(int(a.limit()))
	}
	return true
}

// census lets go of viewers who left and counts those who watch, unless that
// was done a moment ago. Nobody waits for one that is being taken if there is
// an older one.
func (a *Audience) census(now time.Duration) *census {
	last := a.newest.Load()
	if last != nil && now-last.at < censusAge {
		return last
	}
	if last == nil {
		a.counting.Lock()
	} else if !a.counting.TryLock() {
		return last
	}
	defer a.counting.Unlock()
	c := &census{at: now, channels: make(map[unique.Handle[ivs.ARN]]int)}
	for i := range a.shards {
		a.total.Add(-a.shards[i].count(now, c.channels))
	}
	a.newest.Store(c)
	return c
}

// count adds those who watch to channels. It returns how many have left.
func (s *shard) count(now time.Duration, channels map[unique.Handle[ivs.ARN]]int) (left int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, v := range s.viewers {
		if v.watches && now-v.seen < watching {
			channels[v.channel]++
			continue
		}
		if v.watches {
			v.watches = false
			left++
		}
		if now-v.seen < ticketLife && v.seen-v.issued > firstLife-ticketLife {
			s.viewers[id] = v // it may come back with a ticket that says less
		} else {
			delete(s.viewers, id)
		}
	}
	return left
}

// makeRoom sees that there is room for one more viewer than are known. Beyond
// most, a quarter of those who do not watch is forgotten, whoever it hits.
func (s *shard) makeRoom(most int) {
	if s.viewers == nil {
		s.viewers = make(map[viewerID]viewer)
	}
	if len(s.viewers) < most {
		return
	}
	for id, v := range s.viewers {
		if !v.watches {
			delete(s.viewers, id)
		}
		if len(s.viewers) < most*3/4 {
			return
		}
	}
}

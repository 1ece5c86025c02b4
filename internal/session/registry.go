// Package session decides who may publish and owns what then happens: a
// session's states, the events about them, its health and its end.
//
// It has no socket (package ingest), no media stage (package pipeline) and no
// SQL (package store); it asks all three through small interfaces.
package session

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
)

// A Registry lets publishers in, one a channel, and knows every session that
// runs. Set the fields before the first use and leave them alone afterwards.
//
// Recover comes before the first Admit; Run keeps house meanwhile; Close ends
// it all.
type Registry struct {
	Store     Store                                 // required
	Open      func(s ivs.Session) (Pipeline, error) // required; makes what a session feeds
	Addresses ivs.Addresses                         // go into each session's snapshot

	// Recording returns the recording configuration of a channel that has one,
	// which goes into its sessions; ivs.NotFound if there is none. nil: nothing
	// is recorded.
	Recording func(ctx context.Context, arn ivs.ARN) (ivs.RecordingConfiguration, error)

	// Granted returns the stream key in a key, and the tracks that it says an encoder
	// was told to send. A key that says some and is not good is an error; the stream
	// key in it is then still the one that it claims, if that can be told. nil: keys
	// say nothing.
	Granted func(key ivs.Secret) (plain ivs.Secret, tracks []ivs.GrantedTrack, err error)

	Log *slog.Logger // nil: nothing is logged

	MaxStreams    int           // sessions at a time; what is more is refused; 0: 100
	MaxDuration   time.Duration // longest session; 0: 48 h
	VideoWait     time.Duration // how long the first picture may lag behind the first media; 0: 10 s
	ReconnectWait time.Duration // how long Admit waits for a session that is ending; 0: 2 s
	ReplaceAfter  time.Duration // after how long a publisher that sends nothing gives way to another; 0: 3 s; negative: never
	MaxTakeovers  int           // of one session; 0: 100
	FlushWait     time.Duration // how long a pipeline may take to close; 0: 8 s
	StopWait      time.Duration // how long Stop waits for the end; 0: 5 s
	StoreWait     time.Duration // how long one call of the store may take; 0: 5 s
	Retention     time.Duration // how long ended sessions are remembered; 0: 60 days

	sessions  sync.WaitGroup // one goroutine a session; Close waits for them
	admission outage         // of the store, as Admit sees it

	mu       sync.RWMutex
	stopping bool              // by Close; nobody is let in any more
	live     map[ivs.ARN]*live // by channel, from the reservation to the last write

	started atomic.Pointer[[]entry] // see roster
}

func (r *Registry) maxStreams() int {
	return cmp.Or(r.MaxStreams, ivs.Quotas{}.Effective().ConcurrentStreams)
}
func (r *Registry) maxDuration() time.Duration   { return cmp.Or(r.MaxDuration, 48*time.Hour) }
func (r *Registry) videoWait() time.Duration     { return cmp.Or(r.VideoWait, 10*time.Second) }
func (r *Registry) reconnectWait() time.Duration { return cmp.Or(r.ReconnectWait, 2*time.Second) }
func (r *Registry) replaceAfter() time.Duration  { return cmp.Or(r.ReplaceAfter, 3*time.Second) }
func (r *Registry) maxTakeovers() int {
	return cmp.Or(r.MaxTakeovers, ivs.Quotas{}.Effective().Takeovers)
}
func (r *Registry) flushWait() time.Duration { return cmp.Or(r.FlushWait, 8*time.Second) }
func (r *Registry) stopWait() time.Duration  { return cmp.Or(r.StopWait, 5*time.Second) }
func (r *Registry) storeWait() time.Duration { return cmp.Or(r.StoreWait, 5*time.Second) }
func (r *Registry) retention() time.Duration { return cmp.Or(r.Retention, 60*24*time.Hour) }

func (r *Registry) log() *slog.Logger {
	if r.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return r.Log
}

// Admit lets a publisher in, or says why not. When it returns a Publication,
// the session and its Session Created are stored.
func (r *Registry) Admit(ctx context.Context, request ingest.Request) (ingest.Publication, error) {
	q := r.applicant(request)
	ch, err := r.publisher(ctx, q.Key)
	if err != nil {
		return nil, err
	}
	pub, err := r.admit(ctx, ch, q)
	if err != nil {
		r.turned(ch.ARN, q.Request, err)
		return nil, err
	}
	return pub, nil
}

// admit lets a publisher in to a channel.
func (r *Registry) admit(ctx context.Context, ch ivs.Channel, q applicant) (ingest.Publication, error) {
	if err := r.allow(q.Request, ch); err != nil {
		return nil, err
	}
	q.judge(ch)
	rec, err := r.recording(ctx, ch.Recording)
	if err != nil {
		return nil, err
	}
	l, rival, err := r.reserve(ctx, ch, rec, q)
	if err != nil {
		return nil, err
	}
	if rival != nil {
		return rival, nil
	}
	if err := l.first.begun(ctx); err != nil {
		return nil, err
	}
	return l.first, nil
}

// allow says why a channel does not take the way in, or nil. With insecureIngest
// SRT is plain, without it encrypted: a passphrase that a channel does not ask for
// is refused, too.
func (r *Registry) allow(q ingest.Request, ch ivs.Channel) error {
	srt := q.Protocol == "srt"
	switch {
	case srt && q.Secure && ch.InsecureIngest:
		return ivs.Errorf(ivs.Denied, "this channel takes SRT without a passphrase, as insecureIngest is set on it: leave the passphrase out")
	case srt && !q.Secure && !ch.InsecureIngest:
		return ivs.Errorf(ivs.Denied, "this channel takes encrypted streams only: "+
			"give the channel's passphrase to the encoder, or set insecureIngest on the channel")
	case !q.Secure && !ch.InsecureIngest:
		return ivs.Errorf(ivs.Denied, "this channel takes encrypted streams only: "+
			"publish to rtmps://%s/app/ instead, or set insecureIngest on the channel", r.Addresses.Host)
	case q.Unlock != nil:
		if err := q.Unlock(ch.SRTPassphrase); err != nil {
			return ivs.Errorf(ivs.Denied, "the passphrase is wrong: copy it again from the channel")
		}
	}
	return nil
}

// publisher looks the channel of a key up.
func (r *Registry) publisher(ctx context.Context, key ivs.Secret) (ivs.Channel, error) {
	tctx, cancel := context.WithTimeout(ctx, r.storeWait())
	defer cancel()
	ch, err := r.Store.Publisher(tctx, key)
	if ivs.CodeOf(err) == ivs.NotFound {
		return ivs.Channel{}, ivs.Errorf(ivs.NotFound, "no channel has this stream key: copy it again from the channel")
	}
	if err != nil {
		if ctx.Err() == nil { // else the publisher left, which says nothing of the store
			r.admission.begin(r.log(), "look up stream key", err)
		}
		return ivs.Channel{}, errAway
	}
	r.admission.over(r.log())
	return ch, nil
}

// recording returns a recording configuration as sessions keep it, or nil.
func (r *Registry) recording(ctx context.Context, arn ivs.ARN) (json.RawMessage, error) {
	if r.Recording == nil || arn == (ivs.ARN{}) {
		return nil, nil
	}
	tctx, cancel := context.WithTimeout(ctx, r.storeWait())
	defer cancel()
	c, err := r.Recording(tctx, arn)
	if ivs.CodeOf(err) == ivs.NotFound {
		return nil, nil
	}
	if err != nil {
		if ctx.Err() == nil {
			r.admission.begin(r.log(), "look up recording configuration", err)
		}
		return nil, errAway
	}
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", arn, err)
	}
	return b, nil
}

// farewellWait is how long a publisher waits before it is refused for another's
// sake: the other may have left, and the door not have read that yet.
const farewellWait = 100 * time.Millisecond

// reserve claims the channel for a new session, or returns a publisher that may
// take over the one there is. It waits for one that is ending, so that an encoder
// may stop and start again at once.
func (r *Registry) reserve(ctx context.Context, ch ivs.Channel, rec json.RawMessage, q applicant) (*live, *publisher, error) {
	wait, cancel := context.WithTimeout(ctx, r.reconnectWait())
	defer cancel()
	for waited := false; ; {
		l, busy, err := r.claim(ctx, ch, rec, q)
		if err != nil || l != nil {
			return l, nil, err
		}
		select {
		case <-busy.ended:
		default:
			rival, err := busy.challenge(q)
			if errors.Is(err, errBusy) && !waited {
				waited = true
				within(wait, busy.ended, farewellWait)
				continue
			}
			if rival != nil || err != nil {
				return nil, rival, err
			}
		}
		select {
		case <-busy.over:
		case <-wait.Done():
			return nil, nil, errStillEnding
		}
	}
}

// claim returns a session that now has the channel, or the one that already has.
// The session outlives ctx: it ends when its publisher or the server wants.
func (r *Registry) claim(ctx context.Context, ch ivs.Channel, rec json.RawMessage, q applicant) (mine, busy *live, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping {
		return nil, nil, errServerStopping
	}
	if busy := r.live[ch.ARN]; busy != nil {
		return nil, busy, nil
	}
	if r.live == nil {
		r.live = make(map[ivs.ARN]*live)
	}
	l := r.newLive(ch, rec, q)
	l.excess = r.excess()
	ctx, l.abandon = context.WithCancel(context.WithoutCancel(ctx))
	r.live[ch.ARN] = l
	r.sessions.Go(func() { l.run(ctx) })
	return l, nil, nil
}

// excess is by how many sessions one more would be too many, or 0. The caller
// has mu. Those that are ending do not count, nor those that were refused.
func (r *Registry) excess() int {
	n := 1
	for _, l := range r.live {
		if l.excess == 0 && l.end.Load() == nil {
			n++
		}
	}
	return max(0, n-r.maxStreams())
}

// begun waits until a session is stored and its pipeline open. A publisher that
// leaves meanwhile ends its session as any other does.
func (p *publisher) begun(ctx context.Context) error {
	select {
	case err := <-p.live.opened:
		return err
	case <-ctx.Done():
		err := context.Cause(ctx)
		p.End(fmt.Errorf("wait for the session: %w", err))
		return err
	}
}

// Stop ends a channel's session and returns when the encoder has been told and
// the end is stored, or after StopWait. It is ivs.NotLive if there is none.
func (r *Registry) Stop(ctx context.Context, channel ivs.ARN) error {
	r.mu.RLock()
	l := r.live[channel]
	shown := l != nil && l.shown != nil
	r.mu.RUnlock()
	if l == nil || !l.stop(errStopped) && !shown {
		return ivs.Errorf(ivs.NotLive, "channel %s is not broadcasting", channel)
	}
	wait, cancel := context.WithTimeout(ctx, r.stopWait())
	defer cancel()
	for _, done := range []<-chan struct{}{l.over, l.publisher().gone} {
		select {
		case <-done:
		case <-wait.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

package event

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"openivs/internal/ivs"
)

const (
	// window is how many messages beyond the cursor a sink has in memory. When it
	// is full, because one of them is tried again and again, nothing more is read
	// until that is delivered or given up.
	window = 1024

	firstPause = time.Second     // before the second try; doubles, and varies by half
	maxPause   = 5 * time.Minute // between tries
	maxAfter   = time.Hour       // the longest that a receiver may ask for
	readPause  = time.Second     // before the store is asked again
	savePause  = 100 * time.Millisecond
)

// An item is a message on its way.
type item struct {
	Message
	taken bool // delivered, given up or not wanted
	sent  bool // with a Send that is under way
}

// A lane is the messages of one channel: the first that is not taken holds back
// those behind it.
type lane struct {
	busy  bool // with a Send that is under way
	tries int  // of its first message
	since time.Time
	after time.Time // not before
}

// A runner serves one sink. Its goroutine owns all but what is guarded.
type runner struct {
	d      *Dispatcher
	route  *Route
	log    *slog.Logger
	orders chan order
	gone   chan struct{} // closed when run has returned

	cursor  int64           // all up to here is taken
	saved   int64           // what the store knows of it
	read    int64           // up to here it was read
	caught  bool            // there was nothing more when it last read
	written <-chan struct{} // closed if there is since
	items   []*item
	lanes   map[string]*lane
	flying  int // Sends under way
	results chan result
	readAt  time.Time // not before
	saveAt  time.Time // not before
	broken  bool      // the newest Send failed

	mu    sync.Mutex
	state Status
}

// An order is something that somebody wants of a runner.
type order struct {
	move     bool
	position int64
	done     chan error // holds one
}

// A result is how a Send went.
type result struct {
	items []*item
	errs  []error
}

func newRunner(d *Dispatcher, r *Route) *runner {
	return &runner{
		d: d, route: r, log: d.Log.With("sink", r.Name), orders: make(chan order), gone: make(chan struct{}),
		lanes: make(map[string]*lane), results: make(chan result, r.parallel()), state: Status{Name: r.Name, Kind: r.Kind},
	}
}

// run serves the sink until ctx ends, and a little longer if something is left.
func (r *runner) run(ctx context.Context, cursor int64) {
	defer close(r.gone)
	var sends sync.WaitGroup
	defer sends.Wait()
	r.cursor, r.saved, r.read = cursor, cursor, cursor
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		r.step(work, &sends, time.Now())
		timer.Reset(r.next(time.Now()))
		written := r.written
		if !r.caught {
			written = nil // there is more to read already
		}
		select {
		case <-written:
			r.caught = false
		case res := <-r.results:
			r.took(work, res, time.Now())
		case o := <-r.orders:
			o.done <- r.obey(work, o)
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	r.lastPass(work, &sends)
}

// step reads what there is room for, sends what may be sent and saves the cursor.
func (r *runner) step(ctx context.Context, sends *sync.WaitGroup, now time.Time) {
	if !r.caught && len(r.items) < window && !now.Before(r.readAt) {
		r.fill(ctx, now)
	}
	for r.flying < r.route.parallel() {
		batch := r.pick(now)
		if len(batch) == 0 {
			break
		}
		r.send(ctx, sends, batch)
	}
	r.settle()
	if r.cursor != r.saved && !now.Before(r.saveAt) {
		r.save(ctx, now)
	}
	r.publish()
}

// next is how long there is nothing to do unless something happens.
func (r *runner) next(now time.Time) time.Duration {
	at := now.Add(time.Hour)
	earlier := func(t time.Time) {
		if t.Before(at) {
			at = t
		}
	}
	if r.cursor != r.saved {
		earlier(r.saveAt)
	}
	if !r.caught && len(r.items) < window {
		earlier(r.readAt)
	}
	if r.flying < r.route.parallel() {
		for _, l := range r.lanes {
			if !l.busy && !l.after.IsZero() {
				earlier(l.after)
			}
		}
	}
	return max(at.Sub(now), 0)
}

// fill reads more from the store.
func (r *runner) fill(ctx context.Context, now time.Time) {
	tctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	limit := window - len(r.items)
	r.written = r.d.Store.EventsWritten() // before the look, which may miss what comes after it
	evs, err := r.d.Store.EventsAfter(tctx, r.read, limit)
	if err != nil {
		r.trouble("read events", err, now)
		r.readAt = now.Add(readPause)
		return
	}
	r.caught = len(evs) < limit
	for _, ev := range evs {
		r.read = ev.Position
		m, err := NewMessage(ev)
		if err != nil {
			r.log.Error("an event cannot be sent", "err", err)
		}
		wanted := err == nil && r.route.Filter.Wants(m.Type, m.Channel)
		r.items = append(r.items, &item{Message: m, taken: !wanted})
	}
}

// pick returns what the next Send carries, oldest first: nothing of a channel
// whose earlier messages are not out of the way.
func (r *runner) pick(now time.Time) []*item {
	var batch []*item
	held := make(map[string]bool) // channels whose later messages have to wait
	for _, it := range r.items {
		if it.taken || held[it.Channel] {
			continue
		}
		l := r.lane(it.Channel)
		if r.d.NotBefore != nil {
			if at := r.d.NotBefore(it.Channel, it.At); at.After(now) && at.After(l.after) {
				l.after = at
			}
		}
		if l.busy || now.Before(l.after) {
			held[it.Channel] = true
			continue
		}
		batch = append(batch, it)
		if r.route.Apart {
			held[it.Channel] = true
		}
		if len(batch) == r.route.batch() {
			break
		}
	}
	return batch
}

func (r *runner) lane(channel string) *lane {
	l := r.lanes[channel]
	if l == nil {
		l = new(lane)
		r.lanes[channel] = l
	}
	return l
}

// send starts a Send. Its outcome comes from results.
func (r *runner) send(ctx context.Context, sends *sync.WaitGroup, batch []*item) {
	messages := make([]Message, len(batch))
	for i, it := range batch {
		messages[i] = it.Message
		it.sent = true
		r.lane(it.Channel).busy = true
	}
	r.flying++
	sends.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, r.route.timeout())
		defer cancel()
		r.results <- result{items: batch, errs: r.route.Sink.Send(ctx, messages)}
	})
}

// took notes how a Send went.
func (r *runner) took(ctx context.Context, res result, now time.Time) {
	r.flying--
	delivered, failed := 0, make(map[string]bool)
	for i, it := range res.items {
		it.sent = false
		l := r.lane(it.Channel)
		l.busy = false
		var err error
		if i < len(res.errs) {
			err = res.errs[i]
		}
		if err == nil && !failed[it.Channel] {
			it.taken = true
			delivered++
			l.tries, l.after = 0, time.Time{}
			continue
		}
		if failed[it.Channel] {
			continue // it comes again behind the one before it
		}
		failed[it.Channel] = true
		r.failed(ctx, it, l, err, now)
	}
	r.mu.Lock()
	r.state.Delivered += int64(delivered)
	r.mu.Unlock()
	if delivered == len(res.items) {
		r.worked()
	}
}

// failed decides what becomes of a message that was not taken.
func (r *runner) failed(ctx context.Context, it *item, l *lane, err error, now time.Time) {
	r.trouble("send events", err, now)
	r.mu.Lock()
	r.state.Retried++
	r.mu.Unlock()
	if l.tries == 0 {
		l.since = now
	}
	l.tries++
	refusal, _ := errors.AsType[*RefusedError](err)
	if refusal != nil && refusal.Final || now.Sub(l.since) >= r.route.giveUp() {
		if r.bury(ctx, it, l.tries, err, now) {
			it.taken = true
			l.tries, l.after = 0, time.Time{}
			return
		}
	}
	l.after = now.Add(pause(l.tries))
	if refusal != nil {
		if asked := now.Add(min(refusal.After, maxAfter)); asked.After(l.after) {
			l.after = asked
		}
	}
}

// pause is how long to wait after so many tries: longer each time, and not the
// same for all who wait.
func pause(tries int) time.Duration {
	d := firstPause << min(tries-1, 16)
	d = min(d, maxPause)
	return d/2 + rand.N(d/2+1)
}

// maxReason is how many bytes of a reason are kept.
const maxReason = 500

// bury gives a message up, and reports whether it is kept for the operator.
func (r *runner) bury(ctx context.Context, it *item, tries int, why error, now time.Time) bool {
	ctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	reason := why.Error()
	err := r.d.Store.BuryEvent(ctx, ivs.DeadLetter{
		Sink: r.route.Name, Position: it.Position, Seq: it.Seq, EventID: it.ID, Channel: it.Channel, Type: it.Type,
		Body: it.Body, Reason: reason[:min(len(reason), maxReason)], Tries: tries, At: now,
	})
	if err != nil {
		r.log.Error("a dead letter is not kept, so the event is tried again", "err", err)
		return false
	}
	r.log.Error("an event was given up and is a dead letter", "channel", it.Channel, "count", tries, "err", why)
	r.mu.Lock()
	r.state.Dead++
	r.mu.Unlock()
	return true
}

// settle moves the cursor past all that is taken.
func (r *runner) settle() {
	n := 0
	for n < len(r.items) && r.items[n].taken {
		r.cursor = r.items[n].Position
		n++
	}
	if n == 0 {
		return
	}
	r.items = slices.Delete(r.items, 0, n)
	if len(r.items) == 0 || len(r.lanes) > 2*window {
		r.forgetLanes()
	}
}

// forgetLanes drops what is known of channels that have no message here.
func (r *runner) forgetLanes() {
	used := make(map[string]*lane, len(r.items))
	for _, it := range r.items {
		if l, known := r.lanes[it.Channel]; known {
			used[it.Channel] = l
		}
	}
	r.lanes = used
}

func (r *runner) save(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	if err := r.d.Store.MoveSink(ctx, r.route.Name, r.cursor); err != nil {
		r.trouble("save the cursor", err, now)
		r.saveAt = now.Add(readPause)
		return
	}
	r.saved, r.saveAt = r.cursor, now.Add(savePause)
}

// obey carries out an order. What is on its way comes back first, so that the
// same message is never with two Sends.
func (r *runner) obey(ctx context.Context, o order) error {
	for r.flying > 0 {
		r.took(ctx, <-r.results, time.Now())
	}
	r.items, r.caught, r.readAt = nil, false, time.Time{}
	clear(r.lanes)
	r.cursor, r.read = o.position, o.position
	if err := r.d.Store.MoveSink(ctx, r.route.Name, o.position); err != nil {
		return err
	}
	r.saved = o.position
	return nil
}

// lastPass tries each message that is left once, for a short time.
func (r *runner) lastPass(ctx context.Context, sends *sync.WaitGroup) {
	ctx, cancel := context.WithTimeout(ctx, r.d.grace())
	defer cancel()
	r.caught, r.readAt = false, time.Time{}
	for ctx.Err() == nil {
		r.step(ctx, sends, time.Now())
		if r.flying == 0 && (r.caught || len(r.items) > 0 || time.Now().Before(r.readAt)) {
			break
		}
		if r.flying > 0 {
			r.took(ctx, <-r.results, time.Now()) // a Send ends with ctx
		}
	}
	for r.flying > 0 {
		r.took(ctx, <-r.results, time.Now())
	}
	r.settle()
	if r.cursor != r.saved {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWait)
		defer cancel()
		r.save(ctx, time.Now())
	}
}

// trouble notes a failure, and logs the first of a row.
func (r *runner) trouble(op string, err error, now time.Time) {
	r.mu.Lock()
	r.state.Trouble, r.state.TroubleAt = err.Error(), now
	r.mu.Unlock()
	if !r.broken {
		r.broken = true
		r.log.Warn("events are not delivered, and will be tried again", "op", op, "err", err)
	}
}

func (r *runner) worked() {
	if r.broken {
		r.broken = false
		r.mu.Lock()
		r.state.Trouble = ""
		r.mu.Unlock()
		r.log.Info("events are delivered again")
	}
}

// publish lets others see how the sink is doing.
func (r *runner) publish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.Cursor, r.state.Oldest = r.cursor, time.Time{}
	for _, it := range r.items {
		if !it.taken {
			r.state.Oldest = it.At
			break
		}
	}
}

func (r *runner) status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

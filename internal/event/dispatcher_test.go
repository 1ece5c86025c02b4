package event_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/event"
	"openivs/internal/ivs"
)

// An outbox is a store in memory.
type outbox struct {
	mu      sync.Mutex
	events  []ivs.Event
	seqs    map[string]int64
	cursors map[string]int64
	dead    []ivs.DeadLetter
	written chan struct{}
	down    bool
}

func newOutbox() *outbox {
	return &outbox{seqs: make(map[string]int64), cursors: make(map[string]int64), written: make(chan struct{})}
}

var errDown = errors.New("the store is down")

func (o *outbox) EventsWritten() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.written
}

func (o *outbox) EventsAfter(_ context.Context, position int64, limit int) ([]ivs.Event, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down {
		return nil, errDown
	}
	evs := o.events[min(int(position), len(o.events)):]
	return slices.Clone(evs[:min(len(evs), limit)]), nil
}

func (o *outbox) SetSinks(_ context.Context, names []string) (map[string]int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down {
		return nil, errDown
	}
	for _, name := range names {
		if _, known := o.cursors[name]; !known {
			o.cursors[name] = int64(len(o.events))
		}
	}
	return maps.Clone(o.cursors), nil
}

func (o *outbox) MoveSink(_ context.Context, name string, position int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down {
		return errDown
	}
	o.cursors[name] = position
	return nil
}

func (o *outbox) BuryEvent(_ context.Context, l ivs.DeadLetter) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down {
		return errDown
	}
	o.dead = append(o.dead, l)
	return nil
}

func (o *outbox) letters() []ivs.DeadLetter {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.dead)
}

func (o *outbox) write(channels ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range channels {
		o.seqs[id]++
		arn := channel()
		arn.ID = id
		o.events = append(o.events, ivs.Event{
			ID: fmt.Sprint(id, "-", o.seqs[id]), Seq: o.seqs[id], Position: int64(len(o.events)) + 1, Channel: arn,
			Type: ivs.StreamStateChange, Name: ivs.StreamStart, At: time.Now(),
		})
	}
	close(o.written)
	o.written = make(chan struct{})
}

func (o *outbox) fail(down bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = down
}

func (o *outbox) cursor(sink string) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cursors[sink]
}

// A receiver is a sink that remembers what it took.
type receiver struct {
	answer func(m event.Message) error // nil: it takes everything
	delay  func() time.Duration        // nil: none

	mu    sync.Mutex
	took  []string
	tried []time.Time
}

func (r *receiver) Send(ctx context.Context, messages []event.Message) []error {
	if r.delay != nil {
		select {
		case <-time.After(r.delay()):
		case <-ctx.Done():
			return slices.Repeat([]error{context.Cause(ctx)}, len(messages))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried = append(r.tried, time.Now())
	errs := make([]error, len(messages))
	refused := map[string]bool{}
	for i, m := range messages {
		if refused[m.Channel] {
			errs[i] = errors.New("after one that was refused")
			continue
		}
		if r.answer != nil {
			errs[i] = r.answer(m)
		}
		if errs[i] == nil {
			r.took = append(r.took, m.ID)
		} else {
			refused[m.Channel] = true
		}
	}
	return errs
}

func (r *receiver) Close() error { return nil }

func (r *receiver) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.took)
}

func (r *receiver) tries() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.tried)
}

// dispatching runs a dispatcher until the test's bubble has had enough of it.
func dispatching(t *testing.T, o *outbox, routes ...event.Route) (d *event.Dispatcher, stop func()) {
	t.Helper()
	d = &event.Dispatcher{Store: o, Routes: routes, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := d.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return d, func() {
		cancel()
		running.Wait()
	}
}

// inOrder fails the test unless every channel's messages come in order without
// one missing. Repetitions of what was there are allowed if again is set.
func inOrder(t *testing.T, took []string, want map[string]int, again bool) {
	t.Helper()
	got := map[string]int{}
	for _, id := range took {
		ch, text, _ := strings.Cut(id, "-")
		var n int
		if _, err := fmt.Sscan(text, &n); err != nil {
			t.Fatal(err)
		}
		switch {
		case n == got[ch]+1:
			got[ch] = n
		case n > got[ch]+1, !again:
			t.Errorf("channel %s: %d comes after %d", ch, n, got[ch])
		default:
			got[ch] = n // the rest comes again, in order
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("delivered %v, want %v", got, want)
	}
}

// An event that is to be late holds back those of its channel, and no others.
func TestEventsMayBeLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, r := newOutbox(), &receiver{}
		d := &event.Dispatcher{Store: o, Routes: []event.Route{{Name: "r", Sink: r}}, Log: slog.New(slog.DiscardHandler)}
		late := channel()
		late.ID = "late"
		begun := time.Now()
		d.NotBefore = func(channel string, at time.Time) time.Time {
			if channel == late.String() && at.Sub(begun) < 10*time.Second {
				return at.Add(time.Minute)
			}
			return at
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := d.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		defer running.Wait()
		defer cancel()
		synctest.Wait()
		o.write("late", "prompt")
		wait(20 * time.Second)
		o.write("late", "prompt")
		for _, tt := range []struct {
			wait time.Duration
			want []string
		}{
			{39 * time.Second, []string{"prompt-1", "prompt-2"}},
			{2 * time.Second, []string{"prompt-1", "prompt-2", "late-1", "late-2"}},
		} {
			wait(tt.wait)
			if got := r.all(); !slices.Equal(got, tt.want) {
				t.Errorf("after %v more it has %v, want %v", tt.wait, got, tt.want)
			}
		}
	})
}

func TestEventsReachEverySinkInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox()
		o.write("old")
		rng := rand.New(rand.NewPCG(1, 2))
		var mu sync.Mutex
		random := func(most int) int {
			mu.Lock()
			defer mu.Unlock()
			return rng.IntN(most)
		}
		flaky := func(event.Message) error {
			if random(4) == 0 {
				return errors.New("not now")
			}
			return nil
		}
		slow := func() time.Duration { return time.Duration(random(300)) * time.Millisecond }
		quick, hook, bus := &receiver{}, &receiver{answer: flaky, delay: slow}, &receiver{answer: flaky, delay: slow}
		_, stop := dispatching(
			t, o,
			event.Route{Name: "quick", Sink: quick, Batch: 100},
			event.Route{Name: "hook", Sink: hook, Parallel: 4},
			event.Route{Name: "bus", Sink: bus, Batch: 10, Apart: true},
		)
		for range 50 {
			var batch []string
			for range random(8) + 1 {
				batch = append(batch, []string{"a", "b", "c", "d", "e"}[random(5)])
			}
			o.write(batch...)
			wait(time.Duration(random(500)) * time.Millisecond)
		}
		wait(time.Hour)
		want := map[string]int{}
		for ch, n := range o.seqs {
			if ch != "old" { // a sink begins with what comes after it
				want[ch] = int(n)
			}
		}
		for name, r := range map[string]*receiver{"quick": quick, "hook": hook, "bus": bus} {
			inOrder(t, r.all(), want, false)
			if got := o.cursor(name); got != int64(len(o.events)) {
				t.Errorf("the cursor of %s is at %d of %d", name, got, len(o.events))
			}
		}
		stop()
	})
}

func TestOneStalledSinkHoldsBackNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, quick := newOutbox(), &receiver{}
		stalled := &receiver{delay: func() time.Duration { return time.Hour }}
		d, stop := dispatching(t, o, event.Route{Name: "stalled", Sink: stalled}, event.Route{Name: "quick", Sink: quick})
		o.write("a", "b", "a")
		synctest.Wait()
		inOrder(t, quick.all(), map[string]int{"a": 2, "b": 1}, false)
		wait(time.Minute)
		if s := d.Statuses()[0]; s.Delivered != 0 || s.Retried == 0 || s.Trouble == "" || s.Oldest.IsZero() || s.Cursor != 0 {
			t.Errorf("the stalled one is said to be %+v", s)
		}
		if s := d.Statuses()[1]; s.Delivered != 3 || s.Retried != 0 || s.Cursor != 3 || !s.Oldest.IsZero() {
			t.Errorf("the quick one is said to be %+v", s)
		}
		stop()
	})
}

func TestAChannelThatIsRefusedHoldsBackNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox()
		refusing := true
		hook := &receiver{answer: func(m event.Message) error {
			if m.ChannelID() == "bad" && refusing {
				return errors.New("not this one")
			}
			return nil
		}}
		_, stop := dispatching(t, o, event.Route{Name: "hook", Sink: hook, Batch: 3})
		o.write("bad", "a", "bad", "b", "a")
		wait(time.Minute)
		inOrder(t, hook.all(), map[string]int{"a": 2, "b": 1}, false)
		if got := o.cursor("hook"); got != 0 {
			t.Errorf("the cursor is at %d, before it is one that was not delivered", got)
		}
		hook.mu.Lock()
		refusing = false
		hook.mu.Unlock()
		wait(10 * time.Minute)
		inOrder(t, hook.all(), map[string]int{"a": 2, "b": 1, "bad": 2}, false)
		stop()
	})
}

func TestTriesAreFurtherAndFurtherApartForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox()
		hook := &receiver{answer: func(event.Message) error { return errors.New("down") }}
		_, stop := dispatching(t, o, event.Route{Name: "hook", Sink: hook, GiveUp: 6 * time.Hour})
		begun := time.Now()
		o.write("a")
		wait(5*time.Hour + 50*time.Minute)
		if dead := o.letters(); len(dead) != 0 {
			t.Fatalf("given up after %d tries", dead[0].Tries)
		}
		tried := hook.tries()
		last := tried[0]
		for i, at := range tried[1:] {
			most := min(time.Second<<min(i, 20), 5*time.Minute)
			if gap := at.Sub(last); gap < most/2 || gap > most {
				t.Errorf("try %d came %v after the one before it, want %v to %v", i+2, gap, most/2, most)
			}
			last = at
		}
		if n := len(tried); n < 70 || n > 200 {
			t.Errorf("%d tries in %v", n, time.Since(begun))
		}
		wait(20 * time.Minute)
		if len(o.dead) != 1 || o.dead[0].EventID != "a-1" || o.dead[0].Reason != "down" || o.dead[0].Tries < 70 || o.dead[0].Sink != "hook" {
			t.Errorf("dead letters are %+v", o.dead)
		}
		if got := o.cursor("hook"); got != 1 {
			t.Errorf("the cursor is at %d", got)
		}
		stop()
	})
}

func TestAReceiverSaysWhenToComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, first := newOutbox(), true
		hook := &receiver{}
		hook.answer = func(event.Message) error {
			if first {
				first = false
				return &event.RefusedError{Err: errors.New("busy"), After: 10 * time.Minute}
			}
			return nil
		}
		_, stop := dispatching(t, o, event.Route{Name: "hook", Sink: hook})
		o.write("a")
		wait(time.Hour)
		if at := hook.tries(); len(at) != 2 || at[1].Sub(at[0]) != 10*time.Minute {
			t.Errorf("tried at %v", at)
		}
		stop()
	})
}

func TestAFinalRefusalIsADeadLetterAtOnceAndWhatFollowsGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox()
		hook := &receiver{answer: func(m event.Message) error {
			if m.ID == "a-2" {
				return &event.RefusedError{Err: errors.New("too ugly"), Final: true}
			}
			return nil
		}}
		d, stop := dispatching(t, o, event.Route{Name: "hook", Sink: hook})
		o.write("a", "a", "a")
		synctest.Wait()
		if got := hook.all(); !slices.Equal(got, []string{"a-1", "a-3"}) {
			t.Errorf("delivered %v", got)
		}
		if len(o.dead) != 1 || o.dead[0].EventID != "a-2" || !bytes.Contains(o.dead[0].Body, []byte(`"id":"a-2"`)) {
			t.Fatalf("dead letters are %+v", o.dead)
		}
		if s := d.Statuses()[0]; s.Dead != 1 || s.Delivered != 2 {
			t.Errorf("it is said to be %+v", s)
		}
		hook.mu.Lock()
		hook.answer = nil
		hook.mu.Unlock()
		if err := d.Resend(t.Context(), o.dead[0]); err != nil || hook.all()[2] != "a-2" {
			t.Errorf("resent: %v, %v", hook.all(), err)
		}
		stop()
	})
}

func TestADeadLetterThatCannotBeKeptIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox()
		hook := &receiver{answer: func(event.Message) error { return &event.RefusedError{Err: errors.New("no"), Final: true} }}
		_, stop := dispatching(t, o, event.Route{Name: "hook", Sink: hook})
		o.write("a")
		o.fail(true)
		synctest.Wait()
		o.fail(false)
		wait(time.Minute)
		if len(o.dead) != 1 || o.cursor("hook") != 1 {
			t.Errorf("dead letters %+v, cursor %d", o.dead, o.cursor("hook"))
		}
		stop()
	})
}

func TestDeliveryGoesOnWhenTheStoreIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, quick := newOutbox(), &receiver{}
		o.fail(true)
		_, stop := dispatching(t, o, event.Route{Name: "quick", Sink: quick})
		o.fail(false)
		wait(10 * time.Second)
		o.fail(true)
		o.write("a")
		wait(time.Minute)
		o.fail(false)
		o.write("b")
		wait(10 * time.Second)
		inOrder(t, quick.all(), map[string]int{"a": 1, "b": 1}, false)
		stop()
	})
}

func TestAStopTriesWhatIsLeftOnceAndTheNextStartGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox()
		refusing := true
		hook := &receiver{answer: func(m event.Message) error {
			if refusing && m.Seq > 1 {
				return errors.New("not yet")
			}
			return nil
		}}
		_, stop := dispatching(t, o, event.Route{Name: "hook", Sink: hook, Parallel: 2})
		o.write("a", "a", "b")
		wait(time.Minute)
		o.write("c", "d", "d") // while it stops
		stop()
		if got := o.cursor("hook"); got != 1 {
			t.Errorf("the cursor is at %d, want before what was not delivered", got)
		}
		inOrder(t, hook.all(), map[string]int{"a": 1, "b": 1, "c": 1, "d": 1}, false)
		refusing = false
		_, stop = dispatching(t, o, event.Route{Name: "hook", Sink: hook, Parallel: 2})
		wait(time.Minute)
		stop()
		inOrder(t, hook.all(), map[string]int{"a": 2, "b": 1, "c": 1, "d": 2}, true)
	})
}

func TestAReplayDeliversAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, quick := newOutbox(), &receiver{}
		d, stop := dispatching(t, o, event.Route{Name: "quick", Sink: quick, Batch: 2})
		o.write("a", "a", "b")
		synctest.Wait()
		if err := d.Replay(t.Context(), "quick", 1); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		if got := quick.all(); !slices.Equal(got, []string{"a-1", "a-2", "b-1", "a-2", "b-1"}) {
			t.Errorf("delivered %v", got)
		}
		if err := d.Replay(t.Context(), "nobody", 1); ivs.CodeOf(err) != ivs.NotFound {
			t.Errorf("a sink that there is not: %v", err)
		}
		stop()
		if err := d.Replay(t.Context(), "quick", 1); ivs.CodeOf(err) != ivs.Unavailable {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestAFilteredSinkIsDoneWithWhatItDoesNotWant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, quick := newOutbox(), &receiver{}
		_, stop := dispatching(t, o, event.Route{Name: "quick", Sink: quick, Filter: event.Filter{Channels: []string{"a"}}})
		for range 2000 {
			o.write("b", "a", "b")
		}
		wait(time.Minute)
		inOrder(t, quick.all(), map[string]int{"a": 2000}, false)
		if got := o.cursor("quick"); got != 6000 {
			t.Errorf("the cursor is at %d", got)
		}
		stop()
	})
}

func TestAFollowerHearsOfAllThatIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox()
		for range 300 {
			o.write("a", "b")
		}
		ctx, cancel := context.WithCancel(t.Context())
		var got []string
		var passed int64
		done := make(chan error, 1)
		go func() {
			done <- event.Follow(ctx, o, 2, event.Filter{Channels: []string{"a"}}, func(m event.Message) error {
				if m.Body == nil {
					passed = m.Position
					return nil
				}
				got = append(got, m.ID)
				return nil
			})
		}()
		synctest.Wait()
		if len(got) != 299 || got[0] != "a-2" || passed != 600 {
			t.Errorf("%d messages from %s, passed %d", len(got), got[0], passed)
		}
		o.write("b", "a")
		synctest.Wait()
		if got[len(got)-1] != "a-301" {
			t.Errorf("the newest is %s", got[len(got)-1])
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkDispatch(b *testing.B) {
	o := newOutbox()
	d := &event.Dispatcher{Store: o, Log: slog.New(slog.DiscardHandler)}
	sinks := make([]*receiver, 4)
	for i := range sinks {
		sinks[i] = &receiver{}
		o.cursors[fmt.Sprint(i)] = 0
		d.Routes = append(d.Routes, event.Route{Name: fmt.Sprint(i), Sink: sinks[i], Batch: 64})
	}
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = d.Run(ctx) })
	defer running.Wait()
	defer cancel()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		o.write(fmt.Sprint(n % 100))
		n++
	}
	for _, s := range sinks {
		for len(s.all()) < n {
			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}

// wait lets a bubble's time pass, and what is due then be done.
func wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

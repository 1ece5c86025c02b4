package token

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// address is the n-th of a network with many.
func address(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

// forger returns tokens for arn of which none has a good signature, each another.
func forger(tb testing.TB) func() string {
	tb.Helper()
	good := signed(tb, newKey(tb), nil)
	cut := strings.LastIndexByte(good, '.') + 1
	n := 0
	var mu sync.Mutex
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		n++
		return good[:cut] + fmt.Sprintf("%0124dAAAA", n)
	}
}

// one returns a verifier that verifies one token at a time.
func one() *Verifier {
	v := new(Verifier)
	v.once.Do(v.prepare)
	v.queue.turns = 1
	return v
}

func TestAFloodGetsNoMoreThanItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lasts, many = 60 * time.Millisecond, 400
		v, keys, forge := one(), keysOf(t, newKey(t)), forger(t)
		ctx, stop := context.WithTimeout(t.Context(), lasts)
		defer stop()
		var mu sync.Mutex
		verified := 0
		var flood sync.WaitGroup
		for i := range many {
			flood.Go(func() {
				for range 100 {
					_, err := v.Verify(ctx, forge(), arn, keys, address(i))
					if ctx.Err() != nil {
						return
					}
					if errors.Is(err, ErrBadSign) {
						mu.Lock()
						verified++
						mu.Unlock()
					}
					<-time.After(time.Millisecond)
				}
			})
		}
		flood.Wait()
		// Nothing takes time in a bubble, so each is taken to cost the least.
		if most := int(lasts/(restFor*leastCost)) + 1; verified > most || verified < most/2 {
			t.Errorf("%d bad tokens were verified in %v, want at most %d, and not much less", verified, lasts, most)
		}
	})
}

// TestNewViewersGetInThroughAFlood has bad tokens come from 100 addresses, each as
// soon as the one before is answered, and viewers with new tokens among them.
func TestNewViewersGetInThroughAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many, turn = 100, restFor * leastCost
		k := newKey(t)
		v, keys, forge := one(), keysOf(t, k), forger(t)
		ctx, stop := context.WithCancel(t.Context())
		var flood sync.WaitGroup
		for i := range many {
			flood.Go(func() {
				for ctx.Err() == nil {
					_, _ = v.Verify(ctx, forge(), arn, keys, address(i))
					<-time.After(time.Millisecond)
				}
			})
		}
		synctest.Wait()
		// A few addresses share what is known of them with another, and are forgotten.
		const later = 10 * turn
		for i, most := range []time.Duration{(many + 1) * turn, later, later, later} {
			text, began := signed(t, k, map[string]any{"n": i}), time.Now()
			if _, err := v.Verify(t.Context(), text, arn, keys, address(1000+i)); err != nil {
				t.Errorf("viewer %d: %v", i, err)
			}
			if took := time.Since(began); took > most {
				t.Errorf("viewer %d waited %v, want at most %v", i, took, most)
			}
			<-time.After(2 * turn)
		}
		stop()
		flood.Wait()
	})
}

// TestWhoIsVerifiedFirst has tokens wait behind one that takes for ever.
func TestWhoIsVerifiedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := one()
		patron, new1, new2, offender := address(1), address(2), address(3), address(4)
		neighbour, afar := netip.MustParseAddr("2001:db8:7:1::1"), netip.MustParseAddr("2001:db8:8::1")
		turned := address(5)
		v.networks.note(patron, true)
		v.networks.note(offender, false)
		v.networks.note(netip.MustParseAddr("2001:db8:7:2::1"), false)

		if err := v.queue.wait(t.Context(), new1); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []netip.Addr
		for _, from := range []netip.Addr{offender, neighbour, new2, turned, afar, patron} {
			go func() {
				if err := v.queue.wait(t.Context(), from); err != nil {
					t.Error(from, err)
				}
				mu.Lock()
				order = append(order, from)
				mu.Unlock()
				v.queue.release()
			}()
			synctest.Wait()
		}
		v.networks.note(turned, false) // what it sent before was bad
		v.queue.release()
		synctest.Wait()
		if want := []netip.Addr{patron, new2, afar, offender, neighbour, turned}; !slices.Equal(order, want) {
			t.Errorf("verified in order %v, want %v", order, want)
		}
		<-time.After(suspectedFor)
		if got := v.networks.rank(offender); got != unknown {
			t.Errorf("an offender of long ago has rank %d, want %d", got, unknown)
		}
		<-time.After(provedFor)
		if got := v.networks.rank(patron); got != unknown {
			t.Errorf("a patron of long ago has rank %d, want %d", got, unknown)
		}
	})
}

// TestWhoseTurnDoesNotComeIsToldSo has those wait who run out of patience, leave,
// or find too many before them.
func TestWhoseTurnDoesNotComeIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKey(t)
		v, keys := one(), keysOf(t, k)
		if err := v.queue.wait(t.Context(), home); err != nil { // and never releases it
			t.Fatal(err)
		}
		began := time.Now()
		_, err := v.Verify(t.Context(), signed(t, k, nil), arn, keys, home)
		if took := time.Since(began); !errors.Is(err, ErrBusy) || took != patience {
			t.Errorf("after %v: %v", took, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := v.Verify(ctx, signed(t, k, map[string]any{"x": 1}), arn, keys, home); !errors.Is(err, ErrBusy) {
			t.Errorf("who is gone: %v", err)
		}
		bad := address(1)
		v.networks.note(bad, false)
		for range suspected.room() {
			go func() { _ = v.queue.wait(t.Context(), bad) }()
		}
		synctest.Wait()
		began = time.Now()
		if err := v.queue.wait(t.Context(), bad); !errors.Is(err, ErrBusy) || time.Since(began) > 0 {
			t.Errorf("who finds no room waits %v: %v", time.Since(began), err)
		}
		turned := address(2)
		left := make(chan error)
		go func() { left <- v.queue.wait(t.Context(), turned) }()
		synctest.Wait()
		v.networks.note(turned, false)
		v.queue.release()
		if err := <-left; !errors.Is(err, ErrBusy) {
			t.Errorf("who is suspected while there is no room for more of these: %v", err)
		}
		v.queue.release()
		<-time.After(patience)
		synctest.Wait()
		if n := v.queue.lines[suspected].Len(); n > 0 {
			t.Errorf("%d still wait after they left", n)
		}
	})
}

// TestBadTokensDoNotMakeGoodOnesBeForgotten sends many.
func TestBadTokensDoNotMakeGoodOnesBeForgotten(t *testing.T) {
	var v Verifier
	v.once.Do(v.prepare)
	it := func(n int) (out verdict) {
		out.sum[0], out.sum[1], out.sum[2] = byte(n), byte(n>>8), byte(n>>16)
		out.sum[6], out.sum[7] = byte(n>>8), byte(n)
		return out
	}
	v.remember(it(7), true)
	for n := range 4 * verdicts {
		v.remember(it(n+8), false)
	}
	if good, known := v.known(it(7)); !good || !known {
		t.Errorf("a good token: %v, %v", good, known)
	}
}

func BenchmarkQueue(b *testing.B) {
	for name, turns := range map[string]int{"a turn is free": 1, "behind 1000": 0} {
		b.Run(name, func(b *testing.B) {
			v := one()
			v.queue.turns = turns
			for i := range 1000 * (1 - turns) {
				if _, err := v.queue.enter(address(i)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_, _ = v.queue.enter(address(i))
				v.queue.release()
			}
		})
	}
}

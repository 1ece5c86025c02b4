package groupcommit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/store/groupcommit"
)

// A base takes one transaction at a time, and a second for each.
type base struct {
	free    chan struct{}
	rows    []string
	commits int
	fails   int // the commit of this number fails; 0: none
}

var errDisk = errors.New("disk")

type tx struct{ rows []string }

func (b *base) once(_ context.Context, f func(tx *tx) error) error {
	b.free <- struct{}{}
	defer func() { <-b.free }()
	var t tx
	if err := f(&t); err != nil {
		return err
	}
	<-time.After(time.Second)
	if b.commits++; b.commits == b.fails {
		return errDisk
	}
	b.rows = append(b.rows, t.rows...)
	return nil
}

func insert(row string) func(t *tx) error {
	return func(t *tx) error {
		t.rows = append(t.rows, row)
		return nil
	}
}

func TestThoseThatWaitShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := base{free: make(chan struct{}, 1)}
		q := groupcommit.New(b.once)
		var all sync.WaitGroup
		began := time.Now()
		for n := range 100 {
			all.Go(func() {
				if err := q.Do(t.Context(), insert(fmt.Sprint(n))); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		slices.Sort(b.rows)
		if len(slices.Compact(b.rows)) != 100 || b.commits > 3 || time.Since(began) > 3*time.Second {
			t.Errorf("%d rows by %d commits in %v", len(b.rows), b.commits, time.Since(began))
		}
	})
}

// TestAFailureDoesNotBreakAGroupUp has one of many fail: the others still share a commit.
func TestAFailureDoesNotBreakAGroupUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := base{free: make(chan struct{}, 1)}
		q := groupcommit.New(b.once)
		var all sync.WaitGroup
		for n := range 50 {
			all.Go(func() {
				f := insert(fmt.Sprint(n))
				if n == 7 {
					f = func(*tx) error { return errDisk }
				}
				if err := q.Do(t.Context(), f); (err != nil) != (n == 7) {
					t.Errorf("%d: %v", n, err)
				}
			})
		}
		all.Wait()
		if len(b.rows) != 49 || b.commits > 3 {
			t.Errorf("%d rows by %d commits", len(b.rows), b.commits)
		}
	})
}

// TestAFailureIsNobodyElses has one of many fail, one panic and one give up.
func TestAFailureIsNobodyElses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := base{free: make(chan struct{}, 1)}
		q := groupcommit.New(b.once)
		errOwn := errors.New("own")
		var all sync.WaitGroup
		ask := func(ctx context.Context, f func(t *tx) error, want error) {
			all.Go(func() {
				if err := q.Do(ctx, f); !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
			})
			synctest.Wait()
		}
		ask(t.Context(), insert("first"), nil) // the others wait for it
		for n := range 5 {
			ask(t.Context(), insert(fmt.Sprint(n)), nil)
		}
		ask(t.Context(), func(t *tx) error { _ = insert("never")(t); return errOwn }, errOwn)
		all.Go(func() {
			defer func() {
				if r := recover(); r != "own" {
					t.Errorf("it panics with %v", r)
				}
			}()
			_ = q.Do(t.Context(), func(*tx) error { panic("own") })
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		ask(ctx, insert("given up"), context.DeadlineExceeded)
		all.Wait()
		slices.Sort(b.rows)
		if want := []string{"0", "1", "2", "3", "4", "first"}; !slices.Equal(b.rows, want) {
			t.Errorf("rows %q, want %q", b.rows, want)
		}
		ask(t.Context(), insert("later"), nil) // the turn is free
		all.Wait()
	})
}

func TestACommitThatFailsFailsForAllOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := base{free: make(chan struct{}, 1), fails: 2}
		q := groupcommit.New(b.once)
		var all sync.WaitGroup
		all.Go(func() {
			if err := q.Do(t.Context(), insert("first")); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		for n := range 3 {
			all.Go(func() {
				if err := q.Do(t.Context(), insert(fmt.Sprint(n))); !errors.Is(err, errDisk) {
					t.Errorf("%v, want %v", err, errDisk)
				}
			})
		}
		all.Wait()
		if !slices.Equal(b.rows, []string{"first"}) {
			t.Errorf("rows %q", b.rows)
		}
	})
}

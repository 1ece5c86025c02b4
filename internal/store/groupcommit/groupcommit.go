// Package groupcommit has writes that wait for one another share a transaction, where
// a database takes one at a time: its commit, which waits for the disk, is then paid
// once for all of them.
//
// It knows no database and does not retry.
package groupcommit

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// A Queue runs functions in transactions. Make it with New.
type Queue[T any] struct {
	once func(ctx context.Context, f func(tx T) error) error
	turn chan struct{} // held by whoever runs a transaction

	mu      sync.Mutex
	waiting []*job[T]
}

// A job is a function that waits for a transaction.
type job[T any] struct {
	gone func() error // why nobody waits for it any more, or nil
	f    func(tx T) error
	done chan error
}

// New returns a queue for once, which runs a function in a transaction and commits it
// if the function returns nil.
func New[T any](once func(ctx context.Context, f func(tx T) error) error) *Queue[T] {
	return &Queue[T]{once: once, turn: make(chan struct{}, 1)}
}

// errAlone tells a job that it has to run by itself.
var errAlone = errors.New("a job of the group failed")

// Do runs f in a transaction, which it may share with others that are waiting, and
// returns when that is committed. One of them that fails runs again by itself, and the
// others without it: f must start anew each time, and no other's failure is ever its
// own. A commit that fails fails for all that share it.
func (q *Queue[T]) Do(ctx context.Context, f func(tx T) error) error {
	j := &job[T]{gone: ctx.Err, f: f, done: make(chan error, 1)}
	q.mu.Lock()
	q.waiting = append(q.waiting, j)
	q.mu.Unlock()
	var err error
	select {
	case err = <-j.done:
	case q.turn <- struct{}{}:
		err = q.lead(ctx, j)
	case <-ctx.Done():
		if q.leave(j) {
			return context.Cause(ctx)
		}
		err = <-j.done
	}
	if errors.Is(err, errAlone) {
		return q.once(ctx, f)
	}
	return err
}

// leave takes a job out of those that wait, if it is one of them.
func (q *Queue[T]) leave(j *job[T]) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, j)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true
}

// lead runs all that wait in one transaction, and returns what became of a job, which
// may have been run before. Who leads has the turn, and gives it back.
func (q *Queue[T]) lead(ctx context.Context, own *job[T]) error {
	defer func() { <-q.turn }()
	q.mu.Lock()
	group := q.waiting
	q.waiting = nil
	q.mu.Unlock()
	if len(group) == 1 && group[0] == own {
		return q.once(ctx, own.f)
	}
	if len(group) > 0 {
		q.share(ctx, group)
	}
	return <-own.done
}

// rounds is how often a group begins anew without one that failed, before each of those
// that are left runs by itself.
const rounds = 4

// share runs jobs in one transaction. Those that fail, or that nobody waits for any
// more, do not keep the others from theirs.
func (q *Queue[T]) share(ctx context.Context, group []*job[T]) {
	for range rounds {
		group = slices.DeleteFunc(group, func(j *job[T]) bool {
			gone := j.gone() != nil
			if gone {
				j.done <- errAlone
			}
			return gone
		})
		if len(group) == 0 {
			return
		}
		failed := -1
		err := q.once(context.WithoutCancel(ctx), func(tx T) error { // each has a context of its own
			for i, j := range group {
				if err := j.try(tx); err != nil {
					failed = i
					return err
				}
			}
			return nil
		})
		if failed < 0 {
			tell(group, err)
			return
		}
		group[failed].done <- errAlone
		group = slices.Delete(group, failed, failed+1)
	}
	tell(group, errAlone)
}

func tell[T any](group []*job[T], err error) {
	for _, j := range group {
		j.done <- err
	}
}

// try runs a job. One that panics does so again by itself, in its own goroutine.
func (j *job[T]) try(tx T) (err error) {
	defer func() {
		if recover() != nil {
			err = errAlone
		}
	}()
	return j.f(tx)
}

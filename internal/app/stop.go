package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// A step undoes one thing that New or Run did.
type step struct {
	op    string        // for the log: "close the doors"
	limit time.Duration // how long it may take
	do    func(ctx context.Context) error
}

// steps are run backwards.
type steps []step

func (s *steps) add(op string, limit time.Duration, do func(ctx context.Context) error) {
	*s = append(*s, step{op, limit, do})
}

// run undoes everything, the newest first, each step within its limit. When
// ctx ends, no step is waited for any longer, but each still runs.
func (s steps) run(ctx context.Context, log *slog.Logger) error {
	var all error
	for _, step := range slices.Backward(s) {
		start := time.Now()
		err := step.run(ctx)
		log.Debug("stopped", "op", step.op, "took", time.Since(start))
		if err != nil {
			all = errors.Join(all, fmt.Errorf("%s: %w", step.op, err))
		}
	}
	return all
}

// grace is how long a step has, after its limit or a second signal, to notice.
const grace = time.Second

// run waits for the step at most its limit and a moment of grace: what does not
// listen to its context is left behind, for the process is about to end.
func (s step) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.do(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return fmt.Errorf("it takes longer than %v: %w", s.limit, context.Cause(ctx))
	}
}

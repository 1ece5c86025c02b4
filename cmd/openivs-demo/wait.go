package main

import (
	"context"
	"errors"
	"time"
)

const lookAgain = 100 * time.Millisecond

// A stopError is an error that asking again will not cure.
type stopError struct{ error }

// until asks again and again until there is no error. When ctx ends first it
// returns the last one.
func until(ctx context.Context, ask func() error) error {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		err := ask()
		if err == nil || errors.As(err, new(stopError)) {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// Package lines writes events as lines of JSON, to a file or to standard output.
//
// When a message is tried again is up to package event.
package lines

import (
	"context"
	"io"
	"slices"

	"openivs/internal/event"
)

// A Writer takes lines. If it fails, n says how many bytes of whole lines were
// written.
type Writer interface {
	Write(lines []byte) (n int, err error)
	Close() error
}

// A Sink writes lines. Set the fields before the first Send and leave them alone
// afterwards.
type Sink struct {
	To   Writer
	Sync func() error // returns when what was written lasts; nil: it does so at once
}

// Send writes messages in their order and sees that they last.
func (s *Sink) Send(_ context.Context, messages []event.Message) []error {
	var buf []byte
	for _, m := range messages {
		buf = append(append(buf, m.Body...), '\n')
	}
	n, err := s.To.Write(buf)
	if n == len(buf) {
		err = nil
	}
	if s.Sync != nil && n > 0 {
		if lost := s.Sync(); lost != nil {
			return slices.Repeat([]error{lost}, len(messages))
		}
	}
	if err == nil {
		return nil
	}
	errs := make([]error, len(messages))
	for i, m := range messages {
		n -= len(m.Body) + 1
		if n < 0 {
			errs[i] = err
		}
	}
	return errs
}

// Close closes the file.
func (s *Sink) Close() error { return s.To.Close() }

// Open makes a Writer of one that is not ours to close.
func Open(w io.Writer) Writer { return open{w} }

type open struct{ io.Writer }

// Close does nothing.
func (open) Close() error { return nil }

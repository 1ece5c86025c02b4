package ivs

import (
	"errors"
	"fmt"
)

// A Code is the part of an error that a program may act on.
type Code string

// The codes that cross layers. Each edge translates them once: package control
// into AWS exceptions, package ingest/rtmp into status objects.
const (
	Internal      Code = ""               // ours to log, "internal error" to them
	Invalid       Code = "invalid"        // the request breaks a rule
	NotFound      Code = "not found"      // no such resource
	Conflict      Code = "conflict"       // the resource is in a state that forbids it
	QuotaExceeded Code = "quota exceeded" // a count quota is full
	NotLive       Code = "not live"       // the channel is not broadcasting
	Denied        Code = "denied"         // the caller may not do this
	Throttled     Code = "throttled"      // too many requests
	Unavailable   Code = "unavailable"    // try again later
)

// An Error has a code for programs and a message for people.
type Error struct {
	Code    Code
	Message string
	err     error // what lies beneath, or nil
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns what lies beneath, or nil.
func (e *Error) Unwrap() error { return e.err }

// Errorf makes an Error. As in fmt.Errorf, what %w names can be found beneath it.
func Errorf(code Code, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), err: errors.Unwrap(err)}
}

// CodeOf returns the code of err, or Internal if it has none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

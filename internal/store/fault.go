package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"openivs/internal/ivs"
)

// A fault is what an error of a driver means to us.
type fault int

const (
	faultOther  fault = iota
	faultUnique       // a key is there already
	faultBusy         // another transaction was in the way: try again
	faultAway         // the database cannot be reached, or cannot work now
)

// errLost answers every write once the database is not ours any more.
var errLost = ivs.Errorf(ivs.Unavailable, "the database is owned by another server")

// An awayError says to people only that the database is away; what lies
// beneath may name addresses and is logged once.
type awayError struct{ err error }

// Error says what a caller can do about it.
func (awayError) Error() string { return "the database is not available, try again later" }

// Unwrap returns the code and the cause.
func (e awayError) Unwrap() []error { return []error{errAway, e.err} }

var errAway = ivs.Errorf(ivs.Unavailable, "the database is not available")

// fail says what we were doing when a statement failed, with the code that the
// failure has. A missing row is ivs.NotFound only where the caller says so.
func (db *DB) fail(doing string, err error) error {
	switch {
	case ivs.CodeOf(err) != ivs.Internal:
		return err // ours already, with a message for people
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), db.engine.fault(err) == faultAway,
		db.engine.fault(err) == faultBusy:
		if !db.away.Swap(true) {
			db.log.Error("database is away", "op", doing, "err", err)
		}
		return awayError{err}
	case db.engine.fault(err) == faultUnique:
		return ivs.Errorf(ivs.Conflict, "%s: it exists already", doing)
	default:
		return fmt.Errorf("%s: %w", doing, err)
	}
}

// worked notes that a statement succeeded.
func (db *DB) worked() {
	if db.away.Load() && db.away.Swap(false) {
		db.log.Info("database is back")
	}
}

package session

import (
	"openivs/internal/media"
)

// A Pipeline is what a session feeds: the stages that make its media playable.
type Pipeline interface {
	// WriteUnit takes an access unit; it does not block on anything slower than
	// memory. An error ends the session with the error as its cause.
	WriteUnit(u media.Unit) error

	// Playable is closed when the first segment can be watched.
	Playable() <-chan struct{}

	// Renditions returns how many renditions can be watched, and how many the
	// channel's type has for what is sent; wanted is 0 until that is known.
	Renditions() (made, wanted int)

	// Close processes the tail and returns when nothing of the pipeline runs.
	// final says that the stream is over for good: a player may be told so.
	// It is called once, and no WriteUnit follows.
	Close(final bool) error
}

// none is the pipeline of a session that could not begin.
type none struct{}

func (none) WriteUnit(media.Unit) error { return nil }
func (none) Playable() <-chan struct{}  { return nil }
func (none) Renditions() (int, int)     { return 0, 0 }
func (none) Close(bool) error           { return nil }

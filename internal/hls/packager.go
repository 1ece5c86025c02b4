package hls

import (
	"time"

	"openivs/internal/media"
)

// A Packager cuts one rendition into segments.
type Packager struct {
	Window *Window
	Target time.Duration
}

func (p *Packager) WriteUnit(u media.Unit) error { return nil }
func (p *Packager) Close(final bool) error       { return nil }

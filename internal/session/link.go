package session

import "openivs/internal/ingest"

// SetLink notes how the network to the encoder does.
func (l *live) SetLink(link ingest.Link) { l.link.Store(&link) }

// linked is the newest of what SetLink noted, or nil.
func (l *live) linked() *ingest.Link { return l.link.Load() }

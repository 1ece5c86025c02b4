package session

import "openivs/internal/ingest"

// linked is the newest of what SetLink noted, or nil.
func (l *live) linked() *ingest.Link { return l.link.Load() }

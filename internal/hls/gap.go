package hls

import (
	"time"

	"openivs/internal/media"
)

const (
	// gapLength is how much of what a server missed is listed as gaps once it is
	// back: more than a player with hls.js's defaults waits for it.
	gapLength = 40 * time.Second
	// MaxGap is how many numbers the gaps of one stream take at most.
	MaxGap = int64(gapLength / time.Second)
)

// gaps is how many segments the playlist lists before its first that were never
// made: those of the time when the channel's viewers had no server. A player that
// watched then looks for what follows its last picture; hls.js, if it finds nothing
// of that date, waits for it for ever. They are listed until the first segment
// leaves the playlist.
func (s *Snapshot) gaps() int64 {
	if !s.inParts() || s.elapsed > 0 || len(s.Segments) == 0 {
		return 0
	}
	return min(s.window.From.Gap, int64(gapLength/s.Target))
}

// Gapped reports whether a number is of a segment that was never made.
func (w *Window) Gapped(msn int64) bool { return msn < w.From.MSN && msn >= w.From.MSN-w.From.Gap }

// appendGaps writes the gaps, each of one target duration, and what is needed
// before the first segment: no segment of the container may go without it.
func (s *Snapshot) appendGaps(b []byte) ([]byte, *Init) {
	n := s.gaps()
	if n == 0 {
		return b, nil
	}
	first := s.Segments[0]
	b = s.appendMap(b, first.Init, nil)
	for ; n > 0; n-- {
		gap := Segment{
			MSN:      first.MSN - n,
			Duration: media.TicksOf(s.Target),
			Date:     first.Date.Add(-time.Duration(n) * s.Target),
		}
		gap.write(s.window)
		b = append(b, "#EXT-X-GAP\n"...)
		b = append(b, gap.before...)
		b = append(b, gap.after...)
	}
	return b, first.Init
}

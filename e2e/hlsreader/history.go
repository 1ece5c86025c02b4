package hlsreader

import (
	"math"
	"time"
)

const (
	// rounding is what a time in a playlist may be off, in seconds: playlists
	// give milliseconds or better.
	rounding = 0.001
	// shortest is how long a part has to be, of PART-TARGET, unless it is the
	// last of its segment (RFC 8216bis, B.1).
	shortest = 0.85
	// holdBack is how many parts a player has to stay behind (4.4.3.8), and
	// keepParts how many target durations of parts have to be listed (6.2.2).
	holdBack  = 3
	keepParts = 3
	// skipAfter is how many target durations cannot be skipped (4.4.3.8).
	skipAfter = 6
)

// A history is what one rendition has said, and may not take back.
type history struct {
	w       *watch
	index   int
	address string
	others  []string

	last     *Playlist // the newest, with what was skipped filled in
	known    map[int64]*known
	uris     map[string]int64    // who has which URI
	hints    map[string]*pending // by URI
	prefetch map[string]*pending
	inits    map[string][]byte
	awayFrom time.Time

	clock timeline
}

// known is a segment as it was announced first.
type known struct {
	Segment
	complete bool
	whole    bool // all of its parts were fetched
	media    []byte
}

// pending is a request for something that is not finished.
type pending struct {
	done chan struct{}
	res  *response
	err  error
}

func newHistory(w *watch, index int, address string, all []string) *history {
	h := &history{
		w: w, index: index, address: address,
		known: map[int64]*known{}, uris: map[string]int64{},
		hints: map[string]*pending{}, prefetch: map[string]*pending{}, inits: map[string][]byte{},
	}
	for _, a := range all {
		if a != address {
			h.others = append(h.others, a)
		}
	}
	return h
}

func (h *history) fault(format string, args ...any) {
	h.w.fault("rendition %d: "+format, append([]any{h.index}, args...)...)
}

// look holds a playlist to all that was said before, and fetches what is new.
func (h *history) look(p *Playlist) {
	h.checkHead(p)
	if !h.fill(p) {
		return
	}
	h.checkMove(p)
	now := time.Now()
	for i, s := range p.Segments {
		h.checkSegment(p, p.First+int64(i), s, true)
	}
	msn, _ := p.Edge()
	if len(p.Open.Parts) > 0 {
		h.checkSegment(p, msn, p.Open, false)
	}
	h.checkEdge(p, now)
	if h.last != nil && !p.Ended && p.Control.CanBlock {
		if oldMSN, oldPart := h.last.Edge(); msn == oldMSN && len(p.Open.Parts) == oldPart {
			h.pause(retry) // it did not block, which is a fault already
		}
	}
	h.last = p
	h.announce(p)
	h.w.count(func(f *Findings) {
		if f.Segments == 0 {
			f.First = p.First
		}
		f.Target, f.PartTarget = p.Target, p.PartTarget
		if h.index == 0 {
			f.Last = msn - 1
		}
	})
}

// checkHead checks what is said once of all.
func (h *history) checkHead(p *Playlist) {
	c := p.Control
	if h.last != nil {
		if p.Target != h.last.Target || p.PartTarget != h.last.PartTarget {
			h.fault("the target went from %g s to %g s, that of parts from %g s to %g s", h.last.Target, p.Target, h.last.PartTarget, p.PartTarget)
		}
		if c != h.last.Control {
			h.fault("EXT-X-SERVER-CONTROL went from %+v to %+v", h.last.Control, c)
		}
	}
	if c.HoldBack > 0 && c.HoldBack < holdBack*p.Target-rounding {
		h.fault("HOLD-BACK is %g, want 3 times %g at least", c.HoldBack, p.Target)
	}
	if c.CanSkipUntil > 0 && c.CanSkipUntil < skipAfter*p.Target-rounding {
		h.fault("CAN-SKIP-UNTIL is %g, want 6 times %g at least", c.CanSkipUntil, p.Target)
	}
	if len(p.Prefetch) != h.w.Prefetch && !p.Ended {
		h.fault("%d EXT-X-PREFETCH, want %d", len(p.Prefetch), h.w.Prefetch)
	}
	if !h.w.Parts {
		return
	}
	switch {
	case p.PartTarget == 0 || !c.CanBlock:
		h.fault("no parts, or no blocking reload: part target %g, %+v", p.PartTarget, c)
	case c.PartsBack < holdBack*p.PartTarget-rounding:
		h.fault("PART-HOLD-BACK is %g, want 3 times %g at least", c.PartsBack, p.PartTarget)
	case p.Ended:
	case p.Hint == "":
		h.fault("no preload hint")
	}
}

// fill puts what a delta update skips back where it was.
func (h *history) fill(p *Playlist) bool {
	if p.Skipped == 0 {
		return true
	}
	h.w.count(func(f *Findings) { f.Deltas++ })
	end := 0.0
	for _, s := range p.Segments {
		end += s.Duration
	}
	for _, q := range p.Open.Parts {
		end += q.Duration
	}
	if end < p.Control.CanSkipUntil-p.Target-rounding {
		h.fault("a delta update leaves %g s, want %g s", end, p.Control.CanSkipUntil)
	}
	var all []Segment
	for msn := p.First; msn < p.First+p.Skipped; msn++ {
		k := h.known[msn]
		if k == nil || !k.complete {
			h.fault("a delta update skips segment %d, which was not seen", msn)
			return false
		}
		s := k.Segment
		s.Parts = nil
		all = append(all, s)
	}
	if n := len(all); n > 0 && len(p.Segments) > 0 && p.Segments[0].Map == "" {
		for i := range p.Segments {
			if p.Segments[i].Map == "" {
				p.Segments[i].Map = all[n-1].Map
			}
		}
		if p.Open.Map == "" {
			p.Open.Map = all[n-1].Map
		}
	}
	p.Segments, p.Skipped = append(all, p.Segments...), 0
	return true
}

// checkMove checks that the window only moves on.
func (h *history) checkMove(p *Playlist) {
	old := h.last
	if old == nil {
		return
	}
	if p.First < old.First {
		h.fault("EXT-X-MEDIA-SEQUENCE went back from %d to %d", old.First, p.First)
	}
	msn, part := p.Edge()
	oldMSN, oldPart := old.Edge()
	if msn < oldMSN || msn == oldMSN && part < oldPart {
		h.fault("the edge went back from %d.%d to %d.%d", oldMSN, oldPart, msn, part)
	}
	want := old.Discontinuities
	for i := old.First; i < p.First; i++ {
		k := h.known[i]
		if k == nil {
			return // it was missed, and with it whether it was a discontinuity
		}
		if k.Discontinuity {
			want++
		}
	}
	if p.Discontinuities != want {
		h.fault("EXT-X-DISCONTINUITY-SEQUENCE is %d at %d, want %d", p.Discontinuities, p.First, want)
	}
	length := 0.0
	for _, s := range p.Segments {
		length += s.Duration
	}
	if p.First > old.First && length < holdBack*p.Target-rounding {
		h.fault("segments were taken away and %g s are left, want three times %g s", length, p.Target)
	}
}

// checkSegment holds a segment to what was said of it, and notes what is new.
func (h *history) checkSegment(p *Playlist, msn int64, s Segment, complete bool) {
	k := h.known[msn]
	if k == nil {
		k = &known{Segment: s, whole: len(s.Parts) > 0 && (h.last != nil || !complete)}
		k.Parts, k.URI, k.Duration = nil, "", 0
		h.known[msn] = k
		h.checkStart(msn, s)
	}
	if !s.Date.Equal(k.Date) || s.Discontinuity != k.Discontinuity || s.Gap != k.Gap || s.Map != k.Map {
		h.fault("segment %d changed from %v to %v", msn, k.Segment, s)
	}
	h.checkParts(p, msn, k, s, complete)
	if !complete {
		return
	}
	if k.complete {
		if s.URI != k.URI || s.Duration != k.Duration {
			h.fault("segment %d changed from %s of %g s to %s of %g s", msn, k.URI, k.Duration, s.URI, s.Duration)
		}
		return
	}
	k.complete, k.URI, k.Duration = true, s.URI, s.Duration
	h.checkWhole(p, msn, k)
}

// checkStart checks where a new segment begins.
func (h *history) checkStart(msn int64, s Segment) {
	if s.Date.IsZero() {
		h.fault("segment %d has no EXT-X-PROGRAM-DATE-TIME", msn)
	}
	if s.Discontinuity {
		h.w.count(func(f *Findings) { f.Discontinuities++ })
	}
	before := h.known[msn-1]
	if before == nil || !before.complete {
		return
	}
	end := before.Date.Add(time.Duration(before.Duration * float64(time.Second)))
	switch off := s.Date.Sub(end).Seconds(); {
	case s.Discontinuity && off < -2*rounding:
		h.fault("segment %d after a discontinuity is dated %.3f s before the end of %d", msn, -off, msn-1)
	case !s.Discontinuity && math.Abs(off) > 2*rounding:
		h.fault("segment %d is dated %.3f s off the end of %d", msn, off, msn-1)
	}
}

// checkParts holds the parts of a segment to what was said of them, and fetches
// the new ones.
func (h *history) checkParts(p *Playlist, msn int64, k *known, s Segment, complete bool) {
	if len(s.Parts) == 0 {
		if len(k.Parts) > 0 && complete && h.toEnd(p, msn) < keepParts*p.Target-rounding {
			h.fault("the parts of segment %d are gone %.1f s from the end, want %g s", msn, h.toEnd(p, msn), keepParts*p.Target)
		}
		return
	}
	if len(s.Parts) < len(k.Parts) {
		h.fault("segment %d had %d parts and has %d", msn, len(k.Parts), len(s.Parts))
		return
	}
	for i, q := range s.Parts {
		if i < len(k.Parts) {
			if q != k.Parts[i] {
				h.fault("part %d.%d changed from %+v to %+v", msn, i, k.Parts[i], q)
			}
			continue
		}
		h.checkPart(p, msn, i, q)
		k.Parts = append(k.Parts, q)
		h.fetchPart(msn, i, k, q)
	}
}

// checkPart checks a new part.
func (h *history) checkPart(p *Playlist, msn int64, i int, q Part) {
	h.claim(q.URI, msn)
	if q.Duration > p.PartTarget+rounding/100 {
		h.fault("part %d.%d lasts %g s, PART-TARGET is %g s", msn, i, q.Duration, p.PartTarget)
	}
	if prev := h.known[msn]; i > 0 && prev.Parts[i-1].Duration < shortest*p.PartTarget && !q.Independent {
		h.fault("part %d.%d lasts %g s and is not the last, PART-TARGET is %g s", msn, i-1, prev.Parts[i-1].Duration, p.PartTarget)
	}
	if h.last != nil && h.last.Hint != "" && h.awayFrom.IsZero() {
		oldMSN, oldPart := h.last.Edge()
		switch over := msn == oldMSN+1 && i == 0 && len(h.known[oldMSN].Parts) == oldPart; {
		case q.URI == h.last.Hint:
		case msn == oldMSN && i == oldPart:
			h.fault("part %d.%d is %s, the preload hint was %s", msn, i, q.URI, h.last.Hint)
		case over: // nobody knew that the segment was over
			h.w.count(func(f *Findings) { f.Misled++ })
		}
	}
	h.w.count(func(f *Findings) { f.Parts++ })
}

// claim notes that a URI is of a segment, for ever.
func (h *history) claim(uri string, msn int64) {
	if other, ok := h.uris[uri]; ok && other != msn {
		h.fault("%s was of segment %d and is of %d", uri, other, msn)
	}
	h.uris[uri] = msn
}

// toEnd is how far the end of a segment is from the end of the playlist.
func (h *history) toEnd(p *Playlist, msn int64) (length float64) {
	for i := msn - p.First + 1; i < int64(len(p.Segments)); i++ {
		length += p.Segments[i].Duration
	}
	for _, q := range p.Open.Parts {
		length += q.Duration
	}
	return length
}

// checkWhole checks a segment that is complete, and fetches it.
func (h *history) checkWhole(p *Playlist, msn int64, k *known) {
	h.claim(k.URI, msn)
	if math.Round(k.Duration) > p.Target {
		h.fault("segment %d lasts %g s, EXT-X-TARGETDURATION is %g", msn, k.Duration, p.Target)
	}
	sum := 0.0
	for _, q := range k.Parts {
		sum += q.Duration
	}
	if n := len(k.Parts); n > 0 && math.Abs(sum-k.Duration) > rounding/2*float64(n+1) {
		h.fault("segment %d lasts %g s, its %d parts %.3f s", msn, k.Duration, n, sum)
	}
	if h.last != nil && len(h.last.Prefetch) > 0 && h.awayFrom.IsZero() {
		if edge, _ := h.last.Edge(); edge == msn && h.last.Prefetch[0] != k.URI {
			h.fault("segment %d is %s, announced was %s", msn, k.URI, h.last.Prefetch[0])
		}
	}
	h.w.count(func(f *Findings) { f.Segments++ })
	if h.last == nil && h.toEnd(p, msn) > 2*p.Target {
		return // it was there before this reader, who begins near the edge
	}
	h.fetchSegment(p, msn, k)
}

// checkEdge notes how old the newest media is.
func (h *history) checkEdge(p *Playlist, now time.Time) {
	date, length := p.Open.Date, 0.0
	for _, q := range p.Open.Parts {
		length += q.Duration
	}
	if len(p.Open.Parts) == 0 {
		if len(p.Segments) == 0 {
			return
		}
		s := p.Segments[len(p.Segments)-1]
		date, length = s.Date, s.Duration
	}
	behind := now.Sub(date).Seconds() - length
	h.w.count(func(f *Findings) { f.Behind = append(f.Behind, behind) })
}

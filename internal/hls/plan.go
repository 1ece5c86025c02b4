package hls

import (
	"slices"
	"sync"
	"time"

	"openivs/internal/media"
)

const (
	// maxMarks is how many segments a plan remembers: more than any rendition is
	// behind.
	maxMarks = 64
	// sameTime is how far two times may be apart that mean the same.
	sameTime = media.Clock / 200
)

// A Plan says where the renditions of a stream are cut: all of them at the same
// media times, into segments and parts of the same numbers. The packager that
// leads makes it, those that follow keep to it. The zero Plan is ready.
type Plan struct {
	mu       sync.Mutex
	marks    []mark // oldest first
	timeline int64
	reached  media.Ticks // how far the leader has come on its timeline
	ended    bool
	length   media.Ticks   // of parts
	declared time.Duration // EXT-X-TARGETDURATION; 0: not known yet
}

// A mark is where a segment begins, and what is known of it.
type mark struct {
	timeline      int64
	msn           int64
	first         media.Ticks // where its first picture is shown
	start         media.Ticks // where it begins, a little before or after
	date          time.Time
	discontinuity bool
	breaks        int64 // discontinuities up to its own
	audio         bool  // it has audio
	firstPart     int64
	parts         []media.Ticks // where parts end, never changed in place
	end           media.Ticks
	closed        bool // end is known
	tail          bool // it is what was split off at the end of the stream
}

// Timeline is the number of the timeline that the leader is on.
func (p *Plan) Timeline() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.timeline
}

func (p *Plan) begin(m mark) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.marks) >= maxMarks {
		p.marks = slices.Delete(p.marks, 0, 1)
	}
	p.timeline, p.marks = m.timeline, append(p.marks, m)
}

// drop takes the newest segment back.
func (p *Plan) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.marks); n > 0 && !p.marks[n-1].closed {
		p.marks = p.marks[:n-1]
	}
}

func (p *Plan) part(end, length media.Ticks) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.length = length
	if n := len(p.marks); n > 0 {
		m := &p.marks[n-1]
		m.parts = append(slices.Clip(m.parts), end)
	}
}

func (p *Plan) finish(end media.Ticks, declared time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.declared = declared
	if n := len(p.marks); n > 0 {
		p.marks[n-1].end, p.marks[n-1].closed = end, true
	}
}

func (p *Plan) reach(timeline int64, shown media.Ticks) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timeline, p.reached = timeline, shown
}

func (p *Plan) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
}

// covers reports whether all is known that concerns a time of a timeline.
func (p *Plan) covers(timeline int64, shown media.Ticks) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended || p.timeline > timeline || p.timeline == timeline && p.reached > shown-sameTime
}

// at returns the segment that has a time of a timeline. There is none after the
// end of the newest.
func (p *Plan) at(timeline int64, shown media.Ticks) (mark, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range slices.Backward(p.marks) {
		if m.timeline == timeline && min(m.first, m.start) <= shown+sameTime {
			return m, true
		}
	}
	return mark{}, false
}

// sounding returns the segment that has audio of a time, whose timeline is not
// known: the newest that it can be. wait: it may be one that is still to come.
func (p *Plan) sounding(middle media.Ticks) (m mark, found, wait bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range slices.Backward(p.marks) {
		if !near(middle, m.start) && !near(middle, max(m.end, m.start)) {
			continue
		}
		if m.start <= middle {
			open := m.timeline == p.timeline && !p.ended && middle > p.reached
			return m, !open && (!m.closed || middle < m.end), open
		}
	}
	return mark{}, false, !p.ended && len(p.marks) == 0 || middle > p.reached
}

// of returns what is known of a segment by now.
func (p *Plan) of(msn int64) (mark, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range slices.Backward(p.marks) {
		if m.msn == msn {
			return m, true
		}
	}
	return mark{}, false
}

// lengths returns the length of parts and EXT-X-TARGETDURATION.
func (p *Plan) lengths() (part media.Ticks, target time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.length, p.declared
}

package hlsreader

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

const (
	// togetherness is how far the first sound of a segment may be from its first
	// picture, in seconds: two frames of AAC at 44.1 kHz.
	togetherness = 0.047
	// hole is the longest silence between two sounds that an encoder may leave,
	// in seconds, and step the longest from one picture to the next.
	hole = 0.035
	step = 0.25
	// streaming is how much of a segment's length passes at least between the
	// first and the last byte of a request that waited for it.
	streaming = 0.4
)

// timeline is the media that was seen last, in seconds.
type timeline struct {
	msn     int64
	started bool
	date    float64 // of the picture below
	picture float64 // first of a segment
	length  float64
	sound   float64 // where the newest audio ends
	heard   bool
	audio   bool // the timeline has audio
}

// fetchPart fetches a part that is listed, or takes it from the request that its
// preload hint led to, and checks the one against the other.
func (h *history) fetchPart(msn int64, i int, k *known, q Part) {
	if q.Gap {
		return
	}
	what := fmt.Sprintf("part %d.%d", msn, i)
	res, err := h.w.get(q.URI)
	if !h.came(what, res, err) {
		k.whole = false
		return
	}
	res.checkKept(h, what)
	if hint := h.hints[q.URI]; hint != nil {
		h.checkHint(what, hint, res)
		delete(h.hints, q.URI)
	}
	if i == 0 || k.media != nil {
		k.media = append(k.media, res.body...)
	} else {
		k.whole = false
	}
	if q.Independent {
		init, ok := h.init(k.Map)
		if ok {
			h.decode(what, slices.Concat(init, res.body))
		}
	}
}

// came reports whether something was fetched well.
func (h *history) came(what string, res *response, err error) bool {
	switch {
	case h.w.ctx.Err() != nil:
		return false
	case err != nil && h.w.Patience > 0: // the server may be on its way out
		return false
	case err != nil:
		h.fault("%s: %v", what, err)
		return false
	case res.status != http.StatusOK:
		h.fault("%s: status %d", what, res.status)
		return false
	}
	return true
}

// checkHint checks that the request for a hinted part was held and answered with
// that part.
func (h *history) checkHint(what string, hint *pending, res *response) {
	select {
	case <-hint.done:
	case <-h.w.ctx.Done():
		return
	}
	if !h.came(what+" by its preload hint", hint.res, hint.err) {
		return
	}
	hint.res.checkMedia(h, what+" by its preload hint")
	if !bytes.Equal(hint.res.body, res.body) {
		h.fault("%s has %d bytes, by its preload hint %d others", what, len(res.body), len(hint.res.body))
	}
	h.w.count(func(f *Findings) { f.Hints++ })
}

// init returns an initialization section, fetched once.
func (h *history) init(uri string) ([]byte, bool) {
	if uri == "" {
		return nil, true
	}
	if b, ok := h.inits[uri]; ok {
		return b, true
	}
	res, err := h.w.get(uri)
	if !h.came("the initialization section", res, err) {
		return nil, false
	}
	res.checkKept(h, "the initialization section")
	h.inits[uri] = res.body
	return res.body, true
}

// decode has a tool decode what claims to need nothing else.
func (h *history) decode(what string, media []byte) {
	h.w.work.Go(func() {
		select {
		case h.w.busy <- struct{}{}:
		case <-h.w.ctx.Done():
			return
		}
		defer func() { <-h.w.busy }()
		if err := h.w.Tools.Decode(h.w.ctx, media); err != nil && h.w.ctx.Err() == nil {
			h.fault("%s says it is independent: %v", what, err)
		}
		h.w.count(func(f *Findings) { f.Decoded++ })
	})
}

// fetchSegment fetches a segment and checks it against its parts, its prefetch
// and the segment before.
func (h *history) fetchSegment(p *Playlist, msn int64, k *known) {
	if k.Gap {
		return
	}
	what := fmt.Sprintf("segment %d", msn)
	res, err := h.w.get(k.URI)
	if !h.came(what, res, err) {
		return
	}
	res.checkKept(h, what)
	if k.whole && !bytes.Equal(k.media, res.body) {
		h.fault("%s has %d bytes, its parts %d others", what, len(res.body), len(k.media))
	}
	k.media = nil
	if f := h.prefetch[k.URI]; f != nil {
		h.checkPrefetch(what, f, k, res)
		delete(h.prefetch, k.URI)
	}
	init, ok := h.init(k.Map)
	if !ok {
		return
	}
	packets, err := h.w.Tools.Packets(h.w.ctx, slices.Concat(init, res.body))
	switch {
	case h.w.ctx.Err() != nil:
	case err != nil:
		h.fault("%s: %v", what, err)
	default:
		h.checkPackets(msn, k, p.Independent, packets)
	}
}

// checkPrefetch checks that the request for a segment that was being made was
// answered with it, while it was made.
func (h *history) checkPrefetch(what string, f *pending, k *known, res *response) {
	select {
	case <-f.done:
	case <-h.w.ctx.Done():
		return
	}
	if !h.came(what+" by its prefetch", f.res, f.err) {
		return
	}
	if !bytes.Equal(f.res.body, res.body) {
		h.fault("%s has %d bytes, by its prefetch %d others", what, len(res.body), len(f.res.body))
	}
	// A segment is dated by when its media came in, so this much of it was still to come.
	rest := k.Duration - max(0, f.res.asked.Sub(k.Date).Seconds())
	if took := f.res.last.Sub(f.res.first).Seconds(); len(k.Parts) > 2 && took < streaming*rest {
		h.fault("%s, with %.3f s of %g s still to come, came within %.3f s by its prefetch, not as it was made", what, rest, k.Duration, took)
	}
	f.res.checkMedia(h, what+" by its prefetch")
	h.w.count(func(f *Findings) { f.Prefetches++ })
}

// checkPackets checks what is in a segment, and that it continues the one before.
func (h *history) checkPackets(msn int64, k *known, independent bool, packets []Packet) {
	var pictures, sounds []Packet
	for _, p := range packets {
		if p.Video {
			pictures = append(pictures, p)
		} else {
			sounds = append(sounds, p)
		}
	}
	if len(pictures) == 0 {
		h.fault("segment %d has no picture", msn)
		return
	}
	if independent && !pictures[0].Key {
		h.fault("segment %d begins without a keyframe, in spite of EXT-X-INDEPENDENT-SEGMENTS", msn)
	}
	shown := func(a, b Packet) int { return cmp.Compare(a.PTS, b.PTS) }
	first := slices.MinFunc(pictures, shown)
	h.checkSounds(msn, k, first, sounds)
	h.checkPictures(msn, pictures)
	c := &h.clock
	date := float64(k.Date.UnixMicro()) / 1e6
	if c.started && c.msn == msn-1 && !k.Discontinuity {
		if off := first.PTS - c.picture - c.length; math.Abs(off) > 2*rounding {
			h.fault("segment %d begins %.4f s off where EXTINF says that %d ends", msn, off, msn-1)
		}
		if off := (date - c.date) - (first.PTS - c.picture); math.Abs(off) > 2*rounding {
			h.fault("segment %d is dated %.4f s off its media time", msn, off)
		}
	}
	c.started, c.msn, c.date, c.picture, c.length = true, msn, date, first.PTS, k.Duration
}

// checkPictures checks that pictures follow one another.
func (h *history) checkPictures(msn int64, pictures []Packet) {
	for i := 1; i < len(pictures); i++ {
		if d := pictures[i].DTS - pictures[i-1].DTS; d <= 0 || d > step {
			h.fault("segment %d has %.4f s between pictures %d and %d", msn, d, i-1, i)
		}
	}
}

// checkSounds checks that sound goes on without a hole and beside the picture.
func (h *history) checkSounds(msn int64, k *known, first Packet, sounds []Packet) {
	c := &h.clock
	goesOn := c.heard && c.msn == msn-1 && !k.Discontinuity
	if len(sounds) == 0 {
		if goesOn && c.audio {
			h.fault("segment %d has no sound, %d had", msn, msn-1)
		}
		c.heard = false
		return
	}
	if off := sounds[0].PTS - first.PTS; math.Abs(off) > togetherness {
		h.fault("segment %d has its first sound %.4f s after its first picture", msn, off)
	}
	end := c.sound
	for i, s := range sounds {
		if gap := s.PTS - end; (i > 0 || goesOn) && (gap > hole || gap < -2*rounding) {
			h.fault("segment %d has a silence of %.4f s before sound %d", msn, gap, i)
		}
		end = s.PTS + s.Duration
	}
	c.sound, c.heard, c.audio = end, true, true
}

// announce requests what a playlist says will come.
func (h *history) announce(p *Playlist) {
	if p.Ended {
		return
	}
	if p.Hint != "" && h.hints[p.Hint] == nil {
		h.hints[p.Hint] = h.ask(p.Hint)
	}
	for _, uri := range p.Prefetch {
		if h.prefetch[uri] == nil {
			h.prefetch[uri] = h.ask(uri)
		}
	}
}

// ask sends a request that is held until there is something to answer.
func (h *history) ask(uri string) *pending {
	f := &pending{done: make(chan struct{})}
	h.w.work.Go(func() {
		defer close(f.done)
		f.res, f.err = h.w.get(uri)
	})
	return f
}

// leave checks what was announced and never came: none may be refused.
func (h *history) leave() {
	ended := h.last != nil && h.last.Ended
	if !ended {
		h.w.count(func(f *Findings) { f.Ended = false })
		return
	}
	for uri, f := range h.prefetch {
		select {
		case <-f.done:
		case <-h.w.ctx.Done():
			return
		}
		if f.err == nil && f.res.status >= http.StatusBadRequest {
			h.fault("at the end the prefetch %s has status %d", uri, f.res.status)
		}
	}
	for _, f := range h.hints {
		select {
		case <-f.done:
		case <-h.w.ctx.Done():
		}
	}
}

// tryLimits asks for what must be refused, and as players probe.
func (h *history) tryLimits(p *Playlist) {
	if len(p.Segments) > 0 {
		uri := p.Segments[0].URI
		res, err := h.w.do(http.MethodGet, uri, http.Header{"Range": {"bytes=0-187"}})
		if err == nil && (res.status != http.StatusPartialContent || len(res.body) > 188) {
			h.fault("a range of a segment: status %d, %d bytes", res.status, len(res.body))
		}
		res, err = h.w.do(http.MethodHead, uri, nil)
		if err == nil && (res.status != http.StatusOK || res.header.Get("Content-Length") == "") {
			h.fault("HEAD of a segment: status %d, Content-Length %q", res.status, res.header.Get("Content-Length"))
		}
	}
	if !p.Control.CanBlock {
		return
	}
	msn, _ := p.Edge()
	for _, q := range []url.Values{
		{"_HLS_part": {"0"}},
		{"_HLS_msn": {strconv.FormatInt(msn+10, 10)}},
		{"_HLS_msn": {"x"}},
	} {
		res, err := h.w.get(h.address + "?" + q.Encode())
		if err == nil && res.status != http.StatusBadRequest {
			h.fault("a playlist asked with %s: status %d, want 400", q.Encode(), res.status)
		}
	}
}

// tryReports checks what this rendition says of the others: no less than they
// said before but for one part, no more than they say afterwards.
func (h *history) tryReports() {
	if !h.w.Parts || len(h.others) == 0 {
		return
	}
	before := map[string]*Playlist{}
	for _, o := range h.others {
		before[o] = h.glance(o)
	}
	mine := h.glance(h.address)
	if mine == nil || mine.Ended {
		return
	}
	for _, o := range h.others {
		i := slices.IndexFunc(mine.Reports, func(r Report) bool { return r.URI == o })
		if i < 0 {
			h.fault("no rendition report of %s", o)
			continue
		}
		after := h.glance(o)
		if before[o] == nil || after == nil {
			continue
		}
		r := mine.Reports[i]
		if !within(before[o], r, after) {
			h.fault("it reports %d.%d of %s", r.MSN, r.Part, o)
		}
		h.w.count(func(f *Findings) { f.Reported++ })
	}
}

// within reports whether a rendition report lies between two states. It may lack the
// newest part: a playlist is written once for each part of its own rendition, and that
// of another may come a moment later.
func within(before *Playlist, r Report, after *Playlist) bool {
	at := place(r.MSN, r.Part)
	return newest(before, 1) <= at && at <= newest(after, 0)
}

func place(msn, part int64) float64 { return float64(msn)*1e4 + float64(part) }

// newest is the place of the newest part, or one that is so many parts before it; 0 if
// there is none.
func newest(p *Playlist, before int) float64 {
	msn, n := p.Edge()
	for i := len(p.Segments); before >= n; {
		before -= n
		if i--; i < 0 {
			return 0
		}
		msn, n = msn-1, len(p.Segments[i].Parts)
		if n == 0 {
			return 0 // its parts are not listed any more
		}
	}
	return place(msn, int64(n-1-before))
}

// glance reads a playlist as it is now.
func (h *history) glance(address string) *Playlist {
	res, err := h.w.get(address)
	if err != nil || res.status != http.StatusOK {
		return nil
	}
	from, err := url.Parse(address)
	if err != nil {
		return nil
	}
	p, _, err := ParsePlaylist(string(res.body), from)
	if err != nil {
		return nil
	}
	return &p
}

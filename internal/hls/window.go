package hls

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"openivs/internal/media"
)

const (
	// windowLength is how much media a playlist lists, as Amazon IVS does.
	windowLength = 30 * media.Clock
	// maxListed is the most segments a playlist lists, however short they are.
	maxListed = 64
	// maxLeft is how many segments are still served after a playlist has let
	// go of them, for the viewers who have the playlist before.
	maxLeft = 3
	// maxWindowBytes is the most that one rendition keeps, whatever its bitrate.
	maxWindowBytes = 64 << 20
)

// A Delivery says how early viewers get at media.
type Delivery uint8

// The deliveries.
const (
	Whole Delivery = iota // segments that are whole: regular HLS
	Ahead                 // segments are announced before they are made, and sent as they are made
	Parts                 // the same, and in parts too: low-latency HLS
)

// A Segment is a piece of a rendition that can be fetched. It never changes.
type Segment struct {
	MSN           int64       // media sequence number
	Duration      media.Ticks // 0 while it is being made
	Date          time.Time   // wall clock of its first picture
	Discontinuity bool        // what came before is of another timeline or coding
	Key           bool        // it begins with a keyframe
	Init          *Init       // what is needed before it; nil if all is in it
	Parts         []Part      // nil if it was made whole; their data is that of the segment
	FirstPart     int64       // number of Parts[0]; parts are numbered through the stream
	Data          []byte      // nil while it is being made, and when there is no more room for it

	Breaks        []AdBreak // that begin in it
	before, after []byte    // its lines in a playlist, before and after those of its parts
}

// A Part is a piece of a segment that can be fetched. It never changes.
type Part struct {
	Duration    media.Ticks
	Independent bool   // its first picture is a keyframe
	Data        []byte // nil when there is no more room for it
}

// An AdBreak is an ad break that begins in a segment.
type AdBreak struct {
	media.AdBreak
	Date time.Time
}

// A Position is where the numbers of a channel's playlists go on, so that none
// is used again.
type Position struct {
	MSN             int64         // of the next segment; 0: the channel never had one
	Limit           int64         // MSNs end before this; 0: there is no end
	Gap             int64         // MSNs before it that no segment has, at most MaxGap: a server ended here
	Discontinuities int64         // before the next segment
	Target          time.Duration // how long the segments of the stream before were at most, in whole seconds; 0: not known
}

// A Window is what is published of one rendition: written by one Packager, read
// by every viewer. Set the fields before its first use and leave them alone
// afterwards.
type Window struct {
	Stream    string // id of the stream, part of every path
	Rendition string // name of the rendition, part of every path
	Container Container
	Delivery  Delivery
	From      Position
	Name      string                                 // group id in multivariant playlists, such as 480p30; "": by size and rate
	SoundOnly bool                                   // it has no pictures
	OnDemand  bool                                   // it is made and listed for those only who ask for it
	Key       []byte                                 // paths of media have a seal under it; nil: they have none
	Keep      func(w *Window, seg *Segment, f Facts) // takes each segment that is published, at once; nil: nobody does

	stream *Stream // that the rendition is of; nil: it is alone
	wanted atomic.Bool
	now    atomic.Pointer[Snapshot]
}

// Sibling returns the window of another rendition of the same stream, which begins
// where w does.
func (w *Window) Sibling(name string) *Window {
	return &Window{
		Stream: w.Stream, Rendition: name, Name: name,
		Container: w.Container, Delivery: w.Delivery, From: w.From, Key: w.Key, Keep: w.Keep,
	}
}

// A Snapshot is what a Window held at one moment. It never changes.
type Snapshot struct {
	Facts      Facts
	Target     time.Duration // EXT-X-TARGETDURATION, whole seconds; 0 before the first segment
	PartTarget media.Ticks   // the longest that a part may be; 0: there are no parts
	Segments   []*Segment    // listed, oldest first
	Open       *Segment      // the parts of what is being made; nil: there are none
	Ended      bool          // nothing will follow
	Away       bool          // the rendition is not made at the moment, while others may be

	window          *Window
	next            int64       // MSN of what is being made or will be
	left            []*Segment  // no longer listed but still served, oldest first
	running         []AdBreak   // that began in segments no longer listed, and reach into those that are
	size            int64       // bytes of Segments, Open and left
	discontinuities int64       // EXT-X-DISCONTINUITY tags that have left the playlist
	elapsed         media.Ticks // media before Segments[0]
	total           media.Ticks // media until now, Open not counted
	whole, delta    text
	gated           atomic.Pointer[Gated] // nil: nobody came through a gate
	replaced        chan struct{}         // closed when a newer snapshot is published
	cut             chan struct{}         // closed when one is that has more than another part
}

// Facts are what a multivariant playlist says of a rendition.
type Facts struct {
	Video, Audio  *media.Track // Audio is nil if there is none
	Framerate     float64      // frames per second, declared or else measured
	Peak, Average Bitrate      // measured, container included
}

// A Bitrate is in bits per second.
type Bitrate int64

// Snapshot returns what is published now. It is never nil.
func (w *Window) Snapshot() *Snapshot {
	s := w.now.Load()
	if s == nil {
		w.now.CompareAndSwap(nil, &Snapshot{
			window:          w,
			next:            w.From.MSN,
			discontinuities: w.From.Discontinuities,
			replaced:        make(chan struct{}),
			cut:             make(chan struct{}),
		})
		s = w.now.Load()
	}
	return s
}

// Wait returns the first snapshot that is ready, or why ctx ended. A snapshot
// that has ended is the last one and returned in any case.
func (w *Window) Wait(ctx context.Context, ready func(*Snapshot) bool) (*Snapshot, error) {
	return w.wait(ctx, ready, func(s *Snapshot) <-chan struct{} { return s.replaced })
}

// WaitWhole is Wait for what comes with a whole segment or with none: those who
// wait are not woken for each part.
func (w *Window) WaitWhole(ctx context.Context, ready func(*Snapshot) bool) (*Snapshot, error) {
	return w.wait(ctx, ready, func(s *Snapshot) <-chan struct{} { return s.cut })
}

func (w *Window) wait(ctx context.Context, ready func(*Snapshot) bool, newer func(*Snapshot) <-chan struct{}) (*Snapshot, error) {
	for {
		s := w.Snapshot()
		if s.Ended || ready(s) {
			return s, nil
		}
		select {
		case <-newer(s):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Want says that somebody waits for the window to become playable. In low
// latency that need not take a whole segment: the first ends with the next part.
func (w *Window) Want() {
	if w.wanted.Swap(true) {
		return
	}
	if w.stream != nil {
		for _, o := range w.stream.all() {
			if !o.OnDemand {
				o.wanted.Store(true) // all are cut alike
			}
		}
	}
}

// Wanted reports whether anybody has ever waited for the window.
func (w *Window) Wanted() bool { return w.wanted.Load() }

// Playable reports whether there is anything that every player can watch.
func (s *Snapshot) Playable() bool { return len(s.Segments) > 0 }

// Promising reports whether there is anything to watch for somebody who wants.
func (s *Snapshot) Promising() bool { return s.Playable() || s.Open != nil }

// Next is the MSN of the segment that is being made or will be.
func (s *Snapshot) Next() int64 { return s.next }

// Made is how many parts of that segment are there.
func (s *Snapshot) Made() int {
	if s.Open == nil {
		return 0
	}
	return len(s.Open.Parts)
}

// Segment returns a segment that is listed or has left the playlist a short
// while ago.
func (s *Snapshot) Segment(msn int64) (*Segment, bool) {
	for _, list := range [2][]*Segment{s.Segments, s.left} {
		if len(list) == 0 {
			continue
		}
		if i := msn - list[0].MSN; i >= 0 && i < int64(len(list)) {
			return list[i], true
		}
	}
	return nil, false
}

// Part returns the part of a number, of a segment that is served or being made.
func (s *Snapshot) Part(number int64) (Part, bool) {
	if p, ok := s.Open.part(number); ok {
		return p, true
	}
	for _, list := range [2][]*Segment{s.Segments, s.left} {
		for _, l := range slices.Backward(list) {
			if p, ok := l.part(number); ok {
				return p, true
			}
		}
	}
	return Part{}, false
}

func (s *Segment) part(number int64) (Part, bool) {
	if s == nil || number < s.FirstPart || number >= s.FirstPart+int64(len(s.Parts)) {
		return Part{}, false
	}
	return s.Parts[number-s.FirstPart], true
}

// PartOf returns a part of a segment that is served or being made, counted from
// its beginning.
func (s *Snapshot) PartOf(msn int64, n int) (Part, bool) {
	seg, ok := s.Segment(msn)
	if !ok {
		seg = s.Open
	}
	if seg == nil || seg.MSN != msn {
		return Part{}, false
	}
	return seg.part(seg.FirstPart + int64(n))
}

// Hint is the number of the part that is being made or will be.
func (s *Snapshot) Hint() int64 {
	last := s.Open
	if last == nil && len(s.Segments) > 0 {
		last = s.Segments[len(s.Segments)-1]
	}
	if last == nil {
		return 0
	}
	return last.FirstPart + int64(len(last.Parts))
}

// Init returns the initialization section of a number.
func (s *Snapshot) Init(number int64) (*Init, bool) {
	if s.Open != nil && s.Open.Init != nil && s.Open.Init.First == number {
		return s.Open.Init, true
	}
	for _, list := range [2][]*Segment{s.Segments, s.left} {
		for _, seg := range list {
			if seg.Init != nil && seg.Init.First == number {
				return seg.Init, true
			}
		}
	}
	return nil, false
}

// Has reports whether a segment is whole or, unless part is negative, whether a
// part of it is there. A part that a whole segment does not have is the first
// one of the next (RFC 8216bis, 6.2.5.2).
func (s *Snapshot) Has(msn int64, part int) bool {
	if part < 0 || msn != s.next {
		if seg, ok := s.Segment(msn); part >= 0 && ok && msn == s.next-1 && part >= len(seg.Parts) {
			return s.Made() > 0
		}
		return msn < s.next
	}
	return part < s.Made()
}

// advance is how far ahead of the newest part a player may ask, as media, where
// parts are shorter than a second (RFC 8216bis, 6.2.5.2: the Advance Part Limit).
const advance = 3 * media.Clock

// Soon reports whether a player may ask for a segment, or unless part is
// negative for a part of it: it is there or comes next.
func (s *Snapshot) Soon(msn int64, part int) bool {
	if s.Ended || msn < s.next {
		return true
	}
	limit := 3 // where there are no parts, or long ones
	if p := s.PartTarget; p > 0 && p < media.Clock {
		limit = int((advance + p - 1) / p)
	}
	if msn == s.next {
		limit += s.Made()
	}
	return msn <= s.next+1 && part <= limit
}

// follow returns what goes on from s: the same, to be changed before it is
// published.
func (s *Snapshot) follow() *Snapshot {
	return &Snapshot{
		Facts: s.Facts, Target: s.Target, PartTarget: s.PartTarget,
		Segments: s.Segments, Open: s.Open, Ended: s.Ended, Away: s.Away,
		window: s.window, next: s.next, left: s.left, running: s.running, size: s.size,
		discontinuities: s.discontinuities, elapsed: s.elapsed, total: s.total,
		replaced: make(chan struct{}), cut: s.cut,
	}
}

// publish makes seg the newest segment. Only the window's packager calls it.
func (w *Window) publish(seg *Segment, target time.Duration, parts media.Ticks, facts Facts) {
	old := w.Snapshot()
	s := old.follow()
	s.Facts, s.Target, s.PartTarget, s.Away = facts, target, parts, false
	seg.write(w)
	s.total += seg.Duration
	s.Segments = append(slices.Grow(slices.Clip(s.Segments), 1), seg)
	s.size += int64(len(seg.Data)) - s.Open.size()
	s.Open, s.next = nil, seg.MSN+1
	s.trim()
	if w.replace(old, s); w.Keep != nil {
		w.Keep(w, seg, facts)
	}
}

// grow publishes one more part of the segment that is being made. Only the
// window's packager calls it.
func (w *Window) grow(seg *Segment, parts media.Ticks, facts Facts) {
	old := w.Snapshot()
	s := old.follow()
	s.Facts, s.PartTarget, s.Away = facts, parts, false
	seg.write(w)
	s.size += seg.size() - s.Open.size()
	s.Open = seg
	w.now.Store(s)
	close(old.replaced)
}

// size is how many bytes of a segment's parts there are.
func (s *Segment) size() (n int64) {
	if s == nil {
		return 0
	}
	for _, p := range s.Parts {
		n += int64(len(p.Data))
	}
	return n
}

// close lets go of what never became a segment. If final, it publishes that
// nothing will follow.
func (w *Window) close(final bool) {
	old := w.Snapshot()
	s := old.follow()
	s.Ended = final
	s.size -= s.Open.size()
	s.Open = nil
	w.replace(old, s)
}

// Withdraw lets go of all that is listed: the rendition is not made at the moment.
// What it makes next begins a list of its own.
func (w *Window) Withdraw() {
	old := w.Snapshot()
	s := old.follow()
	s.Away, s.Open, s.Segments, s.left, s.size = true, nil, nil, nil, 0
	s.elapsed = s.total
	w.replace(old, s)
}

// resume has an empty list go on with a segment that has so many discontinuities
// before it.
func (w *Window) resume(msn, discontinuities int64) {
	old := w.Snapshot()
	s := old.follow()
	s.next, s.discontinuities = msn, discontinuities
	s.Open, s.Segments, s.left, s.size = nil, nil, nil, 0
	s.elapsed = s.total
	w.replace(old, s)
}

// shed lets go of the media of a window that is closed. What playlists say stays.
func (w *Window) shed() {
	old := w.Snapshot()
	s := old.follow()
	s.left, s.size = nil, 0
	s.Segments = make([]*Segment, len(old.Segments))
	for i, seg := range old.Segments {
		bare := *seg
		bare.Data, bare.Parts = nil, slices.Clone(seg.Parts)
		for j := range bare.Parts {
			bare.Parts[j].Data = nil
		}
		s.Segments[i] = &bare
	}
	w.replace(old, s)
}

func (w *Window) replace(old, s *Snapshot) {
	s.cut = make(chan struct{})
	w.now.Store(s)
	close(old.replaced)
	close(old.cut)
}

// trim lets go of what exceeds the window's length and size. The newest segment
// always stays.
func (s *Snapshot) trim() {
	s.forget()
	for len(s.Segments) > 1 {
		oldest := s.Segments[0]
		if s.total-s.elapsed-oldest.Duration < windowLength && len(s.Segments) <= maxListed && s.size <= maxWindowBytes {
			return
		}
		s.Segments[0] = nil // the array must not keep what the slice let go of
		s.Segments = s.Segments[1:]
		s.left = append(s.left, oldest)
		s.elapsed += oldest.Duration
		if oldest.Discontinuity {
			s.discontinuities++
		}
		s.keepBreaks(oldest.Breaks)
		s.forget()
	}
}

// keepBreaks keeps what reaches into the playlist of the ad breaks that began
// before it, among them those of the segment that left it last.
func (s *Snapshot) keepBreaks(more []AdBreak) {
	if len(s.running)+len(more) == 0 {
		return
	}
	from, all := s.Segments[0].Date, slices.Concat(s.running, more) // another array: older snapshots have the old
	s.running = slices.DeleteFunc(all, func(a AdBreak) bool { return !a.Date.Add(a.Length).After(from) })
}

// forget drops what left the playlist too long ago or takes too much room.
func (s *Snapshot) forget() {
	n := 0
	for len(s.left)-n > maxLeft || len(s.left) > n && s.size > maxWindowBytes {
		s.size -= int64(len(s.left[n].Data))
		n++
	}
	s.left = slices.Clone(s.left[n:]) // the array is shared with older snapshots
}

package hls

import (
	"bytes"
	"compress/gzip"
	"math"
	"strconv"
	"sync"
	"time"

	"openivs/internal/media"
)

// dateForm is how PROGRAM-DATE-TIME is written (RFC 8216, 4.3.2.6), in UTC.
const dateForm = "2006-01-02T15:04:05.000Z"

const (
	// bytesPerEntry and bytesPerPart are about how long the lines of a segment
	// and of a part are.
	bytesPerEntry = 160
	bytesPerPart  = 110
)

const (
	// holdBack is the least PART-HOLD-BACK: what players stay behind the newest
	// part, however short parts are; holdBackFar where a player may change to
	// another rendition, which comes a little later and is asked for anew.
	holdBack    = 13 * media.Clock / 20
	holdBackFar = media.Clock
	// partsWithin and skipWithin are how far from the end of a playlist parts are
	// listed, and segments are not skipped, in target durations (RFC 8216bis,
	// 4.4.4.9 and 4.4.3.8).
	partsWithin = 3
	skipWithin  = 6
)

// A text is a form of a playlist. It is written once and shared by all who ask.
type text struct {
	once, zipOnce sync.Once
	plain, zipped []byte
}

// Playlist returns the media playlist (RFC 8216bis, 4); if delta, without the
// segments that a player knows which asked a moment ago. Nobody may change it.
func (s *Snapshot) Playlist(delta bool) []byte { return s.text(delta).plain }

// PlaylistGzip returns the media playlist compressed, on the same terms.
func (s *Snapshot) PlaylistGzip(z *Zippers, delta bool) []byte {
	t := s.text(delta)
	t.zipOnce.Do(func() { t.zipped = z.Zip(t.plain) })
	return t.zipped
}

func (s *Snapshot) text(delta bool) *text {
	skipped := 0
	t := &s.whole
	if delta {
		if skipped = s.skippable(); skipped > 0 {
			t = &s.delta
		}
	}
	t.once.Do(func() { t.plain = s.render(skipped) })
	return t
}

// inParts reports whether the playlist lists parts.
func (s *Snapshot) inParts() bool { return s.window.Delivery == Parts && s.PartTarget > 0 }

// version is the lowest EXT-X-VERSION that has all that is used.
func (s *Snapshot) version() int64 {
	switch {
	case s.inParts():
		return 9
	case s.window.Container == MP4:
		return 6
	default:
		return 3
	}
}

// skippable is how many segments a delta update leaves out.
func (s *Snapshot) skippable() (n int) {
	if !s.inParts() || s.Ended || s.gaps() > 0 {
		return 0
	}
	rest := s.total - s.elapsed + s.Open.length()
	limit := skipWithin * media.TicksOf(s.Target)
	for n < len(s.Segments) && rest-s.Segments[n].Duration >= limit {
		rest -= s.Segments[n].Duration
		n++
	}
	return n
}

// length is how long the parts of a segment are together.
func (s *Segment) length() (d media.Ticks) {
	if s == nil {
		return 0
	}
	for _, p := range s.Parts {
		d += p.Duration
	}
	return d
}

// render writes the playlist, a number of segments skipped.
func (s *Snapshot) render(skipped int) []byte {
	b := make([]byte, 0, 700+(len(s.Segments)+int(s.gaps()))*bytesPerEntry+s.listedParts()*bytesPerPart)
	b = s.appendHead(b)
	if skipped > 0 {
		b = appendInt(b, "#EXT-X-SKIP:SKIPPED-SEGMENTS=", int64(skipped))
	}
	rest := s.total - s.elapsed + s.Open.length()
	b = appendBreaks(b, s.running)
	b, init := s.appendGaps(b)
	for i, seg := range s.Segments {
		if i < skipped {
			b = appendBreaks(b, seg.Breaks) // which are never skipped
		} else {
			b = s.appendSegment(b, seg, init, rest)
			init = seg.Init
		}
		rest -= seg.Duration
	}
	if s.Open != nil && s.inParts() {
		b = s.appendSegment(b, s.Open, init, rest)
	}
	switch {
	case s.Ended:
		return append(b, "#EXT-X-ENDLIST\n"...)
	case s.window.Delivery == Whole:
		return b
	}
	if s.inParts() {
		b = append(b, `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="`...)
		b = s.appendURI(b, Place{Kind: PartOfSegment, Number: s.Hint()})
		b = append(b, "\"\n"...)
	}
	for n := range int64(2) {
		b = append(b, "#EXT-X-PREFETCH:"...)
		b = s.appendURI(b, Place{Number: s.next + n})
		b = append(b, '\n')
	}
	return s.appendReports(b)
}

// appendHead writes what goes before the segments.
func (s *Snapshot) appendHead(b []byte) []byte {
	b = appendInt(b, "#EXTM3U\n#EXT-X-VERSION:", s.version())
	b = appendInt(b, "#EXT-X-TARGETDURATION:", int64(s.Target/time.Second))
	if s.inParts() {
		b = append(b, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL="...)
		b = strconv.AppendInt(b, skipWithin*int64(s.Target/time.Second), 10)
		b = appendSeconds(b, ",PART-HOLD-BACK=", max(s.window.holdBack(), 3*s.PartTarget), 3, "\n")
		b = appendSeconds(b, "#EXT-X-PART-INF:PART-TARGET=", s.PartTarget, 3, "\n")
	}
	first := s.next
	if len(s.Segments) > 0 {
		first = s.Segments[0].MSN - s.gaps()
	}
	b = appendInt(b, "#EXT-X-MEDIA-SEQUENCE:", first)
	if s.discontinuities > 0 {
		b = appendInt(b, "#EXT-X-DISCONTINUITY-SEQUENCE:", s.discontinuities)
	}
	b = appendInt(b, "#EXT-X-NET-LIVE-VIDEO-LIVE-SEQUENCE:", first)
	b = appendSeconds(b, "#EXT-X-NET-LIVE-VIDEO-ELAPSED-SECS:", s.elapsed, 3, "\n")
	return appendSeconds(b, "#EXT-X-NET-LIVE-VIDEO-TOTAL-SECS:", s.total, 3, "\n")
}

// appendSegment writes a segment that begins a time before the end of the
// playlist, after one that needs init.
func (s *Snapshot) appendSegment(b []byte, seg *Segment, init *Init, rest media.Ticks) []byte {
	if seg.Discontinuity {
		b = append(b, "#EXT-X-DISCONTINUITY\n"...)
	}
	b = s.appendMap(b, seg.Init, init)
	b = append(b, seg.before...)
	if s.inParts() && rest-seg.Duration < partsWithin*media.TicksOf(s.Target) {
		for i, p := range seg.Parts {
			b = s.appendPart(b, Place{Kind: PartOfSegment, Number: seg.FirstPart + int64(i)}, p)
		}
	}
	return append(b, seg.after...)
}

// appendMap writes what is needed before a segment, unless the one before needs
// the same.
func (s *Snapshot) appendMap(b []byte, init, before *Init) []byte {
	if init == nil || init == before {
		return b
	}
	b = append(b, `#EXT-X-MAP:URI="`...)
	b = s.appendURI(b, Place{Kind: InitSection, Number: init.First})
	return append(b, "\"\n"...)
}

func (s *Snapshot) appendPart(b []byte, at Place, p Part) []byte {
	b = appendSeconds(b, "#EXT-X-PART:DURATION=", p.Duration, 5, `,URI="`)
	b = append(s.appendURI(b, at), '"')
	if p.Independent {
		b = append(b, ",INDEPENDENT=YES"...)
	}
	return append(b, '\n')
}

// holdBack is the least PART-HOLD-BACK, the same in all renditions.
func (w *Window) holdBack() media.Ticks {
	if w.stream == nil {
		return holdBack
	}
	n := 0
	for _, o := range w.stream.all() {
		if !o.OnDemand {
			n++
		}
	}
	if n > 1 {
		return holdBackFar
	}
	return holdBack
}

// listedParts is about how many parts the playlist lists.
func (s *Snapshot) listedParts() int {
	if !s.inParts() {
		return 0
	}
	return int((partsWithin+1)*media.TicksOf(s.Target)/s.PartTarget) + 1
}

// appendURI writes where a thing of this rendition is.
func (s *Snapshot) appendURI(b []byte, at Place) []byte { return s.window.appendURI(b, at) }

func (w *Window) appendURI(b []byte, at Place) []byte {
	at.Stream, at.Rendition, at.Container = w.Stream, w.Rendition, w.Container
	if w.Key != nil {
		at.Seal = w.seal(at)
	}
	return at.appendTo(append(b, toMedia...))
}

// appendReports writes how far the other renditions are (RFC 8216bis, 4.4.5.4).
func (s *Snapshot) appendReports(b []byte) []byte {
	if !s.inParts() || s.window.stream == nil {
		return b
	}
	for _, w := range s.window.stream.all() {
		o := w.Snapshot()
		if w == s.window || w.OnDemand || !o.Playable() {
			continue
		}
		b = append(b, `#EXT-X-RENDITION-REPORT:URI="`...)
		b = append(b, w.Rendition...)
		b = append(b, playlistExt+`",LAST-MSN=`...)
		msn, part := o.next, o.Made()-1
		if part < 0 {
			msn--
			part = len(o.Segments[len(o.Segments)-1].Parts) - 1
		}
		b = strconv.AppendInt(b, msn, 10)
		b = appendInt(b, ",LAST-PART=", int64(part))
	}
	return b
}

// write makes the lines of a segment that are the same in every playlist.
func (s *Segment) write(w *Window) {
	b := make([]byte, 0, bytesPerEntry)
	b = appendBreaks(b, s.Breaks)
	b = append(b, "#EXT-X-PROGRAM-DATE-TIME:"...)
	b = s.Date.UTC().AppendFormat(b, dateForm)
	b = append(b, '\n')
	s.before = b
	if s.Duration == 0 {
		return // it is being made
	}
	n := len(b)
	decimals := 3
	if s.Parts != nil {
		decimals = 5
	}
	b = appendSeconds(b, "#EXTINF:", s.Duration, decimals, ",live\n")
	b = w.appendURI(b, Place{Number: s.MSN})
	b = append(b, '\n')
	s.before, s.after = b[:n:n], b[n:]
}

// appendBreaks writes ad breaks.
func appendBreaks(b []byte, breaks []AdBreak) []byte {
	for _, a := range breaks {
		b = append(b, `#EXT-X-DATERANGE:ID="stitched-ad-`...)
		b = strconv.AppendInt(b, a.Date.Unix(), 10)
		b = append(b, '-')
		b = strconv.AppendInt(b, a.Length.Nanoseconds(), 10)
		b = append(b, `",CLASS="live-video-net-stitched-ad",START-DATE="`...)
		b = a.Date.UTC().AppendFormat(b, dateForm)
		b = append(b, `",DURATION=`...)
		b = strconv.AppendFloat(b, a.Length.Seconds(), 'f', 3, 64)
		b = append(b, `,X-NET-LIVE-VIDEO-AD-AD-BREAK-ID="`...)
		b = append(b, a.ID...)
		b = append(b, "\"\n"...)
	}
	return b
}

// Zippers are compressors that are used again: one takes most of a megabyte,
// far more than the playlists it is for. The zero value is ready.
type Zippers struct{ idle sync.Pool }

// Zip compresses b, quickly: what is compressed is soon replaced.
func (z *Zippers) Zip(b []byte) []byte {
	var out bytes.Buffer
	w, ok := z.idle.Get().(*gzip.Writer)
	if ok {
		w.Reset(&out)
	} else {
		w, _ = gzip.NewWriterLevel(&out, gzip.BestSpeed) // which is a level there is
	}
	_, _ = w.Write(b) // a bytes.Buffer takes everything
	_ = w.Close()
	z.idle.Put(w)
	return out.Bytes()
}

func appendInt(b []byte, tag string, v int64) []byte {
	b = append(b, tag...)
	b = strconv.AppendInt(b, v, 10)
	return append(b, '\n')
}

// appendSeconds writes a media time in seconds, rounded to a number of decimals.
func appendSeconds(b []byte, tag string, t media.Ticks, decimals int, tail string) []byte {
	scale := math.Pow10(decimals)
	b = append(b, tag...)
	b = strconv.AppendFloat(b, math.Floor(float64(t)*scale/media.Clock+0.5)/scale, 'f', decimals, 64)
	return append(b, tail...)
}

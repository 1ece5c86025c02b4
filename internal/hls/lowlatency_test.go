package hls_test

import (
	"bytes"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"openivs/internal/hls"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
)

// A player watches a window in parts as the strictest would: it reads every
// revision of the playlist, whole and as a delta update, and holds it and every
// part to RFC 8216bis.
type player struct {
	tb     testing.TB
	window *hls.Window
	steady bool // pictures are equally far apart
	loose  bool // or anywhere

	target, partTarget float64
	segments           map[int64]*watched
	next               int64 // of the segment that is being made
	parts              int64 // that were seen
	ended              bool
	revisions, skips   int
}

// What is known of a segment.
type watched struct {
	date          time.Time
	discontinuity bool
	init          string
	parts         []seenPart
	duration      float64 // 0 while it is being made
	pictures      []sample
	sounds        []sample
}

type seenPart struct {
	uri         string
	duration    float64
	independent bool
}

// attrs reads the attributes of a tag.
func attrs(line string) map[string]string {
	_, list, _ := strings.Cut(line, ":")
	m := map[string]string{}
	for list != "" {
		name, rest, _ := strings.Cut(list, "=")
		value, after, _ := strings.Cut(rest, ",")
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			value, after, _ = strings.Cut(quoted, `"`)
			after = strings.TrimPrefix(after, ",")
		}
		m[name], list = value, after
	}
	return m
}

// list is a playlist as it is written.
type list struct {
	first, discontinuities int64
	skipped                int64
	segments               []*watched // the last may have parts only
	hint                   string
	prefetch               []string
	ended                  bool
	uris                   []string
}

func (p *player) parse(text string) (l list) {
	p.tb.Helper()
	now := &watched{}
	init := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		tag, value, _ := strings.Cut(line, ":")
		switch tag {
		case "#EXTM3U", "#EXT-X-NET-LIVE-VIDEO-LIVE-SEQUENCE", "#EXT-X-NET-LIVE-VIDEO-ELAPSED-SECS", "#EXT-X-NET-LIVE-VIDEO-TOTAL-SECS", "#EXT-X-DATERANGE":
		case "#EXT-X-VERSION":
			if value != "9" {
				p.tb.Errorf("version %s", value)
			}
		case "#EXT-X-TARGETDURATION":
			fixed(p.tb, tag, &p.target, number(p.tb, value))
		case "#EXT-X-PART-INF":
			fixed(p.tb, tag, &p.partTarget, number(p.tb, attrs(line)["PART-TARGET"]))
		case "#EXT-X-SERVER-CONTROL":
			a := attrs(line)
			if a["CAN-BLOCK-RELOAD"] != "YES" || number(p.tb, a["CAN-SKIP-UNTIL"]) < 6*p.target {
				p.tb.Errorf("%s", line)
			}
			if p.partTarget > 0 && number(p.tb, a["PART-HOLD-BACK"]) < 3*p.partTarget {
				p.tb.Errorf("%s for parts of %v s", line, p.partTarget)
			}
		case "#EXT-X-MEDIA-SEQUENCE":
			l.first = int64(number(p.tb, value))
		case "#EXT-X-DISCONTINUITY-SEQUENCE":
			l.discontinuities = int64(number(p.tb, value))
		case "#EXT-X-SKIP":
			l.skipped = int64(number(p.tb, attrs(line)["SKIPPED-SEGMENTS"]))
		case "#EXT-X-DISCONTINUITY":
			now.discontinuity = true
		case "#EXT-X-MAP":
			init = attrs(line)["URI"]
		case "#EXT-X-PROGRAM-DATE-TIME":
			date, err := time.Parse(time.RFC3339, value)
			if err != nil {
				p.tb.Error(err)
			}
			now.date = date
		case "#EXT-X-PART":
			a := attrs(line)
			now.parts = append(now.parts, seenPart{a["URI"], number(p.tb, a["DURATION"]), a["INDEPENDENT"] == "YES"})
		case "#EXTINF":
			now.duration = number(p.tb, strings.TrimSuffix(value, ",live"))
		case "#EXT-X-PRELOAD-HINT":
			l.hint = attrs(line)["URI"]
		case "#EXT-X-PREFETCH":
			l.prefetch = append(l.prefetch, value)
		case "#EXT-X-ENDLIST":
			l.ended = true
		default:
			if strings.HasPrefix(line, "#") {
				p.tb.Errorf("unknown line %q", line)
			}
			l.uris = append(l.uris, line)
			now.init = init
			l.segments = append(l.segments, now)
			now = &watched{}
		}
	}
	if !now.date.IsZero() {
		now.init = init
		l.segments = append(l.segments, now)
	}
	return l
}

func fixed(tb testing.TB, tag string, was *float64, is float64) {
	tb.Helper()
	if *was != 0 && *was != is {
		tb.Errorf("%s went from %v to %v", tag, *was, is)
	}
	*was = is
}

// look reads what the window holds now.
func (p *player) look() {
	p.tb.Helper()
	snap := p.window.Snapshot()
	if !snap.Playable() {
		return
	}
	text := string(snap.Playlist(false))
	l := p.parse(text)
	if p.ended {
		p.tb.Error("a revision after the end")
	}
	p.revisions++
	p.ended = l.ended
	if p.segments == nil {
		p.segments = map[int64]*watched{}
	}
	listed := 0.0
	for i, s := range l.segments {
		listed += s.duration
		for _, part := range s.parts {
			if s.duration == 0 {
				listed += part.duration
			}
		}
		p.segment(snap, l.first+int64(i), s, text)
	}
	p.next = l.first + int64(len(l.uris))
	behind := listed
	for i, s := range l.segments {
		if s.duration > 0 && len(s.parts) == 0 && behind < 3*p.target-0.001 {
			p.tb.Errorf("segment %d has no parts and is %.3f s from the end\n%s", l.first+int64(i), behind, text)
		}
		behind -= s.duration
	}
	p.tail(l, snap, text)
	p.delta(l, snap, text)
	want := p.window.From.Discontinuities
	for msn, s := range p.segments {
		if msn < l.first && s.discontinuity {
			want++
		}
	}
	if l.discontinuities != want {
		p.tb.Errorf("EXT-X-DISCONTINUITY-SEQUENCE is %d, want %d", l.discontinuities, want)
	}
}

// tail checks what follows the last segment.
func (p *player) tail(l list, snap *hls.Snapshot, text string) {
	p.tb.Helper()
	if l.ended {
		if l.hint != "" || l.prefetch != nil || !strings.HasSuffix(text, "#EXT-X-ENDLIST\n") {
			p.tb.Errorf("the end is not the end\n%s", text)
		}
		return
	}
	made := 0
	if s := p.segments[p.next]; s != nil {
		made = len(s.parts)
	}
	want := p.place(hls.Place{Kind: hls.PartOfSegment, Number: p.parts})
	if l.hint != want {
		p.tb.Errorf("hint %s, want %s\n%s", l.hint, want, text)
	}
	if len(l.prefetch) != 2 || l.prefetch[0] != p.place(hls.Place{Number: p.next}) || l.prefetch[1] != p.place(hls.Place{Number: p.next + 1}) {
		p.tb.Errorf("prefetch %v of segment %d", l.prefetch, p.next)
	}
	if snap.Next() != p.next || snap.Made() != made || !snap.Has(p.next-1, -1) || snap.Has(p.next, made) || made > 0 && !snap.Has(p.next, made-1) {
		p.tb.Errorf("the window says it makes part %d of %d, the playlist %d of %d", snap.Made(), snap.Next(), made, p.next)
	}
}

// delta checks that a delta update leads to the same as the whole playlist.
func (p *player) delta(whole list, snap *hls.Snapshot, text string) {
	p.tb.Helper()
	update := string(snap.Playlist(true))
	d := p.parse(update)
	if d.skipped == 0 {
		if update != text {
			p.tb.Errorf("a delta update that skips nothing is not the playlist\n%s", update)
		}
		return
	}
	p.skips++
	if d.first != whole.first || int(d.skipped)+len(d.segments) != len(whole.segments) || d.hint != whole.hint || d.discontinuities != whole.discontinuities {
		p.tb.Errorf("the delta update\n%s\nis not of\n%s", update, text)
	}
	_, rest, _ := strings.Cut(update, d.uris[0])
	if !strings.HasSuffix(text, rest) {
		p.tb.Errorf("the delta update\n%s\nends unlike\n%s", update, text)
	}
	left := 0.0
	for _, s := range d.segments {
		left += s.duration
		if s.duration == 0 {
			for _, part := range s.parts {
				left += part.duration
			}
		}
	}
	if left < 6*p.target-0.001 {
		p.tb.Errorf("a delta update leaves %.3f s, want at least CAN-SKIP-UNTIL", left)
	}
}

func (p *player) place(at hls.Place) string {
	at.Stream, at.Rendition, at.Container = p.window.Stream, p.window.Rendition, p.window.Container
	return strings.Replace(at.Path(), "/v1", "../..", 1)
}

// segment holds what a playlist says of a segment to what earlier ones said, and
// to its bytes.
func (p *player) segment(snap *hls.Snapshot, msn int64, s *watched, text string) {
	p.tb.Helper()
	old := p.segments[msn]
	if old == nil {
		old = &watched{date: s.date, discontinuity: s.discontinuity, init: s.init}
		p.segments[msn] = old
		p.begins(msn)
	}
	if s.date != old.date || s.discontinuity != old.discontinuity || s.init != old.init && s.init != "" {
		p.tb.Errorf("segment %d changed from %+v to %+v", msn, old, s)
	}
	if len(s.parts) > 0 {
		if len(s.parts) < len(old.parts) {
			p.tb.Errorf("segment %d lost parts\n%s", msn, text)
		}
		for i, part := range s.parts {
			if i < len(old.parts) {
				if old.parts[i] != part {
					p.tb.Errorf("part %d of %d changed from %+v to %+v", i, msn, old.parts[i], part)
				}
				continue
			}
			p.part(snap, msn, i, part)
			old.parts = append(old.parts, part)
		}
	}
	if s.duration > 0 && old.duration == 0 {
		old.duration = s.duration
		p.whole(snap, msn, old)
	}
}

// begins checks that a segment goes on where the one before ended.
func (p *player) begins(msn int64) {
	p.tb.Helper()
	before := p.segments[msn-1]
	if before == nil {
		return
	}
	s := p.segments[msn]
	end := before.date.Add(time.Duration(before.duration * float64(time.Second)))
	off := s.date.Sub(end)
	if off < -2*time.Millisecond || p.steady && !s.discontinuity && off > 2*time.Millisecond {
		p.tb.Errorf("segment %d is dated %v off the end of the one before", msn, off)
	}
	if s.init != before.init && !s.discontinuity {
		p.tb.Errorf("segment %d has another initialization without a discontinuity", msn)
	}
}

// part fetches a part and looks into it.
func (p *player) part(snap *hls.Snapshot, msn int64, n int, seen seenPart) {
	p.tb.Helper()
	if want := p.place(hls.Place{Kind: hls.PartOfSegment, Number: p.parts}); seen.uri != want {
		p.tb.Errorf("part %d of %d has the URI %s, want %s", n, msn, seen.uri, want)
	}
	if seen.duration > p.partTarget+0.000005 {
		p.tb.Errorf("part %d of %d lasts %.5f s, PART-TARGET is %v", n, msn, seen.duration, p.partTarget)
	}
	part, ok := snap.Part(p.parts)
	p.parts++
	if again, same := snap.PartOf(msn, n); !ok || !same || len(again.Data) != len(part.Data) {
		p.tb.Fatalf("part %d of %d is listed and not there", n, msn)
	}
	s := p.segments[msn]
	pictures, sounds := p.demux(snap, msn, part.Data)
	if len(pictures)+len(sounds) == 0 {
		p.tb.Errorf("part %d of %d is empty", n, msn)
	}
	key := len(pictures) > 0 && isKey(pictures[0].data)
	if seen.independent && !key {
		p.tb.Errorf("part %d of %d says it is independent: %t, begins with a keyframe: %t", n, msn, seen.independent, key)
	}
	s.pictures = append(s.pictures, pictures...)
	s.sounds = append(s.sounds, sounds...)
}

// isKey reports whether a picture has an IDR slice.
func isKey(avcc []byte) bool {
	for len(avcc) > 4 {
		n := int(avcc[0])<<24 | int(avcc[1])<<16 | int(avcc[2])<<8 | int(avcc[3])
		if avcc[4]&0x1f == 5 {
			return true
		}
		avcc = avcc[min(4+n, len(avcc)):]
	}
	return false
}

// whole holds a segment to its parts.
func (p *player) whole(snap *hls.Snapshot, msn int64, s *watched) {
	p.tb.Helper()
	seg, ok := snap.Segment(msn)
	if !ok {
		p.tb.Fatalf("segment %d is listed and not there", msn)
	}
	if int(math.Round(s.duration)) > int(p.target) {
		p.tb.Errorf("segment %d lasts %.3f s, TARGETDURATION is %v", msn, s.duration, p.target)
	}
	var joined []byte
	sum := 0.0
	for i, part := range seg.Parts {
		joined = append(joined, part.Data...)
		sum += s.parts[i].duration
		if i < len(seg.Parts)-1 && s.parts[i].duration < 0.85*p.partTarget {
			p.tb.Errorf("part %d of %d lasts %.5f s, want 85 %% of PART-TARGET %v", i, msn, s.parts[i].duration, p.partTarget)
		}
	}
	if !bytes.Equal(joined, seg.Data) || len(seg.Parts) != len(s.parts) {
		p.tb.Errorf("segment %d is not its %d parts", msn, len(s.parts))
	}
	if d := sum - s.duration; math.Abs(d) > 0.00001*float64(len(s.parts)+1) {
		p.tb.Errorf("segment %d lasts %.5f s, its parts %.5f", msn, s.duration, sum)
	}
	if len(seg.Data) != cap(seg.Data) && cap(seg.Data)-len(seg.Data) > len(seg.Data)/4+1024 {
		p.tb.Errorf("segment %d has %d bytes in a buffer of %d", msn, len(seg.Data), cap(seg.Data))
	}
	if before := p.segments[msn-1]; before != nil && !s.discontinuity && !p.loose {
		all := [2][]sample{before.pictures, before.sounds}
		for i, list := range [2][]sample{s.pictures, s.sounds} {
			if len(list) > 0 && len(all[i]) > 0 {
				if step := wrapped(list[0].dts - all[i][len(all[i])-1].dts); step <= 0 || step > 3*media.Clock {
					p.tb.Errorf("segment %d goes on %d ticks after the one before (kind %d)", msn, step, i)
				}
			}
		}
	}
}

// demux reads media with somebody else's code.
func (p *player) demux(snap *hls.Snapshot, msn int64, b []byte) (pictures, sounds []sample) {
	p.tb.Helper()
	if p.window.Container == hls.TS {
		s := demux(p.tb, b)
		if s.silent { // which that code does not read
			return pes(b, 0x100), pes(b, 0x101)
		}
		return s.pictures, s.sounds
	}
	scale := p.scale(snap, msn)
	for _, f := range unmarshal(p.tb, b) {
		for _, t := range f.Tracks {
			at := int64(t.BaseTime)
			for _, smp := range t.Samples {
				ticks := at * media.Clock / int64(scale[t.ID])
				s := sample{pts: ticks + int64(smp.PTSOffset), dts: ticks, data: smp.Payload}
				if t.ID == 1 {
					pictures = append(pictures, s)
				} else {
					sounds = append(sounds, s)
				}
				at += int64(smp.Duration)
			}
		}
	}
	return pictures, sounds
}

// pes finds the PES packets of a PID, each as one sample.
func pes(ts []byte, pid int) (list []sample) {
	time := func(b []byte) int64 {
		return int64(b[0]>>1&7)<<30 | int64(b[1])<<22 | int64(b[2]>>1)<<15 | int64(b[3])<<7 | int64(b[4])>>1
	}
	for ; len(ts) >= 188; ts = ts[188:] {
		if int(ts[1]&0x1f)<<8|int(ts[2]) != pid {
			continue
		}
		b := ts[4:188]
		if ts[3]&0x20 != 0 {
			b = b[1+int(b[0]):]
		}
		if ts[1]&0x40 == 0 {
			list[len(list)-1].data = append(list[len(list)-1].data, b...)
			continue
		}
		s := sample{pts: time(b[9:])}
		s.dts = s.pts
		if b[7]&0x40 != 0 {
			s.dts = time(b[14:])
		}
		s.data = append(s.data, b[9+int(b[8]):]...)
		list = append(list, s)
	}
	for i := range list {
		if pid == 0x100 {
			var avcc h264.AVCC
			var annexB h264.AnnexB
			if annexB.Unmarshal(list[i].data) == nil {
				avcc = h264.AVCC(annexB)
			}
			list[i].data, _ = avcc.Marshal()
		}
	}
	return list
}

// scale reads the initialization section of a segment.
func (p *player) scale(snap *hls.Snapshot, msn int64) map[int]uint32 {
	p.tb.Helper()
	place, ok := hls.ParsePlace(strings.Replace(p.segments[msn].init, "../..", "/v1", 1))
	if !ok || place.Kind != hls.InitSection {
		p.tb.Fatalf("segment %d needs %q", msn, p.segments[msn].init)
	}
	init, ok := snap.Init(place.Number)
	if !ok {
		p.tb.Fatalf("the initialization of segment %d is not there", msn)
	}
	var found fmp4.Init
	if err := found.Unmarshal(bytes.NewReader(init.Data)); err != nil {
		p.tb.Fatalf("initialization: %v", err)
	}
	scale := map[int]uint32{}
	for _, t := range found.Tracks {
		scale[t.ID] = t.TimeScale
	}
	return scale
}

func unmarshal(tb testing.TB, b []byte) fmp4.Parts {
	tb.Helper()
	var found fmp4.Parts
	if err := found.Unmarshal(b); err != nil {
		tb.Fatalf("fragment: %v", err)
	}
	return found
}

// A channel is a packager whose window is watched in parts.
type channel struct {
	packager hls.Packager
	player   player
}

func newChannel(tb testing.TB, c hls.Container) *channel {
	tb.Helper()
	w := &hls.Window{Stream: "st-1", Rendition: hls.Source, Container: c, Delivery: hls.Parts}
	return &channel{packager: hls.Packager{Window: w}, player: player{tb: tb, window: w, steady: true}}
}

func (c *channel) write(units iter.Seq[media.Unit]) {
	c.player.tb.Helper()
	before := c.packager.Window.Snapshot()
	for u := range units {
		if err := c.packager.WriteUnit(u); err != nil {
			c.player.tb.Fatalf("WriteUnit: %v", err)
		}
		if now := c.packager.Window.Snapshot(); now != before {
			before = now
			c.player.look()
		}
	}
}

func (c *channel) close(final bool) {
	c.player.tb.Helper()
	if err := c.packager.Close(final); err != nil {
		c.player.tb.Fatalf("Close: %v", err)
	}
	c.player.look()
}

// both runs a test with each container.
func both(t *testing.T, test func(t *testing.T, c hls.Container)) {
	t.Helper()
	for name, c := range map[string]hls.Container{"TS": hls.TS, "MP4": hls.MP4} {
		t.Run(name, func(t *testing.T) { test(t, c) })
	}
}

// all is every segment in order.
func (p *player) all() (list []*watched) {
	for msn := p.window.From.MSN; p.segments[msn] != nil; msn++ {
		list = append(list, p.segments[msn])
	}
	return list
}

func TestPartsAreStrict(t *testing.T) {
	const whole, short = 40 * time.Second, 14 * time.Second // the first is longer than a window
	both(t, func(t *testing.T, container hls.Container) {
		t.Helper()
		for name, clip := range map[string]*mediatest.Clip{"plain": mediatest.Plain(t), "reordered": mediatest.Reordered(t)} {
			for _, tc := range []struct {
				name  string
				units iter.Seq[media.Unit]
			}{
				{"as sent", clip.Units(whole)},
				{"audio half a second late", late(media.Audio, 500*time.Millisecond, clip.Units(short))},
				{"pictures half a second late", late(media.Video, 500*time.Millisecond, clip.Units(short))},
				{"keyframes every 3 s", keys(3, clip.Units(short))},
				{"keyframes every 8 s", keys(8, clip.Units(short))},
				{"from 4 h 39 min", mediatest.Shift(clip.Units(short), 16777*time.Second)},
				{"over the 33-bit wrap", mediatest.Shift(clip.Units(short), 95443*time.Second-5*time.Second)},
			} {
				t.Run(name+", "+tc.name, func(t *testing.T) {
					t.Parallel()
					c := newChannel(t, container)
					c.write(tc.units)
					c.close(true)
					pictures, sounds, length := 0, 0, short
					if tc.name == "as sent" {
						length = whole
					}
					for _, s := range c.player.all() {
						pictures += len(s.pictures)
						sounds += len(s.sounds)
					}
					if d := c.player.partTarget; d != 0.2 {
						t.Fatalf("PART-TARGET %v, want 0.2", d)
					}
					seconds := int(length/time.Second) - 1 // without the end of what is late
					if want := seconds * mediatest.Rate; pictures < want {
						t.Errorf("%d pictures, want %d", pictures, want)
					}
					if want := seconds * clip.Audio.Sound.SampleRate / 1024; sounds < want {
						t.Errorf("%d audio units, want %d", sounds, want)
					}
					if tc.name == "as sent" && (c.player.revisions < 185 || c.player.skips < 50) {
						t.Errorf("%d revisions, %d of them as delta updates", c.player.revisions, c.player.skips)
					}
					if !c.player.ended {
						t.Error("the playlist has not ended")
					}
				})
			}
		}
	})
}

// TestPartClosesWithItsLastPicture counts the pictures that had come in when a
// part could be fetched.
func TestPartClosesWithItsLastPicture(t *testing.T) {
	clip := mediatest.Plain(t)
	w := &hls.Window{Stream: "st-1", Rendition: hls.Source, Container: hls.MP4, Delivery: hls.Parts}
	p := hls.Packager{Window: w}
	pictures, parts := 0, 0
	for u := range clip.Units(10 * time.Second) {
		if err := p.WriteUnit(u); err != nil {
			t.Fatal(err)
		}
		if u.Track.Kind == media.Video {
			pictures++
		}
		made := 0
		snap := w.Snapshot()
		for msn := range snap.Next() {
			seg, _ := snap.Segment(msn)
			made += len(seg.Parts)
		}
		if made += snap.Made(); made > parts {
			parts = made
			if late := pictures - made*6; late != 0 && late != 1 { // 1: its audio came after the next picture
				t.Fatalf("part %d could be fetched with picture %d, want %d", made, pictures, made*6)
			}
		}
	}
	if parts < 48 {
		t.Errorf("%d parts in 10 s", parts)
	}
}

func TestPartTargetFitsTheFramerate(t *testing.T) {
	for _, tc := range []struct {
		rate float64
		want float64
	}{
		{60, 0.2},
		{59.94, 0.201},
		{50, 0.2},
		{48, 0.167},
		{30, 0.2},
		{29.97, 0.201},
		{25, 0.2},
		{24, 0.167},
		{23.976, 0.167},
		{15, 0.2},
		{10, 0.2},
		{5, 0.2},
		{4, 0.25},
		{1, 1},
	} {
		for _, stated := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v stated %t", tc.rate, stated), func(t *testing.T) {
				c := newChannel(t, hls.MP4)
				track := *mediatest.Plain(t).Video
				track.Picture.Framerate = 0
				if stated {
					track.Picture.Framerate = tc.rate
				}
				c.write(func(yield func(media.Unit) bool) {
					gop := max(int(2*tc.rate+0.5), 1)
					for n := range 3 * gop {
						ms := media.Ticks(math.Round(float64(n) * 1000 / tc.rate))
						if !yield(mediatest.Video(&track, ms*90, n%gop == 0, []byte{0x65, byte(n)})) {
							return
						}
					}
				})
				c.close(true)
				want := tc.want
				if !stated { // timestamps are rounded
					want = c.player.partTarget
				}
				if c.player.partTarget != want || math.Abs(want-tc.want) > 0.012*60/tc.rate {
					t.Errorf("PART-TARGET %v, want %v", c.player.partTarget, tc.want)
				}
			})
		}
	}
}

// TestPartTargetIsNotThatOfAnOddBeginning has pictures whose first steps say
// little of those that follow.
func TestPartTargetIsNotThatOfAnOddBeginning(t *testing.T) {
	for name, steps := range map[string][]media.Ticks{
		"a hole first":       {500, 33, 34, 33},
		"a hole second":      {33, 500, 33, 34},
		"a hole of a second": {1000, 33, 34, 33},
		"any steps":          {20, 70, 35, 50, 41, 66, 33},
		"two slow steps":     {250, 400, 33, 33, 34, 33},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChannel(t, hls.MP4)
			c.player.steady = false
			track := *mediatest.Plain(t).Video
			track.Picture.Framerate = 0
			sent := 0
			c.write(func(yield func(media.Unit) bool) {
				for at := media.Ticks(0); at < 6000; sent++ {
					if !yield(mediatest.Video(&track, at*90, sent%30 == 0, []byte{0x65, byte(sent)})) {
						return
					}
					at += steps[min(sent, len(steps)-1)]
				}
			})
			c.close(true)
			if c.player.partTarget < 0.16 || c.player.partTarget > 0.21 {
				t.Errorf("PART-TARGET %v", c.player.partTarget)
			}
			got := 0
			for _, s := range c.player.all() {
				got += len(s.pictures)
			}
			if got != sent {
				t.Errorf("%d pictures, want %d", got, sent)
			}
		})
	}
}

// TestPicturesThatComeWhenTheyLike keeps lists and parts right whatever the
// pictures do.
func TestPicturesThatComeWhenTheyLike(t *testing.T) {
	both(t, func(t *testing.T, container hls.Container) {
		t.Helper()
		clip := mediatest.Plain(t)
		for name, drop := range map[string]func(at media.Ticks) bool{
			"every other now and then":     func(at media.Ticks) bool { return at/media.Clock%3 == 1 && at/3000%2 == 1 },
			"holes of 150 ms":              func(at media.Ticks) bool { return at%media.Clock > 30000 && at%media.Clock < 43500 },
			"holes of 300 ms":              func(at media.Ticks) bool { return at%media.Clock > 30000 && at%media.Clock < 57000 },
			"holes of 800 ms":              func(at media.Ticks) bool { return at%(2*media.Clock) > 3000 && at%(2*media.Clock) < 75000 },
			"holes that a keyframe ends":   func(at media.Ticks) bool { return at%media.Clock > 45000 },
			"four a second":                func(at media.Ticks) bool { return at%22500 > 1500 && at%media.Clock > 90 },
			"all but keyframes in between": func(at media.Ticks) bool { return at > 8*media.Clock && at < 16*media.Clock && at%media.Clock > 90 },
		} {
			for _, mute := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, mute %t", name, mute), func(t *testing.T) {
					c := newChannel(t, container)
					c.player.steady = false
					sent := 0
					c.write(func(yield func(media.Unit) bool) {
						for u := range clip.Units(20 * time.Second) {
							video := u.Track.Kind == media.Video
							if video && drop(u.DTS) || mute && !video {
								continue
							}
							if video {
								sent++
							}
							if !yield(u) {
								return
							}
						}
					})
					c.close(true)
					got := 0
					for _, s := range c.player.all() {
						got += len(s.pictures)
					}
					if got != sent {
						t.Errorf("%d pictures, want %d", got, sent)
					}
				})
			}
		}
	})
}

func TestBreaksInParts(t *testing.T) {
	both(t, func(t *testing.T, container hls.Container) {
		t.Helper()
		a, b := mediatest.Reordered(t), mediatest.Plain(t)
		for _, tc := range []struct {
			name  string
			units iter.Seq[media.Unit]
			inits int
		}{
			{"clock back", join(a.Units(10*time.Second), a.Units(10*time.Second)), 1},
			{"clock forward", join(a.Units(10*time.Second), mediatest.Shift(a.Units(10*time.Second), time.Hour)), 1},
			{"another coding", join(a.Units(10*time.Second), mediatest.Shift(b.Units(10*time.Second), 10*time.Second)), 2},
			{"audio that stops", join(a.Units(10*time.Second), mediatest.Only(media.Video, mediatest.Shift(a.Units(10*time.Second), 10*time.Second))), 2},
			{"audio that comes", join(mediatest.Only(media.Video, a.Units(10*time.Second)), mediatest.Shift(a.Units(10*time.Second), 10*time.Second)), 2},
		} {
			t.Run(tc.name, func(t *testing.T) {
				c := newChannel(t, container)
				c.player.steady = false // the last part before a break may have only audio
				c.write(tc.units)
				c.close(true)
				breaks, pictures := 0, 0
				inits := map[string]bool{}
				for _, s := range c.player.all() {
					inits[s.init] = true
					pictures += len(s.pictures)
					if s.discontinuity {
						breaks++
					}
				}
				if breaks != 1 || pictures != 600 || container == hls.MP4 && len(inits) != tc.inits {
					t.Errorf("%d discontinuities, %d pictures, %d initializations; want 1, 600, %d", breaks, pictures, len(inits), tc.inits)
				}
			})
		}
	})
}

// TestNumbersGoOn opens a window where an earlier stream of the channel ended.
func TestNumbersGoOn(t *testing.T) {
	both(t, func(t *testing.T, container hls.Container) {
		t.Helper()
		var at hls.Position
		for i := range 3 {
			c := newChannel(t, container)
			c.packager.Window.From = at
			c.write(mediatest.Plain(t).Units(9 * time.Second))
			c.close(i == 1)
			list := c.player.all()
			if len(list) == 0 || list[0].discontinuity != (i > 0) {
				t.Fatalf("stream %d: %d segments", i, len(list))
			}
			next := hls.NewStream("st-1", c.packager.Window).Next()
			if want := at.MSN + int64(len(list)); next.MSN != want || next.Discontinuities != int64(i) || next.Target != 2*time.Second {
				t.Errorf("stream %d goes on at %+v, want number %d", i, next, want)
			}
			at = next
		}
	})
}

func TestNumbersEnd(t *testing.T) {
	w := &hls.Window{Stream: "st-1", Rendition: hls.Source, From: hls.Position{MSN: 100, Limit: 103}}
	p := hls.Packager{Window: w}
	var err error
	for u := range mediatest.Plain(t).Units(20 * time.Second) {
		if err = p.WriteUnit(u); err != nil {
			break
		}
	}
	if snap := w.Snapshot(); err == nil || snap.Next() != 103 {
		t.Errorf("the next number is %d, %v; want an end before 103", snap.Next(), err)
	}
}

// TestWhoWantsGetsTheFirstPart looks at a stream that somebody waits for from
// its beginning.
func TestWhoWantsGetsTheFirstPart(t *testing.T) {
	both(t, func(t *testing.T, container hls.Container) {
		t.Helper()
		for _, want := range []bool{false, true} {
			c := newChannel(t, container)
			if want {
				c.packager.Window.Want()
			}
			playable := media.Ticks(0)
			c.write(func(yield func(media.Unit) bool) {
				for u := range mediatest.Plain(t).Units(20 * time.Second) {
					if !yield(u) {
						return
					}
					if playable == 0 && c.packager.Window.Snapshot().Playable() {
						playable = u.DTS
					}
				}
			})
			c.close(true)
			if want && playable > media.Clock*3/10 || !want && playable < 2*media.Clock {
				t.Errorf("wanted %t: playable with the media of %v", want, playable.Duration())
			}
			list := c.player.all()
			for i, s := range list[:len(list)-1] {
				expected := 2.0
				if want && i < 2 {
					expected = []float64{0.2, 0.8}[i]
				}
				if math.Abs(s.duration-expected) > 0.002 {
					t.Errorf("wanted %t: segment %d lasts %v s, want %v", want, i, s.duration, expected)
				}
			}
		}
	})
}

// TestData finds metadata and ad breaks where they were put.
func TestData(t *testing.T) {
	both(t, func(t *testing.T, container hls.Container) {
		t.Helper()
		clip := mediatest.Plain(t)
		c := newChannel(t, container)
		id3 := &media.Track{Kind: media.Data, Codec: media.ID3}
		ad := &media.Track{Kind: media.Data, Codec: media.AdMarker}
		n := 0
		c.write(func(yield func(media.Unit) bool) {
			for u := range clip.Units(20 * time.Second) {
				if u.Track.Kind == media.Video && u.DTS/media.Clock > media.Ticks(n) {
					n++
					d := media.Unit{Track: id3, PTS: u.PTS, DTS: u.PTS, Data: []byte("ID3 tag " + strconv.Itoa(n) + ".")}
					if n == 5 {
						d.Track, d.Data = ad, media.AdBreak{ID: "aBc", Length: 20 * time.Second}.Data()
					}
					if !yield(u) || !yield(d) {
						return
					}
					continue
				}
				if !yield(u) {
					return
				}
			}
		})
		c.close(true)
		snap := c.packager.Window.Snapshot()
		var all []byte
		for _, seg := range snap.Segments {
			all = append(all, seg.Data...)
		}
		for i := 1; i <= n; i++ {
			if got := bytes.Count(all, fmt.Appendf(nil, "ID3 tag %d.", i)); got != 1 && i != 5 {
				t.Errorf("tag %d is there %d times", i, got)
			}
		}
		if got := bytes.Count(all, []byte(`"cmd":"ld_lat_data"`)); container == hls.TS && got != len(snap.Segments) {
			t.Errorf("%d segments say when they were taken in, of %d", got, len(snap.Segments))
		}
		date := mediatest.Epoch().Add(5 * time.Second)
		line := fmt.Sprintf(`#EXT-X-DATERANGE:ID="stitched-ad-%d-20000000000",CLASS="live-video-net-stitched-ad",START-DATE="%s",DURATION=20.000,X-NET-LIVE-VIDEO-AD-AD-BREAK-ID="aBc"`,
			date.Unix(), date.Format("2006-01-02T15:04:05.000Z"))
		if text := string(snap.Playlist(false)); strings.Count(text, line) != 1 {
			t.Errorf("the playlist does not have once\n%s\n%s", line, text)
		}
		if !strings.Contains(string(snap.Playlist(true)), line) {
			t.Error("a delta update left the ad break out")
		}
	})
}

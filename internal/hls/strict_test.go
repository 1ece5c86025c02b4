package hls_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"openivs/internal/hls"
)

// A reader watches a window as a strict player would: it reads every revision
// of the playlist and every segment, and holds them to RFC 8216 and to what this
// package promises.
type reader struct {
	tb     testing.TB
	window *hls.Window
	loose  bool // pictures may be shown at any time

	target   int
	entries  []entry // all there ever were, by media sequence number
	segments []segment
	ended    bool
}

// An entry is what a playlist says of a segment.
type entry struct {
	uri           string
	duration      float64
	date          time.Time
	discontinuity bool
}

// A segment is what somebody else's code finds in one. Times are in ticks.
type segment struct {
	pictures, sounds []sample
	key              bool // the first picture is an IDR
	sets             bool // and has parameter sets
	audio            bool // the tables declare audio
	silent           bool // and there is none, which that code does not read
}

type sample struct {
	pts, dts int64
	data     []byte
}

// look reads what the window holds now.
func (r *reader) look() {
	r.tb.Helper()
	snap := r.window.Snapshot()
	if !snap.Playable() {
		return
	}
	text := string(snap.Playlist(false))
	first, gone, list := r.parse(text)
	switch have := int64(len(r.entries)); {
	case first > have:
		r.tb.Fatalf("media sequence %d, but %d is the last that was seen\n%s", first, have-1, text)
	case first+int64(len(list)) < have:
		r.tb.Fatalf("the playlist ends with %d, but had %d\n%s", first+int64(len(list))-1, have-1, text)
	}
	for i, e := range list {
		msn := first + int64(i)
		if msn < int64(len(r.entries)) {
			if r.entries[msn] != e {
				r.tb.Errorf("segment %d changed from %+v to %+v", msn, r.entries[msn], e)
			}
			continue
		}
		r.entries = append(r.entries, e)
		r.fetch(snap, msn, e)
	}
	want := int64(0)
	for _, e := range r.entries[:first] {
		if e.discontinuity {
			want++
		}
	}
	if gone != want {
		r.tb.Errorf("EXT-X-DISCONTINUITY-SEQUENCE is %d, want %d", gone, want)
	}
}

// parse reads a media playlist.
func (r *reader) parse(text string) (first, gone int64, list []entry) {
	r.tb.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != "#EXTM3U" || lines[1] != "#EXT-X-VERSION:3" {
		r.tb.Fatalf("the playlist begins %q", lines[:2])
	}
	if r.ended {
		r.tb.Errorf("a revision after ENDLIST")
	}
	var e entry
	for i, line := range lines[2:] {
		tag, value, _ := strings.Cut(line, ":")
		switch tag {
		case "#EXT-X-TARGETDURATION":
			target := int(number(r.tb, value))
			if r.target != 0 && target != r.target {
				r.tb.Errorf("TARGETDURATION went from %d to %d", r.target, target)
			}
			r.target = target
		case "#EXT-X-MEDIA-SEQUENCE":
			first = int64(number(r.tb, value))
		case "#EXT-X-DISCONTINUITY-SEQUENCE":
			gone = int64(number(r.tb, value))
		case "#EXT-X-DISCONTINUITY":
			e.discontinuity = true
		case "#EXT-X-PROGRAM-DATE-TIME":
			date, err := time.Parse(time.RFC3339, value)
			if err != nil {
				r.tb.Errorf("date: %v", err)
			}
			e.date = date
		case "#EXTINF":
			e.duration = number(r.tb, strings.TrimSuffix(value, ",live"))
		case "#EXT-X-ENDLIST":
			r.ended = true
			if i != len(lines)-3 {
				r.tb.Errorf("ENDLIST is not the last line")
			}
		case "#EXT-X-NET-LIVE-VIDEO-LIVE-SEQUENCE", "#EXT-X-NET-LIVE-VIDEO-ELAPSED-SECS", "#EXT-X-NET-LIVE-VIDEO-TOTAL-SECS":
		default:
			if strings.HasPrefix(line, "#") {
				r.tb.Errorf("unknown line %q", line)
			}
			e.uri = line
			list = append(list, e)
			e = entry{}
		}
	}
	return first, gone, list
}

func number(tb testing.TB, s string) float64 {
	tb.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		tb.Fatalf("not a number: %v", err)
	}
	return v
}

// fetch reads a segment and holds it to the one before.
func (r *reader) fetch(snap *hls.Snapshot, msn int64, e entry) {
	r.tb.Helper()
	place, ok := hls.ParsePlace(strings.Replace(e.uri, "../..", "/v1", 1))
	if !ok || place != (hls.Place{Stream: r.window.Stream, Rendition: r.window.Rendition, Number: msn}) {
		r.tb.Fatalf("segment %d has the URI %q", msn, e.uri)
	}
	if got := int(math.Round(e.duration)); got > r.target {
		r.tb.Errorf("segment %d lasts %.3f s, TARGETDURATION is %d", msn, e.duration, r.target)
	}
	seg, ok := snap.Segment(msn)
	if !ok {
		r.tb.Fatalf("segment %d is listed and not there", msn)
	}
	s := demux(r.tb, seg.Data)
	if s.silent && r.loose {
		r.segments = append(r.segments, s)
		return
	}
	if len(s.pictures) == 0 {
		r.tb.Fatalf("segment %d has no picture", msn)
	}
	if seg.Key && !s.key || !s.sets {
		r.tb.Errorf("segment %d begins with a keyframe: %t, parameter sets: %t; says %t", msn, s.key, s.sets, seg.Key)
	}
	r.segments = append(r.segments, s)
	if msn > 0 && !e.discontinuity && !r.segments[msn-1].silent {
		r.follows(msn)
	}
	if msn > 0 && e.date.Before(r.entries[msn-1].date) {
		r.tb.Errorf("segment %d is dated before the one before", msn)
	}
}

// follows checks that a segment goes on where the one before ends.
func (r *reader) follows(msn int64) {
	r.tb.Helper()
	old, e := r.entries[msn-1], r.entries[msn]
	want := old.date.Add(time.Duration(old.duration * float64(time.Second)))
	if off := e.date.Sub(want); off.Abs() > 2*time.Millisecond {
		r.tb.Errorf("segment %d is dated %v off the end of the one before", msn, off)
	}
	before, s := r.segments[msn-1], r.segments[msn]
	if step := s.pictures[0].dts - before.pictures[len(before.pictures)-1].dts; wrapped(step) <= 0 || wrapped(step) > 135000 {
		r.tb.Errorf("segment %d begins %d ticks of DTS after the one before ends", msn, step)
	}
	if s.audio != before.audio {
		r.tb.Errorf("segment %d has other tracks without a discontinuity", msn)
	}
	if len(s.sounds) > 0 && len(before.sounds) > 0 {
		if step := wrapped(s.sounds[0].pts - before.sounds[len(before.sounds)-1].pts); step <= 0 {
			r.tb.Errorf("segment %d has audio that goes back by %d ticks", msn, -step)
		}
	}
}

// wrapped is a difference of 33-bit times.
func wrapped(d int64) int64 {
	const size = 1 << 33
	d = ((d % size) + size) % size
	if d > size/2 {
		d -= size
	}
	return d
}

// demux reads a segment with somebody else's code.
func demux(tb testing.TB, ts []byte) (s segment) {
	tb.Helper()
	r := &mpegts.Reader{R: bytes.NewReader(ts)}
	switch err := r.Initialize(); {
	case errors.Is(err, io.EOF):
		s.silent = true
		return s
	case err != nil:
		tb.Fatalf("read a segment: %v", err)
	}
	r.OnDecodeError(func(err error) { tb.Errorf("a segment is corrupt: %v", err) })
	for _, t := range r.Tracks() {
		switch codec := t.Codec.(type) {
		case *codecs.H264:
			r.OnDataH264(t, func(pts, dts int64, au [][]byte) error {
				if len(s.pictures) == 0 {
					types := make([]h264.NALUType, 0, len(au))
					for _, nal := range au {
						types = append(types, h264.NALUType(nal[0]&0x1f))
					}
					s.key = slices.Contains(types, h264.NALUTypeIDR)
					s.sets = slices.Contains(types, h264.NALUTypeSPS) && slices.Contains(types, h264.NALUTypePPS)
				}
				data, err := h264.AVCC(au).Marshal()
				s.pictures = append(s.pictures, sample{pts, dts, data})
				return err
			})
		case *codecs.MPEG4Audio:
			s.audio = true
			step := int64(1024 * 90000 / codec.SampleRate)
			r.OnDataMPEG4Audio(t, func(pts int64, aus [][]byte) error {
				for i, au := range aus {
					s.sounds = append(s.sounds, sample{pts + int64(i)*step, pts + int64(i)*step, au})
				}
				return nil
			})
		}
	}
	for {
		err := r.Read()
		if errors.Is(err, io.EOF) {
			return s
		}
		if err != nil {
			tb.Fatalf("read a segment: %v", err)
		}
	}
}

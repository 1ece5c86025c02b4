package hls_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"openivs/internal/hls"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
)

// TestDataIsAtOneTimeInEveryRendition sends metadata and an ad break through a
// ladder in every form: each rendition has them at the time they were sent at.
func TestDataIsAtOneTimeInEveryRendition(t *testing.T) {
	const sent = 3
	id3 := &media.Track{Kind: media.Data, Codec: media.ID3}
	ad := &media.Track{Kind: media.Data, Codec: media.AdMarker}
	for _, form := range forms {
		for name, clip := range map[string]*mediatest.Clip{"plain": mediatest.Plain(t), "reordered": mediatest.Reordered(t)} {
			t.Run(fmt.Sprintf("%v %v %s", form.container, form.delivery, name), func(t *testing.T) {
				l := newLadder(form.container, form.delivery, 5)
				want := map[string]int64{}
				breaks := media.Ticks(0)
				l.write(t, func(yield func(media.Unit) bool) {
					next := 4 * time.Second // a keyframe, and then what is none
					for u := range clip.Units(15 * time.Second) {
						if !yield(u) {
							return
						}
						if u.Track.Kind != media.Video || u.PTS.Duration() < next || len(want) == sent {
							continue
						}
						next += 2300 * time.Millisecond
						text := fmt.Sprintf("ID3 tag %d.", len(want))
						want[text] = int64(u.PTS)
						breaks = u.PTS // the last one counts
						if !yield(media.Unit{Track: id3, PTS: u.PTS, DTS: u.PTS, Data: []byte(text)}) {
							return
						}
						if len(want) == sent && !yield(media.Unit{Track: ad, PTS: u.PTS, DTS: u.PTS, Data: media.AdBreak{ID: "aBc", Length: 20 * time.Second}.Data()}) {
							return
						}
					}
				})
				l.close(t)
				line := daterange(l.source.Window)
				for _, w := range []*hls.Window{l.source.Window, l.half.Window, l.sound.Window} {
					got := tags(t, w)
					for text, at := range want {
						if list := got[text]; len(list) != 1 || list[0] != at {
							t.Errorf("%s has %q at %v, it was sent at %d", w.Rendition, text, list, at)
						}
					}
					if got := daterange(w); got != line {
						t.Errorf("%s announces the break so:\n%s\nthe source so:\n%s", w.Rendition, got, line)
					}
				}
				first := l.source.Window.Snapshot().Segments[0]
				begin := pictureTime(t, l.source.Window, first)
				date := first.Date.Add((breaks - begin).Duration()).UTC().Format("2006-01-02T15:04:05.000Z")
				if !strings.Contains(line, `START-DATE="`+date+`"`) || strings.Count(line, "\n") != 1 {
					t.Errorf("the break was sent at %s and is announced so:\n%s", date, line)
				}
			})
		}
	}
}

// daterange is what a playlist says of ad breaks.
func daterange(w *hls.Window) (lines string) {
	for line := range strings.Lines(string(w.Snapshot().Playlist(false))) {
		if strings.HasPrefix(line, "#EXT-X-DATERANGE:") {
			lines += line
		}
	}
	return lines
}

// tags finds the data of a window, and at which media times it is.
func tags(t *testing.T, w *hls.Window) map[string][]int64 {
	t.Helper()
	found := map[string][]int64{}
	for _, seg := range w.Snapshot().Segments {
		if w.Container == hls.TS {
			for _, s := range pes(seg.Data, 0x102) {
				found[string(s.data)] = append(found[string(s.data)], s.pts-tsDelay)
			}
			continue
		}
		for _, m := range messages(t, seg.Data) {
			found[m.data] = append(found[m.data], m.at)
		}
	}
	return found
}

// tsDelay is what the clock of transport streams is ahead of the media.
const tsDelay = 63000

// pictureTime is the media time of the first picture of a segment.
func pictureTime(t *testing.T, w *hls.Window, seg *hls.Segment) media.Ticks {
	t.Helper()
	p := &player{tb: t, window: w, segments: map[int64]*watched{seg.MSN: {init: "../../segment/st-1/source/init-0.mp4"}}}
	pictures, _ := p.demux(w.Snapshot(), seg.MSN, seg.Data)
	at := pictures[0].pts
	if w.Container == hls.TS {
		at -= tsDelay
	}
	return media.Ticks(at)
}

type message struct {
	at   int64
	data string
}

// messages reads the event messages of a segment, as ISO/IEC 23009-1, 5.10.3.3,
// and Carriage of ID3 Timed Metadata in CMAF have them.
func messages(t *testing.T, b []byte) (list []message) {
	t.Helper()
	for len(b) >= 8 {
		n := int(binary.BigEndian.Uint32(b))
		if n < 8 || n > len(b) {
			t.Fatalf("a box of %d bytes, of %d that are there", n, len(b))
		}
		kind, box := string(b[4:8]), b[8:n]
		b = b[n:]
		if kind != "emsg" {
			continue
		}
		if len(box) < 28 || binary.BigEndian.Uint32(box) != 1<<24 {
			t.Fatalf("an event message that is not of version 1: %x", box)
		}
		scale, at := binary.BigEndian.Uint32(box[4:]), binary.BigEndian.Uint64(box[8:])
		scheme, rest, _ := bytes.Cut(box[24:], []byte{0})
		value, data, ok := bytes.Cut(rest, []byte{0})
		if string(scheme) != "https://aomedia.org/emsg/ID3" || len(value) > 0 || scale != media.Clock || !ok {
			t.Errorf("an event message of %q with value %q, in 1/%d s", scheme, value, scale)
		}
		list = append(list, message{int64(at), string(data)})
	}
	return list
}

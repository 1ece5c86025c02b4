package hls_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"openivs/internal/hls"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
)

// A ladder is a source and what is made of it: a rendition with every other
// picture that comes a while later, and one without pictures.
type ladder struct {
	source, half, sound hls.Packager
	stream              *hls.Stream
	track               *media.Track // of the half
	late                []media.Unit
	lines               []int64
	lag                 int // pictures
	n                   int // since the last keyframe
	gone                bool
	line                int64
}

func newLadder(container hls.Container, delivery hls.Delivery, lag int) *ladder {
	plan := new(hls.Plan)
	window := func(name string) *hls.Window {
		return &hls.Window{Stream: "st-1", Rendition: name, Container: container, Delivery: delivery}
	}
	l := &ladder{lag: lag}
	l.source = hls.Packager{Window: window("source"), Plan: plan}
	l.half = hls.Packager{Window: window("480p30"), Plan: plan, Follows: true}
	l.sound = hls.Packager{Window: window("audio_only"), Plan: plan, Follows: true}
	l.sound.Window.SoundOnly, l.sound.Window.Name = true, "audio_only"
	l.stream = hls.NewStream("st-1", l.source.Window, l.half.Window, l.sound.Window)
	return l
}

func (l *ladder) write(tb testing.TB, units func(func(media.Unit) bool)) {
	tb.Helper()
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	for u := range units {
		must(l.source.WriteUnit(u))
		if u.Track.Kind != media.Video {
			must(l.half.WriteUnit(u))
			must(l.sound.WriteUnit(u))
			continue
		}
		if l.n++; u.Key {
			l.n = 0
		}
		if l.n%2 == 0 && !l.gone {
			u.DTS = u.PTS
			l.late, l.lines = append(l.late, u), append(l.lines, l.source.Plan.Timeline())
			slices.SortStableFunc(l.late, func(a, b media.Unit) int {
				if d := a.PTS - b.PTS; d > -media.Clock && d < media.Clock {
					return int(d)
				}
				return 0
			})
		}
		for len(l.late) > l.lag {
			l.out(tb)
		}
	}
}

// out has the oldest picture come out.
func (l *ladder) out(tb testing.TB) {
	tb.Helper()
	if l.track == nil || l.line != l.lines[0] {
		l.track = new(*l.late[0].Track)
		l.track.Picture.Framerate /= 2
		l.half.Timeline(l.lines[0])
		l.line = l.lines[0]
	}
	u := l.late[0]
	u.Track = l.track
	if err := l.half.WriteUnit(u); err != nil {
		tb.Fatal(err)
	}
	l.late, l.lines = l.late[1:], l.lines[1:]
}

func (l *ladder) close(tb testing.TB) {
	tb.Helper()
	for len(l.late) > 0 {
		l.out(tb)
	}
	for _, p := range []*hls.Packager{&l.source, &l.half, &l.sound} {
		if err := p.Close(true); err != nil {
			tb.Fatal(err)
		}
	}
}

// cuts is where a rendition is cut, as text.
func cuts(w *hls.Window) string {
	var b strings.Builder
	for _, s := range w.Snapshot().Segments {
		fmt.Fprintf(&b, "%d: %s, %d ticks, discontinuity %t, key %t, parts from %d:", s.MSN, s.Date.Format(time.RFC3339Nano), s.Duration, s.Discontinuity, s.Key, s.FirstPart)
		for _, p := range s.Parts {
			fmt.Fprintf(&b, " %d", p.Duration)
			if len(p.Data) == 0 {
				b.WriteString(" (empty)")
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

var forms = []struct {
	container hls.Container
	delivery  hls.Delivery
}{{hls.TS, hls.Whole}, {hls.TS, hls.Ahead}, {hls.TS, hls.Parts}, {hls.MP4, hls.Whole}, {hls.MP4, hls.Parts}}

// TestAllRenditionsAreCutAtTheSameTimes compares what leads with what follows,
// for encoders with and without reordering, over a clock that jumps.
func TestAllRenditionsAreCutAtTheSameTimes(t *testing.T) {
	for _, form := range forms {
		for name, clip := range map[string]*mediatest.Clip{"plain": mediatest.Plain(t), "reordered": mediatest.Reordered(t)} {
			t.Run(fmt.Sprintf("%v %v %s", form.container, form.delivery, name), func(t *testing.T) {
				l := newLadder(form.container, form.delivery, 5)
				l.write(t, clip.Units(9*time.Second))
				l.write(t, mediatest.Shift(clip.Units(7*time.Second), time.Hour))
				l.write(t, mediatest.Shift(clip.Units(7*time.Second), 10*time.Minute))
				l.close(t)
				want := cuts(l.source.Window)
				if strings.Count(want, "\n") < 11 || strings.Count(want, "discontinuity true") < 2 {
					t.Fatalf("the source is cut so:\n%s", want)
				}
				if got := cuts(l.half.Window); got != want {
					t.Errorf("the rendition is cut so:\n%s\nwant\n%s", got, want)
				}
				if got := cuts(l.sound.Window); strings.ReplaceAll(got, "key false", "key true") != strings.ReplaceAll(want, "key false", "key true") {
					t.Errorf("the sound is cut so:\n%s\nwant\n%s", got, want)
				}
				for _, w := range []*hls.Window{l.source.Window, l.half.Window, l.sound.Window} {
					got, want := head(w), head(l.source.Window)
					if got != want {
						t.Errorf("%s begins with\n%s\nwant\n%s", w.Rendition, got, want)
					}
				}
			})
		}
	}
}

// head is what a playlist says before its segments, without what is about time
// that has passed.
func head(w *hls.Window) string {
	b, _, _ := bytes.Cut(w.Snapshot().Playlist(false), []byte("#EXT-X-NET"))
	return string(b)
}

// TestARenditionLeavesAndComesBack takes the pictures of one away for a while.
func TestARenditionLeavesAndComesBack(t *testing.T) {
	for _, form := range forms {
		t.Run(fmt.Sprintf("%v %v", form.container, form.delivery), func(t *testing.T) {
			clip := mediatest.Plain(t)
			l := newLadder(form.container, form.delivery, 5)
			all := slices.Collect(clip.Units(30 * time.Second))
			part := func(from, to time.Duration) func(func(media.Unit) bool) {
				return func(yield func(media.Unit) bool) {
					for _, u := range all {
						if at := u.DTS.Duration(); at >= from && at < to && !yield(u) {
							return
						}
					}
				}
			}
			l.write(t, part(0, 9*time.Second))
			l.half.Leave()
			l.gone, l.late, l.lines = true, nil, nil
			l.write(t, part(9*time.Second, 14500*time.Millisecond))
			if snap := l.half.Window.Snapshot(); !snap.Away || snap.Promising() {
				t.Fatalf("the rendition is not away: %+v", snap)
			}
			master, ok := l.stream.Multivariant(hls.Visit{})
			if !ok || bytes.Contains(master, []byte("480p30.m3u8")) || !bytes.Contains(master, []byte("source.m3u8")) || !bytes.Contains(master, []byte("audio_only.m3u8")) {
				t.Errorf("while one is away: %t\n%s", ok, master)
			}
			l.gone, l.track = false, nil
			l.write(t, part(14500*time.Millisecond, 25*time.Second))
			if snap := l.half.Window.Snapshot(); snap.Away || !snap.Playable() {
				t.Fatal("the rendition is still away")
			}
			l.close(t)
			theirs := strings.SplitAfter(cuts(l.source.Window), "\n")
			ours := strings.SplitAfter(cuts(l.half.Window), "\n")
			if len(ours) < 4 || !slices.Equal(theirs[len(theirs)-len(ours):], ours) {
				t.Errorf("the rendition came back cut so:\n%s\nwant the end of\n%s", ours, theirs)
			}
		})
	}
}

// TestViewersOfALadderStayFurtherBack compares a stream of one rendition with one of
// several, where a player that changes asks for another playlist first.
func TestViewersOfALadderStayFurtherBack(t *testing.T) {
	for _, tc := range []struct {
		renditions int
		want       string
	}{{1, "PART-HOLD-BACK=0.650"}, {3, "PART-HOLD-BACK=1.000"}} {
		l := newLadder(hls.MP4, hls.Parts, 5)
		all := []*hls.Window{l.source.Window, l.half.Window, l.sound.Window}
		hls.NewStream("st-1", all[:tc.renditions]...)
		l.write(t, mediatest.Plain(t).Units(9*time.Second))
		for _, w := range all[:tc.renditions] {
			if text := string(w.Snapshot().Playlist(false)); !strings.Contains(text, tc.want) {
				t.Errorf("%d renditions: no %s in\n%s", tc.renditions, tc.want, text)
			}
		}
		l.close(t)
	}
}

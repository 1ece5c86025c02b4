package pipeline_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"openivs/internal/hls"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
	"openivs/internal/pipeline"
)

// granted has an encoder send a picture of 720p and those of other sizes.
func granted(sizes ...int) ivs.Session {
	s := session("st-1a")
	s.Channel.Channel.Container, s.Channel.Channel.Latency = ivs.FragmentedMP4, ivs.LatencyLow
	for _, h := range append([]int{720}, sizes...) {
		s.Tracks = append(s.Tracks, ivs.GrantedTrack{Width: h * 16 / 9, Height: h, Framerate: 30, Bitrate: 1e6, Codec: "h264"})
	}
	return s
}

// several returns the units of a clip with its pictures in so many tracks. late has
// the first track come after the others.
func several(clip *mediatest.Clip, n int, length time.Duration, late bool) (out []media.Unit) {
	tracks := map[*media.Track][]*media.Track{}
	for u := range clip.Units(length) {
		if u.Track.Kind != media.Video {
			out = append(out, u)
			continue
		}
		if tracks[u.Track] == nil {
			tracks[u.Track] = []*media.Track{u.Track}
			for id := 1; id < n; id++ {
				t := *u.Track
				t.ID = id
				tracks[u.Track] = append(tracks[u.Track], &t)
			}
		}
		of := tracks[u.Track]
		for i := range of {
			u.Track = of[i]
			if late {
				u.Track = of[len(of)-1-i]
			}
			out = append(out, u)
		}
	}
	return out
}

func carry(t *testing.T, p *pipeline.Pipeline, units []media.Unit) {
	t.Helper()
	for _, u := range units {
		if err := p.WriteUnit(u); err != nil {
			t.Fatal(err)
		}
	}
}

// wantSame holds all renditions of a stream to the segments of its source.
func wantSame(t *testing.T, b *pipeline.Builder, names ...string) *hls.Snapshot {
	t.Helper()
	found, _, ok := b.Stream("st-1a")
	if !ok {
		t.Fatal("there is no stream")
	}
	brief := func(name string) (string, *hls.Snapshot) {
		w, ok := found.Window(name)
		if !ok {
			t.Fatalf("there is no %s", name)
		}
		snap, s := w.Snapshot(), ""
		for _, seg := range snap.Segments {
			s += fmt.Sprintf("%d: %d ticks, key %t, discontinuity %t, %d parts; ", seg.MSN, seg.Duration, seg.Key, seg.Discontinuity, len(seg.Parts))
		}
		return s, snap
	}
	want, source := brief(hls.Source)
	for _, name := range names {
		if got, snap := brief(name); got != want || len(snap.Segments) == 0 || snap.Facts.Audio == nil {
			t.Errorf("%s has\n%s\nwant as the source\n%s", name, got, want)
		}
	}
	return source
}

func TestTracksOfAnEncoderAreRenditions(t *testing.T) {
	for _, late := range []bool{false, true} {
		var b pipeline.Builder
		p := open(t, &b, granted(480, 360))
		carry(t, p, several(mediatest.Plain(t), 3, 9*time.Second, late))
		select {
		case <-p.Playable():
		default:
			t.Error("the stream cannot be watched")
		}
		if err := p.Close(true); err != nil {
			t.Fatal(err)
		}
		if snap := wantSame(t, &b, "480p30", "360p30"); len(snap.Segments) < 4 || !snap.Ended {
			t.Errorf("%d segments", len(snap.Segments))
		}
	}
}

// TestTracksJumpTogether has the encoder's clock jump ahead and back, whichever
// track comes first.
func TestTracksJumpTogether(t *testing.T) {
	for _, late := range []bool{false, true} {
		for _, jump := range []time.Duration{time.Hour, -3 * time.Second} {
			var b pipeline.Builder
			p := open(t, &b, granted(480))
			first := several(mediatest.Plain(t), 2, 5*time.Second, late)
			carry(t, p, first)
			for _, u := range first {
				u.DTS += media.TicksOf(5*time.Second + jump)
				u.PTS += media.TicksOf(5*time.Second + jump)
				if err := p.WriteUnit(u); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Close(true); err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(wantSame(t, &b, "480p30").Segments, func(seg *hls.Segment) bool { return seg.Discontinuity }) {
				t.Errorf("a jump of %v makes no discontinuity", jump)
			}
		}
	}
}

// TestTheFirstTrackMayBeginLast has the others come for a while before it.
func TestTheFirstTrackMayBeginLast(t *testing.T) {
	var b pipeline.Builder
	p := open(t, &b, granted(480))
	for _, u := range several(mediatest.Plain(t), 2, 9*time.Second, true) {
		if u.Track.Kind == media.Video && u.Track.ID == 0 && u.DTS < 3*media.Clock/2 {
			continue
		}
		if err := p.WriteUnit(u); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(true); err != nil {
		t.Fatal(err)
	}
	if snap := wantSame(t, &b, "480p30"); len(snap.Segments) < 3 {
		t.Errorf("%d segments", len(snap.Segments))
	}
}

// TestATrackThatIsMissingLeaves has a track come back.
func TestATrackThatIsMissingLeaves(t *testing.T) {
	var b pipeline.Builder
	p := open(t, &b, granted(480, 360))
	for _, u := range several(mediatest.Plain(t), 3, 20*time.Second, false) {
		gone := u.Track.Kind == media.Video && u.Track.ID == 1 && u.DTS > 6*media.Clock && u.DTS < 11*media.Clock
		if gone {
			continue
		}
		if err := p.WriteUnit(u); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(true); err != nil {
		t.Fatal(err)
	}
	wantSame(t, &b, "360p30")
	found, _, _ := b.Stream("st-1a")
	w, _ := found.Window("480p30")
	source, _ := found.Window(hls.Source)
	if got, want := w.Snapshot().Next(), source.Snapshot().Next(); got != want {
		t.Errorf("after its gap the track goes on to %d, the source to %d", got, want)
	}
}

func BenchmarkTracks(b *testing.B) {
	var builder pipeline.Builder
	p := open(b, &builder, granted(480, 360))
	units := several(mediatest.Plain(b), 3, 30*time.Second, false)
	shift := media.Ticks(0)
	b.ReportAllocs()
	for b.Loop() {
		for _, u := range units {
			u.PTS += shift
			u.DTS += shift
			if err := p.WriteUnit(u); err != nil {
				b.Fatal(err)
			}
		}
		shift += 30 * media.Clock
	}
	b.ReportMetric(float64(len(units)), "units/op")
}

package pipeline_test

import (
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/hls"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
	"openivs/internal/pipeline"
)

func session(stream string) ivs.Session {
	arn := ivs.ARN{Service: "ivs", Region: "us-east-1", Account: "123456789012", Kind: ivs.KindChannel, ID: "abc"}
	return ivs.Session{StreamID: stream, Channel: ivs.Snapshot{Channel: ivs.Channel{ARN: arn, Name: "abc"}}}
}

func open(tb testing.TB, b *pipeline.Builder, s ivs.Session) *pipeline.Pipeline {
	tb.Helper()
	p, err := b.Open(s)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func write(tb testing.TB, p *pipeline.Pipeline, units iter.Seq[media.Unit]) {
	tb.Helper()
	for u := range units {
		if err := p.WriteUnit(u); err != nil {
			tb.Fatalf("WriteUnit: %v", err)
		}
	}
}

func playable(p *pipeline.Pipeline) bool {
	select {
	case <-p.Playable():
		return true
	default:
		return false
	}
}

// window returns the source rendition of a stream that the builder finds by id.
func window(t *testing.T, b *pipeline.Builder, id string) *hls.Snapshot {
	t.Helper()
	s, _, ok := b.Stream(id)
	if !ok {
		t.Fatalf("stream %s is not known", id)
	}
	w, ok := s.Window(hls.Source)
	if !ok {
		t.Fatalf("stream %s has no source rendition", id)
	}
	return w.Snapshot()
}

func TestPlayableWithTheFirstSegment(t *testing.T) {
	var b pipeline.Builder
	s := session("st-1a")
	p := open(t, &b, s)
	clip := mediatest.Plain(t)
	write(t, p, clip.Units(100*time.Millisecond))
	stream, snapshot, ok := b.Live(s.Channel.Channel.ARN)
	if !ok || stream.ID != "st-1a" || snapshot.Channel.Name != "abc" {
		t.Fatalf("Live: %+v, %+v, %t", stream, snapshot, ok)
	}
	if _, ok := stream.Multivariant(hls.Visit{}); ok {
		t.Error("a multivariant playlist before there is a part")
	}
	write(t, p, mediatest.Shift(clip.Units(1800*time.Millisecond), 100*time.Millisecond))
	if playable(p) {
		t.Error("playable before there is a segment, and nobody waits for one")
	}
	if _, ok := stream.Multivariant(hls.Visit{}); !ok {
		t.Error("no multivariant playlist with a part")
	}
	write(t, p, mediatest.Shift(clip.Units(time.Second), 1900*time.Millisecond))
	if !playable(p) {
		t.Error("not playable with a segment")
	}
	if _, ok := stream.Multivariant(hls.Visit{}); !ok {
		t.Error("no multivariant playlist with a segment")
	}
}

func TestSegmentTargetIsAField(t *testing.T) {
	b := pipeline.Builder{Target: time.Second}
	p := open(t, &b, session("st-1a"))
	write(t, p, mediatest.Plain(t).Units(5*time.Second))
	if got := len(window(t, &b, "st-1a").Segments); got != 4 {
		t.Errorf("%d segments of a second, want 4 so far", got)
	}
}

func TestEndedStreamCanBeWatchedToItsEnd(t *testing.T) {
	for _, final := range []bool{true, false} {
		t.Run(fmt.Sprintf("final %t", final), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b pipeline.Builder
				s := session("st-1a")
				p := open(t, &b, s)
				write(t, p, mediatest.Plain(t).Units(5*time.Second))
				if err := p.Close(final); err != nil {
					t.Fatal(err)
				}
				if err := p.Close(!final); err != nil {
					t.Errorf("closed again: %v", err)
				}
				if _, _, ok := b.Live(s.Channel.Channel.ARN); ok {
					t.Error("the channel is live after the end")
				}
				<-time.After(59 * time.Second)
				if snap := window(t, &b, "st-1a"); snap.Ended != final || len(snap.Segments) != 3 {
					t.Errorf("ended %t with %d segments, want %t with 3", snap.Ended, len(snap.Segments), final)
				}
				<-time.After(2 * time.Second)
				if _, _, ok := b.Stream("st-1a"); ok {
					t.Error("the stream is known a minute after its end")
				}
				if err := p.WriteUnit(mediatest.Plain(t).Picture(0)); err == nil {
					t.Error("a closed pipeline took a unit")
				}
			})
		})
	}
}

func TestStreamThatNeverPlayedLeavesNothing(t *testing.T) {
	var b pipeline.Builder
	p := open(t, &b, session("st-1a"))
	write(t, p, mediatest.Plain(t).Units(time.Second))
	if err := p.Close(true); err != nil {
		t.Fatal(err)
	}
	if _, _, ok := b.Stream("st-1a"); ok || playable(p) {
		t.Error("there is something to watch")
	}
}

func TestNextSessionTakesTheChannel(t *testing.T) {
	var b pipeline.Builder
	first, second := session("st-1a"), session("st-1b")
	arn := first.Channel.Channel.ARN
	p := open(t, &b, first)
	write(t, p, mediatest.Plain(t).Units(5*time.Second))
	q := open(t, &b, second)
	if err := p.Close(true); err != nil {
		t.Fatal(err)
	}
	if s, _, ok := b.Live(arn); !ok || s.ID != "st-1b" {
		t.Errorf("the channel has %+v, %t; want the second stream", s, ok)
	}
	if !window(t, &b, "st-1a").Ended {
		t.Error("the first stream has not ended")
	}
	if _, err := b.Open(second); err == nil {
		t.Error("two pipelines for one stream")
	}
	if _, err := b.Open(ivs.Session{}); err == nil {
		t.Error("a pipeline for a session without an id")
	}
	if err := q.Close(true); err != nil {
		t.Fatal(err)
	}
}

func TestEndedStreamsAreBoundedTogether(t *testing.T) {
	b := pipeline.Builder{LingerMemory: 250 << 10}
	for i := range 20 {
		p := open(t, &b, session(fmt.Sprint("st-1", i)))
		write(t, p, mediatest.Plain(t).Units(5*time.Second))
		if err := p.Close(true); err != nil {
			t.Fatal(err)
		}
	}
	size, whole := int64(0), 0
	for i := range 20 {
		s, _, ok := b.Stream(fmt.Sprint("st-1", i))
		if !ok {
			t.Fatalf("stream %d is not known", i)
		}
		size += s.Size()
		snap := window(t, &b, s.ID)
		text := string(snap.Playlist(false))
		if strings.Count(text, "#EXTINF:") != 3 || !strings.HasSuffix(text, "#EXT-X-ENDLIST\n") {
			t.Errorf("stream %d does not tell of its end\n%s", i, text)
		}
		if snap.Segments[0].Data != nil {
			whole++
		} else if whole > 0 {
			t.Errorf("stream %d let go of its media before an older one", i)
		}
	}
	if size > 250<<10 || whole == 0 || whole == 20 {
		t.Errorf("%d ended streams keep %d bytes", whole, size)
	}
}

func TestManyViewersOfOnePublisher(t *testing.T) {
	var b pipeline.Builder
	s := session("st-1a")
	p := open(t, &b, s)
	var viewers sync.WaitGroup
	var zippers hls.Zippers
	stream, _, ok := b.Live(s.Channel.Channel.ARN)
	if !ok {
		t.Fatal("not live")
	}
	for range 16 {
		viewers.Go(func() {
			w, _ := stream.Window(hls.Source)
			for next := int64(0); ; next++ {
				snap, err := w.Wait(t.Context(), func(s *hls.Snapshot) bool {
					return s.Playable() && s.Segments[len(s.Segments)-1].MSN >= next
				})
				if err != nil {
					t.Errorf("Wait: %v", err)
				}
				if snap.Ended || err != nil {
					return
				}
				stream.Multivariant(hls.Visit{})
				if len(snap.Playlist(false)) == 0 || len(snap.PlaylistGzip(&zippers, false)) == 0 {
					t.Error("an empty playlist")
				}
				for _, seg := range snap.Segments {
					if len(seg.Data)%188 != 0 || seg.Data[0] != 0x47 {
						t.Errorf("segment %d is not a transport stream", seg.MSN)
					}
				}
			}
		})
	}
	write(t, p, mediatest.Reordered(t).Units(time.Minute))
	if err := p.Close(true); err != nil {
		t.Fatal(err)
	}
	viewers.Wait()
}

// BenchmarkPipeline carries 30 s of 2.5 Mb/s video and 128 kb/s audio.
func BenchmarkPipeline(b *testing.B) {
	clip := mediatest.Plain(b)
	slice := mediatest.Join(make([]byte, 2_500_000/8/mediatest.Rate))
	sound := make([]byte, 341)
	var units []media.Unit
	size := int64(0)
	for u := range clip.Units(30 * time.Second) {
		if u.Data = sound; u.Track.Kind == media.Video {
			u.Data = slice
		}
		size += int64(len(u.Data))
		units = append(units, u)
	}
	for _, format := range []struct {
		name      string
		container ivs.ContainerFormat
		latency   ivs.LatencyMode
		parts     bool
	}{
		{"TS", ivs.TS, ivs.LatencyNormal, false},
		{"TS ahead", ivs.TS, ivs.LatencyLow, false},
		{"TS in parts", ivs.TS, ivs.LatencyLow, true},
		{"MP4", ivs.FragmentedMP4, ivs.LatencyNormal, false},
		{"MP4 in parts", ivs.FragmentedMP4, ivs.LatencyLow, false},
	} {
		b.Run(format.name, func(b *testing.B) {
			builder := pipeline.Builder{PartsInTS: format.parts}
			s := session("st-1a")
			s.Channel.Channel.Container, s.Channel.Channel.Latency = format.container, format.latency
			p := open(b, &builder, s)
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
			b.SetBytes(size)
		})
	}
}

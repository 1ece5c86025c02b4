package pipeline_test

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"openivs/internal/hls"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
	"openivs/internal/pipeline"
	"openivs/internal/transcode"
)

// fakeMode, set in a child's environment, makes this test program an ffmpeg that
// copies what it gets to all its outputs. fakeFile is where it notes a crash, or what
// it waits for.
const (
	fakeMode = "FAKE_FFMPEG"
	fakeFile = "FAKE_FILE"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv(fakeMode); mode != "" {
		os.Exit(fake(mode))
	}
	os.Exit(m.Run())
}

func fake(mode string) int {
	var outputs []io.Writer
	for _, a := range os.Args {
		if strings.HasPrefix(a, "pipe:") && a != "pipe:0" {
			outputs = append(outputs, os.NewFile(uintptr(2+len(outputs)+1), a))
		}
	}
	in := io.Reader(os.Stdin)
	sound := slices.Contains(os.Args, "aac")
	switch {
	case mode == "crash" && !sound:
		return 1
	case mode == "crash once" && !sound:
		if _, err := os.Stat(os.Getenv(fakeFile)); err != nil {
			_ = os.Symlink("crashed", os.Getenv(fakeFile))
			in = io.LimitReader(in, 20_000)
		}
	case mode == "late sound" && sound:
		for _, err := os.Stat(os.Getenv(fakeFile)); err != nil; _, err = os.Stat(os.Getenv(fakeFile)) {
			<-time.After(time.Millisecond)
		}
	case mode == "silent":
		outputs = []io.Writer{io.Discard}
	}
	if _, err := io.Copy(io.MultiWriter(outputs...), in); err != nil {
		return 1
	}
	return 0
}

// A transcoder is a builder whose ffmpeg is this test program.
func transcoder(t *testing.T, mode string) *pipeline.Builder {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &pipeline.Builder{Transcode: &pipeline.Transcoding{
		Engine: &transcode.Engine{Program: self, Cores: 100},
		Log:    slog.New(slog.DiscardHandler),
		Watch: transcode.Watch{
			Pause: time.Millisecond, Stall: time.Minute,
			Environ: []string{fakeMode + "=" + mode, fakeFile + "=" + filepath.Join(t.TempDir(), "crashed")},
		},
	}}
}

// sized gives a clip's pictures another size in their headers, which is all that
// ladders know.
func sized(clip *mediatest.Clip, width, height int) *mediatest.Clip {
	t := *clip.Video
	t.Picture.Width, t.Picture.Height = width, height
	c := *clip
	c.Video = &t
	return &c
}

// live writes units about ten times as fast as they would come, so that a process
// can keep up, and ends in the middle of a segment, so that each rendition has some
// of it.
func live(t *testing.T, p *pipeline.Pipeline, units iter.Seq[media.Unit], until func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for u := range units {
		if err := p.WriteUnit(u); err != nil {
			t.Fatal(err)
		}
		if until() && u.Track.Kind == media.Audio && u.DTS%media.Clock > media.Clock/2 {
			return
		}
		<-tick.C
	}
}

func typed(id string, typ ivs.ChannelType) ivs.Session {
	s := session(id)
	s.Channel.Channel.Type = typ
	return s
}

// renditions are those that a multivariant playlist lists.
func renditions(t *testing.T, b *pipeline.Builder, id string, v hls.Visit) (names []string) {
	t.Helper()
	s, _, ok := b.Stream(id)
	if !ok {
		t.Fatalf("stream %s is not known", id)
	}
	master, ok := s.Multivariant(v)
	if !ok {
		return nil
	}
	for line := range strings.Lines(string(master)) {
		if name, ok := strings.CutSuffix(strings.TrimSpace(line), ".m3u8"); ok {
			names = append(names, name[strings.LastIndexByte(name, '/')+1:])
		}
	}
	return names
}

func segments(t *testing.T, b *pipeline.Builder, id, name string) *hls.Snapshot {
	t.Helper()
	s, _, _ := b.Stream(id)
	w, ok := s.Window(name)
	if !ok {
		t.Fatalf("no rendition %s", name)
	}
	return w.Snapshot()
}

// TestRenditionsAreThoseOfTheChannel plays inputs of some sizes to channels of each
// type until they can be watched.
func TestRenditionsAreThoseOfTheChannel(t *testing.T) {
	for _, tc := range []struct {
		typ           ivs.ChannelType
		width, height int
		want          string
	}{
		{ivs.Standard, 1920, 1080, "[source 720p30 480p30 360p30 160p30]"},
		{ivs.Standard, 1280, 720, "[720p30 480p30 360p30 160p30]"},
		{ivs.Standard, 720, 1280, "[720p30 480p30 360p30 160p30]"},
		{ivs.AdvancedHD, 1920, 1080, "[720p30 480p30 360p30 160p30 audio_only]"},
		{ivs.AdvancedSD, 640, 360, "[360p30 160p30 audio_only]"},
		{ivs.Basic, 1920, 1080, "[source]"},
	} {
		t.Run(fmt.Sprintf("%s %dx%d", tc.typ, tc.width, tc.height), func(t *testing.T) {
			b := transcoder(t, "echo")
			p := open(t, b, typed("st-1a", tc.typ))
			live(t, p, sized(mediatest.Plain(t), tc.width, tc.height).Units(time.Minute), func() bool { return playable(p) })
			if got := fmt.Sprint(renditions(t, b, "st-1a", hls.Visit{})); got != tc.want {
				t.Errorf("renditions %s, want %s", got, tc.want)
			}
			if made, wanted := p.Renditions(); tc.typ != ivs.Basic && made != wanted || made != len(strings.Fields(tc.want)) {
				t.Errorf("%d renditions of %d, want all of %s", made, wanted, tc.want)
			}
			if err := p.Close(true); err != nil {
				t.Fatal(err)
			}
			s, _, _ := b.Stream("st-1a")
			first := ""
			for _, name := range renditions(t, b, "st-1a", hls.Visit{}) {
				w, _ := s.Window(name)
				snap := w.Snapshot()
				cut := fmt.Sprint(len(snap.Segments), snap.Segments[0].MSN, snap.Segments[0].Date, snap.Segments[0].Duration)
				if first == "" {
					first = cut
				}
				if !snap.Ended || cut != first {
					t.Errorf("%s: ended %t, cut %s, want %s", name, snap.Ended, cut, first)
				}
			}
		})
	}
}

// TestARenditionBeginsWithItsSound has the process that makes audio begin late: the
// pictures wait for it, and nothing changes in the middle of the stream.
func TestARenditionBeginsWithItsSound(t *testing.T) {
	for _, typ := range []ivs.ChannelType{ivs.Standard, ivs.AdvancedSD} {
		t.Run(string(typ), func(t *testing.T) {
			b := transcoder(t, "late sound")
			p := open(t, b, typed("st-1a", typ))
			tick := time.NewTicker(3 * time.Millisecond)
			defer tick.Stop()
			for u := range sized(mediatest.Plain(t), 640, 360).Units(10 * time.Second) {
				<-tick.C
				if err := p.WriteUnit(u); err != nil {
					t.Fatal(err)
				}
				if u.Track.Kind != media.Video || u.DTS != media.Clock/2 {
					continue
				}
				<-time.After(300 * time.Millisecond) // for the pictures to come out
				if segments(t, b, "st-1a", "360p30").Open != nil {
					t.Error("the stream begins without its sound")
				}
				if err := os.WriteFile(b.Transcode.Watch.Environ[1][len(fakeFile)+1:], nil, 0o600); err != nil {
					t.Fatal(err)
				}
				for segments(t, b, "st-1a", "360p30").Open == nil {
					<-tick.C
				}
			}
			if err := p.Close(true); err != nil {
				t.Fatal(err)
			}
			all := segments(t, b, "st-1a", "160p30").Segments
			if len(all) != 5 {
				t.Errorf("%d segments, want 5", len(all))
			}
			for _, s := range all {
				if s.Discontinuity {
					t.Errorf("segment %d begins anew", s.MSN)
				}
			}
		})
	}
}

// TestACrashIsNotSeenInTheSource has the process fail once: the renditions come
// back, and the source has no gap.
func TestACrashIsNotSeenInTheSource(t *testing.T) {
	b := transcoder(t, "crash once")
	p := open(t, b, typed("st-1a", ivs.Standard))
	clip := sized(mediatest.Plain(t), 1920, 1080)
	away, back := false, false
	live(t, p, clip.Units(5*time.Minute), func() bool {
		s, _, _ := b.Stream("st-1a")
		if w, ok := s.Window("480p30"); ok {
			snap := w.Snapshot()
			away = away || snap.Away
			back = away && len(snap.Segments) > 1
		}
		return back
	})
	if !back {
		t.Fatalf("the rendition went away: %t, and has not come back", away)
	}
	theirs, ours := segments(t, b, "st-1a", "480p30"), segments(t, b, "st-1a", "source")
	for _, s := range ours.Segments {
		if s.Discontinuity || s.Duration != 2*media.Clock {
			t.Errorf("segment %d of the source: discontinuity %t, %v", s.MSN, s.Discontinuity, s.Duration.Duration())
		}
	}
	for _, s := range theirs.Segments {
		if i := slices.IndexFunc(ours.Segments, func(o *hls.Segment) bool { return o.MSN == s.MSN }); i < 0 || !s.Date.Equal(ours.Segments[i].Date) || s.Duration != ours.Segments[i].Duration {
			t.Errorf("segment %d of the rendition is not cut as the source is", s.MSN)
		}
	}
	if got := fmt.Sprint(renditions(t, b, "st-1a", hls.Visit{})); got != "[source 720p30 480p30 360p30 160p30]" {
		t.Errorf("renditions %s", got)
	}
	if n := b.Transcode.Failures(); n != 1 {
		t.Errorf("%d failures are counted, want 1", n)
	}
	if err := p.Close(true); err != nil {
		t.Fatal(err)
	}
}

// TestAProcessThatNeverWorksLeavesTheSource is about channels that have it as a
// rendition and those that do not, and a process that fails and one that is
// silent.
func TestAProcessThatNeverWorksLeavesTheSource(t *testing.T) {
	for _, mode := range []string{"crash", "silent"} {
		for _, typ := range []ivs.ChannelType{ivs.Standard, ivs.AdvancedSD} {
			t.Run(fmt.Sprintf("%s %s", mode, typ), func(t *testing.T) {
				b := transcoder(t, mode)
				p := open(t, b, typed("st-1a", typ))
				live(t, p, sized(mediatest.Plain(t), 1920, 1080).Units(5*time.Minute), func() bool { return playable(p) })
				if got := fmt.Sprint(renditions(t, b, "st-1a", hls.Visit{})); got != "[source]" {
					t.Errorf("renditions %s, want the source", got)
				}
				if err := p.Close(true); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// TestAStreamWithoutCoresFailsOrIsPassedOn opens more than there is room for.
func TestAStreamWithoutCoresFailsOrIsPassedOn(t *testing.T) {
	for _, passthrough := range []bool{false, true} {
		t.Run(fmt.Sprint("passthrough ", passthrough), func(t *testing.T) {
			b := transcoder(t, "echo")
			b.Transcode.Engine.Cores, b.Transcode.Passthrough = 1, passthrough
			clip := sized(mediatest.Plain(t), 1920, 1080)
			first := open(t, b, typed("st-1a", ivs.Standard))
			if err := first.WriteUnit(clip.Picture(0)); err != nil {
				t.Fatal(err)
			}
			second := open(t, b, typed("st-1b", ivs.Standard))
			err := second.WriteUnit(clip.Picture(0))
			failure, failed := errors.AsType[*ivs.FailureError](err)
			if failed == passthrough || failed && (failure.Reason != ivs.CapacityExceeded || ivs.CodeOf(err) != ivs.Unavailable) {
				t.Errorf("the second stream: %v", err)
			}
			if passthrough {
				write(t, second, clip.Units(5*time.Second))
				if got := fmt.Sprint(renditions(t, b, "st-1b", hls.Visit{})); got != "[source]" {
					t.Errorf("renditions %s, want the source", got)
				}
				if made, wanted := second.Renditions(); made != 1 || wanted != 5 {
					t.Errorf("%d renditions of %d, want 1 of 5", made, wanted)
				}
			}
			for _, p := range []*pipeline.Pipeline{first, second} {
				if err := p.Close(true); err != nil {
					t.Fatal(err)
				}
			}
			third := open(t, b, typed("st-1c", ivs.Standard))
			if err := third.WriteUnit(clip.Picture(0)); err != nil {
				t.Errorf("after all have ended: %v", err)
			}
			if err := third.Close(true); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestWithoutAnEngineStreamsArePassedOn has a server whose ffmpeg cannot be used.
func TestWithoutAnEngineStreamsArePassedOn(t *testing.T) {
	b := &pipeline.Builder{Transcode: &pipeline.Transcoding{Log: slog.New(slog.DiscardHandler)}}
	p := open(t, b, typed("st-1a", ivs.Standard))
	write(t, p, sized(mediatest.Plain(t), 1920, 1080).Units(5*time.Second))
	if got := fmt.Sprint(renditions(t, b, "st-1a", hls.Visit{})); got != "[source]" {
		t.Errorf("renditions %s, want the source", got)
	}
	if made, wanted := p.Renditions(); made != 1 || wanted != 5 {
		t.Errorf("%d renditions of %d, want 1 of 5", made, wanted)
	}
	if err := p.Close(true); err != nil {
		t.Fatal(err)
	}
}

// TestSoundAloneIsMadeForThoseWhoAsk asks for it in the middle of a stream.
func TestSoundAloneIsMadeForThoseWhoAsk(t *testing.T) {
	b := new(pipeline.Builder)
	p := open(t, b, typed("st-1a", ivs.Basic))
	clip := mediatest.Plain(t)
	write(t, p, clip.Units(9*time.Second))
	if got := fmt.Sprint(renditions(t, b, "st-1a", hls.Visit{})); got != "[source]" {
		t.Errorf("renditions %s", got)
	}
	if got := fmt.Sprint(renditions(t, b, "st-1a", hls.Visit{AudioOnly: true})); got != "[source audio_only]" {
		t.Errorf("renditions %s, for one who asks", got)
	}
	s, _, _ := b.Stream("st-1a")
	w, _ := s.Window("audio_only")
	if w.Snapshot().Promising() {
		t.Error("it is made though nobody has asked for its playlist")
	}
	w.Want()
	write(t, p, mediatest.Shift(clip.Units(12*time.Second), 9*time.Second))
	if err := p.Close(true); err != nil {
		t.Fatal(err)
	}
	ours, theirs := w.Snapshot(), window(t, b, "st-1a")
	if len(ours.Segments) < 4 || !ours.Ended {
		t.Fatalf("%d segments", len(ours.Segments))
	}
	for _, seg := range ours.Segments {
		if i := slices.IndexFunc(theirs.Segments, func(o *hls.Segment) bool { return o.MSN == seg.MSN }); i < 0 || theirs.Segments[i].Duration != seg.Duration {
			t.Errorf("segment %d is not cut as the source is", seg.MSN)
		}
		if len(seg.Data) >= len(theirs.Segments[0].Data) {
			t.Errorf("segment %d has %d bytes", seg.MSN, len(seg.Data))
		}
	}
}

// TestKeyframeIntervalIsTheLengthOfSegments is about what an encoder's address says.
func TestKeyframeIntervalIsTheLengthOfSegments(t *testing.T) {
	for typ, want := range map[ivs.ChannelType]media.Ticks{ivs.Basic: 4 * media.Clock, ivs.Standard: 4 * media.Clock} {
		b := new(pipeline.Builder)
		s := typed("st-1a", typ)
		s.KeyEvery = 4 * time.Second
		p := open(t, b, s)
		write(t, p, mediatest.Plain(t).Units(15*time.Second))
		for _, seg := range window(t, b, "st-1a").Segments {
			if seg.Duration != want {
				t.Errorf("%s: segment %d lasts %v, want %v", typ, seg.MSN, seg.Duration.Duration(), want.Duration())
			}
		}
	}
}

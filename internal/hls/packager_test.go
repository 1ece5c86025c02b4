package hls_test

import (
	"iter"
	"slices"
	"testing"
	"time"

	"openivs/internal/hls"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
)

// A publisher is a packager whose window is watched by a strict reader.
type publisher struct {
	packager hls.Packager
	reader   reader
}

func newPublisher(tb testing.TB) *publisher {
	tb.Helper()
	w := &hls.Window{Stream: "st-1", Rendition: hls.Source}
	return &publisher{packager: hls.Packager{Window: w}, reader: reader{tb: tb, window: w}}
}

// write feeds units; the reader looks at every revision.
func (p *publisher) write(units iter.Seq[media.Unit]) {
	p.reader.tb.Helper()
	before := p.packager.Window.Snapshot()
	for u := range units {
		if err := p.packager.WriteUnit(u); err != nil {
			p.reader.tb.Fatalf("WriteUnit: %v", err)
		}
		if now := p.packager.Window.Snapshot(); now != before {
			before = now
			p.reader.look()
		}
	}
}

func (p *publisher) close(final bool) {
	p.reader.tb.Helper()
	if err := p.packager.Close(final); err != nil {
		p.reader.tb.Fatalf("Close: %v", err)
	}
	p.reader.look()
}

// keys keeps a keyframe only every n groups of pictures: it makes the others
// ordinary pictures, for what counts where a segment is cut.
func keys(n int, units iter.Seq[media.Unit]) iter.Seq[media.Unit] {
	return func(yield func(media.Unit) bool) {
		gops := 0
		for u := range units {
			if u.Track.Kind == media.Video && u.Key {
				u.Key = gops%n == 0
				gops++
			}
			if !yield(u) {
				return
			}
		}
	}
}

func join(parts ...iter.Seq[media.Unit]) iter.Seq[media.Unit] {
	return func(yield func(media.Unit) bool) {
		for _, units := range parts {
			for u := range units {
				if !yield(u) {
					return
				}
			}
		}
	}
}

// late delays the units of a kind by n units of the other kind.
func late(kind media.Kind, by time.Duration, units iter.Seq[media.Unit]) iter.Seq[media.Unit] {
	return func(yield func(media.Unit) bool) {
		var held []media.Unit
		for u := range units {
			if u.Track.Kind == kind {
				held = append(held, u)
				continue
			}
			for len(held) > 0 && held[0].DTS+media.TicksOf(by) <= u.DTS {
				if !yield(held[0]) {
					return
				}
				held = held[1:]
			}
			if !yield(u) {
				return
			}
		}
	}
}

func durations(r *reader) []float64 {
	var list []float64
	for _, e := range r.entries {
		list = append(list, e.duration)
	}
	return list
}

func TestSegmentsAreCutAtKeyframes(t *testing.T) {
	for _, tc := range []struct {
		name   string
		gop    int // seconds
		length time.Duration
		target int
		want   []float64
	}{
		{"every second", 1, 9 * time.Second, 2, []float64{2, 2, 2, 2, 1}},
		{"every 2 s", 2, 9 * time.Second, 2, []float64{2, 2, 2, 2, 1}},
		{"every 3 s", 3, 9 * time.Second, 3, []float64{3, 3, 3}},
		{"every 6 s", 6, 15 * time.Second, 6, []float64{6, 6, 3}},
		{"every 8 s: cut in between", 8, 17 * time.Second, 6, []float64{6, 2, 6, 2, 1}},
		{"never again: cut in between", 1000, 15 * time.Second, 6, []float64{6, 6, 3}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, clip := range map[string]*mediatest.Clip{"plain": mediatest.Plain(t), "reordered": mediatest.Reordered(t)} {
				p := newPublisher(t)
				p.write(keys(tc.gop, clip.Units(tc.length)))
				p.close(true)
				got := durations(&p.reader)
				if len(got) != len(tc.want) {
					t.Fatalf("%s: segments of %v s, want %v", name, got, tc.want)
				}
				for i := range got {
					if d := got[i] - tc.want[i]; d > 0.002 || d < -0.002 {
						t.Errorf("%s: segments of %v s, want %v", name, got, tc.want)
					}
				}
				if p.reader.target != tc.target {
					t.Errorf("%s: TARGETDURATION is %d, want %d", name, p.reader.target, tc.target)
				}
			}
		})
	}
}

func TestNoUnitIsLostAndAudioIsWithItsPictures(t *testing.T) {
	const length = 20 * time.Second
	for name, clip := range map[string]*mediatest.Clip{"plain": mediatest.Plain(t), "reordered": mediatest.Reordered(t)} {
		for _, tc := range []struct {
			name  string
			units iter.Seq[media.Unit]
		}{
			{"as sent", clip.Units(length)},
			{"audio half a second late", late(media.Audio, 500*time.Millisecond, clip.Units(length))},
			{"pictures half a second late", late(media.Video, 500*time.Millisecond, clip.Units(length))},
			{"from 4 h 39 min", mediatest.Shift(clip.Units(length), 16777*time.Second)},
			{"over the 33-bit wrap", mediatest.Shift(clip.Units(length), 95443*time.Second-5*time.Second)},
			{"over 49 days", mediatest.Shift(clip.Units(length), 4294967*time.Second-10*time.Second)},
		} {
			t.Run(name+", "+tc.name, func(t *testing.T) {
				p := newPublisher(t)
				p.write(tc.units)
				p.close(true)
				pictures, sounds := 0, 0
				for i, s := range p.reader.segments {
					if !s.key {
						t.Errorf("segment %d does not begin with a keyframe", i)
					}
					pictures += len(s.pictures)
					sounds += len(s.sounds)
					if i == len(p.reader.segments)-1 && tc.name != "as sent" {
						continue // the end of what is late is missing
					}
					if off := wrapped(s.sounds[0].pts - s.pictures[0].pts); off > 1500 || off < -1500 {
						t.Errorf("segment %d: audio begins %d ticks after the picture, want less than a frame at 60/s", i, off)
					}
				}
				if pictures != 600 && tc.name != "pictures half a second late" {
					t.Errorf("%d pictures, want 600", pictures)
				}
				want := int(length.Seconds() * float64(clip.Audio.Sound.SampleRate) / 1024)
				if tc.name == "as sent" && (sounds < want-3 || sounds > want+1) {
					t.Errorf("%d audio units, want about %d", sounds, want)
				}
			})
		}
	}
}

func TestAudioTimestampsAreSmooth(t *testing.T) {
	clip := mediatest.Plain(t) // 44.1 kHz: no frame begins on a millisecond
	p := newPublisher(t)
	const length = 4 * time.Minute
	p.write(clip.Units(length))
	exact := 1024 * 90000.0 / 44100
	n, first, last := 0, int64(0), int64(0)
	for _, s := range p.reader.segments {
		for _, a := range s.sounds {
			if n == 0 {
				first = a.pts
			}
			if step := float64(a.pts - last); n > 300 && (step < exact-5 || step > exact+5) {
				t.Fatalf("unit %d begins %v ticks after the one before, want %v", n, step, exact)
			}
			last = a.pts
			n++
		}
	}
	if drift := float64(last-first) - exact*float64(n-1); drift > 90 || drift < -90 {
		t.Errorf("after %d units audio is off by %.0f ticks, want less than a millisecond", n, drift)
	}
}

func TestClockThatJumps(t *testing.T) {
	clip := mediatest.Reordered(t)
	for _, tc := range []struct {
		name string
		by   time.Duration
	}{
		{"back to the start", -10 * time.Second},
		{"back by a second", -time.Second},
		{"forward by 2 s", 2 * time.Second},
		{"forward by an hour", time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPublisher(t)
			p.write(join(clip.Units(10*time.Second), mediatest.Shift(clip.Units(10*time.Second), 10*time.Second+tc.by)))
			p.close(true)
			breaks := 0
			for i, e := range p.reader.entries {
				if e.discontinuity {
					breaks++
				}
				s := p.reader.segments[i]
				if !s.key {
					t.Errorf("segment %d does not begin with a keyframe", i)
				}
				if off := s.sounds[0].pts - s.pictures[0].pts; off > 3000 || off < -3000 {
					t.Errorf("segment %d: audio begins %d ticks after the picture", i, off)
				}
			}
			if breaks != 1 || len(p.reader.entries) != 10 {
				t.Errorf("%d segments with %d discontinuities, want 10 with 1", len(p.reader.entries), breaks)
			}
		})
	}
}

func TestJumpInTheMiddleWaitsForAKeyframe(t *testing.T) {
	clip := mediatest.Plain(t)
	p := newPublisher(t)
	p.write(clip.Units(4500 * time.Millisecond))
	p.write(func(yield func(media.Unit) bool) {
		for u := range mediatest.Shift(clip.Units(8*time.Second), time.Minute) {
			if u.DTS >= media.TicksOf(time.Minute+2500*time.Millisecond) && !yield(u) {
				return
			}
		}
	})
	p.close(true)
	want := []float64{2, 2, 0.5, 2, 2, 1}
	got := durations(&p.reader)
	if len(got) != len(want) {
		t.Fatalf("segments of %v s, want %v", got, want)
	}
	for i, e := range p.reader.entries {
		if d := e.duration - want[i]; d > 0.002 || d < -0.002 || e.discontinuity != (i == 3) {
			t.Errorf("segment %d: %+v, want %v s, discontinuity %t", i, e, want[i], i == 3)
		}
	}
}

func TestTracksThatChange(t *testing.T) {
	a, b := mediatest.Reordered(t), mediatest.Plain(t)
	after := func(c *mediatest.Clip) iter.Seq[media.Unit] {
		return mediatest.Shift(c.Units(6*time.Second), 6*time.Second)
	}
	mixed := *a
	mixed.Audio = b.Audio
	for _, tc := range []struct {
		name   string
		units  iter.Seq[media.Unit]
		breaks []bool // by segment
	}{
		{"picture and audio", join(a.Units(6*time.Second), after(b)), []bool{false, false, false, true, false, false}},
		{"audio", join(a.Units(6*time.Second), after(&mixed)), []bool{false, false, false, true, false, false}},
		{"audio that comes later", join(mediatest.Only(media.Video, a.Units(6*time.Second)), after(a)), nil},
		{"audio that stops", join(a.Units(6*time.Second), mediatest.Only(media.Video, after(a))), []bool{false, false, false, true, false, false}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPublisher(t)
			p.write(tc.units)
			p.close(true)
			breaks := 0
			for i, e := range p.reader.entries {
				if e.discontinuity {
					breaks++
				}
				if tc.breaks != nil && (i >= len(tc.breaks) || e.discontinuity != tc.breaks[i]) {
					t.Errorf("segment %d: discontinuity %t, segments %v", i, e.discontinuity, durations(&p.reader))
				}
				if !p.reader.segments[i].key {
					t.Errorf("segment %d does not begin with a keyframe", i)
				}
			}
			if breaks != 1 {
				t.Errorf("%d discontinuities, want 1", breaks)
			}
			total := 0.0
			for _, d := range durations(&p.reader) {
				total += d
			}
			if total < 11.9 || total > 12.1 {
				t.Errorf("%v s in all, want 12: no picture may be lost", total)
			}
		})
	}
}

// TestAudioThatIsMadeMayStopForAMoment has the audio of a second and a half come at
// once, behind its pictures: where somebody makes it that is no end of it.
func TestAudioThatIsMadeMayStopForAMoment(t *testing.T) {
	clip := mediatest.Plain(t)
	stalled := func(yield func(media.Unit) bool) {
		var held []media.Unit
		for u := range clip.Units(12 * time.Second) {
			at := u.DTS.Duration()
			if u.Track.Kind == media.Audio && at > 5*time.Second && at < 6500*time.Millisecond {
				held = append(held, u)
				continue
			}
			if at >= 6500*time.Millisecond {
				for _, h := range held {
					if !yield(h) {
						return
					}
				}
				held = nil
			}
			if !yield(u) {
				return
			}
		}
	}
	for _, made := range []bool{true, false} {
		p := newPublisher(t)
		p.packager.Made = made
		p.write(stalled)
		p.close(true)
		breaks := slices.ContainsFunc(p.reader.entries, func(e entry) bool { return e.discontinuity })
		if breaks == made {
			t.Errorf("made %t: discontinuities %t", made, breaks)
		}
	}
}

// TestPicturesThatNeverHadAudioDoNotWaitForIt compares when the first segments come.
func TestPicturesThatNeverHadAudioDoNotWaitForIt(t *testing.T) {
	var listed [2]int
	for i := range listed {
		p := newPublisher(t)
		p.packager.Made = i == 1
		p.write(mediatest.Only(media.Video, mediatest.Plain(t).Units(7*time.Second)))
		listed[i] = len(p.reader.entries)
		p.close(true)
	}
	if listed[0] != 3 || listed[1] != listed[0] {
		t.Errorf("after 7 s %d segments, and %d where audio would be made; want 3", listed[0], listed[1])
	}
}

func TestPicturesAlonePlay(t *testing.T) {
	p := newPublisher(t)
	p.write(mediatest.Only(media.Video, mediatest.Plain(t).Units(9*time.Second)))
	p.close(true)
	if got := len(p.reader.entries); got != 5 {
		t.Errorf("%d segments, want 5", got)
	}
	if p.reader.segments[0].audio {
		t.Error("the tables declare audio")
	}
}

func TestWhatNeverPlays(t *testing.T) {
	clip := mediatest.Plain(t)
	for _, tc := range []struct {
		name  string
		units iter.Seq[media.Unit]
	}{
		{"nothing", func(func(media.Unit) bool) {}},
		{"audio alone", mediatest.Only(media.Audio, clip.Units(time.Minute))},
		{"no keyframe", keys(1<<30, mediatest.Shift(func(yield func(media.Unit) bool) {
			for u := range clip.Units(20 * time.Second) {
				u.Key = u.Track.Kind == media.Audio
				if !yield(u) {
					return
				}
			}
		}, 0))},
		{"less than a segment", clip.Units(1500 * time.Millisecond)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPublisher(t)
			p.write(tc.units)
			p.close(true)
			if snap := p.packager.Window.Snapshot(); snap.Playable() || !snap.Ended {
				t.Errorf("playable %t, ended %t; want the end of nothing", snap.Playable(), snap.Ended)
			}
		})
	}
}

func TestEnd(t *testing.T) {
	for _, final := range []bool{true, false} {
		p := newPublisher(t)
		p.write(mediatest.Plain(t).Units(5 * time.Second))
		p.close(final)
		if p.reader.ended != final {
			t.Errorf("Close(%t): ENDLIST %t", final, p.reader.ended)
		}
		if got := len(p.reader.entries); got != 3 {
			t.Errorf("Close(%t): %d segments, want the last one too: 3", final, got)
		}
		if err := p.packager.WriteUnit(mediatest.Plain(t).Picture(0)); err == nil {
			t.Error("a unit after the end was taken")
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, u := range map[string]media.Unit{
		"no track":   {Data: []byte{1}},
		"HEVC":       {Track: &media.Track{Kind: media.Video, Codec: "hevc"}, Data: []byte{1}},
		"MP3":        {Track: &media.Track{Kind: media.Audio, Codec: "mp3"}, Data: []byte{1}},
		"empty AAC":  {Track: &media.Track{Kind: media.Audio, Codec: media.AAC}, Data: []byte{1}},
		"odd stereo": {Track: &media.Track{Kind: media.Audio, Codec: media.AAC, Sound: media.Sound{ObjectType: 2, SampleRate: 47999, Channels: 2}}, Data: []byte{1}},
	} {
		if err := newPublisher(t).packager.WriteUnit(u); err == nil {
			t.Errorf("%s: WriteUnit took it", name)
		}
	}
}

func TestDatesAreTheArrivalOfTheStart(t *testing.T) {
	p := newPublisher(t)
	p.write(mediatest.Shift(mediatest.Reordered(t).Units(9*time.Second), time.Hour))
	for i, e := range p.reader.entries {
		if want := mediatest.Epoch().Add(time.Duration(i) * 2 * time.Second); !e.date.Equal(want) {
			t.Errorf("segment %d is dated %v, want %v", i, e.date, want)
		}
	}
}

func TestFactsAreMeasured(t *testing.T) {
	clip := mediatest.Plain(t)
	silent := *clip.Video // about its framerate
	silent.Picture.Framerate = 0
	p := newPublisher(t)
	var bits []int
	p.write(func(yield func(media.Unit) bool) {
		for u := range clip.Units(11 * time.Second) {
			if u.Track.Kind == media.Video {
				u.Track = &silent
				if u.DTS >= 4*media.Clock && u.DTS < 6*media.Clock {
					u.Data = append(slices.Clip(u.Data), mediatest.Join(make([]byte, 2000))...)
				}
			}
			if !yield(u) {
				return
			}
		}
	})
	snap := p.packager.Window.Snapshot()
	sum, peak := 0, 0
	for _, seg := range snap.Segments {
		bits = append(bits, len(seg.Data)*8)
		sum += len(seg.Data) * 8
		peak = max(peak, len(seg.Data)*8)
	}
	if f := snap.Facts; int(f.Peak) != peak/2 || int(f.Average) != sum/len(bits)/2 || f.Framerate != 30 {
		t.Errorf("peak %d, average %d, %v pictures a second; want %d, %d, 30 from segments of %v bits",
			f.Peak, f.Average, f.Framerate, peak/2, sum/len(bits)/2, bits)
	}
	if f := snap.Facts; f.Video != &silent || f.Audio != clip.Audio {
		t.Error("the facts are of other tracks")
	}
}

func TestClockThatStumblesIsHeldStill(t *testing.T) {
	clip := mediatest.Plain(t)
	p := newPublisher(t)
	p.write(func(yield func(media.Unit) bool) {
		for n := range 300 {
			u := clip.Picture(n)
			if n%7 == 3 {
				u.DTS -= 9000 // 100 ms
				u.PTS -= 9000
			}
			if !yield(u) {
				return
			}
		}
	})
	p.close(true)
	pictures := 0
	for i, e := range p.reader.entries {
		pictures += len(p.reader.segments[i].pictures)
		if e.discontinuity {
			t.Errorf("segment %d is a discontinuity", i)
		}
	}
	if pictures != 300 {
		t.Errorf("%d pictures, want 300", pictures)
	}
}

// TestASegmentEndsWithTheLastKeyframeThatItCanEndWith has keyframes a second apart of
// which one comes late, as where another encoder takes a stream over: every segment
// begins with a keyframe.
func TestASegmentEndsWithTheLastKeyframeThatItCanEndWith(t *testing.T) {
	for late := range media.Ticks(10) {
		c := newChannel(t, hls.TS)
		track := mediatest.Plain(t).Video
		shift := late * media.Clock / 10
		c.write(func(yield func(media.Unit) bool) {
			for n := range media.Ticks(300) {
				at, key := n*3000, n%30 == 0
				if n >= 150 {
					key = (n*3000-shift)%media.Clock == 0
				}
				if !yield(mediatest.Video(track, at, key, []byte{0x65, byte(n)})) {
					return
				}
			}
		})
		c.close(true)
		for _, s := range c.packager.Window.Snapshot().Segments {
			if !s.Key && s.MSN < c.packager.Window.Snapshot().Next()-1 {
				t.Errorf("%d tenths late: segment %d begins without a keyframe", late, s.MSN)
			}
		}
	}
}

func TestHoleBetweenPicturesIsNotSpanned(t *testing.T) {
	clip := mediatest.Plain(t)
	p := newPublisher(t)
	p.write(mediatest.Only(media.Video, clip.Units(6*time.Second)))
	p.write(func(yield func(media.Unit) bool) {
		for u := range mediatest.Only(media.Video, mediatest.Shift(clip.Units(8*time.Second), 6*time.Second)) {
			// No pictures for 1.4 s, and no keyframe just after.
			if hole := u.DTS >= 7*media.Clock+90*600 && u.DTS < 9*media.Clock; !hole && !yield(u) {
				return
			}
		}
	})
	p.close(true)
	breaks := 0
	for i, e := range p.reader.entries {
		if e.discontinuity {
			breaks++
		}
		if !p.reader.segments[i].key {
			t.Errorf("segment %d does not begin with a keyframe", i)
		}
	}
	if breaks != 1 {
		t.Errorf("%d discontinuities in segments of %v s, want 1", breaks, durations(&p.reader))
	}
}

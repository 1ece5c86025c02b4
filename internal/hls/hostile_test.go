package hls_test

import (
	"bytes"
	"iter"
	"testing"
	"time"

	"openivs/internal/hls"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
)

// limit is what a rendition may keep in memory, with a segment to spare.
const limit = (64 + 16 + 8) << 20

func TestMemoryIsBounded(t *testing.T) {
	clip := mediatest.Plain(t)
	big := mediatest.Join(bytes.Repeat([]byte{0x65}, 4<<20))
	small := mediatest.Join([]byte{0x65, 1})
	video := func(n int, step media.Ticks, change func(i int, u *media.Unit)) iter.Seq[media.Unit] {
		return func(yield func(media.Unit) bool) {
			for i := range n {
				u := media.Unit{Track: clip.Video, DTS: media.Ticks(i) * step, Data: small, Key: i == 0, At: mediatest.Epoch()}
				u.PTS = u.DTS
				change(i, &u)
				if !yield(u) {
					return
				}
			}
		}
	}
	coded := func() *media.Track { c := *clip.Video; return &c }
	for _, tc := range []struct {
		name  string
		units iter.Seq[media.Unit]
	}{
		{"a huge bitrate", video(40, 3000, func(_ int, u *media.Unit) { u.Data = big })},
		{"a huge bitrate in keyframes", video(40, 3000, func(_ int, u *media.Unit) { u.Data, u.Key = big, true })},
		{"a clock that stands still", video(40, 0, func(_ int, u *media.Unit) { u.Data = big })},
		{"a clock that runs back", video(40, -90, func(_ int, u *media.Unit) { u.Data = big })},
		{"a clock that jumps at each picture", video(40, 1<<40, func(_ int, u *media.Unit) { u.Data, u.Key = big, true })},
		{"a coding for each picture", video(40, 3000, func(_ int, u *media.Unit) { u.Data, u.Key, u.Track = big, true, coded() })},
		{"keyframes alone", video(20000, 1500, func(_ int, u *media.Unit) { u.Key = true })},
		{"one keyframe and no other", video(20000, 3000, func(int, *media.Unit) {})},
		{"pictures that are never shown", video(20000, 3000, func(_ int, u *media.Unit) { u.PTS = 1 << 50; u.Key = true })},
		{"pictures shown before time", video(20000, 3000, func(_ int, u *media.Unit) { u.PTS = -1 << 50; u.Key = true })},
		{"audio far from its pictures", func(yield func(media.Unit) bool) {
			for i := range 20000 {
				if !yield(mediatest.Video(clip.Video, media.Ticks(i)*3000, i%30 == 0, []byte{0x65, 1})) ||
					!yield(mediatest.Audio(clip.Audio, 1<<40+media.Ticks(i)*1920, 8000)) {
					return
				}
			}
		}},
		{"audio alone", func(yield func(media.Unit) bool) {
			for i := range 20000 {
				if !yield(mediatest.Audio(clip.Audio, media.Ticks(i)*1920, 8000)) {
					return
				}
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := &hls.Window{Stream: "st-1", Rendition: hls.Source}
			s := &hls.Stream{Renditions: []*hls.Window{w}}
			p := hls.Packager{Window: w}
			for u := range tc.units {
				if err := p.WriteUnit(u); err != nil {
					t.Fatalf("WriteUnit: %v", err)
				}
				if got := s.Size(); got > limit {
					t.Fatalf("the window has %d bytes, at most %d are allowed", got, limit)
				}
			}
			snap := w.Snapshot()
			if len(snap.Segments) > 64 {
				t.Errorf("%d segments are listed", len(snap.Segments))
			}
			for _, seg := range snap.Segments {
				if got := seg.Duration.Duration().Round(time.Second); got > snap.Target {
					t.Errorf("segment %d lasts %v, target %v", seg.MSN, seg.Duration.Duration(), snap.Target)
				}
			}
			if err := p.Close(true); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

// odd yields real units in any order, at any time, as ops say.
func odd(clips [2]*mediatest.Clip, ops []byte) iter.Seq[media.Unit] {
	return func(yield func(media.Unit) bool) {
		clock, clip, n := media.Ticks(0), clips[0], 0
		for ops := ops[:min(len(ops), 3000)]; len(ops) >= 3; ops = ops[3:] {
			op, arg, step := ops[0], ops[1], ops[2]
			n++
			u := clip.Picture(n%mediatest.GOP + 1 - n%mediatest.GOP/29)
			clock += media.Ticks(step) * 900
			switch op % 8 {
			case 0:
				u = clip.Picture(0)
			case 1, 2:
				u = clip.Sound(n)
			case 3:
				clip = clips[arg%2]
				continue
			case 4:
				clock += (media.Ticks(arg) - 128) * media.Clock / 8
				continue
			case 5:
				clock += media.Ticks(arg) << 30
				continue
			}
			u.DTS = clock
			u.PTS = clock + media.Ticks(arg)*450
			if u.Track.Kind == media.Audio {
				u.PTS = u.DTS
			}
			if !yield(u) {
				return
			}
		}
	}
}

func oddSeeds(f *testing.F) [2]*mediatest.Clip {
	f.Helper()
	f.Add([]byte{0, 0, 33, 0})
	f.Add(bytes.Repeat([]byte{0, 0, 200, 2, 1, 200, 1, 1, 200, 3, 0, 23}, 40))
	f.Add(bytes.Repeat([]byte{0, 0, 250, 4, 1, 255, 5, 0, 100, 1, 3, 250}, 40))
	return [2]*mediatest.Clip{mediatest.Plain(f), mediatest.Reordered(f)}
}

// FuzzPackager feeds real units in any order, at any time; whatever comes of it
// must be right.
func FuzzPackager(f *testing.F) {
	clips := oddSeeds(f)
	f.Fuzz(func(t *testing.T, ops []byte) {
		p := newPublisher(t)
		p.reader.loose = true
		p.write(odd(clips, ops))
		p.close(true)
	})
}

// FuzzParts does the same in low latency.
func FuzzParts(f *testing.F) {
	clips := oddSeeds(f)
	f.Fuzz(func(t *testing.T, ops []byte) {
		container := hls.TS
		if len(ops)%2 == 0 {
			container = hls.MP4
		}
		c := newChannel(t, container)
		c.player.steady, c.player.loose = false, true
		if len(ops)%3 == 0 {
			c.packager.Window.Want()
		}
		c.write(odd(clips, ops))
		c.close(true)
	})
}

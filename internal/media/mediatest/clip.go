// Package mediatest has H.264 and AAC units for tests: real ones, from two small
// clips, that parsers and decoders accept, and literal ones whose bytes mean
// nothing.
//
// It is imported by tests only and knows no stage of the data path.
package mediatest

import (
	_ "embed"
	"encoding/binary"
	"iter"
	"testing"
	"time"

	"openivs/internal/media"
)

// Epoch is when a unit with the time zero arrived.
func Epoch() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

//go:embed testdata/reordered.flv
var reordered []byte

//go:embed testdata/plain.flv
var plain []byte

// Rate is the pictures per second of every clip, GOP the pictures from one
// keyframe to the next.
const (
	Rate = 30
	GOP  = 30
)

// clipGOPs is how many groups of pictures of a clip are repeated.
const clipGOPs = 4

// A Clip is a piece of real media that repeats for as long as a test wants.
type Clip struct {
	Video, Audio *media.Track

	pictures []picture // clipGOPs groups, in decoding order
	sounds   [][]byte
}

type picture struct {
	offset media.Ticks // PTS-DTS
	key    bool
	data   []byte
}

// Reordered is H.264 Main with B-frames, 128x72 at 30 pictures a second with a
// keyframe each second, and AAC-LC at 48 kHz in stereo.
func Reordered(tb testing.TB) *Clip {
	tb.Helper()
	return load(tb, reordered)
}

// Plain is the same in H.264 Constrained Baseline without reordering, and AAC-LC
// at 44.1 kHz in mono.
func Plain(tb testing.TB) *Clip {
	tb.Helper()
	return load(tb, plain)
}

// Units yields the clip's units for a length of time in the order in which an
// encoder sends them. Timestamps are rounded to milliseconds, as in RTMP, and
// begin at zero. A unit arrives when it is decoded.
func (c *Clip) Units(length time.Duration) iter.Seq[media.Unit] {
	return func(yield func(media.Unit) bool) {
		video, audio := 0, 0
		for {
			v, a := c.Picture(video), c.Sound(audio)
			u := v
			if a.DTS < v.DTS {
				u = a
				audio++
			} else {
				video++
			}
			if u.DTS >= media.TicksOf(length) || !yield(u) {
				return
			}
		}
	}
}

// Picture returns the picture at place n in decoding order.
func (c *Clip) Picture(n int) media.Unit {
	p := c.pictures[n%len(c.pictures)]
	dts := wire(n, Rate)
	return media.Unit{
		Track: c.Video, PTS: dts + p.offset, DTS: dts, Key: p.key, Data: p.data, At: Epoch().Add(dts.Duration()),
	}
}

// Sound returns the audio unit at place n.
func (c *Clip) Sound(n int) media.Unit {
	const samples = 1024 // of an AAC-LC frame
	dts := wire(n*samples, c.Audio.Sound.SampleRate)
	return media.Unit{
		Track: c.Audio, PTS: dts, DTS: dts, Key: true, Data: c.sounds[n%len(c.sounds)], At: Epoch().Add(dts.Duration()),
	}
}

// wire is the time of n counts at a rate, rounded to milliseconds.
func wire(n, rate int) media.Ticks {
	ms := (2*n*1000 + rate) / (2 * rate)
	return media.Ticks(ms) * media.Clock / 1000
}

// Shift moves units by a time.
func Shift(units iter.Seq[media.Unit], by time.Duration) iter.Seq[media.Unit] {
	return func(yield func(media.Unit) bool) {
		for u := range units {
			u.PTS += media.TicksOf(by)
			u.DTS += media.TicksOf(by)
			if !yield(u) {
				return
			}
		}
	}
}

// Only keeps the units of a kind.
func Only(kind media.Kind, units iter.Seq[media.Unit]) iter.Seq[media.Unit] {
	return func(yield func(media.Unit) bool) {
		for u := range units {
			if u.Track.Kind == kind && !yield(u) {
				return
			}
		}
	}
}

// load reads a clip (FLV 10.1, annex E).
func load(tb testing.TB, file []byte) *Clip {
	tb.Helper()
	const header, tag, previous = 9 + 4, 11, 4
	c := new(Clip)
	for b := file[header:]; len(b) >= tag; {
		size := int(binary.BigEndian.Uint32(b) & 0xffffff)
		body := b[tag : tag+size]
		switch b[0] {
		case 8:
			c.sound(body)
		case 9:
			c.picture(body)
		}
		b = b[tag+size+previous:]
	}
	if c.Video == nil || c.Audio == nil || len(c.pictures) < clipGOPs*GOP {
		tb.Fatalf("the clip has %d pictures, want %d", len(c.pictures), clipGOPs*GOP)
	}
	c.pictures = c.pictures[:clipGOPs*GOP]
	return c
}

func (c *Clip) sound(body []byte) {
	if body[1] == 0 {
		c.Audio = AudioTrack(body[2:])
		return
	}
	c.sounds = append(c.sounds, body[2:])
}

func (c *Clip) picture(body []byte) {
	switch body[1] {
	case 0:
		c.Video = VideoTrack(body[5:], 128, 72, Rate)
	case 1:
		ms := binary.BigEndian.Uint32(body[1:]) & 0xffffff
		c.pictures = append(c.pictures, picture{
			offset: media.Ticks(ms) * media.Clock / 1000,
			key:    body[0]>>4 == 1,
			data:   body[5:],
		})
	}
}

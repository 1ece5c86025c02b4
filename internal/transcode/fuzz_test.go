package transcode

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"openivs/internal/media"
)

// FuzzOutput reads what a child may say.
func FuzzOutput(f *testing.F) {
	f.Add(trial)
	f.Add(trial[:len(trial)/2])
	f.Add(append(flvHead(tagAudio), 8, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0xaf, 0, 0x11, 0x90, 0, 0, 0, 15))
	f.Fuzz(func(t *testing.T, b []byte) {
		v := &Video{Write: func(_ int, u media.Unit, _ Line) {
			if u.Track == nil || len(u.Data) == 0 || len(u.Data) > len(b) {
				t.Errorf("a picture of %d bytes, track %v", len(u.Data), u.Track)
			}
		}}
		given := new(book)
		for n := range media.Ticks(100) {
			given.enter(fed{Unit: media.Unit{DTS: n * 3000, PTS: n * 3000}}, time.Time{})
		}
		_ = v.read(bytes.NewReader(b), 0, Rung{Width: 16, Height: 16}, given)
		s := &Sound{tracks: make([]*media.Track, 1), Write: func(_ int, u media.Unit) {
			if u.Track == nil || u.Track.Sound.SampleRate == 0 || len(u.Data) == 0 {
				t.Errorf("audio %+v", u)
			}
		}}
		_ = s.read(bytes.NewReader(b), 0, given)
		_ = eachPicture(b, func(media.Unit) {})
	})
}

// FuzzByteStream lays out keyframes of HEVC whose header may be anything.
func FuzzByteStream(f *testing.F) {
	head := make([]byte, hvccHead-1)
	f.Add(append(slices.Clip(head), 1, 0x21, 0, 1, 0, 2, 0x42, 1), []byte{0, 0, 0, 2, 0x26, 1})
	f.Add(head, []byte{0, 0, 0, 9, 1})
	f.Add(append(slices.Clip(head), 255, 0, 255, 255, 255, 255), []byte{})
	f.Fuzz(func(t *testing.T, config, data []byte) {
		out, err := byteStream(media.Unit{Track: &media.Track{Codec: media.HEVC, Config: config}, Data: data})
		if most := 3 * (len(config) + len(data)); err == nil && len(out) > most {
			t.Errorf("%d bytes of %d", len(out), most/3)
		}
	})
}

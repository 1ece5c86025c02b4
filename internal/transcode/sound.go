package transcode

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"openivs/internal/media"
)

// A Sound makes a stream's AAC in other bit rates, in one child after the other.
// Set the fields before the first use and leave them alone afterwards.
type Sound struct {
	Program string  // ffmpeg
	Rates   []int64 // bits per second; at least one

	// Write takes the audio of a rate, by place in Rates, in order; the rates from
	// goroutines of their own.
	Write func(rate int, u media.Unit)

	Watch // what becomes of a child

	loop   loop
	tracks []*media.Track // of what came out last, by rate; each of its goroutine
}

// WriteUnit takes a unit of the encoder's. It waits for nothing.
func (s *Sound) WriteUnit(u media.Unit) { s.loop.get().put(u, 0) }

// End says that nothing follows. Run returns when what was written has come out.
func (s *Sound) End() { s.loop.get().end() }

// Run runs until End or ctx.
func (s *Sound) Run(ctx context.Context) {
	s.tracks = make([]*media.Track, len(s.Rates))
	s.loop.run(ctx, s.Watch, func(f *feed) *process {
		b := new(book)
		p := &process{program: s.Program, args: soundArgs(s.Rates), env: s.Environ, grace: s.Grace}
		var track *media.Track
		p.in = func(ctx context.Context, w io.Writer) error { return giveSound(ctx, w, f, b, &track) }
		for i := range s.Rates {
			p.out = append(p.out, func(r io.Reader) error { return s.read(r, i, b) })
		}
		p.alive = s.alive(b)
		return p
	})
}

var errNewSound = errors.New("the encoder changed its audio, which takes another process")

// giveSound writes what is fed as FLV until there is no more.
func giveSound(ctx context.Context, w io.Writer, f *feed, b *book, track **media.Track) error {
	out := bufio.NewWriterSize(w, 8<<10)
	_, _ = out.Write(flvHead(tagAudio)) // an error stays until Flush
	head := [2]byte{0xaf, 0}
	for {
		units, err := f.take(ctx)
		if errors.Is(err, errDone) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, u := range units {
			dts, _ := b.enter(u, time.Now())
			if *track == nil {
				*track = u.Track
				head[1] = 0
				if err := writeTag(out, tagAudio, dts, head[:], u.Track.Config); err != nil {
					return fmt.Errorf("write to the process: %w", err)
				}
			}
			if u.Track != *track && !bytes.Equal(u.Track.Config, (*track).Config) {
				return errNewSound
			}
			head[1] = 1
			if err := writeTag(out, tagAudio, dts, head[:], u.Data); err != nil {
				return fmt.Errorf("write to the process: %w", err)
			}
			b.wrote()
		}
	}
}

// read reads a rate. What comes out before the first unit, as encoders need a
// start, is left out.
func (s *Sound) read(r io.Reader, i int, b *book) error {
	const slack = 10 // ms that the child rounds by, less than half a unit
	var track *media.Track
	started := false
	return readTags(r, func(t tag) error {
		if t.kind != tagAudio || len(t.body) < 2 || t.body[0]>>4 != 10 || t.body[1] > 1 {
			return fmt.Errorf("%w: no AAC", errGarbage)
		}
		data := t.body[2:]
		if t.body[1] == 0 {
			sound, err := audioConfig(data)
			if err != nil {
				return err
			}
			track = s.track(i, data, sound)
			return nil
		}
		if track == nil || len(data) == 0 {
			return fmt.Errorf("%w: audio without a configuration", errGarbage)
		}
		e, err := b.find(t.ms, slack)
		if err != nil && !started {
			return nil
		}
		if err != nil {
			return err
		}
		started = true
		s.Write(i, media.Unit{Track: track, PTS: e.pts, DTS: e.pts, Key: true, At: e.at, Data: data})
		return nil
	})
}

// track returns the track of a rate: the one before if it is the same, as a new
// child goes on where the old one was.
func (s *Sound) track(i int, config []byte, sound media.Sound) *media.Track {
	if t := s.tracks[i]; t != nil && bytes.Equal(t.Config, config) {
		return t
	}
	s.tracks[i] = &media.Track{Kind: media.Audio, Codec: media.AAC, Config: config, Sound: sound}
	return s.tracks[i]
}

// audioConfig reads the AudioSpecificConfig of what ffmpeg makes (ISO/IEC
// 14496-3, 1.6.2.1): AAC-LC.
func audioConfig(b []byte) (media.Sound, error) {
	rates := [...]int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}
	if len(b) < 2 {
		return media.Sound{}, fmt.Errorf("%w: no AAC configuration", errGarbage)
	}
	v := int(b[0])<<8 | int(b[1])
	typ, rate, channels := v>>11, v>>7&0xf, v>>3&0xf
	if typ != 2 || rate >= len(rates) || channels < 1 || channels > 2 {
		return media.Sound{}, fmt.Errorf("%w: AAC of type %d with %d channels", errGarbage, typ, channels)
	}
	return media.Sound{ObjectType: typ, SampleRate: rates[rate], Channels: channels}, nil
}

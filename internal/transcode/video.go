package transcode

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"openivs/internal/media"
)

// A Video makes the rungs of one stream, in one child after the other. Set the
// fields before the first use and leave them alone afterwards.
type Video struct {
	Program  string // ffmpeg
	Rungs    []Rung // at least one
	KeyEvery time.Duration

	// Write takes the pictures of a rung, by place in Rungs, in order; the rungs
	// from goroutines of their own. A picture that has another Line than the one
	// before does not follow on it.
	Write func(rung int, u media.Unit, line Line)

	Watch // what becomes of a child

	loop loop
}

// WriteUnit takes a picture of the encoder's, which is of a timeline that the
// caller counts. It waits for nothing.
func (v *Video) WriteUnit(u media.Unit, timeline int64) { v.loop.get().put(u, timeline) }

// End says that nothing follows. Run returns when what was written has come out.
func (v *Video) End() { v.loop.get().end() }

// Dropped is how many units were dropped so far.
func (v *Video) Dropped() int64 { return v.loop.get().lost() }

// Run runs until End or ctx.
func (v *Video) Run(ctx context.Context) {
	v.loop.run(ctx, v.Watch, func(f *feed) *process {
		b := new(book)
		p := &process{program: v.Program, args: videoArgs(v.Rungs, v.KeyEvery), env: v.Environ, grace: v.Grace}
		p.in = func(ctx context.Context, w io.Writer) error { return giveVideo(ctx, w, f, b) }
		for i, g := range v.Rungs {
			p.out = append(p.out, func(r io.Reader) error { return v.read(r, i, g, b) })
		}
		p.alive = v.alive(b)
		return p
	})
}

// giveVideo writes what is fed as FLV until there is no more.
func giveVideo(ctx context.Context, w io.Writer, f *feed, b *book) error {
	out := bufio.NewWriterSize(w, 64<<10)
	_, _ = out.Write(flvHead(tagVideo)) // an error stays until Flush
	var track *media.Track
	for {
		units, err := f.take(ctx)
		if errors.Is(err, errDone) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, u := range units {
			dts, pts := b.enter(u, time.Now())
			if u.Track != track {
				track = u.Track
				if err := writeTag(out, tagVideo, dts, avcHead(true, 0, 0), avcConfig(track)); err != nil {
					return fmt.Errorf("write to the process: %w", err)
				}
			}
			if err := writeTag(out, tagVideo, dts, avcHead(u.Key, 1, pts-dts), u.Data); err != nil {
				return fmt.Errorf("write to the process: %w", err)
			}
			b.wrote()
		}
	}
}

// read reads a rung.
func (v *Video) read(r io.Reader, i int, g Rung, b *book) error {
	var track *media.Track
	return readTags(r, func(t tag) error {
		if t.kind != tagVideo {
			return fmt.Errorf("%w: a tag of type %d", errGarbage, t.kind)
		}
		config, key, cts, data, err := readAVC(t.body)
		if err != nil {
			return err
		}
		if config {
			track, err = rungTrack(data, g)
			return err
		}
		if track == nil {
			return fmt.Errorf("%w: a picture without a configuration", errGarbage)
		}
		if err := pictures(data); err != nil {
			return err
		}
		e, err := b.find(t.ms+cts, 0)
		if err != nil {
			return err
		}
		v.Write(i, media.Unit{Track: track, PTS: e.pts, DTS: e.pts, Key: key, At: e.at, Data: data}, e.line)
		return nil
	})
}

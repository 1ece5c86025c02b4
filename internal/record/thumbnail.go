package record

import (
	"context"
	"fmt"
	"slices"
	"time"

	"openivs/internal/hls"
	"openivs/internal/ivs"
	"openivs/internal/media"
)

const (
	// thumbnailWait is how long a thumbnail may take.
	thumbnailWait = 30 * time.Second
	// maxTries is how many keyframes in a row are tried before the next is left to its
	// interval.
	maxTries = 3
)

// Where thumbnails go (API: ThumbnailConfigurationStorage).
const (
	sequential = "SEQUENTIAL"
	latest     = "LATEST"
)

// A camera chooses the keyframes that become thumbnails. It is guarded by
// Recording.mu.
type camera struct {
	next  time.Time   // when the next is due
	film  *media.Unit // the keyframe that is to become one; nil: none is
	known []folder    // what renditions are like; they have no names
	shown int         // pictures there were before
}

// learn notes what a rendition is like.
func (c *camera) learn(rendition string, f hls.Facts) {
	if f.Video == nil || slices.ContainsFunc(c.known, func(k folder) bool { return k.Rendition == rendition }) {
		return
	}
	c.known = append(c.known, folder{
		Rendition: rendition, Codecs: codecs(f), Framerate: f.Framerate,
		Width: f.Video.Picture.Width, Height: f.Video.Picture.Height,
	})
}

// photographs reports whether there are thumbnails.
func (rec *Recording) photographs() bool {
	return rec.recorder.Thumbnail != nil && rec.head.Config.Thumbnails.Mode == ivs.ThumbnailsInterval
}

// Picture takes a keyframe. One that is due waits to become a thumbnail.
func (rec *Recording) Picture(u media.Unit) {
	if !rec.photographs() {
		return
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	c := &rec.camera
	if u.At.Before(c.next) || rec.state.Failure != "" || rec.recorder.Spare != nil && rec.recorder.Spare() {
		return
	}
	every := time.Duration(rec.head.Config.Thumbnails.Interval) * time.Second
	if c.next.IsZero() {
		c.next = u.At
	}
	c.next = c.next.Add(every)
	if !c.next.After(u.At) {
		c.next = u.At.Add(every)
	}
	c.film = &u
	ring(rec.toShow)
}

// size is that of thumbnails, 0 for that of the source: that of a rendition of the
// class that the configuration wants, if there is one. The caller has mu.
func (rec *Recording) size() (width, height int) {
	class := rec.head.Config.Thumbnails.Resolution
	edge := func(f folder) int { return min(f.Width, f.Height) }
	all := slices.DeleteFunc(slices.Clone(rec.camera.known), func(f folder) bool {
		return class != "LOWEST_RESOLUTION" && !within(class, edge(f))
	})
	if len(all) == 0 {
		return 0, 0
	}
	f := slices.MinFunc(all, func(a, b folder) int { return edge(a) - edge(b) })
	return f.Width, f.Height
}

// show makes thumbnails until the stream is over. Those of a stream that cannot be
// watched yet wait.
func (rec *Recording) show(ctx context.Context) {
	for n, failures := rec.camera.shown, 0; ; {
		rec.mu.Lock()
		film, width, height := rec.camera.film, rec.state.Width, rec.state.Height
		started, over := !rec.state.Started.IsZero(), rec.settled || rec.state.Failure != ""
		if started {
			rec.camera.film = nil
		}
		rec.mu.Unlock()
		if film != nil && started {
			if err := rec.develop(ctx, n, *film, width, height); err != nil {
				failures++
				rec.log.Warn("a thumbnail is not made", "err", err, "count", failures)
				rec.again(failures)
				continue
			}
			n, failures = n+1, 0
			continue
		}
		if over {
			return
		}
		select {
		case <-rec.toShow:
		case <-ctx.Done():
			return
		}
	}
}

// again has the next keyframe take the place of one that no thumbnail was made of,
// unless too many were tried already.
func (rec *Recording) again(failures int) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if failures < maxTries {
		rec.camera.next = time.Time{}
	}
}

// develop makes a thumbnail and hands it on.
func (rec *Recording) develop(ctx context.Context, n int, u media.Unit, width, height int) error {
	ctx, cancel := context.WithTimeout(ctx, thumbnailWait)
	defer cancel()
	b, err := rec.recorder.Thumbnail(ctx, u, width, height)
	if err != nil {
		return err
	}
	var entries []entry
	for _, where := range rec.head.Config.Thumbnails.Storage {
		t := &thumb{Local: fmt.Sprintf("latest%d.jpg", n), Name: latestName, Bytes: int64(len(b))}
		if where == sequential {
			t.Local, t.Name = fmt.Sprintf("thumb%d.jpg", n), fmt.Sprintf("%s/thumb%d.jpg", thumbnailsDir, n)
		}
		if err := writeWhole(rec.path(t.Local), b); err != nil {
			return err
		}
		entries = append(entries, entry{Thumb: t})
	}
	return rec.commit(entries)
}

package record

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"openivs/internal/hls"
)

// What streams may have apart that become one recording (Amazon IVS, Auto-Record to
// Amazon S3: merge fragmented streams).
const (
	maxMerged = 20 // streams there were before another
	maxSpan   = 48 * time.Hour
)

// lookAgain is how often it is looked whether what came before is stored.
const lookAgain = 200 * time.Millisecond

// A shape is what has to be alike of streams that become one recording.
type shape struct {
	Folders []folder    `json:"folders"` // of what has pictures; they have no names
	Rate    hls.Bitrate `json:"rate"`    // of what the encoder sends, measured; of the first stream
}

// A reunion is what a recording knows of streams that go on with it, or that its own
// goes on with. It is guarded by Recording.mu.
type reunion struct {
	rate   hls.Bitrate   // of what the encoder sends
	before *Recording    // that the stream may go on with; nil: none
	suitor bool          // a stream runs that may go on with this one
	idle   bool          // it is over and stored, but for saying so
	late   bool          // it says so
	left   chan struct{} // closed when no goroutine works for it any more
}

// shape is that of the stream. The caller has mu.
func (rec *Recording) shape() *shape {
	all := slices.Clone(rec.camera.known)
	slices.SortFunc(all, func(a, b folder) int { return strings.Compare(a.Rendition, b.Rendition) })
	return &shape{all, rec.rate}
}

// differs says what a stream of shape s does not have in common with one of shape o
// that came before, or "".
func (s *shape) differs(o *shape) string {
	if len(s.Folders) != len(o.Folders) {
		return "other renditions"
	}
	for i, a := range s.Folders {
		b := o.Folders[i]
		switch {
		case a.Rendition != b.Rendition:
			return "other renditions"
		case a.Width != b.Width || a.Height != b.Height:
			return "another size"
		case math.Abs(a.Framerate-b.Framerate) >= 0.5: // it may be measured
			return "another frame rate"
		case coding(a.Codecs) != coding(b.Codecs):
			return "other codecs"
		}
	}
	if d := s.Rate - o.Rate; max(d, -d)*2 > o.Rate {
		return "another bit rate"
	}
	return ""
}

// coding is what codec strings say without profiles and levels.
func coding(codecs string) (all string) {
	for c := range strings.SplitSeq(codecs, ",") {
		name, _, _ := strings.Cut(c, ".")
		all += name + ","
	}
	return all
}

// window is how long a recording waits for its stream to come back.
func (rec *Recording) window() time.Duration {
	return time.Duration(rec.head.Config.ReconnectWindow) * time.Second
}

// earlier returns the newest recording of the channel if a stream that begins may go
// on with it, as far as that is known so early. It is not said to be over while that
// is not decided. The caller has mu.
func (r *Recorder) earlier(rec *Recording) *Recording {
	if rec.window() == 0 || rec.state.Failure != "" {
		return nil
	}
	var newest *Recording
	var end time.Time
	for old := range r.open {
		old.mu.Lock()
		if old.head.Channel == rec.head.Channel && old.playable && old.ended.After(end) {
			newest, end = old, old.ended
		}
		old.mu.Unlock()
	}
	if newest == nil || rec.head.Begun.Sub(end) > newest.window() {
		return nil
	}
	newest.mu.Lock()
	defer newest.mu.Unlock()
	if newest.late || newest.suitor || newest.state.Failure != "" {
		return nil
	}
	newest.suitor = true
	return newest
}

// settle waits until it is known whether the stream goes on with the recording before
// it, which is to be stored first, and sees to the spool. Until then its media waits
// in memory.
func (rec *Recording) settle(ctx context.Context) error {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for waits := true; waits; {
		rec.mu.Lock()
		playable := rec.playable && rec.state.Failure == ""
		last := rec.state.Failure != "" || !rec.ended.IsZero() || rec.queued > maxQueued/2 || len(rec.queue) > maxItems/2
		known := rec.playable || last
		rec.mu.Unlock()
		if known && (last || rec.before == nil || rec.before.decided()) {
			joined := rec.before != nil && rec.join(playable)
			rec.before = nil // which has one before it, and so on
			if joined {
				return nil
			}
			break
		}
		select {
		case <-rec.toSpool:
		case <-tick.C:
		case <-ctx.Done():
			waits = false
		}
	}
	return rec.begin()
}

// decided reports whether all of the recording is stored, or will not be.
func (rec *Recording) decided() bool {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.idle || rec.late || rec.state.Failure != ""
}

// join has the stream go on with the recording before it, if it may.
func (rec *Recording) join(playable bool) bool {
	old := rec.before
	why := "it cannot be watched"
	if playable {
		why = rec.apart(old)
	}
	if why == "" && !old.yield() {
		why = "what came before is not stored yet"
	}
	if why != "" {
		old.unclaim()
		rec.log.Info("a stream is not recorded with the one before it", "prefix", old.head.Prefix, "reason", why)
		return false
	}
	<-old.left
	if err := rec.inherit(old.dir); err != nil {
		rec.log.Error("a recording in the spool cannot be read and is left there", "file", old.dir, "err", err)
		return false
	}
	rec.log.Info("a stream is recorded with the one before it", "prefix", rec.head.Prefix)
	return true
}

// apart says why the stream does not go on with an earlier recording, or "".
func (rec *Recording) apart(old *Recording) string {
	c := old.condition()
	rec.mu.Lock()
	defer rec.mu.Unlock()
	a, b := &rec.head, &old.head
	switch {
	case a.Config.ARN != b.Config.ARN:
		return "another recording configuration"
	case a.Ext != b.Ext || a.Basic != b.Basic || c.Shape == nil:
		return "another kind of channel"
	case len(c.Streams) > maxMerged:
		return fmt.Sprintf("%d streams are recorded together", len(c.Streams))
	case a.Begun.Sub(c.Started) > maxSpan:
		return fmt.Sprintf("the first stream began more than %v ago", maxSpan)
	}
	return rec.shape().differs(c.Shape)
}

// inherit takes up the spool of a recording whose goroutines have ended.
func (rec *Recording) inherit(dir string) error {
	p, err := rec.recorder.recover(dir)
	if err != nil {
		return err
	}
	got := p.rec
	rec.mu.Lock()
	stream, failure := rec.state.Streams[0], rec.state.Failure
	rec.head.ID, rec.head.Session, rec.head.Prefix, rec.head.Begun = got.head.ID, got.head.Session, got.head.Prefix, got.head.Begun
	rec.dir, rec.state, rec.jobs, rec.chosen = dir, got.state, got.jobs, true
	rec.state.Failure = failure
	rec.camera.shown = p.thumbs / max(len(rec.head.Config.Thumbnails.Storage), 1)
	rec.mu.Unlock()
	rec.journal.file = got.journal.file
	rec.room.Add(got.room.Load())
	rec.writer.tracks, rec.writer.choice, rec.writer.settled = p.tracks, got.writer.choice, true
	rec.shelf = got.shelf
	rec.shelf.rec = rec
	for _, l := range rec.shelf.order {
		l.rec = rec
	}
	rec.change(func(c *condition) {
		c.Streams, c.Ended = append(slices.Clone(c.Streams), stream), time.Time{}
	})
	return nil
}

// yield ends the work for a recording that another stream goes on with, if all of it
// is stored.
func (rec *Recording) yield() bool {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if !rec.idle || rec.late {
		return false
	}
	rec.stop()
	return true
}

// unclaim says that no stream goes on with the recording for now.
func (rec *Recording) unclaim() {
	rec.mu.Lock()
	rec.suitor = false
	rec.mu.Unlock()
	ring(rec.toStore)
}

// atRest reports whether the recording only waits for its stream to come back.
func (rec *Recording) atRest() bool {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.idle && !rec.late
}

// holds reports whether a recording whose stream has ended is not over yet, as the
// stream may come back.
func (rec *Recording) holds() bool {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.state.Failure != "" || !rec.suitor && time.Until(rec.state.Ended.Add(rec.window())) <= 0 {
		rec.late = true
	}
	return !rec.late
}

// rest waits for the stream to come back, once all is stored.
func (s *shelf) rest(ctx context.Context) {
	if s.dirty {
		s.refresh(ctx)
		return
	}
	rec := s.rec
	rec.mu.Lock()
	tired := !rec.idle
	rec.idle = true
	left := time.Until(rec.state.Ended.Add(rec.window()))
	if len(rec.state.Owed) > 0 {
		left = 0 // what is owed is told again before that
	}
	rec.mu.Unlock()
	if tired {
		rec.recorder.mu.Lock()
		rec.recorder.change()
		rec.recorder.mu.Unlock()
	}
	rec.wait(ctx, max(left, noteAgain))
}

package record

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"openivs/internal/hls"
	"openivs/internal/ivs"
)

const (
	// maxQueued is how many bytes wait for the disk at most: what a window keeps
	// anyway, for all renditions of a stream.
	maxQueued = 128 << 20
	// maxItems is how many segments may wait.
	maxItems = 1024

	journalName = "journal"
	reserveName = "reserve"
	// reserved is kept free for the last lines of a journal on a full disk.
	reserved = 64 << 10
)

// A Recording takes what a stream publishes, and brings it to a bucket. Segment,
// Playable and End belong to the stream and never wait.
//
// Two goroutines work for it: one writes into the spool, one stores what the spool
// has.
type Recording struct {
	recorder *Recorder
	log      *slog.Logger
	head     header
	dir      string // of the spool
	stop     context.CancelFunc
	journal  journal
	room     atomic.Int64 // bytes of media that it has in the spool

	mu       sync.Mutex
	queue    []item
	queued   int64 // bytes of queue
	playable bool
	ended    time.Time // of the stream; zero: it runs
	state    condition
	jobs     []entry       // Folders, Inits and Files that are to be stored, in order
	held     []entry       // the same, while it is not known which renditions are recorded
	chosen   bool          // that is known
	spooled  bool          // nothing more comes into the spool
	toSpool  chan struct{} // holds one: there is something to write
	toStore  chan struct{} // holds one: there is something to store or tell

	camera  camera
	toShow  chan struct{} // holds one: there may be a thumbnail to make
	settled bool          // nothing more comes of the stream
	reunion               // with streams that come back
	order   sync.Mutex    // held from the journal to jobs, which have the same order
	writer  spooler
	shelf   shelf
}

// An item is a segment that waits for the disk.
type item struct {
	rendition string
	name      string // of its folder; "": by size and rate
	seg       *hls.Segment
	facts     hls.Facts
}

func (rec *Recording) prepare() {
	rec.toSpool, rec.toStore, rec.toShow = make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)
	rec.left = make(chan struct{})
	rec.writer = spooler{rec: rec, tracks: make(map[string]*track)}
	rec.shelf = shelf{rec: rec, folders: make(map[string]*listing)}
}

// ring wakes whoever waits for a channel.
func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// Segment takes a segment. What is more than the disk takes in time ends the
// recording, not the stream.
func (rec *Recording) Segment(w *hls.Window, seg *hls.Segment, f hls.Facts) {
	if w.OnDemand {
		return
	}
	name := w.Name
	if w.SoundOnly {
		name = w.Rendition
	}
	rec.mu.Lock()
	rec.camera.learn(w.Rendition, f)
	if w.Rendition == hls.Source {
		rec.rate = f.Average
	}
	if rec.head.Config.Renditions.Selection == ivs.NoRenditions {
		rec.mu.Unlock()
		return
	}
	if rec.state.Failure != "" || !rec.ended.IsZero() {
		rec.mu.Unlock()
		return
	}
	full := rec.queued+int64(len(seg.Data)) > maxQueued || len(rec.queue) >= maxItems
	if !full {
		rec.queue = append(rec.queue, item{w.Rendition, name, seg, f})
		rec.queued += int64(len(seg.Data))
	}
	rec.mu.Unlock()
	if full {
		rec.fail("InternalServerException: the disk of the spool is too slow for the stream")
	}
	ring(rec.toSpool)
}

// Playable says that the stream can be watched: it is recorded.
func (rec *Recording) Playable() {
	rec.mu.Lock()
	rec.playable = true
	rec.mu.Unlock()
	ring(rec.toSpool)
}

// End says that nothing follows.
func (rec *Recording) End(bool) {
	rec.mu.Lock()
	if rec.ended.IsZero() {
		rec.ended = time.Now().UTC()
	}
	rec.mu.Unlock()
	ring(rec.toSpool)
}

// fail ends the recording for a reason, which its events tell. What is in the
// spool by then is still stored. Only the first reason counts.
func (rec *Recording) fail(reason string) {
	rec.mu.Lock()
	first := rec.state.Failure == ""
	if first {
		rec.state.Failure = reason
		rec.queue, rec.queued = nil, 0
	}
	prefix := rec.head.Prefix
	rec.mu.Unlock()
	if !first {
		return
	}
	rec.log.Error("a recording fails, the stream goes on", "bucket", rec.head.Config.Destination.S3.Bucket, "prefix", prefix, "reason", reason)
	ring(rec.toSpool)
	ring(rec.toStore)
	ring(rec.toShow)
}

// run starts the goroutines of a recording, which outlive ctx.
func (rec *Recording) run(ctx context.Context) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	rec.stop = stop
	fresh := !rec.spooled
	rec.recorder.work.Go(func() {
		defer close(rec.left)
		defer stop()
		var writing sync.WaitGroup
		if fresh {
			err := rec.settle(ctx) // before anybody else writes into the journal
			writing.Go(func() { rec.write(ctx, err) })
		}
		done := rec.store(ctx)
		writing.Wait()
		err := rec.journal.close()
		if done {
			rec.clear()
		}
		if err != nil {
			rec.log.Error("the journal of a recording does not close", "err", err)
		}
		rec.recorder.gone(rec)
	})
}

// begin makes the spool of a recording.
func (rec *Recording) begin() error {
	if err := os.Mkdir(rec.dir, spoolMode); err != nil {
		return err
	}
	err := os.WriteFile(filepath.Join(rec.dir, reserveName), make([]byte, reserved), fileMode)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(rec.dir, journalName), os.O_CREATE|os.O_RDWR|os.O_APPEND, fileMode)
	if err != nil {
		return err
	}
	rec.journal.file = file
	if err := syncDir(rec.recorder.Dir); err != nil {
		return err
	}
	state := rec.condition()
	if err := rec.journal.append(entry{Begin: &rec.head}, entry{State: &state}); err != nil {
		return errors.Join(err, rec.journal.close()) // nothing may come before that
	}
	return syncDir(rec.dir)
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (rec *Recording) condition() condition {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.state
}

// change changes the condition and writes it down. Where the disk is full there is
// a reserve for that.
func (rec *Recording) change(f func(c *condition)) {
	rec.mu.Lock()
	f(&rec.state)
	state := rec.state
	rec.mu.Unlock()
	err := rec.journal.append(entry{State: &state})
	if err != nil && os.Remove(filepath.Join(rec.dir, reserveName)) == nil {
		err = rec.journal.append(entry{State: &state})
	}
	if err != nil {
		rec.log.Error("the journal of a recording cannot be written", "err", err)
	}
}

// write carries the stream into the spool until it ends; err is what is wrong with
// the spool already.
func (rec *Recording) write(ctx context.Context, err error) {
	var showing sync.WaitGroup
	if rec.photographs() {
		showing.Go(func() { rec.show(ctx) })
	}
	for {
		if err != nil {
			rec.fail(fmt.Sprintf("InternalServerException: the spool cannot be written: %v", err))
			err = nil
		}
		rec.mu.Lock()
		items, playable, ended, failed := rec.queue, rec.playable, rec.ended, rec.state.Failure != ""
		rec.queue, rec.queued = nil, 0
		rec.mu.Unlock()
		if !failed {
			if err = rec.writer.write(items, playable); err != nil {
				continue
			}
		}
		if failed || !ended.IsZero() && len(items) == 0 {
			rec.mu.Lock()
			rec.settled = true
			rec.mu.Unlock()
			ring(rec.toShow)
			showing.Wait()
			rec.over(ended)
			return
		}
		if len(items) > 0 {
			continue
		}
		select {
		case <-rec.toSpool:
		case <-ctx.Done():
			showing.Wait()
			rec.writer.leave()
			return
		}
	}
}

// over notes that nothing more comes into the spool.
func (rec *Recording) over(ended time.Time) {
	if ended.IsZero() {
		ended = time.Now().UTC()
	}
	if err := rec.writer.end(); err != nil {
		rec.fail(fmt.Sprintf("InternalServerException: the spool cannot be written: %v", err))
	}
	rec.change(func(c *condition) {
		c.Ended = ended
		if c.Shape != nil && len(c.Streams) == 1 {
			c.Shape = &shape{c.Shape.Folders, rec.rate}
		}
	})
	rec.mu.Lock()
	rec.spooled = true
	rec.mu.Unlock()
	ring(rec.toStore)
}

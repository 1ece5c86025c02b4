package record

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/media"
)

const (
	// defaultLimit is how much waits for buckets at most, in bytes.
	defaultLimit = 8 << 30

	spoolMode = 0o700
	fileMode  = 0o600
)

// A Recorder records streams. What it is given goes into a spool on disk, and
// from there into the bucket of the recording; what a server that died has left in
// the spool, the next one brings to its end. Set the fields before the first use
// and leave them alone afterwards.
type Recorder struct {
	Dir       string                                                                     // of the spool, which is there; required
	Bucket    func(name string) Bucket                                                   // required
	Note      func(ctx context.Context, ev ivs.Event) error                              // stores an event of a session, once, however often it is called with it; ivs.NotFound: there is no such session; required
	Log       *slog.Logger                                                               // nil: nothing is logged
	Thumbnail func(ctx context.Context, u media.Unit, width, height int) ([]byte, error) // makes a JPEG of a keyframe, of its own size if width is 0; nil: there are no thumbnails
	Limit     int64                                                                      // bytes that the spool may have; 0: 8 GiB
	Full      func() string                                                              // says why no recording may begin, or ""; nil: any may
	Spare     func() bool                                                                // whether thumbnails are left out for now; nil: they are not

	used atomic.Int64 // bytes of media in the spool

	mu      sync.Mutex
	open    map[*Recording]struct{}
	changed chan struct{} // closed when one is at its end or at rest; nil: nobody waits
	work    sync.WaitGroup
}

func (r *Recorder) log() *slog.Logger {
	if r.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return r.Log
}

func (r *Recorder) limit() int64 { return cmp.Or(r.Limit, defaultLimit) }

// Resume takes up what is in the spool. It comes before the first Begin.
func (r *Recorder) Resume(ctx context.Context) error {
	dirs, err := os.ReadDir(r.Dir)
	if err != nil {
		return fmt.Errorf("read the spool of recordings: %w", err)
	}
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		dir := filepath.Join(r.Dir, d.Name())
		p, err := r.recover(dir)
		if errors.Is(err, errNothing) {
			if err := os.RemoveAll(dir); err != nil {
				return fmt.Errorf("clear the spool of recordings: %w", err)
			}
			continue
		}
		if err != nil {
			r.log().Error("a recording in the spool cannot be read and is left there", "file", dir, "err", err)
			continue
		}
		rec := p.rec
		r.add(rec)
		rec.log.Info("a recording that a server left open is brought to its end", "bucket", rec.head.Config.Destination.S3.Bucket, "prefix", rec.head.Prefix)
		rec.run(ctx)
	}
	return nil
}

// Begin records a session, and returns nil if its channel has no recording
// configuration. It waits for nothing.
func (r *Recorder) Begin(s ivs.Session) *Recording {
	if len(s.Recording) == 0 {
		return nil
	}
	log := r.log().With("channel", s.Channel.Channel.ARN.String(), "session", s.StreamID)
	now := time.Now().UTC()
	rec := &Recording{recorder: r, log: log, head: header{
		Version: journalVersion,
		ID:      ivs.RandomID(idLength), Session: ivs.RandomID(idLength),
		Channel: s.Channel.Channel.ARN, ChannelName: s.Channel.Channel.Name,
		Ext: ".ts", Basic: s.Channel.Channel.Type == ivs.Basic, Begun: now,
	}}
	if s.Channel.Channel.Container == ivs.FragmentedMP4 {
		rec.head.Ext = ".mp4"
	}
	rec.head.Prefix = prefix(rec.head.Channel, now, rec.head.ID)
	rec.dir = filepath.Join(r.Dir, rec.head.ID)
	rec.prepare()
	rec.state.Streams = []string{s.StreamID}
	if err := json.Unmarshal(s.Recording, &rec.head.Config); err != nil {
		rec.fail(fmt.Sprintf("InternalServerException: the recording configuration cannot be read: %v", err))
	} else if state := rec.head.Config.State; state != ivs.RecordingActive {
		rec.fail(fmt.Sprintf("ValidationException: the recording configuration is %s, not ACTIVE", state))
	} else if r.Full != nil && r.Full() != "" {
		rec.fail("InternalServerException: " + r.Full())
	}
	r.add(rec)
	rec.run(context.Background())
	return rec
}

func (r *Recorder) add(rec *Recording) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		r.open = make(map[*Recording]struct{})
	}
	if !rec.spooled {
		rec.before = r.earlier(rec)
	}
	r.open[rec] = struct{}{}
}

// gone forgets a recording of which nothing is left to do.
func (r *Recorder) gone(rec *Recording) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, rec)
	r.used.Add(-rec.room.Swap(0)) // whoever takes its spool up counts it again
	r.change()
}

// change tells those who wait that there is one fewer to wait for. The caller has mu.
func (r *Recorder) change() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// Close waits until all recordings are at their end, or ctx is. What is left then
// stays in the spool for the next start, as do those whose stream may come back. No
// Begin follows.
func (r *Recorder) Close(ctx context.Context) error {
	for {
		r.mu.Lock()
		left := 0
		for rec := range r.open {
			if !rec.atRest() {
				left++
			}
		}
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		if left == 0 {
			break
		}
		select {
		case <-changed:
			continue
		case <-ctx.Done():
			r.log().Warn("recordings are not all stored, the next start goes on with them", "count", left)
		}
		break
	}
	r.mu.Lock()
	for rec := range r.open {
		rec.stop()
	}
	r.mu.Unlock()
	r.work.Wait()
	return nil
}

// errNothing is a spool with nothing in it that is worth storing.
var errNothing = errors.New("nothing was recorded")

// clear removes what the spool has of a recording.
func (rec *Recording) clear() {
	err := os.RemoveAll(rec.dir)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return
	}
	rec.log.Error("the spool of a recording stays behind", "file", rec.dir, "err", err)
}

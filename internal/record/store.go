package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/record/proof"
)

const (
	firstPause = 250 * time.Millisecond // before an object is put again
	maxPause   = 15 * time.Second

	// A put may take putBase, and a second more for each putRate bytes.
	putBase = 30 * time.Second
	putRate = 16 << 10

	// startPatience and patience are how long a bucket may refuse us before a
	// recording fails that has not begun yet, or that has.
	startPatience = 5 * time.Second
	patience      = time.Minute

	noteWait  = 5 * time.Second // for one event to be stored
	noteAgain = time.Second

	// Playlists of a recording that runs are stored every refreshEvery, or for
	// long ones whenever there is one part in refreshPart more.
	refreshEvery = 2 * time.Second
	refreshPart  = 200
)

// A shelf knows what is in the bucket of a recording. It belongs to the goroutine
// that stores.
type shelf struct {
	rec       *Recording
	bucket    Bucket
	folders   map[string]*listing
	order     []*listing
	stored    int // Inits, Files and Thumbs
	dirty     bool
	refreshed time.Time
	refused   bool              // for good: nothing more is put
	closed    bool              // playlists have their end
	masters   map[string][]byte // as they are in the bucket, by name
}

// store brings what is in the spool to the bucket, and says who has to know. It
// returns when there is nothing left to do, or at the end of ctx; done: the spool
// is not needed any more.
func (rec *Recording) store(ctx context.Context) (done bool) {
	s := &rec.shelf
	s.bucket = rec.recorder.Bucket(rec.head.Config.Destination.S3.Bucket)
	defer s.close()
	for ctx.Err() == nil {
		rec.own()
		rec.tell(ctx)
		rec.mu.Lock()
		c, spooled := rec.state, rec.spooled
		var job *entry
		if len(rec.jobs) > 0 {
			job = &rec.jobs[0]
		}
		rec.mu.Unlock()
		hopeless := s.refused || c.Failure != "" && !c.Told
		switch {
		case spooled && hopeless && len(c.Owed) == 0:
			return !c.Told
		case hopeless:
			rec.wait(ctx, noteAgain)
		case c.Done && len(c.Owed) == 0:
			return true
		case !c.Started.IsZero() && !c.Told:
			s.start(ctx)
		case job != nil && s.overdue():
			s.refresh(ctx)
		case job != nil:
			s.storeJob(ctx, *job)
		case spooled && !c.Done && c.Started.IsZero():
			return true // nobody could watch it
		case spooled && !c.Done && rec.holds():
			s.rest(ctx)
		case spooled && !c.Done:
			s.finish(ctx)
		case s.dirty && s.rests() <= 0:
			s.refresh(ctx)
		default:
			rec.wait(ctx, max(s.rests(), noteAgain))
		}
	}
	return false
}

// wait waits until there may be something to do, at most for d.
func (rec *Recording) wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-rec.toStore:
	case <-t.C:
	case <-ctx.Done():
	}
}

// own makes the event of a failure, if there is one that nobody was told of.
func (rec *Recording) own() {
	c := rec.condition()
	if c.Failure == "" || c.FailTold {
		return
	}
	rec.log.Warn("a recording is not whole", "prefix", rec.head.Prefix, "reason", c.Failure)
	name, length := ivs.RecordingStartFailure, int64(0)
	if c.Told {
		name, length = ivs.RecordingEndFailure, rec.shelf.length()
	}
	rec.change(func(c *condition) {
		c.FailTold = true
		c.Owed = append(c.Owed, rec.event(*c, name, length)...)
	})
}

// event makes an event of the recording's newest stream.
func (rec *Recording) event(c condition, name string, length int64) []ivs.Event {
	var s ivs.Session
	s.Channel.Channel.ARN, s.Channel.Channel.Name = rec.head.Channel, rec.head.ChannelName
	s.StreamID = c.Streams[len(c.Streams)-1]
	d := ivs.RecordingDetail{
		Reason: c.Failure, Bucket: rec.head.Config.Destination.S3.Bucket, Prefix: rec.head.Prefix,
		Length: length, ID: rec.head.Session, StreamIDs: c.Streams,
	}
	if name == ivs.RecordingStartFailure {
		d.Prefix = ""
	}
	ev, err := ivs.NewRecordingEvent(s, name, d, time.Now().UTC().Truncate(time.Microsecond))
	if err != nil {
		rec.log.Error("an event of a recording is lost", "err", err)
		return nil
	}
	return []ivs.Event{ev}
}

// tell has the events stored that are owed.
func (rec *Recording) tell(ctx context.Context) {
	for _, ev := range rec.condition().Owed {
		if ctx.Err() != nil {
			return
		}
		nctx, cancel := context.WithTimeout(ctx, noteWait)
		err := rec.recorder.Note(nctx, ev)
		cancel()
		if ivs.CodeOf(err) == ivs.NotFound {
			rec.log.Warn("nobody is told what became of a recording, as its session is gone", "op", ev.Name)
			err = nil
		}
		if err != nil {
			rec.log.Error("an event of a recording is not stored yet", "op", ev.Name, "err", err)
			return
		}
		rec.change(func(c *condition) { c.Owed = c.Owed[1:] })
		rec.log.Info("recording", "op", ev.Name, "prefix", rec.head.Prefix)
	}
}

// attempt puts something until that is done, and reports whether it is. A bucket
// that refuses us for long is given up.
func (s *shelf) attempt(ctx context.Context, size int64, put func(ctx context.Context) error) bool {
	var refused time.Time
	for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, maxPause) {
		pctx, cancel := context.WithTimeout(ctx, putBase+time.Duration(size/putRate)*time.Second)
		err := put(pctx)
		cancel()
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		c := s.rec.condition()
		s.rec.log.Warn("the bucket of a recording does not take an object yet", "err", err)
		if c.Failure != "" && !c.Told {
			return false
		}
		no := errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
		limit := patience
		if !c.Told {
			limit = startPatience
		}
		switch {
		case !no:
			refused = time.Time{}
		case refused.IsZero():
			refused = time.Now()
		case time.Since(refused) > limit:
			s.refused = true
			s.rec.fail(refusal(s.rec.head.Config.Destination.S3.Bucket, err))
			return false
		}
		s.rec.own()
		s.rec.tell(ctx)
		s.rec.pause(ctx, pause)
	}
	return false
}

// pause waits, whatever else there is to do.
func (rec *Recording) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// refusal says what an operator can do about a bucket that refuses us.
func refusal(bucket string, err error) string {
	if more, ok := errors.AsType[interface {
		error
		Reason() string
	}](err); ok {
		return fmt.Sprintf("AccessDeniedException: bucket %s takes no objects: %s", bucket, more.Reason())
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Sprintf("AccessDeniedException: the server may not write to bucket %s", bucket)
	}
	return fmt.Sprintf("ValidationException: bucket %s is missing or in another region", bucket)
}

func (s *shelf) key(name string) string { return s.rec.head.Prefix + "/" + name }

// putBytes puts an object.
func (s *shelf) putBytes(ctx context.Context, name string, b []byte) bool {
	return s.attempt(ctx, int64(len(b)), func(ctx context.Context) error {
		return s.bucket.Put(ctx, s.key(name), bytes.NewReader(b), int64(len(b)))
	})
}

// putText puts what a file of the spool holds by now.
func (s *shelf) putText(ctx context.Context, name string, f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		s.rec.fail(fmt.Sprintf("InternalServerException: the spool cannot be read: %v", err))
		return false
	}
	return s.attempt(ctx, info.Size(), func(ctx context.Context) error {
		in, err := os.Open(f.Name())
		if err != nil {
			return err
		}
		err = s.bucket.Put(ctx, s.key(name), in, info.Size())
		return errors.Join(err, in.Close())
	})
}

// start stores that the recording begins.
func (s *shelf) start(ctx context.Context) {
	s.take()
	b, err := s.rec.metadata(s.rec.condition(), s.order, recordingStarted)
	if err != nil || !s.putBytes(ctx, startedName, b) {
		return
	}
	s.rec.change(func(c *condition) {
		c.Told = true
		c.Owed = append(c.Owed, s.rec.event(*c, ivs.RecordingStart, 0)...)
	})
}

// take takes the folders that come first among the jobs, so that what is stored of
// the beginning names them all.
func (s *shelf) take() {
	s.rec.mu.Lock()
	defer s.rec.mu.Unlock()
	for _, e := range s.rec.jobs {
		if e.Folder != nil {
			s.folder(*e.Folder)
		}
	}
}

// storeJob stores one thing and forgets it in the spool.
func (s *shelf) storeJob(ctx context.Context, e entry) {
	if e.Folder != nil {
		s.folder(*e.Folder)
		s.pop()
		return
	}
	in, name, size := e.object(s.rec.head.Ext)
	path := s.rec.path(in)
	if !s.attempt(ctx, size, func(ctx context.Context) error {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil // it was stored: nothing is removed before
		}
		return s.bucket.PutFile(ctx, s.key(name), path)
	}) {
		return
	}
	s.stored++
	if err := s.rec.journal.append(entry{Stored: s.stored}); err != nil {
		s.rec.fail(fmt.Sprintf("InternalServerException: the spool cannot be written: %v", err))
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.rec.log.Error("a file stays in the spool", "file", path, "err", err)
	}
	if e.File != nil {
		s.rec.give(size)
	}
	if err := s.list(e); err != nil {
		s.rec.fail(fmt.Sprintf("InternalServerException: the spool cannot be written: %v", err))
	}
	s.pop()
}

// object says what an entry stores: its name in the spool and below the prefix, and
// its size.
func (e entry) object(ext string) (in, name string, size int64) {
	if e.Thumb != nil {
		return e.Thumb.Local, e.Thumb.Name, e.Thumb.Bytes
	}
	if e.Init != nil {
		name, size = initName(e.Init.N), e.Init.Bytes
	} else {
		name, size = mediaName(e.File.N, ext), e.File.total().Bytes
	}
	return local(e.folder(), name), proof.MediaDir + "/" + e.folder() + "/" + name, size
}

func (s *shelf) pop() {
	s.rec.mu.Lock()
	defer s.rec.mu.Unlock()
	s.rec.jobs = s.rec.jobs[1:]
}

// list notes a thing that is stored in the playlists.
func (s *shelf) list(e entry) error {
	if e.File == nil {
		return nil
	}
	l, ok := s.folders[e.File.Folder]
	if !ok {
		return fmt.Errorf("no folder %s", e.File.Folder)
	}
	s.dirty, l.dirty = true, true
	return l.add(e.File)
}

// folder notes a folder, if it is new.
func (s *shelf) folder(f folder) {
	if _, known := s.folders[f.Name]; known {
		return
	}
	l := &listing{folder: f, rec: s.rec}
	s.folders[f.Name] = l
	s.order = append(s.order, l)
}

// length is how long what is stored is, in milliseconds.
func (s *shelf) length() (ms int64) {
	for _, l := range s.order {
		ms = max(ms, l.ticks/90)
	}
	return ms
}

// rests is how long the playlists in the bucket are still good enough.
func (s *shelf) rests() time.Duration {
	every := max(refreshEvery, time.Duration(s.length())*time.Millisecond/refreshPart)
	return every - time.Since(s.refreshed)
}

// overdue reports whether the playlists cannot wait for a pause.
func (s *shelf) overdue() bool { return s.dirty && s.rests() < -30*time.Second }

// refresh stores the playlists as they are now.
func (s *shelf) refresh(ctx context.Context) {
	s.refreshed = time.Now()
	if s.putPlaylists(ctx) {
		s.dirty = false
	}
}

func (s *shelf) putPlaylists(ctx context.Context) bool {
	for _, l := range s.order {
		if !l.dirty || l.list.text == nil {
			continue
		}
		dir := proof.MediaDir + "/" + l.folder.Name + "/"
		if !s.putText(ctx, dir+proof.PlaylistName, l.list.text) || !s.putText(ctx, dir+proof.PieceListName, l.pieces.text) {
			return false
		}
		l.dirty = false
	}
	return s.putMaster(ctx, proof.MasterName, master(s.order, proof.PlaylistName)) &&
		s.putMaster(ctx, proof.RangesName, master(s.order, proof.PieceListName))
}

// putMaster puts a multivariant playlist, unless it is there as it is.
func (s *shelf) putMaster(ctx context.Context, name string, b []byte) bool {
	if bytes.Equal(b, s.masters[name]) {
		return true
	}
	if !s.putBytes(ctx, proof.MediaDir+"/"+name, b) {
		return false
	}
	if s.masters == nil {
		s.masters = make(map[string][]byte)
	}
	s.masters[name] = b
	return true
}

// finish stores what says that the recording is over.
func (s *shelf) finish(ctx context.Context) {
	if !s.closed {
		s.closed, s.masters = true, nil // what is last is stored whatever was
		for _, l := range s.order {
			l.dirty = true
			if err := l.end(); err != nil {
				s.rec.fail(fmt.Sprintf("InternalServerException: the spool cannot be written: %v", err))
			}
		}
	}
	if !s.putPlaylists(ctx) {
		return
	}
	s.rec.own()
	c := s.rec.condition()
	manifest, err := s.rec.writeManifest(c, s.length())
	if err != nil {
		s.rec.fail(fmt.Sprintf("InternalServerException: the manifest cannot be written: %v", err))
		s.rec.pause(ctx, noteAgain)
		return
	}
	put := s.putText(ctx, proof.Name, manifest)
	if err := manifest.Close(); err != nil || !put {
		return
	}
	name, status := proof.EndedName, proof.EndedStatus
	if c.Failure != "" {
		name, status = failedName, recordingFailed
	}
	b, err := s.rec.metadata(c, s.order, status)
	if err != nil || !s.putBytes(ctx, name, b) {
		return
	}
	s.rec.change(func(n *condition) {
		n.Done = true
		if c.Failure == "" {
			n.Owed = append(n.Owed, s.rec.event(*n, ivs.RecordingEnd, s.length())...)
		}
	})
}

func (s *shelf) close() {
	for _, l := range s.order {
		if err := l.close(); err != nil {
			s.rec.log.Error("a playlist in the spool does not close", "err", err)
		}
	}
}

package record

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A replay is what a journal tells of a recording that a server left open.
type replay struct {
	rec    *Recording
	drop   []string
	stored int              // Inits, Files and Thumbs that the journal says are stored
	seen   int              // of them, how many the replay has come by
	open   map[string]*file // by folder: files that are not whole
	tracks map[string]*track
	thumbs int
	last   time.Time // the end of the newest piece
}

// recover reads a recording in the spool, and ends the files that are not whole. It
// returns errNothing if nothing was to be recorded yet.
func (r *Recorder) recover(dir string) (*replay, error) {
	rec := &Recording{recorder: r, dir: dir, spooled: true}
	rec.prepare()
	p := &replay{rec: rec, open: make(map[string]*file), tracks: rec.writer.tracks}
	size, err := p.read(p.survey)
	if errors.Is(err, fs.ErrNotExist) || err == nil && size == 0 {
		return nil, errNothing
	}
	if err != nil {
		return nil, err
	}
	rec.log = r.log().With("channel", rec.head.Channel.String())
	if rec.state.Started.IsZero() && rec.state.Failure == "" {
		return nil, errNothing
	}
	if _, err := p.read(p.take); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(rec.path(journalName), os.O_RDWR|os.O_APPEND, fileMode)
	if err != nil {
		return nil, err
	}
	rec.journal.file = file
	if err := rec.journal.file.Truncate(size); err != nil {
		return nil, errors.Join(err, rec.journal.close())
	}
	if err := p.end(); err != nil {
		return nil, errors.Join(err, rec.journal.close())
	}
	rec.chosen, rec.shelf.refreshed = true, time.Now()
	return p, nil
}

func (p *replay) read(take func(e entry) error) (int64, error) {
	in, err := os.Open(p.rec.path(journalName))
	if err != nil {
		return 0, err
	}
	size, err := readJournal(in, take)
	return size, errors.Join(err, in.Close())
}

// survey learns what holds for the whole journal.
func (p *replay) survey(e entry) error {
	switch {
	case e.Begin != nil:
		p.rec.head = *e.Begin
		if filepath.Base(p.rec.dir) != e.Begin.ID {
			return fmt.Errorf("it is the journal of recording %s", e.Begin.ID)
		}
	case e.State != nil:
		p.rec.state = *e.State
	case e.Drop != nil:
		p.drop = append(p.drop, e.Drop...)
	default:
		p.stored = max(p.stored, e.Stored)
	}
	if len(p.rec.state.Streams) == 0 && e.Begin == nil {
		return errors.New("it tells of no stream")
	}
	return nil
}

// take goes through the journal as the goroutines of the recording did.
func (p *replay) take(e entry) error {
	name := e.folder()
	if name == "" && e.Thumb == nil {
		return nil
	}
	p.follow(e)
	if slices.Contains(p.drop, name) {
		return nil
	}
	s := &p.rec.shelf
	switch {
	case e.Piece != nil:
		p.piece(e.Piece)
		return nil
	case e.Folder != nil:
		s.folder(*e.Folder)
		return nil
	case e.File != nil:
		delete(p.open, name)
	}
	p.seen++
	if p.seen > p.stored {
		if e.File != nil {
			p.rec.give(-e.File.total().Bytes)
		}
		p.rec.jobs = append(p.rec.jobs, e)
		return nil
	}
	s.stored = p.seen
	return s.list(e)
}

// follow notes what a stream that goes on with the recording has to know.
func (p *replay) follow(e entry) {
	t := p.track(e.folder())
	if e.Folder != nil {
		p.rec.writer.choice = append(p.rec.writer.choice, *e.Folder)
	}
	switch {
	case e.Folder != nil && slices.Contains(p.drop, e.Folder.Name):
		p.tracks[e.Folder.Rendition] = nil
	case e.Folder != nil:
		p.tracks[e.Folder.Rendition] = &track{folder: *e.Folder, ext: p.rec.head.Ext, join: true}
	case e.Thumb != nil:
		p.thumbs++
	case t == nil:
	case e.Init != nil:
		t.inits = e.Init.N + 1
	case e.File != nil:
		t.n = e.File.N + 1
	}
}

// track is that of a folder, or nil if it is not recorded.
func (p *replay) track(folder string) *track {
	for _, t := range p.tracks {
		if t != nil && t.folder.Name == folder {
			return t
		}
	}
	return nil
}

func (p *replay) piece(e *piece) {
	p.last = e.Date.Add(time.Duration(e.Span.Ticks) * time.Second / 90000)
	f := p.open[e.Folder]
	if f == nil || f.N != e.N {
		f = &file{Folder: e.Folder, N: e.N, Date: e.Date, Break: e.Break, Init: e.Init}
		p.open[e.Folder] = f
	}
	f.Spans, f.Ads = append(f.Spans, e.Span), append(f.Ads, e.Ads...)
}

// end makes files whole that were not, as far as the journal says what is in them.
func (p *replay) end() error {
	rec := p.rec
	for _, f := range p.open {
		if err := p.whole(f); err != nil {
			return err
		}
		e := entry{File: f}
		p.follow(e)
		if err := rec.journal.append(e); err != nil {
			return err
		}
		rec.jobs = append(rec.jobs, e)
		rec.give(-f.total().Bytes)
	}
	if rec.state.Ended.IsZero() {
		if p.last.IsZero() {
			p.last = rec.state.Started
		}
		if now := time.Now().UTC(); p.last.After(now) {
			p.last = now // clocks are set
		}
		rec.change(func(c *condition) { c.Ended = p.last })
	}
	rec.ended, rec.playable = rec.state.Ended, !rec.state.Started.IsZero()
	return nil
}

// whole cuts a file to what is known of it, and sums it up.
func (p *replay) whole(f *file) (err error) {
	name := p.rec.path(local(f.Folder, mediaName(f.N, p.rec.head.Ext)))
	out, err := os.OpenFile(name, os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	size := f.total().Bytes
	if err := out.Truncate(size); err != nil {
		return err
	}
	sum := sha256.New()
	if n, err := io.Copy(sum, out); err != nil || n != size {
		return fmt.Errorf("read %s: %d bytes, want %d: %w", name, n, size, err)
	}
	f.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return out.Sync()
}

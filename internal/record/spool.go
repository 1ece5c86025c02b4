package record

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"openivs/internal/hls"
	"openivs/internal/ivs"
	"openivs/internal/media"
)

const (
	// enough is how long a media file is at least, as a rule, and longest at most:
	// less than what would round up beyond longestFile seconds.
	enough      = 95 * media.Clock / 10
	longest     = 1049 * media.Clock / 100
	longestFile = 10 // EXT-X-TARGETDURATION
)

// A spooler writes media into the spool.
type spooler struct {
	rec     *Recording
	tracks  map[string]*track // by rendition; nil: it is not recorded
	settled bool              // which renditions are recorded
	choice  []folder          // what there was to choose from, if some are
	made    bool              // there are files that the disk may not know
	dirty   []*track          // that have pieces which are not safe yet
	pending []entry           // for the journal, once they are
}

// A track is a rendition that is recorded.
type track struct {
	folder folder
	ext    string
	n      int       // of the file that is open or comes next
	inits  int       // how many there are
	init   *hls.Init // that the file needs
	join   bool      // the next file is of another stream than the one before
	out    *os.File  // nil: none is open
	sum    hash.Hash
	file   file
}

// local is what a thing of a folder is called in the spool.
func local(folder, name string) string { return folder + "." + name }

func (rec *Recording) path(name string) string { return filepath.Join(rec.dir, name) }

// write writes segments and brings them to the disk; playable as in
// Recording.Playable.
func (s *spooler) write(items []item, playable bool) error {
	for _, it := range items {
		if err := s.add(it); err != nil {
			return err
		}
	}
	if err := s.flush(); err != nil {
		return err
	}
	if !playable || s.settled {
		return nil
	}
	s.settled = true
	if err := s.choose(); err != nil {
		return err
	}
	s.rec.change(func(c *condition) {
		c.Started, c.Shape = time.Now().UTC(), s.rec.shape()
		if s.rec.photographs() {
			c.Width, c.Height = s.rec.size()
			if film := s.rec.camera.film; c.Width == 0 && film != nil {
				c.Width, c.Height = film.Track.Picture.Width, film.Track.Picture.Height
			}
		}
	})
	ring(s.rec.toStore)
	ring(s.rec.toShow)
	return nil
}

// track returns that of a rendition, or nil if it is not recorded.
func (s *spooler) track(it item) *track {
	t, known := s.tracks[it.rendition]
	if known {
		return t
	}
	t = &track{ext: s.rec.head.Ext, folder: folder{Name: it.name, Rendition: it.rendition, Codecs: codecs(it.facts)}}
	if v := it.facts.Video; v != nil {
		t.folder.Width, t.folder.Height, t.folder.Framerate = v.Picture.Width, v.Picture.Height, it.facts.Framerate
		if it.name == "" {
			t.folder.Name, _ = it.facts.Name()
		}
	}
	for _, o := range s.tracks {
		if o != nil && o.folder.Name == t.folder.Name {
			t.folder.Name += "-" + it.rendition
		}
	}
	if s.settled && s.rec.selects() { // one that comes late is chosen by what there is now
		s.choice = append(s.choice, t.folder)
		if !slices.Contains(chosen(s.choice, s.rec.head.Config.Renditions.Only), t.folder.Name) {
			s.tracks[it.rendition] = nil
			return nil
		}
	}
	s.tracks[it.rendition] = t
	s.pending = append(s.pending, entry{Folder: &t.folder})
	return t
}

// codecs are those of a rendition (RFC 6381).
func codecs(f hls.Facts) string {
	var all []string
	for _, t := range []*media.Track{f.Video, f.Audio} {
		if t != nil {
			all = append(all, t.CodecString())
		}
	}
	return strings.Join(all, ",")
}

// add writes a segment, which is in the journal only after flush.
func (s *spooler) add(it item) error {
	t, seg := s.track(it), it.seg
	if t == nil {
		return nil
	}
	if t.out != nil && (seg.Discontinuity || seg.Init != t.init || t.file.total().Ticks+int64(seg.Duration) > longest) {
		if err := s.closeFile(t); err != nil {
			return err
		}
	}
	if seg.Init != t.init && seg.Init != nil {
		if err := s.addInit(t, seg.Init); err != nil {
			return err
		}
	}
	t.init = seg.Init
	if t.out == nil {
		if err := s.openFile(t, seg); err != nil {
			return err
		}
	}
	size := int64(len(seg.Data))
	if err := s.rec.take(size); err != nil {
		return err
	}
	if _, err := t.out.Write(seg.Data); err != nil {
		return err
	}
	_, _ = t.sum.Write(seg.Data) // a hash takes everything
	p := piece{
		Folder: t.folder.Name, N: t.n, Span: span{size, int64(seg.Duration)}, Date: seg.Date,
		Break: t.file.Break, Init: t.file.Init, Ads: breaks(seg),
	}
	t.file.Spans, t.file.Ads = append(t.file.Spans, p.Span), append(t.file.Ads, p.Ads...)
	s.pending = append(s.pending, entry{Piece: &p})
	if !slices.Contains(s.dirty, t) {
		s.dirty = append(s.dirty, t)
	}
	if t.file.total().Ticks >= enough {
		return s.closeFile(t)
	}
	return nil
}

func breaks(seg *hls.Segment) (out []adBreak) {
	for _, b := range seg.Breaks {
		out = append(out, adBreak{ID: b.ID, Date: b.Date, Milliseconds: b.Length.Milliseconds()})
	}
	return out
}

// errSpoolFull ends recordings, for they take more than the spool may have.
var errSpoolFull = errors.New("recordings that wait for their buckets take all the room that the spool may have")

// take notes that the spool has n more bytes, if it may.
func (rec *Recording) take(n int64) error {
	if rec.recorder.used.Add(n) > rec.recorder.limit() {
		rec.recorder.used.Add(-n)
		return errSpoolFull
	}
	rec.room.Add(n)
	return nil
}

// give notes that the spool has n bytes less.
func (rec *Recording) give(n int64) {
	rec.recorder.used.Add(-n)
	rec.room.Add(-n)
}

func (s *spooler) openFile(t *track, seg *hls.Segment) (err error) {
	name := s.rec.path(local(t.folder.Name, mediaName(t.n, t.ext)))
	if t.out, err = os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode); err != nil {
		t.out = nil
		return err
	}
	t.sum, s.made = sha256.New(), true
	t.file = file{Folder: t.folder.Name, N: t.n, Date: seg.Date, Break: (seg.Discontinuity || t.join) && t.n > 0, Init: max(t.inits-1, 0)}
	t.join = false
	return nil
}

// addInit writes an initialization section, a file of its own.
func (s *spooler) addInit(t *track, init *hls.Init) error {
	name := s.rec.path(local(t.folder.Name, initName(t.inits)))
	if err := writeWhole(name, init.Data); err != nil {
		return err
	}
	sum := sha256.Sum256(init.Data)
	s.pending = append(s.pending, entry{Init: &initial{t.folder.Name, t.inits, int64(len(init.Data)), hex.EncodeToString(sum[:])}})
	t.inits, s.made = t.inits+1, true
	return nil
}

// writeWhole writes a file and brings it to the disk.
func writeWhole(name string, b []byte) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(b); err != nil {
		return err
	}
	return f.Sync()
}

// closeFile ends the file of a track.
func (s *spooler) closeFile(t *track) error {
	if t.out == nil {
		return nil
	}
	// What a write that failed left behind is in no list.
	err := errors.Join(t.out.Truncate(t.file.total().Bytes), t.out.Sync(), t.out.Close())
	t.out = nil
	if err != nil {
		return err
	}
	t.file.SHA256 = hex.EncodeToString(t.sum.Sum(nil))
	f := t.file
	s.pending = append(s.pending, entry{File: &f})
	t.n++
	return nil
}

// flush brings what was written to the disk and into the journal, and hands on
// what can be stored.
func (s *spooler) flush() error {
	if len(s.pending) == 0 {
		return nil
	}
	for _, t := range s.dirty {
		if t.out != nil {
			if err := t.out.Sync(); err != nil {
				return err
			}
		}
	}
	s.dirty = nil
	if s.made {
		if err := syncDir(s.rec.dir); err != nil {
			return err
		}
		s.made = false
	}
	err := s.rec.commit(s.pending)
	if err == nil {
		s.pending = nil
	}
	return err
}

// commit writes entries into the journal and hands on what can be stored.
func (rec *Recording) commit(entries []entry) error {
	rec.order.Lock()
	defer rec.order.Unlock()
	if err := rec.journal.append(entries...); err != nil {
		return err
	}
	rec.hand(entries)
	return nil
}

// hand hands what can be stored on.
func (rec *Recording) hand(entries []entry) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	to := &rec.jobs
	if rec.selects() && !rec.chosen {
		to = &rec.held
	}
	for _, e := range entries {
		if e.Folder != nil || e.Init != nil || e.File != nil || e.Thumb != nil {
			*to = append(*to, e)
		}
	}
	ring(rec.toStore)
}

// release hands on what was held, without the folders that are not recorded.
func (rec *Recording) release(drop []string) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.chosen = true
	for _, e := range rec.held {
		if !slices.Contains(drop, e.folder()) {
			rec.jobs = append(rec.jobs, e)
		}
	}
	rec.held = nil
	ring(rec.toStore)
}

// folder is the name of the folder that an entry is about, or "".
func (e entry) folder() string {
	switch {
	case e.Folder != nil:
		return e.Folder.Name
	case e.Init != nil:
		return e.Init.Folder
	case e.Piece != nil:
		return e.Piece.Folder
	case e.File != nil:
		return e.File.Folder
	default:
		return ""
	}
}

// end ends all files that are open.
func (s *spooler) end() error {
	var all error
	for _, t := range s.tracks {
		if t != nil {
			all = errors.Join(all, s.closeFile(t))
		}
	}
	return errors.Join(all, s.flush())
}

// leave lets go of all files, for the next start to go on with.
func (s *spooler) leave() {
	for _, t := range s.tracks {
		if t != nil && t.out != nil {
			if err := t.out.Close(); err != nil {
				s.rec.log.Error("a file of a recording does not close", "err", err)
			}
		}
	}
}

// selects reports whether only some renditions are recorded. A channel without
// others than the encoder's own has no choice.
func (rec *Recording) selects() bool {
	return rec.head.Config.Renditions.Selection == ivs.CustomRenditions && !rec.head.Basic
}

// choose lets go of the renditions that are not recorded.
func (s *spooler) choose() error {
	if !s.rec.selects() {
		return nil
	}
	for _, t := range s.tracks {
		s.choice = append(s.choice, t.folder)
	}
	kept := chosen(s.choice, s.rec.head.Config.Renditions.Only)
	var drop []string
	for key, t := range s.tracks {
		if slices.Contains(kept, t.folder.Name) {
			continue
		}
		drop = append(drop, t.folder.Name)
		s.tracks[key] = nil
		s.dirty = slices.DeleteFunc(s.dirty, func(d *track) bool { return d == t })
		if t.out == nil {
			continue
		}
		if err := t.out.Close(); err != nil {
			return err
		}
		s.rec.give(t.file.total().Bytes)
		if err := os.Remove(s.rec.path(local(t.folder.Name, mediaName(t.n, t.ext)))); err != nil {
			return err
		}
	}
	if len(drop) > 0 {
		if err := s.rec.journal.append(entry{Drop: drop}); err != nil {
			return fmt.Errorf("choose renditions: %w", err)
		}
	}
	s.rec.release(drop)
	return nil
}

// within reports whether a picture whose shorter edge has so many pixels is of a
// class (API: RenditionConfigurationRendition).
func within(class string, edge int) bool {
	switch class {
	case "FULL_HD":
		return edge >= 1080
	case "HD":
		return edge >= 720 && edge < 1080
	case "SD":
		return edge >= 480 && edge < 720
	default:
		return false
	}
}

// chosen returns the names of the folders that some classes mean. A class that no
// folder is of stands for the best there is.
func chosen(all []folder, only []string) (names []string) {
	edge := func(f folder) int { return min(f.Width, f.Height) }
	pictures := slices.DeleteFunc(slices.Clone(all), func(f folder) bool { return f.Width == 0 })
	slices.SortFunc(pictures, func(a, b folder) int { return edge(b) - edge(a) })
	if len(pictures) == 0 {
		return nil
	}
	for _, class := range only {
		pick := pictures[0]
		if class == "LOWEST_RESOLUTION" {
			pick = pictures[len(pictures)-1]
		}
		for _, f := range pictures {
			if within(class, edge(f)) {
				pick = f
				break
			}
		}
		if !slices.Contains(names, pick.Name) {
			names = append(names, pick.Name)
		}
	}
	return names
}

package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"

	"openivs/internal/record/proof"
)

// writeManifest writes the manifest into the spool, from the journal: however long
// a recording is, it takes no memory.
func (rec *Recording) writeManifest(c condition, length int64) (out *os.File, err error) {
	if out, err = os.OpenFile(rec.path("manifest.json"), os.O_CREATE|os.O_TRUNC|os.O_RDWR, fileMode); err != nil {
		return nil, err
	}
	w := bufio.NewWriter(out)
	err = rec.manifest(w, c, length)
	if err = errors.Join(err, w.Flush()); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return out, nil
}

func (rec *Recording) manifest(w *bufio.Writer, c condition, length int64) error {
	head, err := json.Marshal(proof.Head{
		Version: proof.Version, Channel: rec.head.Channel.String(), Streams: c.Streams, Started: c.Started, Ended: c.Ended, Failure: c.Failure, Duration: length,
	})
	if err != nil {
		return err
	}
	_, _ = w.Write(head[:len(head)-1]) // an error stays until Flush
	_, _ = w.WriteString(`,"renditions":[`)
	comma := ""
	for _, l := range rec.shelf.order {
		if l.files == 0 {
			continue
		}
		_, _ = w.WriteString(comma + "\n" + `{"path":"` + l.folder.Name + `","inits":[`)
		if err := rec.manifestList(w, l.folder.Name, func(e entry) any {
			if e.Init == nil {
				return nil
			}
			return proof.Init{URI: initName(e.Init.N), Bytes: e.Init.Bytes, SHA256: e.Init.SHA256}
		}); err != nil {
			return err
		}
		_, _ = w.WriteString(`],"segments":[`)
		if err := rec.manifestList(w, l.folder.Name, func(e entry) any {
			if e.File == nil {
				return nil
			}
			t := e.File.total()
			return proof.Segment{
				Sequence: e.File.N, URI: mediaName(e.File.N, rec.head.Ext), Duration: float64(t.Ticks) / 90000, Bytes: t.Bytes,
				SHA256: e.File.SHA256, Pieces: len(e.File.Spans), Discontinuity: e.File.Break,
			}
		}); err != nil {
			return err
		}
		_, _ = w.WriteString("]}")
		comma = ","
	}
	_, err = w.WriteString("\n]}\n")
	return err
}

// manifestList writes what pick makes of the entries about a folder.
func (rec *Recording) manifestList(w *bufio.Writer, folder string, pick func(e entry) any) error {
	in, err := os.Open(rec.path(journalName))
	if err != nil {
		return err
	}
	comma := ""
	_, err = readJournal(in, func(e entry) error {
		if e.folder() != folder {
			return nil
		}
		v := pick(e)
		if v == nil {
			return nil
		}
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		_, _ = w.WriteString(comma + "\n")
		_, err = w.Write(b)
		comma = ","
		return err
	})
	return errors.Join(err, in.Close())
}

package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"time"
)

// manifestVersion is that of the form of manifests (docs/operate/recording.md).
const manifestVersion = "1"

// A manifestHead is the first line of a manifest.
type manifestHead struct {
	Version  string    `json:"version"`
	Channel  string    `json:"channel"`
	Streams  []string  `json:"streams"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended"`
	Failure  string    `json:"failure,omitempty"`
	Duration int64     `json:"durationMilliseconds"`
}

type manifestInit struct {
	URI    string `json:"uri"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

type manifestSegment struct {
	Sequence      int     `json:"sequence"`
	URI           string  `json:"uri"`
	Duration      float64 `json:"duration"` // seconds
	Bytes         int64   `json:"bytes"`
	SHA256        string  `json:"sha256"`
	Pieces        int     `json:"pieces"`
	Discontinuity bool    `json:"discontinuity,omitempty"`
}

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
	head, err := json.Marshal(manifestHead{manifestVersion, rec.head.Channel.String(), c.Streams, c.Started, c.Ended, c.Failure, length})
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
			return manifestInit{initName(e.Init.N), e.Init.Bytes, e.Init.SHA256}
		}); err != nil {
			return err
		}
		_, _ = w.WriteString(`],"segments":[`)
		if err := rec.manifestList(w, l.folder.Name, func(e entry) any {
			if e.File == nil {
				return nil
			}
			t := e.File.total()
			return manifestSegment{
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

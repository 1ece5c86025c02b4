package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"openivs/internal/ivs"
)

// maxLine is the longest line of a journal that is read, in bytes.
const maxLine = 1 << 20

// journalVersion is the first thing a journal says.
const journalVersion = 1

// An entry is a line of a journal: one of its members.
type entry struct {
	Begin  *header    `json:"begin,omitempty"`
	Folder *folder    `json:"folder,omitempty"`
	Thumb  *thumb     `json:"thumb,omitempty"`
	Init   *initial   `json:"init,omitempty"`
	Piece  *piece     `json:"piece,omitempty"`
	File   *file      `json:"file,omitempty"`
	Drop   []string   `json:"drop,omitempty"`   // folders that are not recorded after all
	Stored int        `json:"stored,omitempty"` // of Inits and Files in the order they were to be stored, how many are
	State  *condition `json:"state,omitempty"`
}

// A header is what is known when a recording begins.
type header struct {
	Version     int                        `json:"version"`
	ID          string                     `json:"id"`      // the end of the prefix
	Session     string                     `json:"session"` // the recording's id in events
	Prefix      string                     `json:"prefix"`
	Channel     ivs.ARN                    `json:"channel"`
	ChannelName string                     `json:"channelName"`
	Config      ivs.RecordingConfiguration `json:"config"`
	Ext         string                     `json:"ext"` // of media
	Basic       bool                       `json:"basic,omitempty"`
	Begun       time.Time                  `json:"begun"`
}

// A condition is how far a recording is. The last one in a journal holds.
type condition struct {
	Streams  []string    `json:"streams"`          // ids, the oldest first
	Started  time.Time   `json:"started,omitzero"` // the stream could be watched
	Width    int         `json:"width,omitempty"`  // of thumbnails; 0: there are none
	Height   int         `json:"height,omitempty"`
	Told     bool        `json:"told,omitempty"`     // Recording Start is owed or stored
	Ended    time.Time   `json:"ended,omitzero"`     // nothing comes any more
	Failure  string      `json:"failure,omitempty"`  // why it is not whole
	FailTold bool        `json:"failTold,omitempty"` // the event about that is owed or stored
	Done     bool        `json:"done,omitempty"`     // all is stored but what is owed
	Owed     []ivs.Event `json:"owed,omitempty"`     // events that are not known to be stored
	Shape    *shape      `json:"shape,omitempty"`    // of its streams; it never changes, only to another
}

// A folder is what is recorded of a rendition.
type folder struct {
	Name      string  `json:"name"`
	Rendition string  `json:"rendition"` // as the stream calls it
	Codecs    string  `json:"codecs"`
	Width     int     `json:"width,omitempty"` // pixels; 0: there are no pictures
	Height    int     `json:"height,omitempty"`
	Framerate float64 `json:"framerate,omitempty"`
}

// An initial is an initialization section.
type initial struct {
	Folder string `json:"folder"`
	N      int    `json:"n"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// A thumb is a picture that is kept for itself.
type thumb struct {
	Local string `json:"local"` // its name in the spool
	Name  string `json:"name"`  // and below the prefix
	Bytes int64  `json:"bytes"`
}

// A span is a piece of a media file that begins with a keyframe, as a rule.
type span struct {
	Bytes int64 `json:"b"`
	Ticks int64 `json:"t"` // 1/90000 s
}

// A piece is a span that was written, of a file that is not whole yet.
type piece struct {
	Folder string    `json:"folder"`
	N      int       `json:"n"` // of the file
	Span   span      `json:"span"`
	Date   time.Time `json:"date"`
	Break  bool      `json:"break,omitempty"` // it does not follow on what was before
	Init   int       `json:"init,omitempty"`  // which initialization section it needs
	Ads    []adBreak `json:"ads,omitempty"`
}

// A file is a media file that is whole.
type file struct {
	Folder string    `json:"folder"`
	N      int       `json:"n"`
	Date   time.Time `json:"date"` // wall clock of its beginning
	Break  bool      `json:"break,omitempty"`
	Init   int       `json:"init,omitempty"`
	Spans  []span    `json:"spans"`
	SHA256 string    `json:"sha256"`
	Ads    []adBreak `json:"ads,omitempty"`
}

// An adBreak is one that begins in a file.
type adBreak struct {
	ID           string    `json:"id"`
	Date         time.Time `json:"date"`
	Milliseconds int64     `json:"ms"`
}

// total sums the spans of a file up.
func (f *file) total() (s span) {
	for _, p := range f.Spans {
		s.Bytes += p.Bytes
		s.Ticks += p.Ticks
	}
	return s
}

// A journal is the file that says what a spool holds. Its methods may be called
// from any goroutine.
type journal struct {
	mu   sync.Mutex
	file journalFile
	torn bool  // what is behind good is no entry
	good int64 // bytes, if torn
}

// A journalFile is a file that is appended to.
type journalFile interface {
	io.WriteSeeker
	io.Closer
	Sync() error
	Truncate(size int64) error
}

// append writes entries and brings them to the disk. Where it fails none of them is
// there: what was written of them is cut off, before the next at the latest.
func (j *journal) append(entries ...entry) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, e := range entries {
		if err := enc.Encode(e); err != nil {
			return err
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return os.ErrClosed
	}
	if err := j.mend(); err != nil {
		return err
	}
	size, err := j.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err = j.file.Write(b.Bytes()); err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.torn, j.good = true, size
		return errors.Join(err, j.mend())
	}
	return nil
}

// mend cuts off what is no entry. The caller has mu.
func (j *journal) mend() error {
	if !j.torn {
		return nil
	}
	if err := j.file.Truncate(j.good); err != nil {
		return fmt.Errorf("cut off a torn entry: %w", err)
	}
	j.torn = false
	return nil
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return err
}

// errJournal is a journal that no version of this program has written.
var errJournal = errors.New("this is no journal of a recording")

// readJournal passes the entries of a journal on, and returns how many bytes they
// take: the last line may be torn, as the program that wrote it was killed.
func readJournal(r io.Reader, take func(e entry) error) (size int64, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	lines.Split(wholeLines)
	for lines.Scan() {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return size, fmt.Errorf("%w: %w", errJournal, err)
		}
		if first := size == 0; first != (e.Begin != nil) || first && e.Begin.Version != journalVersion {
			return size, errJournal
		}
		if err := take(e); err != nil {
			return size, err
		}
		size += int64(len(lines.Bytes())) + 1
	}
	return size, lines.Err()
}

// wholeLines splits lines as bufio.ScanLines does, but leaves out one without an
// end.
func wholeLines(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF {
		return len(data), nil, nil
	}
	return 0, nil, nil
}

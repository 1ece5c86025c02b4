package record

import (
	"bufio"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"openivs/internal/media"
	"openivs/internal/record/proof"
	"openivs/internal/scte35"
)

const (
	// longestPiece is EXT-X-TARGETDURATION of the lists of pieces: no live segment
	// is longer.
	longestPiece = 6

	dateForm = "2006-01-02T15:04:05.000Z" // RFC 8216, 4.3.2.6, in UTC
)

// A listing is what is stored of a rendition. It grows two playlists in the spool,
// which are made anew from the journal at a start.
type listing struct {
	rec    *Recording
	folder folder
	files  int
	ticks  int64
	peak   int64 // bits per second
	dirty  bool  // the playlists are newer than those in the bucket

	ads   scte35.Marks
	until time.Time // the end of the newest file

	list, pieces growing
	init         int // that the newest file needs
}

// A growing is a playlist in the spool.
type growing struct {
	text *os.File
	out  *bufio.Writer
}

func (g *growing) open(name string) (err error) {
	g.text, err = os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		g.text = nil
		return err
	}
	g.out = bufio.NewWriter(g.text)
	return nil
}

// add lists a file.
func (l *listing) add(f *file) error {
	if l.list.text == nil {
		if err := l.begin(); err != nil {
			return err
		}
	}
	total := f.total()
	l.ticks += total.Ticks
	for _, p := range f.Spans {
		if p.Ticks >= media.Clock || l.peak == 0 {
			l.peak = max(l.peak, p.Bytes*8*media.Clock/max(p.Ticks, 1))
		}
	}
	name := mediaName(f.N, l.rec.head.Ext)
	var b []byte
	marks := l.marks(f)
	b = append(append(l.head(b, f), marks...), "#EXTINF:"...)
	b = append(seconds(b, total.Ticks), ",\n"+name+"\n"...)
	if _, err := l.list.out.Write(b); err != nil {
		return err
	}
	b = append(l.head(b[:0], f), marks...)
	at := int64(0)
	for _, p := range f.Spans {
		b = append(seconds(append(b, "#EXTINF:"...), p.Ticks), ",\n#EXT-X-BYTERANGE:"...)
		b = strconv.AppendInt(b, p.Bytes, 10)
		b = strconv.AppendInt(append(b, '@'), at, 10)
		b = append(b, "\n"+name+"\n"...)
		at += p.Bytes
	}
	if _, err := l.pieces.out.Write(b); err != nil {
		return err
	}
	l.files++
	l.init = f.Init
	return errors.Join(l.list.out.Flush(), l.pieces.out.Flush())
}

// marks writes where ad breaks begin and end that do so in a file. They end with their
// stream at the latest.
func (l *listing) marks(f *file) (b []byte) {
	b = l.ads.End(b, l.until, f.Break)
	for _, a := range f.Ads {
		b = l.ads.Begin(b, scte35.Break{ID: a.ID, Start: a.Date, Length: time.Duration(a.Milliseconds) * time.Millisecond})
	}
	l.until = f.Date.Add(time.Duration(f.total().Ticks) * time.Second / media.Clock)
	return l.ads.End(b, l.until, false)
}

// begin makes the playlists.
func (l *listing) begin() error {
	err := errors.Join(
		l.list.open(l.rec.path(local(l.folder.Name, proof.PlaylistName))),
		l.pieces.open(l.rec.path(local(l.folder.Name, proof.PieceListName))))
	if err != nil {
		return err
	}
	version, ranged := 3, 4
	if l.rec.head.Ext == ".mp4" {
		version, ranged = 6, 6
	}
	_, first := l.list.out.WriteString(playlistHead(version, longestFile))
	_, second := l.pieces.out.WriteString(playlistHead(ranged, longestPiece))
	return errors.Join(first, second)
}

func playlistHead(version, target int) string {
	return "#EXTM3U\n#EXT-X-VERSION:" + strconv.Itoa(version) + "\n#EXT-X-TARGETDURATION:" + strconv.Itoa(target) +
		"\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:EVENT\n"
}

// head writes what goes before a file.
func (l *listing) head(b []byte, f *file) []byte {
	if f.Break {
		b = append(b, "#EXT-X-DISCONTINUITY\n"...)
	}
	if first := l.files == 0; l.rec.head.Ext == ".mp4" && (first || f.Init != l.init) {
		b = append(b, `#EXT-X-MAP:URI="`+initName(f.Init)+"\"\n"...)
	}
	if f.Break || l.files == 0 {
		b = append(b, "#EXT-X-PROGRAM-DATE-TIME:"...)
		b = append(f.Date.UTC().AppendFormat(b, dateForm), '\n')
	}
	return b
}

// end says that nothing follows.
func (l *listing) end() error {
	if l.list.text == nil {
		return nil
	}
	end := string(l.ads.End(nil, l.until, true)) + "#EXT-X-ENDLIST\n"
	_, first := l.list.out.WriteString(end)
	_, second := l.pieces.out.WriteString(end)
	return errors.Join(first, second, l.list.out.Flush(), l.pieces.out.Flush())
}

func (l *listing) close() error {
	if l.list.text == nil {
		return nil
	}
	return errors.Join(l.list.text.Close(), l.pieces.text.Close())
}

// seconds writes a media time in seconds.
func seconds(b []byte, ticks int64) []byte {
	return strconv.AppendFloat(b, float64(ticks)/media.Clock, 'f', 5, 64)
}

// master is the multivariant playlist of what is stored, with the playlists of a
// name.
func master(all []*listing, playlist string) []byte {
	var b strings.Builder
	b.WriteString("#EXTM3U\n")
	for _, l := range all {
		if l.files == 0 {
			continue
		}
		group := l.folder.Name
		b.WriteString(`#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID="` + group + `",NAME="` + strings.TrimSuffix(group, "30") + `",AUTOSELECT=YES,DEFAULT=YES` + "\n")
		b.WriteString("#EXT-X-STREAM-INF:PROGRAM-ID=1,BANDWIDTH=" + strconv.FormatInt(l.peak, 10) + `,CODECS="` + l.folder.Codecs + `"`)
		if l.folder.Width > 0 {
			b.WriteString(",RESOLUTION=" + strconv.Itoa(l.folder.Width) + "x" + strconv.Itoa(l.folder.Height))
		}
		b.WriteString(`,VIDEO="` + group + `"`)
		if l.folder.Framerate > 0 {
			b.WriteString(",FRAME-RATE=" + strconv.FormatFloat(l.folder.Framerate, 'f', 3, 64))
		}
		b.WriteString("\n" + group + "/" + playlist + "\n")
	}
	return []byte(b.String())
}

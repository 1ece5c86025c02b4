package hls

import (
	"bytes"
	"compress/gzip"
	"strconv"
	"sync"
	"time"

	"openivs/internal/media"
)

// dateForm is how PROGRAM-DATE-TIME is written (RFC 8216, 4.3.2.6), in UTC.
const dateForm = "2006-01-02T15:04:05.000Z"

// bytesPerEntry is about how long a segment's lines in a playlist are.
const bytesPerEntry = 160

// Playlist returns the media playlist (RFC 8216, 4.3). It is written once and
// shared: nobody may change it.
func (s *Snapshot) Playlist() []byte { return s.text() }

// PlaylistGzip returns the media playlist compressed, on the same terms.
func (s *Snapshot) PlaylistGzip(z *Zippers) []byte {
	s.zipOnce.Do(func() { s.zipped = z.zip(s.text()) })
	return s.zipped
}

func (s *Snapshot) render() []byte {
	b := make([]byte, 0, 256+len(s.Segments)*bytesPerEntry)
	b = append(b, "#EXTM3U\n#EXT-X-VERSION:3\n"...)
	b = appendInt(b, "#EXT-X-TARGETDURATION:", int64(s.Target/time.Second))
	var first int64
	if len(s.Segments) > 0 {
		first = s.Segments[0].MSN
	}
	b = appendInt(b, "#EXT-X-MEDIA-SEQUENCE:", first)
	if s.discontinuities > 0 {
		b = appendInt(b, "#EXT-X-DISCONTINUITY-SEQUENCE:", s.discontinuities)
	}
	b = appendInt(b, "#EXT-X-NET-LIVE-VIDEO-LIVE-SEQUENCE:", first)
	b = appendSeconds(b, "#EXT-X-NET-LIVE-VIDEO-ELAPSED-SECS:", s.elapsed, "\n")
	b = appendSeconds(b, "#EXT-X-NET-LIVE-VIDEO-TOTAL-SECS:", s.total, "\n")
	for _, seg := range s.Segments {
		b = s.appendSegment(b, seg)
	}
	if s.Ended {
		b = append(b, "#EXT-X-ENDLIST\n"...)
	}
	return b
}

func (s *Snapshot) appendSegment(b []byte, seg *Segment) []byte {
	if seg.Discontinuity {
		b = append(b, "#EXT-X-DISCONTINUITY\n"...)
	}
	b = append(b, "#EXT-X-PROGRAM-DATE-TIME:"...)
	b = seg.Date.UTC().AppendFormat(b, dateForm)
	b = appendSeconds(b, "\n#EXTINF:", seg.Duration, ",live\n")
	b = append(b, toSegments...)
	b = append(b, s.window.Stream...)
	b = append(b, '/')
	b = append(b, s.window.Rendition...)
	b = append(b, '/')
	b = strconv.AppendInt(b, seg.MSN, 10)
	return append(b, segmentExt+"\n"...)
}

// Zippers are compressors that are used again: one takes most of a megabyte,
// far more than the playlists it is for. The zero value is ready.
type Zippers struct{ idle sync.Pool }

// zip compresses b.
func (z *Zippers) zip(b []byte) []byte {
	var out bytes.Buffer
	w, ok := z.idle.Get().(*gzip.Writer)
	if ok {
		w.Reset(&out)
	} else {
		w = gzip.NewWriter(&out)
	}
	_, _ = w.Write(b) // a bytes.Buffer takes everything
	_ = w.Close()
	z.idle.Put(w)
	return out.Bytes()
}

func appendInt(b []byte, tag string, v int64) []byte {
	b = append(b, tag...)
	b = strconv.AppendInt(b, v, 10)
	return append(b, '\n')
}

// appendSeconds writes a media time in seconds with three decimals.
func appendSeconds(b []byte, tag string, t media.Ticks, tail string) []byte {
	b = append(b, tag...)
	b = strconv.AppendFloat(b, milliseconds(t)/1000, 'f', 3, 64)
	return append(b, tail...)
}

// milliseconds rounds t to whole milliseconds.
func milliseconds(t media.Ticks) float64 {
	const perMilli = media.Clock / 1000
	return float64((t + perMilli/2) / perMilli)
}

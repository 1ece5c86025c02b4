package hls

import (
	"math"
	"strconv"
	"strings"
	"time"

	"openivs/internal/media"
)

// A Visit is what a multivariant playlist says that is about one viewer.
type Visit struct {
	Node    string // what the server calls itself
	Session string // id of the viewer session
	Ticket  string // what the session's media playlists are asked for with
	Now     time.Time

	AudioOnly bool // the viewer wants a rendition without pictures too
	Most      int  // the shorter edge of the largest picture that the viewer may see, in pixels; 0: any
}

// Multivariant returns the multivariant playlist of s (RFC 8216, 4.3.4) for one
// viewer, in the form that Amazon IVS uses, or false while there is nothing to
// play. Its URIs hold at the paths that playback URLs have.
func (s *Stream) Multivariant(v Visit) ([]byte, bool) {
	b := make([]byte, 0, 768)
	b = append(b, "#EXTM3U\n"...)
	b = appendData(b, "NODE", v.Node)
	b = appendData(b, "BROADCAST-ID", s.ID)
	b = appendData(b, "VIDEO-SESSION-ID", v.Session)
	b = appendData(b, "SERVER-TIME", strconv.FormatFloat(float64(v.Now.UnixMilli())/1000, 'f', 3, 64))
	if !s.ready((*Snapshot).Promising) {
		return b, false
	}
	listed := false
	var sound *media.Track
	for _, w := range s.all() {
		snap := w.Snapshot()
		switch {
		case w.OnDemand && (!v.AudioOnly || sound == nil):
			continue
		case w.SoundOnly && (snap.Promising() || w.OnDemand):
			b = snap.appendSound(b, v.Ticket, sound)
		case snap.Promising() && snap.Within(v.Most):
			b = snap.appendVariant(b, v.Ticket)
			listed = true
		}
		if sound == nil {
			sound = snap.Facts.Audio
		}
	}
	return b, listed
}

// usualSound is the bit rate that a rendition without pictures is taken to have
// before it was measured.
const usualSound = 160_000

// appendSound writes a rendition without pictures, whose audio is like that of a
// track until it has one of its own.
func (s *Snapshot) appendSound(b []byte, ticket string, like *media.Track) []byte {
	f := s.Facts
	if f.Audio == nil {
		f.Audio = like
	}
	if f.Audio == nil {
		return b
	}
	if f.Peak == 0 {
		f.Peak, f.Average = usualSound, usualSound
	}
	name := s.window.Name
	b = append(b, `#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID="`...)
	b = append(b, name...)
	b = append(b, `",NAME="`...)
	b = append(b, name...)
	b = append(b, `",AUTOSELECT=NO,DEFAULT=NO`...)
	b = append(b, "\n#EXT-X-STREAM-INF:BANDWIDTH="...)
	b = strconv.AppendInt(b, int64(f.Peak), 10)
	b = append(b, ",AVERAGE-BANDWIDTH="...)
	b = strconv.AppendInt(b, int64(f.Average), 10)
	b = append(b, `,CODECS="`...)
	b = append(b, f.Audio.CodecString()...)
	b = append(b, `",VIDEO="`...)
	b = append(b, name...)
	b = append(b, "\"\n"...)
	b = append(b, toRoot...)
	b = append(b, VariantPath(ticket, s.window.Rendition)...)
	return append(b, '\n')
}

// Within reports whether the picture's shorter edge has at most a number of
// pixels; 0 stands for any number.
func (s *Snapshot) Within(most int) bool {
	v := s.Facts.Video
	return most == 0 || v != nil && min(v.Picture.Width, v.Picture.Height) <= most
}

func appendData(b []byte, id, value string) []byte {
	b = append(b, `#EXT-X-SESSION-DATA:DATA-ID="`...)
	b = append(b, id...)
	b = append(b, `",VALUE="`...)
	b = append(b, value...)
	return append(b, "\"\n"...)
}

func (s *Snapshot) appendVariant(b []byte, ticket string) []byte {
	f := s.Facts
	group, name := f.Name()
	if n := s.window.Name; n != "" {
		group, name = n, strings.TrimSuffix(n, "30")
	}
	b = append(b, `#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID="`...)
	b = append(b, group...)
	b = append(b, `",NAME="`...)
	b = append(b, name...)
	b = append(b, `",AUTOSELECT=YES,DEFAULT=YES`...)
	b = append(b, "\n#EXT-X-STREAM-INF:BANDWIDTH="...)
	b = strconv.AppendInt(b, int64(f.Peak), 10)
	b = append(b, ",AVERAGE-BANDWIDTH="...)
	b = strconv.AppendInt(b, int64(f.Average), 10)
	b = append(b, ",RESOLUTION="...)
	b = strconv.AppendInt(b, int64(f.Video.Picture.Width), 10)
	b = append(b, 'x')
	b = strconv.AppendInt(b, int64(f.Video.Picture.Height), 10)
	b = append(b, `,CODECS="`...)
	b = append(b, f.Video.CodecString()...)
	if f.Audio != nil {
		b = append(b, ',')
		b = append(b, f.Audio.CodecString()...)
	}
	b = append(b, `",VIDEO="`...)
	b = append(b, group...)
	b = append(b, `",FRAME-RATE=`...)
	b = strconv.AppendFloat(b, f.Framerate, 'f', 3, 64)
	b = append(b, '\n')
	b = append(b, toRoot...)
	b = append(b, VariantPath(ticket, s.window.Rendition)...)
	return append(b, '\n')
}

// Name returns what Amazon IVS calls a rendition of this size and rate: the
// group id, such as 720p30, and the name, which leaves out a rate of 30. The
// size is the shorter edge, as a portrait picture has the names of a landscape
// one.
func (f Facts) Name() (group, name string) {
	edge := min(f.Video.Picture.Width, f.Video.Picture.Height)
	rate := int(math.Round(f.Framerate))
	name = strconv.Itoa(edge) + "p"
	group = name + strconv.Itoa(rate)
	if rate != 30 {
		name = group
	}
	return group, name
}

// framerate returns the rate that the bitstream states, else the measured one.
func framerate(video *media.Track, frames int64, span media.Ticks) float64 {
	if video == nil {
		return 0
	}
	if r := video.Picture.Framerate; r > 0 {
		return r
	}
	if span <= 0 {
		return 0
	}
	return float64(frames) * media.Clock / float64(span)
}

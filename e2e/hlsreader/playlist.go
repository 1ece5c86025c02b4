package hlsreader

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxPlaylist is the longest playlist that is read, in bytes.
const maxPlaylist = 1 << 20

// A Playlist is a media playlist as RFC 8216bis defines it.
type Playlist struct {
	Version         int
	Target          float64 // EXT-X-TARGETDURATION, seconds
	PartTarget      float64 // seconds; 0 if there are no parts
	Control         Control
	First           int64 // media sequence number of Segments[0]
	Discontinuities int64
	Independent     bool // EXT-X-INDEPENDENT-SEGMENTS
	Skipped         int64
	Segments        []Segment // complete; of a delta update, those after the skipped
	Open            Segment   // what is listed of the segment after those
	Hint            string    // URI of the preload hint of a part
	Prefetch        []string
	Reports         []Report
	Ended           bool
}

// Control is EXT-X-SERVER-CONTROL.
type Control struct {
	CanBlock                          bool
	CanSkipUntil, HoldBack, PartsBack float64 // seconds
}

// A Segment is a media segment, or what is known of one that is being made.
type Segment struct {
	URI           string
	Duration      float64
	Date          time.Time
	Discontinuity bool
	Gap           bool
	Map           string // URI of the initialization section
	Parts         []Part
}

// String leaves out the parts.
func (s Segment) String() string {
	return fmt.Sprintf("{date %s, discontinuity %t, gap %t, map %q}", s.Date.Format(time.RFC3339Nano), s.Discontinuity, s.Gap, s.Map)
}

// A Part is a partial segment.
type Part struct {
	URI         string
	Duration    float64
	Independent bool
	Gap         bool
}

// A Report is EXT-X-RENDITION-REPORT.
type Report struct {
	URI  string
	MSN  int64
	Part int64
}

// Edge returns the media sequence number and the part that come next.
func (p *Playlist) Edge() (msn int64, part int) {
	return p.First + p.Skipped + int64(len(p.Segments)), len(p.Open.Parts)
}

// A parser reads one media playlist.
type parser struct {
	base   *url.URL
	p      Playlist
	seg    Segment
	counts map[string]int
	faults []string
}

// ParsePlaylist reads a media playlist that came from an address. What it finds
// wrong it returns beside the playlist; err says that it is none.
func ParsePlaylist(text string, from *url.URL) (p Playlist, faults []string, err error) {
	if len(text) > maxPlaylist {
		return p, nil, fmt.Errorf("a playlist of %d bytes, at most %d are read", len(text), maxPlaylist)
	}
	rest, ok := strings.CutPrefix(text, "#EXTM3U\n")
	if !ok {
		return p, nil, errors.New("a playlist without #EXTM3U")
	}
	s := parser{base: from, counts: map[string]int{}}
	if !strings.HasSuffix(rest, "\n") {
		s.fault("the last line is cut off")
	}
	for line := range strings.Lines(rest) {
		s.line(strings.TrimSuffix(line, "\n"))
	}
	if s.seg.URI == "" {
		s.p.Open = s.seg
	}
	s.whole()
	return s.p, s.faults, nil
}

func (s *parser) fault(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

func (s *parser) line(line string) {
	switch {
	case line == "" || strings.TrimSpace(line) != line || strings.Contains(line, "\r"):
		s.fault("line %q has blanks that mean nothing", line)
	case line[0] != '#':
		s.uri(line)
	case s.p.Ended:
		s.fault("%s after EXT-X-ENDLIST", line)
	default:
		tag, value, _ := strings.Cut(line, ":")
		s.counts[tag]++
		if !s.header(tag, value) && !s.entry(tag, value) {
			s.fault("unknown tag %s", tag)
		}
	}
}

// uri ends a segment.
func (s *parser) uri(line string) {
	s.seg.URI = s.resolve(line)
	if s.seg.Duration <= 0 {
		s.fault("%s has no EXTINF", line)
	}
	s.p.Segments = append(s.p.Segments, s.seg)
	s.seg = Segment{Map: s.seg.Map}
}

// header reads the tags about the whole playlist.
func (s *parser) header(tag, value string) bool {
	p := &s.p
	switch tag {
	case "#EXT-X-VERSION":
		p.Version = int(s.integer(tag, value))
	case "#EXT-X-TARGETDURATION":
		p.Target = float64(s.integer(tag, value))
	case "#EXT-X-MEDIA-SEQUENCE":
		p.First = s.integer(tag, value)
	case "#EXT-X-DISCONTINUITY-SEQUENCE":
		p.Discontinuities = s.integer(tag, value)
	case "#EXT-X-INDEPENDENT-SEGMENTS":
		p.Independent = true
	case "#EXT-X-PART-INF":
		p.PartTarget = s.seconds(tag, s.attributes(tag, value)["PART-TARGET"])
	case "#EXT-X-SERVER-CONTROL":
		a := s.attributes(tag, value)
		p.Control.CanBlock = a["CAN-BLOCK-RELOAD"] == "YES"
		for name, to := range map[string]*float64{
			"CAN-SKIP-UNTIL": &p.Control.CanSkipUntil, "HOLD-BACK": &p.Control.HoldBack, "PART-HOLD-BACK": &p.Control.PartsBack,
		} {
			if v, ok := a[name]; ok {
				*to = s.seconds(name, v)
			}
		}
	case "#EXT-X-SKIP":
		p.Skipped = s.integer(tag, s.attributes(tag, value)["SKIPPED-SEGMENTS"])
		if len(p.Segments) > 0 {
			s.fault("EXT-X-SKIP after a segment")
		}
	case "#EXT-X-ENDLIST":
		p.Ended = true
	case "#EXT-X-NET-LIVE-VIDEO-LIVE-SEQUENCE", "#EXT-X-NET-LIVE-VIDEO-ELAPSED-SECS", "#EXT-X-NET-LIVE-VIDEO-TOTAL-SECS":
	default:
		return false
	}
	if s.counts[tag] > 1 {
		s.fault("%s twice", tag)
	}
	return true
}

// entry reads the tags about a segment, a part, or what comes after them.
func (s *parser) entry(tag, value string) bool {
	switch tag {
	case "#EXTINF":
		length, _, comma := strings.Cut(value, ",")
		if !comma {
			s.fault("EXTINF:%s has no comma", value)
		}
		s.seg.Duration = s.seconds(tag, length)
	case "#EXT-X-DISCONTINUITY":
		s.seg.Discontinuity = true
		if len(s.seg.Parts) > 0 {
			s.fault("EXT-X-DISCONTINUITY after a part of its segment")
		}
	case "#EXT-X-PROGRAM-DATE-TIME":
		date, err := time.Parse(time.RFC3339, value)
		if err != nil {
			s.fault("EXT-X-PROGRAM-DATE-TIME: %v", err)
		}
		if len(s.seg.Parts) == 0 { // one between parts is theirs alone
			s.seg.Date = date
		}
	case "#EXT-X-GAP":
		s.seg.Gap = true
	case "#EXT-X-MAP":
		s.seg.Map = s.resolve(quoted(s.attributes(tag, value)["URI"]))
	case "#EXT-X-PART":
		a := s.attributes(tag, value)
		s.seg.Parts = append(s.seg.Parts, Part{
			URI:         s.resolve(quoted(a["URI"])),
			Duration:    s.seconds(tag, a["DURATION"]),
			Independent: a["INDEPENDENT"] == "YES",
			Gap:         a["GAP"] == "YES",
		})
	case "#EXT-X-PRELOAD-HINT":
		a := s.attributes(tag, value)
		if a["TYPE"] == "PART" {
			s.p.Hint = s.resolve(quoted(a["URI"]))
		}
	case "#EXT-X-PREFETCH":
		s.p.Prefetch = append(s.p.Prefetch, s.resolve(value))
	case "#EXT-X-RENDITION-REPORT":
		a := s.attributes(tag, value)
		r := Report{URI: s.resolve(quoted(a["URI"])), MSN: s.integer("LAST-MSN", a["LAST-MSN"]), Part: -1}
		if part, ok := a["LAST-PART"]; ok {
			r.Part = s.integer("LAST-PART", part)
		}
		s.p.Reports = append(s.p.Reports, r)
	case "#EXT-X-DATERANGE":
		if a := s.attributes(tag, value); quoted(a["ID"]) == "" || quoted(a["START-DATE"]) == "" {
			s.fault("EXT-X-DATERANGE:%s has no ID or START-DATE", value)
		}
	case "#EXT-X-BITRATE":
	default:
		return false
	}
	return true
}

// whole checks what a playlist must have.
func (s *parser) whole() {
	p := &s.p
	need := func(version int, what string) {
		if p.Version < version {
			s.fault("EXT-X-VERSION is %d, %s needs %d", p.Version, what, version)
		}
	}
	switch {
	case p.Target <= 0:
		s.fault("no EXT-X-TARGETDURATION")
	case len(p.Segments) > 0 && p.Segments[0].Map != "":
		need(6, "EXT-X-MAP")
	case p.Skipped > 0:
		need(9, "EXT-X-SKIP")
	}
	need(3, "a decimal EXTINF")
	if p.Ended && (p.Hint != "" || len(p.Prefetch) > 0) {
		s.fault("EXT-X-ENDLIST beside a preload hint or prefetch")
	}
	if p.Hint != "" && s.counts["#EXT-X-PRELOAD-HINT"] > 1 {
		s.fault("%d preload hints", s.counts["#EXT-X-PRELOAD-HINT"])
	}
}

// attributes reads an attribute list (RFC 8216bis, 4.2).
func (s *parser) attributes(tag, list string) map[string]string {
	out := map[string]string{}
	for list != "" {
		name, rest, ok := strings.Cut(list, "=")
		if !ok {
			s.fault("%s has an attribute %q without a value", tag, name)
			return out
		}
		end := strings.IndexByte(rest, ',')
		if strings.HasPrefix(rest, `"`) {
			closing := strings.IndexByte(rest[1:], '"')
			if closing < 0 {
				s.fault("%s has %s with an open quote", tag, name)
				return out
			}
			end = closing + 2
			if end == len(rest) {
				end = -1
			} else if rest[end] != ',' {
				s.fault("%s has something after the quote of %s", tag, name)
				return out
			}
		}
		value := rest
		list = ""
		if end >= 0 {
			value, list = rest[:end], rest[end+1:]
		}
		if _, twice := out[name]; twice {
			s.fault("%s has %s twice", tag, name)
		}
		out[name] = value
	}
	return out
}

// quoted returns what is between quotes, or "".
func quoted(v string) string {
	if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
		return v[1 : len(v)-1]
	}
	return ""
}

func (s *parser) resolve(ref string) string {
	u, err := s.base.Parse(ref)
	if ref == "" || err != nil {
		s.fault("%q is not a URI", ref)
		return ""
	}
	return u.String()
}

func (s *parser) integer(what, v string) int64 {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 {
		s.fault("%s is %q, want a whole number", what, v)
	}
	return n
}

func (s *parser) seconds(what, v string) float64 {
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || f <= 0 || math.IsInf(f, 0) {
		s.fault("%s is %q, want seconds", what, v)
		return 0
	}
	return f
}

// Variants returns the URIs of a multivariant playlist.
func Variants(text string, from *url.URL) ([]string, error) {
	if !strings.HasPrefix(text, "#EXTM3U\n") {
		return nil, errors.New("a multivariant playlist without #EXTM3U")
	}
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		u, err := from.Parse(line)
		if err != nil {
			return nil, fmt.Errorf("variant: %w", err)
		}
		out = append(out, u.String())
	}
	if len(out) == 0 {
		return nil, errors.New("a multivariant playlist without variants")
	}
	return out, nil
}

package hls

import (
	"strconv"
	"strings"
)

// Source is the name of the rendition that is the encoder's own, as sent.
const Source = "source"

const (
	variantRoot = "/v1/playlist/"
	mediaRoot   = "/v1/segment/"
	gatedRoot   = "/v1/gated/"
	playlistExt = ".m3u8"
	initPrefix  = "init-"
	partPrefix  = "part-"
)

// URIs in playlists are relative, so that they hold behind any proxy, scheme
// and host the viewer came through. toRoot leads from a multivariant playlist
// at /api/video/v1/ to the root of these paths, toMedia from a media playlist
// to its segments.
const (
	toRoot  = "../../.."
	toMedia = "../../segment/"
	toGated = "../../gated/"
)

// VariantPath is the path of a rendition's media playlist, as one viewer session
// asks for it. The renditions of a session differ in the last element only, so
// that playlists which are the same for all can name each other.
func VariantPath(ticket, rendition string) string {
	return variantRoot + ticket + "/" + rendition + playlistExt
}

// ParseVariantPath is the reverse of VariantPath.
func ParseVariantPath(path string) (ticket, rendition string, ok bool) {
	name, ok := strings.CutPrefix(path, variantRoot)
	if !ok {
		return "", "", false
	}
	if name, ok = strings.CutSuffix(name, playlistExt); !ok {
		return "", "", false
	}
	ticket, rendition, ok = strings.Cut(name, "/")
	return ticket, rendition, ok && ticket != "" && rendition != "" && !strings.Contains(rendition, "/")
}

// A Kind says which of the things that media playlists point to one is.
type Kind uint8

// The kinds.
const (
	WholeSegment Kind = iota
	PartOfSegment
	InitSection
)

// A Place is where a thing is that media playlists point to.
type Place struct {
	Stream, Rendition string
	Kind              Kind
	Number            int64 // the segment's MSN; the part's number; the MSN of the first segment that needs the section
	Container         Container
	Seal              string // proves that a playlist named it; "" where none is needed
}

// Path is the place as a path.
func (p Place) Path() string { return string(p.appendTo([]byte(mediaRoot))) }

// appendTo appends what goes behind the root.
func (p Place) appendTo(b []byte) []byte {
	b = append(append(b, p.Stream...), '/')
	b = append(append(b, p.Rendition...), '/')
	b = append(b, p.Kind.String()...)
	b = strconv.AppendInt(b, p.Number, 10)
	if p.Seal != "" {
		b = append(append(b, '.'), p.Seal...)
	}
	return append(b, p.Container.ext()...)
}

// String is how the names of a kind begin.
func (k Kind) String() string {
	switch k {
	case PartOfSegment:
		return partPrefix
	case InitSection:
		return initPrefix
	default:
		return ""
	}
}

// ParsePlace is the reverse of Place.Path. It accepts no second way to write the
// same number.
func ParsePlace(path string) (p Place, ok bool) {
	rest, ok := strings.CutPrefix(path, mediaRoot)
	if !ok {
		return Place{}, false
	}
	p.Stream, rest, _ = strings.Cut(rest, "/")
	p.Rendition, rest, _ = strings.Cut(rest, "/")
	name, isTS := strings.CutSuffix(rest, TS.ext())
	name, isMP4 := strings.CutSuffix(name, MP4.ext())
	if p.Stream == "" || p.Rendition == "" || isTS == isMP4 {
		return Place{}, false
	}
	if isMP4 {
		p.Container = MP4
	}
	for _, k := range [...]Kind{PartOfSegment, InitSection} {
		if number, found := strings.CutPrefix(name, k.String()); found {
			name, p.Kind = number, k
			break
		}
	}
	name, seal, sealed := strings.Cut(name, ".")
	if sealed && len(seal) != sealLength {
		return Place{}, false
	}
	p.Seal = seal
	p.Number, ok = parseNumber(name)
	return p, ok
}

// ParseGatedPath reads the path of a thing that is behind a gate. What a gate
// means is up to whoever writes its name into playlists.
func ParseGatedPath(path string) (gate string, p Place, ok bool) {
	rest, ok := strings.CutPrefix(path, gatedRoot)
	if !ok {
		return "", Place{}, false
	}
	gate, rest, _ = strings.Cut(rest, "/")
	p, ok = ParsePlace(mediaRoot + rest)
	return gate, p, ok && gate != ""
}

// parseNumber reads a decimal number as it is written here.
func parseNumber(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == s
}

// Serves reports whether a path is one of those that media playlists and
// segments live under.
func Serves(path string) bool {
	return strings.HasPrefix(path, variantRoot) || strings.HasPrefix(path, mediaRoot) || strings.HasPrefix(path, gatedRoot)
}

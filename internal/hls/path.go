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
	playlistExt = ".m3u8"
	initPrefix  = "init-"
)

// URIs in playlists are relative, so that they hold behind any proxy, scheme
// and host the viewer came through. toRoot leads from a multivariant playlist
// at /api/video/v1/ to the root of these paths, toMedia from a media playlist
// to its segments.
const (
	toRoot  = "../../.."
	toMedia = "../../segment/"
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
	MSN               int64 // of the segment; for InitSection of the first that needs it
	Part              int   // from 0; for PartOfSegment
	Container         Container
}

// Path is the place as a path.
func (p Place) Path() string { return string(p.appendTo([]byte(mediaRoot))) }

// appendTo appends what goes behind the root.
func (p Place) appendTo(b []byte) []byte {
	b = append(append(b, p.Stream...), '/')
	b = append(append(b, p.Rendition...), '/')
	if p.Kind == InitSection {
		b = append(b, initPrefix...)
	}
	b = strconv.AppendInt(b, p.MSN, 10)
	if p.Kind == PartOfSegment {
		b = strconv.AppendInt(append(b, '.'), int64(p.Part), 10)
	}
	return append(b, p.Container.ext()...)
}

// ParsePlace is the reverse of Place.Path. It accepts no second way to write the
// same number.
func ParsePlace(path string) (p Place, ok bool) {
	rest, ok := strings.CutPrefix(path, mediaRoot)
	if !ok {
		return Place{}, false
	}
	var name string
	p.Stream, rest, _ = strings.Cut(rest, "/")
	p.Rendition, name, _ = strings.Cut(rest, "/")
	if p.Stream == "" || p.Rendition == "" {
		return Place{}, false
	}
	if name, ok = strings.CutSuffix(name, TS.ext()); !ok {
		p.Container = MP4
		if name, ok = strings.CutSuffix(name, MP4.ext()); !ok {
			return Place{}, false
		}
	}
	if number, found := strings.CutPrefix(name, initPrefix); found {
		p.Kind = InitSection
		p.MSN, ok = parseNumber(number)
		return p, ok
	}
	number, part, found := strings.Cut(name, ".")
	if found {
		p.Kind = PartOfSegment
		n, ok := parseNumber(part)
		if p.Part = int(n); !ok || int64(p.Part) != n {
			return Place{}, false
		}
	}
	p.MSN, ok = parseNumber(number)
	return p, ok
}

// parseNumber reads a decimal number as it is written here.
func parseNumber(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == s
}

// Serves reports whether a path is one of those that media playlists and
// segments live under.
func Serves(path string) bool {
	return strings.HasPrefix(path, variantRoot) || strings.HasPrefix(path, mediaRoot)
}

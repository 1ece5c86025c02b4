package hls

import (
	"strconv"
	"strings"
)

// Source is the name of the rendition that is the encoder's own, as sent.
const Source = "source"

const (
	variantRoot = "/v1/playlist/"
	segmentRoot = "/v1/segment/"
	playlistExt = ".m3u8"
	segmentExt  = ".ts"
)

// URIs in playlists are relative, so that they hold behind any proxy, scheme
// and host the viewer came through. toRoot leads from a multivariant playlist
// at /api/video/v1/ to the root of these paths, toSegments from a media
// playlist to its segments.
const (
	toRoot     = "../../.."
	toSegments = "../../segment/"
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

// SegmentPath is the path of segment msn of a rendition.
func SegmentPath(stream, rendition string, msn int64) string {
	return segmentRoot + stream + "/" + rendition + "/" + strconv.FormatInt(msn, 10) + segmentExt
}

// ParseSegmentPath is the reverse of SegmentPath. It accepts no second way to
// write the same number.
func ParseSegmentPath(path string) (stream, rendition string, msn int64, ok bool) {
	name, ok := strings.CutPrefix(path, segmentRoot)
	if !ok {
		return "", "", 0, false
	}
	if name, ok = strings.CutSuffix(name, segmentExt); !ok {
		return "", "", 0, false
	}
	p := strings.Split(name, "/")
	if len(p) != 3 || p[0] == "" || p[1] == "" {
		return "", "", 0, false
	}
	msn, err := strconv.ParseInt(p[2], 10, 64)
	if err != nil || msn < 0 || strconv.FormatInt(msn, 10) != p[2] {
		return "", "", 0, false
	}
	return p[0], p[1], msn, true
}

// Serves reports whether a path is one of those that media playlists and
// segments live under.
func Serves(path string) bool {
	return strings.HasPrefix(path, variantRoot) || strings.HasPrefix(path, segmentRoot)
}

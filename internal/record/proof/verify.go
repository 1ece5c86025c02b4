package proof

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strconv"
	"strings"
)

const (
	// maxText is the most that is read of a manifest, a playlist or metadata: more
	// than 48 hours of six renditions take.
	maxText = 128 << 20
	// maxProblems is how many problems are looked for before a recording is given
	// up.
	maxProblems = 20
)

// A Fetch opens an object of a recording, by its name below the prefix. A name that
// came from a recording is one that fs.ValidPath takes.
type Fetch func(ctx context.Context, name string) (io.ReadCloser, error)

// A Report is what a recording has.
type Report struct {
	Renditions, Segments int
	Bytes                int64
	Milliseconds         int64
}

// Verify compares a recording with its manifest: every segment is there and is what
// it was when it was written, and the playlists lead to all of it. The error tells
// of all that is wrong.
func Verify(ctx context.Context, fetch Fetch) (Report, error) {
	v := &verification{fetch: fetch}
	err := v.run(ctx)
	if err != nil {
		v.problems = append(v.problems, err)
	}
	return v.report, errors.Join(v.problems...)
}

type verification struct {
	fetch    Fetch
	report   Report
	problems []error
}

// A manifest is what a manifest says.
type manifest struct {
	Head

	Renditions []struct {
		Path     string    `json:"path"`
		Inits    []Init    `json:"inits"`
		Segments []Segment `json:"segments"`
	} `json:"renditions"`
}

func (v *verification) run(ctx context.Context) error {
	var m manifest
	if err := v.decode(ctx, Name, &m); err != nil {
		return err
	}
	if m.Version != Version {
		return fmt.Errorf("%s: version %.20q is not known", Name, m.Version)
	}
	if m.Failure != "" {
		v.add("the recording is marked as failed: %s", m.Failure)
	} else {
		v.checkEnd(ctx, m)
	}
	v.report.Milliseconds = m.Duration
	longest := 0.0
	for _, r := range m.Renditions {
		if !plainName(r.Path) {
			return fmt.Errorf("%s: %.40q is no folder", Name, r.Path)
		}
		v.report.Renditions++
		dir := path.Join(MediaDir, r.Path)
		for _, i := range r.Inits {
			v.object(ctx, dir, i.URI, i.Bytes, i.SHA256)
		}
		total := 0.0
		for n, s := range r.Segments {
			if s.Sequence != n {
				v.add("%s: segment %d is missing", dir, n)
			}
			v.object(ctx, dir, s.URI, s.Bytes, s.SHA256)
			v.report.Segments++
			total += s.Duration
			if err := v.enough(ctx); err != nil {
				return err
			}
		}
		longest = max(longest, total)
		v.playlist(ctx, dir, r.Inits, r.Segments)
		v.pieces(ctx, dir, r.Inits, r.Segments)
	}
	v.multivariant(ctx, MasterName, PlaylistName, m)
	v.multivariant(ctx, RangesName, PieceListName, m)
	if off := longest*1000 - float64(m.Duration); math.Abs(off) > 1 {
		v.add("the longest rendition lasts %.3f s, the recording is said to last %d ms", longest, m.Duration)
	}
	return nil
}

// enough ends a verification that is over or has found enough.
func (v *verification) enough(ctx context.Context) error {
	if len(v.problems) >= maxProblems {
		return errors.New("there may be more")
	}
	return context.Cause(ctx)
}

func (v *verification) add(format string, args ...any) {
	if len(v.problems) < maxProblems {
		v.problems = append(v.problems, fmt.Errorf(format, args...))
	}
}

// checkEnd compares the metadata with the manifest.
func (v *verification) checkEnd(ctx context.Context, m manifest) {
	var end struct {
		Status string `json:"recording_status"`
		Media  struct {
			HLS struct {
				Duration *int64 `json:"duration_ms"`
			} `json:"hls"`
		} `json:"media"`
	}
	if err := v.decode(ctx, EndedName, &end); err != nil {
		v.add("%w", err)
		return
	}
	if end.Status != EndedStatus || end.Media.HLS.Duration == nil || *end.Media.HLS.Duration != m.Duration {
		v.add("%s says %s, and another duration than the manifest's %d ms", EndedName, end.Status, m.Duration)
	}
}

func (v *verification) decode(ctx context.Context, name string, into any) error {
	b, err := v.read(ctx, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (v *verification) read(ctx context.Context, name string) ([]byte, error) {
	in, err := v.fetch(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	b, err := io.ReadAll(io.LimitReader(in, maxText+1))
	if err == nil && len(b) > maxText {
		err = fmt.Errorf("it has more than %d bytes", maxText)
	}
	if err = errors.Join(err, in.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b, nil
}

// plainName reports whether a name can be that of an object in a folder.
func plainName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) < 256 && !strings.ContainsAny(name, "/\\\x00?#")
}

// object reads an object and compares it with what it was.
func (v *verification) object(ctx context.Context, dir, uri string, size int64, sum string) {
	name := path.Join(dir, uri)
	if !plainName(uri) {
		v.add("%s: %.40q is no name", dir, uri)
		return
	}
	in, err := v.fetch(ctx, name)
	if err != nil {
		v.add("%s: %w", name, err)
		return
	}
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(in, size+1))
	err = errors.Join(err, in.Close())
	v.report.Bytes += n
	switch {
	case err != nil:
		v.add("%s: %w", name, err)
	case n != size:
		v.add("%s has %d bytes, not the %d that were written", name, n, size)
	case hex.EncodeToString(h.Sum(nil)) != sum:
		v.add("%s is not what was written", name)
	}
}

// multivariant compares a list of playlists that have a name with the renditions.
func (v *verification) multivariant(ctx context.Context, name, playlist string, m manifest) {
	name = path.Join(MediaDir, name)
	b, err := v.read(ctx, name)
	if err != nil {
		v.add("%w", err)
		return
	}
	if !strings.HasPrefix(string(b), "#EXTM3U\n") {
		v.add("%s: it is no playlist", name)
		return
	}
	missing := make(map[string]bool)
	for _, r := range m.Renditions {
		missing[r.Path+"/"+playlist] = true
	}
	for line := range strings.Lines(string(b)) {
		uri, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "?") // where a server adds what it asks for
		if uri == "" || uri[0] == '#' {
			continue
		}
		if !missing[uri] {
			v.add("%s lists %.80q, which was not written, or twice", name, uri)
			return
		}
		delete(missing, uri)
	}
	for _, r := range m.Renditions {
		if missing[r.Path+"/"+playlist] {
			v.add("%s does not list %s", name, r.Path)
		}
	}
}

// maps compares the initialization sections that a playlist names with those that were
// written: all of a rendition needs one, and they come in their order.
func (v *verification) maps(name string, all []listed, inits []Init) {
	at := 0
	for _, l := range all {
		if l.init == "" && len(inits) == 0 {
			continue
		}
		for at < len(inits) && inits[at].URI != l.init {
			at++
		}
		if at == len(inits) {
			v.add("%s has initialization section %.40q for %s, which was not written for it", name, l.init, l.uri)
			return
		}
	}
}

// playlist compares a rendition's playlist with its segments.
func (v *verification) playlist(ctx context.Context, dir string, inits []Init, segments []Segment) {
	name := path.Join(dir, PlaylistName)
	listed, err := v.listed(ctx, name)
	if err != nil {
		v.add("%w", err)
		return
	}
	if len(listed) != len(segments) {
		v.add("%s lists %d segments, %d were written", name, len(listed), len(segments))
		return
	}
	for i, l := range listed {
		if s := segments[i]; l.uri != s.URI || math.Abs(l.seconds-s.Duration) > 1e-4 || l.size >= 0 {
			v.add("%s lists %.40q with %.5f s in place of %s with %.5f s", name, l.uri, l.seconds, s.URI, s.Duration)
			return
		} else if l.broken != s.Discontinuity {
			v.add("%s has a discontinuity before %s: %t, it was written with one: %t", name, s.URI, l.broken, s.Discontinuity)
			return
		}
	}
	v.maps(name, listed, inits)
}

// pieces compares a rendition's list of pieces with its segments.
func (v *verification) pieces(ctx context.Context, dir string, inits []Init, segments []Segment) {
	name := path.Join(dir, PieceListName)
	listed, err := v.listed(ctx, name)
	if err != nil {
		v.add("%w", err)
		return
	}
	v.maps(name, listed, inits)
	for _, s := range segments {
		n, at, length := 0, int64(0), 0.0
		for len(listed) > 0 && listed[0].uri == s.URI && listed[0].at == at {
			if broken := n == 0 && s.Discontinuity; listed[0].broken != broken {
				v.add("%s has a discontinuity before byte %d of %s: %t, it was written with one: %t", name, at, s.URI, !broken, broken)
				return
			}
			n, at, length = n+1, at+listed[0].size, length+listed[0].seconds
			listed = listed[1:]
		}
		if n != s.Pieces || at != s.Bytes || math.Abs(length-s.Duration) > float64(n+1)*1e-4 {
			v.add("%s lists %d pieces of %s with %d bytes and %.5f s, not %d with %d bytes and %.5f s", name, n, s.URI, at, length, s.Pieces, s.Bytes, s.Duration)
			return
		}
	}
	if len(listed) > 0 {
		v.add("%s lists %.40q, which was not written", name, listed[0].uri)
	}
}

func (v *verification) listed(ctx context.Context, name string) ([]listed, error) {
	b, err := v.read(ctx, name)
	if err != nil {
		return nil, err
	}
	all, err := readPlaylist(string(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return all, nil
}

// A listed is what a playlist says of a segment.
type listed struct {
	uri      string
	seconds  float64
	size, at int64 // size is negative where the whole is meant
	broken   bool  // it does not follow on what was before
	init     string
}

const initTag = `#EXT-X-MAP:URI="`

// readPlaylist reads what matters of a playlist that is complete.
func readPlaylist(text string) (all []listed, err error) {
	if !strings.HasPrefix(text, "#EXTM3U\n") {
		return nil, errors.New("it is no playlist")
	}
	l, ended := listed{size: -1}, false
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 64<<10)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "#EXTINF:"):
			number, _, _ := strings.Cut(line[len("#EXTINF:"):], ",")
			l.seconds, err = strconv.ParseFloat(number, 64)
		case strings.HasPrefix(line, "#EXT-X-BYTERANGE:"):
			size, at, _ := strings.Cut(line[len("#EXT-X-BYTERANGE:"):], "@")
			var wrong error
			l.size, err = strconv.ParseInt(size, 10, 64)
			l.at, wrong = strconv.ParseInt(at, 10, 64)
			err = errors.Join(err, wrong)
		case line == "#EXT-X-DISCONTINUITY":
			l.broken = true
		case strings.HasPrefix(line, initTag):
			uri, _, _ := strings.Cut(line[len(initTag):], `"`)
			l.init, _, _ = strings.Cut(uri, "?")
		case line == "#EXT-X-ENDLIST":
			ended = true
		case line != "" && line[0] != '#':
			l.uri, _, _ = strings.Cut(line, "?") // where a server adds what it asks for
			all = append(all, l)
			l = listed{size: -1, init: l.init}
		}
		if err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if !ended {
		return nil, errors.New("it has no end")
	}
	return all, nil
}

package control_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"openivs/internal/api/ivsapi"
	"openivs/internal/ivs"
)

// The scripts say what goes over the wire. A script is a sequence of sections,
// each begun by a line "-- word arguments --":
//
//	request   METHOD TARGET on the first line, the body after it
//	answer    the status, then headers, then the JSON body, of the last request
//	create    VAR [NAME]: a channel with a name, VAR unless said; its ARN is
//	          $VAR, its key's $VARkey, escaped for a path $VARpath, $VARkeypath
//	publish   CHANNEL ID TIME: an encoder goes live; the stream's id gets a name
//	connect   CHANNEL ID TIME: an encoder is let in and sends nothing
//	end       ID TIME: the encoder leaves
//	health    CHANNEL HEALTH
//	settle    recording configurations are looked at
//	region    REGION: the server stands for another
//	put       CHANNEL PAYLOAD: what PutMetadata last put into its stream
//	revoked   CHANNEL VIEWER VERSION
//
// In an expected body "$name" stands for any string the first time, and for
// that string from then on; in everything else it stands for that string, and
// "$namepath" for the string escaped for a path.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	stores := withPostgres(t)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		for _, b := range stores {
			t.Run(name+"/"+b.name, func(t *testing.T) {
				t.Parallel()
				s := &script{server: newServer(b.open(t)), names: map[string]string{}, streams: map[string]*ivs.Session{}}
				for _, sec := range sections(t, string(text)) {
					s.run(t, sec)
				}
			})
		}
	}
}

type section struct {
	line int // of its first line, for messages
	head []string
	body string
}

var sectionHead = regexp.MustCompile(`^-- (.+) --$`)

func sections(t *testing.T, text string) []section {
	t.Helper()
	var out []section
	for i, line := range strings.Split(text, "\n") {
		if m := sectionHead.FindStringSubmatch(line); m != nil {
			out = append(out, section{line: i + 1, head: strings.Fields(m[1])})
		} else if len(out) > 0 {
			out[len(out)-1].body += line + "\n"
		}
	}
	return out
}

type script struct {
	*server
	names   map[string]string
	streams map[string]*ivs.Session

	asked  string // the last request
	status int
	header map[string][]string
	body   []byte
}

func (s *script) run(t *testing.T, sec section) {
	t.Helper()
	for i, w := range sec.head {
		if i != 2 { // the name of a stream, where it is made
			sec.head[i] = s.expand(w)
		}
	}
	switch sec.head[0] {
	case "request":
		line, body, _ := strings.Cut(s.expand(sec.body), "\n")
		method, target, _ := strings.Cut(line, " ")
		s.asked = fmt.Sprintf("line %d: %s", sec.line, line)
		r := s.do(method, target, strings.TrimSpace(body))
		s.status, s.header = r.StatusCode, r.Header
		s.body, _ = io.ReadAll(r.Body)
	case "answer":
		s.compare(t, sec)
	case "create":
		v := sec.head[1]
		out, err := s.plane.CreateChannel(t.Context(), &ivsapi.CreateChannelInput{Name: &sec.head[len(sec.head)-1]})
		if err != nil {
			t.Fatalf("line %d: %v", sec.line, err)
		}
		s.names[v], s.names[v+"key"] = *out.Channel.ARN, *out.StreamKey.ARN
		s.names[v+"path"], s.names[v+"keypath"] = url.QueryEscape(*out.Channel.ARN), url.QueryEscape(*out.StreamKey.ARN)
	case "publish", "connect":
		at := parseTime(t, sec.head[3])
		v := s.open(t, parseARN(t, sec.head[1]), at)
		if sec.head[0] == "publish" {
			s.start(t, &v, at.Add(6*time.Second))
		}
		name := strings.TrimPrefix(sec.head[2], "$")
		s.streams[v.StreamID], s.names[name] = &v, v.StreamID
	case "end":
		s.end(t, s.streams[sec.head[1]], parseTime(t, s.expand(sec.head[2])))
	case "health":
		s.live.mu.Lock()
		for i := range s.live.streams {
			if s.live.streams[i].Channel.String() == sec.head[1] {
				s.live.streams[i].Health = ivs.Health(sec.head[2])
			}
		}
		s.live.mu.Unlock()
	case "settle":
		s.plane.Destinations.Settle(t.Context())
	case "region":
		s.plane.Addresses.Region = sec.head[1]
	case "put":
		put := s.live.payload[parseARN(t, sec.head[1])]
		if want := s.expand(sec.head[2]); len(put) == 0 || put[len(put)-1] != want {
			t.Errorf("line %d: put %q, want %q at last", sec.line, put, want)
		}
	case "revoked":
		v, err := s.store.Revocation(t.Context(), parseARN(t, sec.head[1]), sec.head[2])
		if got := strconv.FormatInt(v.Version, 10); err != nil || got != sec.head[3] {
			t.Errorf("line %d: revoked up to %s, %v, want %s", sec.line, got, err, sec.head[3])
		}
	default:
		t.Fatalf("line %d: no section is called %q", sec.line, sec.head[0])
	}
}

var name = regexp.MustCompile(`\$[a-z]\w*`)

func (s *script) expand(text string) string {
	return name.ReplaceAllStringFunc(text, func(n string) string {
		if v, ok := s.names[n[1:]]; ok {
			return v
		}
		return n
	})
}

func (s *script) compare(t *testing.T, sec section) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(sec.body), "\n")
	if got := strconv.Itoa(s.status); got != lines[0] {
		t.Fatalf("%s\nanswered %s %s, want %s", s.asked, got, s.body, lines[0])
	}
	n := 1
	for ; n < len(lines) && !strings.HasPrefix(lines[n], "{"); n++ {
		key, want, _ := strings.Cut(lines[n], ": ")
		if got := s.header[key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s\nanswered %s: %q, want %q", s.asked, key, got, want)
		}
	}
	want := strings.TrimSpace(strings.Join(lines[n:], "\n"))
	if want == "" {
		if len(s.body) > 0 {
			t.Errorf("%s\nanswered %s, want no body", s.asked, s.body)
		}
		return
	}
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("line %d: %v", sec.line, err)
	}
	if err := json.Unmarshal(s.body, &g); err != nil {
		t.Fatalf("%s\nanswered %q: %v", s.asked, s.body, err)
	}
	if diff := s.diff("", g, w); diff != "" {
		t.Errorf("%s\n%s\nanswered %s", s.asked, diff, s.body)
	}
}

// diff says where two JSON values differ, and learns names on the way.
func (s *script) diff(at string, got, want any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		for _, k := range slices.Sorted(maps.Keys(g)) {
			if _, ok := w[k]; !ok {
				return fmt.Sprintf("%s.%s is %v, want it absent", at, k, g[k])
			}
		}
		for _, k := range slices.Sorted(maps.Keys(w)) {
			v, ok := g[k]
			if !ok {
				return fmt.Sprintf("%s.%s is absent, want %v", at, k, w[k])
			}
			if d := s.diff(at+"."+k, v, w[k]); d != "" {
				return d
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			break
		}
		for i := range w {
			if d := s.diff(fmt.Sprintf("%s[%d]", at, i), g[i], w[i]); d != "" {
				return d
			}
		}
		return ""
	case string:
		if n, isName := strings.CutPrefix(w, "$"); isName {
			if _, known := s.names[n]; !known && name.FindString(w) == w {
				text, ok := got.(string)
				if !ok {
					break
				}
				s.names[n], s.names[n+"path"] = text, url.QueryEscape(text)
				return ""
			}
		}
		if got == s.expand(w) {
			return ""
		}
		want = s.expand(w)
	default:
		if got == want {
			return ""
		}
	}
	return fmt.Sprintf("%s is %v, want %v", at, got, want)
}

func parseTime(tb testing.TB, s string) time.Time {
	tb.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		tb.Fatal(err)
	}
	return at
}

func parseARN(tb testing.TB, s string) ivs.ARN {
	tb.Helper()
	a, err := ivs.ParseARN(s)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

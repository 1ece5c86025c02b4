package playback_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/hls"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
	"openivs/internal/pipeline"
	"openivs/internal/playback"
)

// A stage is a site without sockets, for a bubble: its channel "live" is in low
// latency, and media goes in as the test wants.
type stage struct {
	t    *testing.T
	site site
	pipe *pipeline.Pipeline
	next func() (media.Unit, bool)
	now  media.Ticks
}

// onStage runs a test in a bubble, for each container.
func onStage(t *testing.T, test func(s *stage)) {
	t.Helper()
	for _, c := range []ivs.ContainerFormat{ivs.TS, ivs.FragmentedMP4} {
		t.Run(string(c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stage{t: t}
				s.site = site{tb: t, builder: pipeline.Builder{PartsInTS: true}}
				s.site.server = playback.Server{
					Streams: &s.site.builder, Channels: channels{"live": channel("live", false)},
					Audience: &playback.Audience{Key: []byte("a key of tests")}, Log: slog.New(slog.DiscardHandler),
				}
				s.open("st-1a", c)
				test(s)
				if err := s.pipe.Close(true); err != nil {
					t.Error(err)
				}
				<-time.After(2 * time.Minute) // the ended stream is forgotten
			})
		})
	}
}

func (s *stage) open(stream string, c ivs.ContainerFormat) {
	s.t.Helper()
	ch := channel("live", false)
	ch.Container, ch.Latency = c, ivs.LatencyLow
	var err error
	if s.pipe, err = s.site.builder.Open(ivs.Session{StreamID: stream, Channel: ivs.Snapshot{Channel: ch}}); err != nil {
		s.t.Fatal(err)
	}
	var stop func()
	s.next, stop = iter.Pull(mediatest.Plain(s.t).Units(time.Minute))
	s.t.Cleanup(stop)
	s.now = 0
}

// send writes media up to a time.
func (s *stage) send(to time.Duration) {
	s.t.Helper()
	for s.now < media.TicksOf(to) {
		u, ok := s.next()
		if !ok {
			s.t.Fatal("there is no more media")
		}
		if err := s.pipe.WriteUnit(u); err != nil {
			s.t.Fatal(err)
		}
		s.now = u.DTS
	}
}

// An answer is what a request got until now.
type answer struct {
	*httptest.ResponseRecorder
	done   chan struct{}
	cancel context.CancelFunc
}

// ask sends a request and lets it go as far as it does.
func (s *stage) ask(method, path string, header ...string) *answer {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	r := httptest.NewRequestWithContext(ctx, method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	a := &answer{ResponseRecorder: httptest.NewRecorder(), done: make(chan struct{}), cancel: cancel}
	go func() {
		defer close(a.done)
		s.site.server.ServeHTTP(a, r)
	}()
	synctest.Wait()
	return a
}

// waits reports whether the request is held.
func (a *answer) waits() bool {
	synctest.Wait()
	select {
	case <-a.done:
		return false
	default:
		return true
	}
}

// variant returns the path of the media playlist.
func (s *stage) variant() string {
	s.t.Helper()
	path := ivs.PlaybackPath(channel("live", false).ARN)
	a := s.ask("GET", path)
	if a.Code != 200 {
		s.t.Fatalf("%s: %d %s", path, a.Code, a.Body)
	}
	return strings.TrimPrefix(last(s.t, "http://x"+path, a.Body.Bytes()), "http://x")
}

// uri returns the path that a line of a playlist has, or "".
func (s *stage) uri(playlist, prefix string) (list []string) {
	for line := range strings.Lines(playlist) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), prefix)
		if !ok {
			continue
		}
		if _, quoted, found := strings.Cut(rest, `URI="`); found {
			rest, _, _ = strings.Cut(quoted, `"`)
		}
		list = append(list, strings.Replace(rest, "../..", "/v1", 1))
	}
	return list
}

func TestBlockingReload(t *testing.T) {
	onStage(t, func(s *stage) {
		s.send(5 * time.Second) // segments 0 and 1, and about 4 parts of 2
		variant := s.variant()
		for _, tc := range []struct {
			ask   string
			until time.Duration // media; 0: it is not held
		}{
			{"", 0},
			{"?_HLS_msn=1", 0},
			{"?_HLS_msn=0&_HLS_part=7", 0},
			{"?_HLS_msn=2&_HLS_part=0", 0},
			{"?_HLS_msn=2&_HLS_part=7&token=x", 5600 * time.Millisecond},
			{"?_HLS_msn=2", 6 * time.Second},
			{"?_HLS_msn=3&_HLS_part=0", 6200 * time.Millisecond},
			{"?_HLS_msn=3&_HLS_part=10", 8200 * time.Millisecond}, // which is part 0 of 4
			{"?_HLS_skip=YES&_HLS_msn=5", 12 * time.Second},
		} {
			a := s.ask("GET", variant+tc.ask)
			if tc.until == 0 {
				if a.waits() || a.Code != 200 {
					t.Errorf("%q is held", tc.ask)
				}
				continue
			}
			s.send(tc.until - 100*time.Millisecond)
			if !a.waits() {
				t.Errorf("%q was answered %d with the media of %v", tc.ask, a.Code, s.now.Duration())
			}
			s.send(tc.until + 60*time.Millisecond)
			if a.waits() || a.Code != 200 {
				t.Errorf("%q is not answered with the media of %v", tc.ask, s.now.Duration())
			}
		}
	})
}

func TestDirectivesThatMakeNoSense(t *testing.T) {
	onStage(t, func(s *stage) {
		s.send(5 * time.Second)
		variant := s.variant()
		for query, want := range map[string]int{
			"_HLS_msn=4": 400, "_HLS_msn=3&_HLS_part=16": 400, "_HLS_msn=2&_HLS_part=21": 400, "_HLS_part=1": 400,
			"_HLS_msn=x": 400, "_HLS_msn=-1": 400, "_HLS_msn=2&_HLS_part=-1": 400, "_HLS_msn=99999999999999999999": 400,
			"_HLS_msn=%zz": 400, "_HLS_msn=1&" + strings.Repeat("a", 5000): 400,
			"_HLS_skip=YES": 200, "_HLS_skip=v2": 200, "_HLS_skip=maybe": 200, "_HLS_msn=": 200,
		} {
			if a := s.ask("GET", variant+"?"+query); a.waits() || a.Code != want {
				t.Errorf("%.60s: %d, want %d", query, a.Code, want)
				a.cancel()
			}
		}
	})
}

func TestStallIsNotWaitedOutForEver(t *testing.T) {
	onStage(t, func(s *stage) {
		s.send(5 * time.Second)
		a := s.ask("GET", s.variant()+"?_HLS_msn=3")
		start := time.Now()
		<-a.done
		if took := time.Since(start); took != 8*time.Second || a.Code != 503 || a.Header().Get("Retry-After") == "" {
			t.Errorf("answered %d after %v, want 503 after 8 s", a.Code, took)
		}
	})
}

func TestGoneViewerIsNotWaitedFor(t *testing.T) {
	onStage(t, func(s *stage) {
		s.send(5 * time.Second)
		variant := s.variant()
		text := s.ask("GET", variant).Body.String()
		paths := append(s.uri(text, "#EXT-X-PREFETCH:"), s.uri(text, "#EXT-X-PRELOAD-HINT:")...)
		for _, path := range append(paths, variant+"?_HLS_msn=3") {
			a := s.ask("GET", path)
			if !a.waits() {
				t.Errorf("%s is not held", path)
			}
			a.cancel()
			if a.waits() {
				t.Errorf("%s is held for nobody", path)
			}
		}
	})
}

func TestHintedPart(t *testing.T) {
	onStage(t, func(s *stage) {
		s.send(5100 * time.Millisecond)
		variant := s.variant()
		hint := s.uri(s.ask("GET", variant).Body.String(), "#EXT-X-PRELOAD-HINT:")[0]
		a := s.ask("GET", hint)
		if !a.waits() {
			t.Fatalf("%s: %d", hint, a.Code)
		}
		s.send(5260 * time.Millisecond)
		if a.waits() || a.Code != 200 || a.Body.Len() == 0 || a.Header().Get("Etag") == "" ||
			!strings.Contains(a.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("the part: %d, %d bytes, %v", a.Code, a.Body.Len(), a.Header())
		}
		again := s.ask("GET", hint)
		if !bytes.Equal(again.Body.Bytes(), a.Body.Bytes()) || again.Header().Get("Etag") != a.Header().Get("Etag") {
			t.Error("the part is another when it is asked for again")
		}
		at, ok := hls.ParsePlace(hint)
		if !ok {
			t.Fatal(hint)
		}
		at.Number += 9
		if a := s.ask("GET", at.Path()); a.waits() || a.Code != 404 {
			t.Errorf("a part that nobody announced: %d, want 404", a.Code)
			a.cancel()
		}
		s.send(5950 * time.Millisecond)
		for range 3 { // over the end of the segment, which nobody knows before
			hint = s.uri(s.ask("GET", variant).Body.String(), "#EXT-X-PRELOAD-HINT:")[0]
			a = s.ask("GET", hint)
			s.send(s.now.Duration() + 220*time.Millisecond)
			if a.waits() || a.Code != 200 || a.Body.Len() == 0 {
				t.Errorf("%s: %d, %d bytes", hint, a.Code, a.Body.Len())
				a.cancel()
			}
		}
	})
}

func TestAnnouncedSegmentIsSentAsItIsMade(t *testing.T) {
	onStage(t, func(s *stage) {
		s.send(5 * time.Second)
		announced := s.uri(s.ask("GET", s.variant()).Body.String(), "#EXT-X-PREFETCH:")
		if len(announced) != 2 {
			t.Fatalf("announced: %v", announced)
		}
		first, second := s.ask("GET", announced[0]), s.ask("GET", announced[1])
		part, head := s.ask("GET", announced[0], "Range", "bytes=0-99"), s.ask("HEAD", announced[0])
		begun := first.Body.Len()
		if !first.waits() || begun == 0 || second.Body.Len() > 0 || !second.waits() {
			t.Errorf("%d bytes of the first and %d of the second have come", begun, second.Body.Len())
		}
		s.send(5700 * time.Millisecond)
		if !first.waits() || first.Body.Len() <= begun {
			t.Errorf("%d bytes have come, then %d", begun, first.Body.Len())
		}
		s.send(6100 * time.Millisecond)
		if first.waits() || part.waits() || head.waits() {
			t.Fatal("held beyond its end")
		}
		whole := s.ask("GET", announced[0])
		if !bytes.Equal(first.Body.Bytes(), whole.Body.Bytes()) || first.Header().Get("Etag") != whole.Header().Get("Etag") {
			t.Errorf("%d bytes came as they were made, the segment has %d", first.Body.Len(), whole.Body.Len())
		}
		if part.Code != 206 || !bytes.Equal(part.Body.Bytes(), whole.Body.Bytes()[:100]) {
			t.Errorf("a range of it: %d, %d bytes", part.Code, part.Body.Len())
		}
		if head.Header().Get("Content-Length") != fmt.Sprint(whole.Body.Len()) {
			t.Errorf("HEAD: %v", head.Header())
		}
		s.send(8100 * time.Millisecond)
		if second.waits() || second.Body.Len() == 0 {
			t.Error("the second is not whole")
		}
	})
}

func TestEndOfTheStreamBreaksNoPromise(t *testing.T) {
	onStage(t, func(s *stage) {
		s.send(5 * time.Second)
		variant := s.variant()
		announced := s.uri(s.ask("GET", variant).Body.String(), "#EXT-X-PREFETCH:")
		first, second := s.ask("GET", announced[0]), s.ask("GET", announced[1])
		third, _ := hls.ParsePlace(announced[1])
		third.Number++
		hint, _ := hls.ParsePlace(s.uri(s.ask("GET", variant).Body.String(), "#EXT-X-PRELOAD-HINT:")[0])
		made := s.ask("GET", hint.Path())
		reload := s.ask("GET", variant+"?_HLS_msn=3&_HLS_part=1")
		if err := s.pipe.Close(true); err != nil {
			t.Fatal(err)
		}
		if first.waits() || first.Code != 200 || first.Body.Len() == 0 {
			t.Errorf("the segment that was being made: %d, %d bytes", first.Code, first.Body.Len())
		}
		if made.waits() || made.Code != 200 || made.Body.Len() == 0 {
			t.Errorf("the part that was being made: %d, %d bytes", made.Code, made.Body.Len())
		}
		if second.waits() || second.Code != 200 || !bytes.Equal(second.Body.Bytes(), made.Body.Bytes()) {
			t.Errorf("the segment that is that part: %d, %d bytes", second.Code, second.Body.Len())
		}
		hint.Number++
		for name, a := range map[string]*answer{"part": s.ask("GET", hint.Path()), "segment": s.ask("GET", third.Path())} {
			if a.waits() || a.Code != 200 || a.Body.Len() != 0 || a.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("what never was, %s: %d, %d bytes, %v", name, a.Code, a.Body.Len(), a.Header())
			}
		}
		if reload.waits() || reload.Code != 200 || !strings.HasSuffix(reload.Body.String(), "#EXT-X-ENDLIST\n") {
			t.Errorf("who waited for more gets %d\n%s", reload.Code, reload.Body)
		}
	})
}

// TestNextStreamGoesOn reloads the same playlist over the end of a stream.
func TestNextStreamGoesOn(t *testing.T) {
	onStage(t, func(s *stage) {
		s.send(5 * time.Second)
		variant := s.variant()
		container := ivs.TS
		if strings.Contains(s.ask("GET", variant).Body.String(), ".mp4") {
			container = ivs.FragmentedMP4
		}
		if err := s.pipe.Close(true); err != nil {
			t.Fatal(err)
		}
		s.open("st-1b", container)
		a := s.ask("GET", variant)
		if !a.waits() {
			t.Errorf("before the next stream has media: %d", a.Code)
		}
		s.send(400 * time.Millisecond)
		held := a.waits()
		text := a.Body.String()
		if held || a.Code != 200 || !strings.Contains(text, "#EXT-X-MEDIA-SEQUENCE:4\n") ||
			!strings.Contains(text, "#EXT-X-DISCONTINUITY\n") || strings.Contains(text, "ENDLIST") || !strings.Contains(text, "/st-1b/") {
			t.Errorf("the next stream begins %d\n%s", a.Code, text)
		}
		s.send(5 * time.Second)
		if text := s.ask("GET", variant+"?_HLS_msn=5").Body.String(); !strings.Contains(text, "/st-1b/source/5.") {
			t.Errorf("and goes on\n%s", text)
		}
	})
}

// TestOneRenderingForAll compares what many viewers of a revision get.
func TestOneRenderingForAll(t *testing.T) {
	onStage(t, func(s *stage) {
		s.send(30 * time.Second)
		variant := s.variant()
		var all []*answer
		for range 50 {
			all = append(all, s.ask("GET", variant+"?_HLS_msn=15&_HLS_part=1&_HLS_skip=YES"))
		}
		s.send(30500 * time.Millisecond)
		for _, a := range all {
			if a.waits() || a.Code != http.StatusOK || !bytes.Equal(a.Body.Bytes(), all[0].Body.Bytes()) {
				t.Fatalf("%d, %d bytes", a.Code, a.Body.Len())
			}
		}
		if text := all[0].Body.String(); !strings.Contains(text, "#EXT-X-SKIP:SKIPPED-SEGMENTS=") {
			t.Errorf("no delta update\n%s", text)
		}
	})
}

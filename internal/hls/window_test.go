package hls

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/media"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var day = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

// fill publishes segments of a length and size, dated one after the other.
func fill(w *Window, from, to int64, length time.Duration, size int) {
	data := make([]byte, size)
	for n := from; n < to; n++ {
		w.publish(&Segment{
			MSN:      n,
			Duration: media.TicksOf(length),
			Date:     day.Add(time.Duration(n) * length),
			Key:      true,
			Data:     data,
		}, length.Round(time.Second), 0, Facts{})
	}
}

func TestWaitWakesOnPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(Window)
		time.AfterFunc(2*time.Second, func() { fill(w, 0, 1, 2*time.Second, 1) })
		start := time.Now()
		s, err := w.Wait(t.Context(), (*Snapshot).Playable)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := time.Since(start), 2*time.Second; got != want {
			t.Errorf("woke after %v, want %v", got, want)
		}
		if got := s.Segments[0].MSN; got != 0 {
			t.Errorf("first segment is %d, want 0", got)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("the viewer hung up")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(gone) })
		if _, err := new(Window).Wait(ctx, (*Snapshot).Playable); !errors.Is(err, gone) {
			t.Errorf("Wait: %v, want %v", err, gone)
		}
	})
}

func TestWaitEndsWithTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(Window)
		time.AfterFunc(time.Second, func() { w.close(true) })
		s, err := w.Wait(t.Context(), func(*Snapshot) bool { return false })
		if err != nil || !s.Ended {
			t.Errorf("Wait: %v, ended %t", err, s.Ended)
		}
	})
}

func TestWindowIsBounded(t *testing.T) {
	for _, tc := range []struct {
		name         string
		length       time.Duration // of a segment
		size         int
		listed, left int
	}{
		{"2 s segments", 2 * time.Second, 1000, 15, 3},
		{"2.002 s segments", 2002 * time.Millisecond, 1000, 15, 3},
		{"6 s segments", 6 * time.Second, 1000, 5, 3},
		{"single pictures", time.Second / 60, 1000, 64, 3},
		{"more than memory may hold", 2 * time.Second, 9 << 20, 7, 0},
		{"one is more than memory may hold", 2 * time.Second, 65 << 20, 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := new(Window)
			const n = 200
			fill(w, 0, n, tc.length, tc.size)
			s := w.Snapshot()
			if len(s.Segments) != tc.listed || len(s.left) != tc.left {
				t.Errorf("%d segments listed and %d more served, want %d and %d", len(s.Segments), len(s.left), tc.listed, tc.left)
			}
			if want := int64(tc.size * (tc.listed + tc.left)); s.size != want {
				t.Errorf("size is %d, want %d", s.size, want)
			}
			for msn := int64(-1); msn <= n; msn++ {
				seg, ok := s.Segment(msn)
				want := msn < n && msn >= int64(n-tc.listed-tc.left)
				if ok != want || ok && seg.MSN != msn {
					t.Errorf("Segment(%d) is there: %t, want %t", msn, ok, want)
				}
			}
		})
	}
}

func TestSnapshotNeverChanges(t *testing.T) {
	w := new(Window)
	fill(w, 0, 40, 2*time.Second, 10)
	s := w.Snapshot()
	before, first := string(s.render(0)), s.left[0]
	fill(w, 40, 90, 2*time.Second, 10)
	if s.render(0); string(s.render(0)) != before || s.left[0] != first || s.Segments[0] == nil {
		t.Error("a snapshot changed when the window moved on")
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPlaylistGolden(t *testing.T) {
	w := &Window{Stream: "st-1abc", Rendition: Source}
	fill(w, 0, 2, 2*time.Second, 1)
	golden(t, "begin", w.Snapshot().Playlist(false))

	w.publish(&Segment{MSN: 2, Duration: media.TicksOf(700 * time.Millisecond), Date: day.Add(4 * time.Second)}, 2*time.Second, 0, Facts{})
	w.publish(&Segment{MSN: 3, Duration: 180180, Date: day.Add(9 * time.Second), Discontinuity: true}, 2*time.Second, 0, Facts{})
	fill(w, 4, 12, 2*time.Second, 1)
	golden(t, "break", w.Snapshot().Playlist(false))

	fill(w, 12, 30, 2*time.Second, 1)
	w.close(true)
	golden(t, "end", w.Snapshot().Playlist(false))
}

func TestMultivariantGolden(t *testing.T) {
	picture := media.Picture{Profile: 0x64, Constraints: 0, Level: 0x1f, Width: 1280, Height: 720, Framerate: 30}
	sound := &media.Track{Kind: media.Audio, Codec: media.AAC, Sound: media.Sound{ObjectType: 2, SampleRate: 48000, Channels: 2}}
	for _, tc := range []struct {
		name  string
		facts Facts
	}{
		{"720p30", Facts{Audio: sound, Framerate: 30, Peak: 3422999, Average: 3000000}},
		{"video", Facts{Framerate: 59.94, Peak: 1, Average: 1}},
	} {
		tc.facts.Video = &media.Track{Kind: media.Video, Codec: media.H264, Picture: picture}
		w := &Window{Stream: "st-1abc", Rendition: Source}
		s := &Stream{ID: "st-1abc", Renditions: []*Window{w}}
		visit := Visit{Node: "openivs", Session: "abc", Ticket: "tkt", Now: day}
		if _, ok := s.Multivariant(visit); ok {
			t.Errorf("%s: playable without a segment", tc.name)
		}
		w.publish(&Segment{Duration: 180000, Date: day}, 2*time.Second, 0, tc.facts)
		text, ok := s.Multivariant(visit)
		if !ok {
			t.Errorf("%s: not playable", tc.name)
		}
		golden(t, "multivariant-"+tc.name, text)
	}
}

func TestNames(t *testing.T) {
	for _, tc := range []struct {
		width, height int
		rate          float64
		group, name   string
	}{
		{1920, 1080, 60, "1080p60", "1080p60"},
		{1920, 1080, 59.94, "1080p60", "1080p60"},
		{1280, 720, 29.97, "720p30", "720p"},
		{852, 480, 30, "480p30", "480p"},
		{480, 852, 25, "480p25", "480p25"},
	} {
		f := Facts{Video: &media.Track{Picture: media.Picture{Width: tc.width, Height: tc.height}}, Framerate: tc.rate}
		if group, name := f.Name(); group != tc.group || name != tc.name {
			t.Errorf("%dx%d at %v: %s, %s; want %s, %s", tc.width, tc.height, tc.rate, group, name, tc.group, tc.name)
		}
	}
}

func TestGzipHoldsTheSamePlaylist(t *testing.T) {
	w := &Window{Stream: "st-1abc", Rendition: Source}
	fill(w, 0, 20, 2*time.Second, 1)
	s := w.Snapshot()
	z, err := gzip.NewReader(bytes.NewReader(s.PlaylistGzip(new(Zippers), false)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(text, s.Playlist(false)) {
		t.Errorf("unpacked %q, %v", text, err)
	}
	if again := s.Playlist(false); &again[0] != &s.Playlist(false)[0] {
		t.Error("a revision was written twice")
	}
}

func TestPathsAreReadBack(t *testing.T) {
	if s, r, ok := ParseVariantPath(VariantPath("st-1abc", "720p30")); !ok || s != "st-1abc" || r != "720p30" {
		t.Errorf("variant path read as %q, %q, %t", s, r, ok)
	}
	for path, want := range map[string]Place{
		"/v1/segment/st-1abc/720p30/12.ts":                  {Stream: "st-1abc", Rendition: "720p30", Number: 12},
		"/v1/segment/st-1abc/720p30/12.mp4":                 {Stream: "st-1abc", Rendition: "720p30", Number: 12, Container: MP4},
		"/v1/segment/st-1abc/source/part-0.ts":              {Stream: "st-1abc", Rendition: "source", Kind: PartOfSegment},
		"/v1/segment/st-1abc/source/part-7.mp4":             {Stream: "st-1abc", Rendition: "source", Kind: PartOfSegment, Number: 7, Container: MP4},
		"/v1/segment/st-1abc/source/12.abcdefghij-_klmn.ts": {Stream: "st-1abc", Rendition: "source", Number: 12, Seal: "abcdefghij-_klmn"},
		"/v1/segment/st-1abc/source/init-3.mp4":             {Stream: "st-1abc", Rendition: "source", Kind: InitSection, Number: 3, Container: MP4},
	} {
		if got, ok := ParsePlace(path); !ok || got != want || got.Path() != path {
			t.Errorf("%s read as %+v, %t, which is %s", path, got, ok, got.Path())
		}
	}
	for _, path := range []string{
		"", "/", "/v1/segment/", "/v1/segment/a/b/1", "/v1/segment/a/1.ts", "/v1/segment//b/1.ts", "/v1/segment/a/b/c/1.ts",
		"/v1/segment/a/b/01.ts", "/v1/segment/a/b/+1.ts", "/v1/segment/a/b/-1.ts", "/v1/segment/a/b/.ts",
		"/v1/segment/a/b/1.m4s", "/v1/segment/a/b/part-01.ts", "/v1/segment/a/b/1.2.ts", "/v1/segment/a/b/part-init-1.ts", "/v1/segment/a/b/1.mp4.ts",
		"/v1/segment/a/b/1.abcdefghij-_klm.ts", "/v1/segment/a/b/1..ts", "/v1/gated/g/a/b/1.ts",
		"/v1/segment/a/b/init-.mp4", "/v1/segment/a/b/init-1.2.mp4", "/v1/segment/a/b/part-9223372036854775808.mp4", "/v1/segment/a/b/part-.ts",
		"/v1/segment/a/b/9223372036854775808.ts", "/v1/playlist/.m3u8", "/v1/playlist/a.m3u8", "/v1/playlist/a/.m3u8", "/v1/playlist//b.m3u8",
		"/v1/playlist/a/b/c.m3u8",
	} {
		_, _, variant := ParseVariantPath(path)
		_, place := ParsePlace(path)
		if place || variant {
			t.Errorf("%q was accepted", path)
		}
	}
}

func FuzzPaths(f *testing.F) {
	f.Add("/v1/segment/st-1abc/source/12.ts")
	f.Add("/v1/segment/st-1abc/source/part-12.mp4")
	f.Add("/v1/segment/st-1abc/source/init-12.mp4")
	f.Add("/v1/segment/st-1abc/source/init-12.abcdefghij-_klmn.mp4")
	f.Add("/v1/playlist/st-1abc/source.m3u8")
	f.Fuzz(func(t *testing.T, path string) {
		if p, ok := ParsePlace(path); ok && p.Path() != path {
			t.Errorf("%q is also %q", path, p.Path())
		}
		if s, r, ok := ParseVariantPath(path); ok && VariantPath(s, r) != path {
			t.Errorf("%q is also %q", path, VariantPath(s, r))
		}
	})
}

func BenchmarkPublish(b *testing.B) {
	w := &Window{Stream: "st-1abc", Rendition: Source}
	data := make([]byte, 1000)
	b.ReportAllocs()
	for n := int64(0); b.Loop(); n++ {
		w.publish(&Segment{MSN: n, Duration: 180000, Date: day, Data: data}, 2*time.Second, 0, Facts{})
	}
}

func BenchmarkPlaylist(b *testing.B) {
	w := &Window{Stream: "st-1abc", Rendition: Source}
	fill(w, 0, 30, 2*time.Second, 1)
	var z Zippers
	text := w.Snapshot().Playlist(false)
	for name, write := range map[string]func() []byte{"text": func() []byte { return w.Snapshot().render(0) }, "gzip": func() []byte { return z.Zip(text) }} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				write()
			}
		})
	}
}

// TestHowFarAheadAPlayerMayAsk holds the limit to RFC 8216bis, 6.2.5.2: the parts
// of three seconds, rounded up, and three where parts last a second or more.
func TestHowFarAheadAPlayerMayAsk(t *testing.T) {
	for _, tc := range []struct {
		parts media.Ticks
		limit int
	}{{media.Clock / 5, 15}, {media.Clock * 35 / 100, 9}, {media.Clock, 3}, {media.Clock * 6 / 5, 3}, {0, 3}} {
		s := &Snapshot{next: 7, PartTarget: tc.parts, Open: &Segment{Parts: make([]Part, 2)}}
		if !s.Soon(7, tc.limit+2) || s.Soon(7, tc.limit+3) || !s.Soon(8, tc.limit) || s.Soon(8, tc.limit+1) || s.Soon(9, 0) {
			t.Errorf("with parts of %v the limit is not %d", tc.parts.Duration(), tc.limit)
		}
	}
}

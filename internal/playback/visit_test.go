package playback_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/media/mediatest"
	"openivs/internal/pipeline"
	"openivs/internal/playback"
)

// A booth is a site without sockets, so that its time is a bubble's.
type booth struct {
	t       *testing.T
	builder *pipeline.Builder
	server  *playback.Server
}

// newBooth starts a server; all of them sign alike.
func newBooth(t *testing.T, limit int) *booth {
	t.Helper()
	b := &booth{t: t, builder: new(pipeline.Builder)}
	b.server = &playback.Server{
		Streams:  b.builder,
		Channels: channels{"live": channel("live", false)},
		Audience: &playback.Audience{Key: []byte("a key of tests"), Limit: limit},
		Rules:    new(rules),
		Log:      slog.New(slog.DiscardHandler),
	}
	return b
}

// publish opens a stream with a few seconds of media, or none, on "live".
func (b *booth) publish(stream string, length time.Duration, private bool) *pipeline.Pipeline {
	b.t.Helper()
	p, err := b.builder.Open(ivs.Session{StreamID: stream, Channel: ivs.Snapshot{Channel: channel("live", private)}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.send(p, length)
	return p
}

func (b *booth) send(p *pipeline.Pipeline, length time.Duration) {
	b.t.Helper()
	for u := range mediatest.Plain(b.t).Units(length) {
		if err := p.WriteUnit(u); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *booth) do(method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, httptest.NewRequestWithContext(b.t.Context(), method, path, nil))
	return w
}

var playbackPath = ivs.PlaybackPath(channel("live", false).ARN)

// ticketed is the path of a new viewer's media playlist.
func (b *booth) ticketed() string {
	b.t.Helper()
	w := b.do("GET", playbackPath)
	if w.Code != http.StatusOK {
		b.t.Fatalf("the playback URL answers %d %s", w.Code, w.Body)
	}
	return strings.TrimPrefix(last(b.t, "http://x"+playbackPath, w.Body.Bytes()), "http://x")
}

// expect compares how many watch, right now.
func (b *booth) expect(want int, when string) {
	b.t.Helper()
	<-time.After(1100 * time.Millisecond)
	if got := b.server.Audience.Viewers(channel("live", false).ARN); got != want {
		b.t.Errorf("%s: %d viewers, want %d", when, got, want)
	}
}

// close ends a stream and waits until it is forgotten.
func (b *booth) close(p *pipeline.Pipeline) {
	b.t.Helper()
	if err := p.Close(true); err != nil {
		b.t.Error(err)
	}
	<-time.After(2 * time.Minute)
}

func TestWhoCountsAsAViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBooth(t, 0)
		p := b.publish("st-1a", 9*time.Second, false)
		variant := b.ticketed()
		b.do("HEAD", playbackPath)
		b.expect(0, "after the multivariant playlist")
		for _, method := range []string{"HEAD", "OPTIONS", "POST"} {
			b.do(method, variant)
		}
		if w := b.do("HEAD", variant); w.Code != 200 || w.Body.Len() > 0 {
			t.Errorf("HEAD answers %d with %d bytes", w.Code, w.Body.Len())
		}
		b.do("GET", strings.Replace(variant, "source", "160p", 1))
		b.do("GET", strings.Replace(variant, "/v1/playlist/", "/v1/playlist/x", 1))
		b.do("GET", "/v1/segment/st-1a/source/0.ts")
		b.expect(0, "after requests that are no playlist's or failed")
		for range 5 {
			b.do("GET", variant)
			b.do("GET", variant+"?_=1")
		}
		b.expect(1, "after the same viewer's playlists")
		b.do("GET", b.ticketed())
		b.expect(2, "after another's")
		b.do("GET", strings.Replace(variant, "source", "160p", 1))
		b.expect(2, "after a rendition that is not there")
		b.close(p)
	})
}

func TestViewersDifferInTheirTicketsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBooth(t, 0)
		p := b.publish("st-1a", 9*time.Second, false)
		one, two := b.ticketed(), b.ticketed()
		if one == two {
			t.Error("two viewers have one ticket")
		}
		if x, y := b.do("GET", one).Body.Bytes(), b.do("GET", two+"?player_version=1").Body.Bytes(); !bytes.Equal(x, y) || len(x) == 0 {
			t.Errorf("playlists differ:\n%s\n%s", x, y)
		}
		plain := b.do("GET", playbackPath).Body.String()
		for _, query := range []string{
			"?allow_audio_only=false", "?allow_audio_only=maybe", "?player_version=1.56.1&pbac=true&pbar=1&pblm=0&pbuh=%zz",
			"?token=a.b.c", "?;;&&==", "?_HLS_msn=4", "?" + strings.Repeat("a", 4000),
		} {
			w := b.do("GET", playbackPath+query)
			if w.Code != 200 || strings.Count(w.Body.String(), "#EXT-X-STREAM-INF") != strings.Count(plain, "#EXT-X-STREAM-INF") {
				t.Errorf("%.40s: %d\n%s", query, w.Code, w.Body)
			}
		}
		b.close(p)
	})
}

// TestSoundAloneIsThereForWhoAsksForIt asks for it as the IVS player does.
func TestSoundAloneIsThereForWhoAsksForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBooth(t, 0)
		p := b.publish("st-1a", 9*time.Second, false)
		const sound = "/audio_only.m3u8"
		if plain := b.do("GET", playbackPath).Body.String(); strings.Contains(plain, sound) {
			t.Errorf("nobody asked for it:\n%s", plain)
		}
		w := b.do("GET", playbackPath+"?allow_audio_only=true")
		if w.Code != 200 || strings.Count(w.Body.String(), sound) != 1 || strings.Count(w.Body.String(), "#EXT-X-STREAM-INF") != 2 {
			t.Fatalf("asked for: %d\n%s", w.Code, w.Body)
		}
		path := strings.TrimPrefix(last(t, "http://x"+playbackPath, w.Body.Bytes()), "http://x")
		if w := b.do("GET", path); w.Code != http.StatusServiceUnavailable {
			t.Errorf("before any of it is made: %d %s", w.Code, w.Body)
		}
		for u := range mediatest.Shift(mediatest.Plain(t).Units(9*time.Second), 9*time.Second) {
			if err := p.WriteUnit(u); err != nil {
				t.Fatal(err)
			}
		}
		playlist := b.do("GET", path)
		if playlist.Code != 200 || !strings.Contains(playlist.Body.String(), "/segment/st-1a/audio_only/") {
			t.Fatalf("its playlist: %d %s", playlist.Code, playlist.Body)
		}
		segment := strings.TrimPrefix(last(t, "http://x"+path, playlist.Body.Bytes()), "http://x")
		if w := b.do("GET", segment); w.Code != 200 || w.Body.Len() == 0 {
			t.Errorf("its segment: %d, %d bytes", w.Code, w.Body.Len())
		}
		b.close(p)
	})
}

func TestRefusedWhenFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBooth(t, 2)
		p := b.publish("st-1a", 9*time.Second, false)
		one, two, three := b.ticketed(), b.ticketed(), b.ticketed()
		b.do("GET", one)
		b.do("GET", two)
		const want = `[{"url":"/api/video/v1/us-east-1.123456789012.channel.live.m3u8?a=b","error":"concurrent viewers limit reached",` +
			`"error_code":"concurrent_viewers_limit","type":"error"}]`
		if w := b.do("GET", playbackPath+"?a=b"); w.Code != 429 || w.Body.String() != want || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("the third: %d %v %s", w.Code, w.Header(), w.Body)
		}
		if w := b.do("GET", three); w.Code != 429 {
			t.Errorf("the third, who was invited before: %d", w.Code)
		}
		if w := b.do("GET", one); w.Code != 200 {
			t.Errorf("the first goes on: %d", w.Code)
		}
		<-time.After(20 * time.Second)
		b.do("GET", one)
		<-time.After(20 * time.Second)
		if w := b.do("GET", three); w.Code != 200 {
			t.Errorf("the third, when the second has left: %d", w.Code)
		}
		b.expect(2, "then")
		b.close(p)
	})
}

func TestOldTicketIsForbidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBooth(t, 0)
		p := b.publish("st-1a", 9*time.Second, false)
		variant := b.ticketed()
		<-time.After(3 * time.Hour)
		w := b.do("GET", variant)
		if w.Code != 403 || w.Body.String() != "Forbidden" || w.Header().Get("Access-Control-Allow-Origin") != "*" ||
			w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		b.close(p)
	})
}

func TestPrivateChannelIsClosedToTicketsFromBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBooth(t, 0)
		p := b.publish("st-1a", 9*time.Second, false)
		variant := b.ticketed()
		b.close(p)
		p = b.publish("st-1b", 9*time.Second, true)
		if w := b.do("GET", variant); w.Code != 403 || !strings.Contains(w.Body.String(), "invalid_playback_auth_token") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		b.expect(0, "of a private channel")
		b.close(p)
	})
}

// What a viewer of a channel is answered, whose server was restarted.
func TestViewersSurviveARestart(t *testing.T) {
	for _, tc := range []struct {
		name     string
		asks     time.Duration // after the start
		open     time.Duration // after the request; 0: never
		playable time.Duration // after that; 0: never
		status   int
		took     time.Duration
	}{
		{"the encoder comes back", time.Second, 3 * time.Second, 2 * time.Second, 200, 5 * time.Second},
		{"it is on its way", time.Second, 3 * time.Second, 0, 503, 8 * time.Second},
		{"it does not come", time.Second, 0, 0, 503, 8 * time.Second},
		{"it has not come for long", 3 * time.Minute, 0, 0, 404, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before := newBooth(t, 0)
				p := before.publish("st-1a", 9*time.Second, false)
				variant := before.ticketed()
				before.do("GET", variant)
				before.close(p)

				b := newBooth(t, 0)
				b.expect(0, "right after the start") // it has begun
				<-time.After(tc.asks)
				begin := time.Now()
				var encoder sync.WaitGroup
				var q *pipeline.Pipeline
				if tc.open > 0 {
					encoder.Go(func() {
						<-time.After(tc.open)
						q = b.publish("st-1b", 0, false)
						if tc.playable > 0 {
							<-time.After(tc.playable)
							b.send(q, 9*time.Second)
						}
					})
				}
				w := b.do("GET", variant)
				if took := time.Since(begin); w.Code != tc.status || took != tc.took {
					t.Errorf("%d after %v, want %d after %v: %s", w.Code, took, tc.status, tc.took, w.Body)
				}
				if w.Code == 503 && w.Header().Get("Retry-After") == "" {
					t.Error("503 without Retry-After")
				}
				encoder.Wait()
				want := 0
				if tc.status == 200 {
					want = 1
				}
				b.expect(want, "then")
				if q != nil {
					b.close(q)
				}
			})
		})
	}
}

// TestWhatALostServerAnnouncedIsNoError asks for what the playlists of a server
// that is no more may have named.
func TestWhatALostServerAnnouncedIsNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBooth(t, 0)
		p := b.publish(ivs.NewStreamID(), 9*time.Second, false)
		b.expect(0, "at the start")
		other := ivs.NewStreamID()
		ask := func(what string, status int) {
			t.Helper()
			w := b.do("GET", "/v1/segment/"+what)
			if w.Code != status || status == 200 && (w.Body.Len() > 0 || w.Header().Get("Cache-Control") != "no-store") {
				t.Errorf("%s: %d with %d bytes, %q; want %d", what, w.Code, w.Body.Len(), w.Header().Get("Cache-Control"), status)
			}
		}
		ask(other+"/source/7.ts", 200)
		ask(other+"/source/7.mp4", 200)
		ask(other+"/source/part-7.mp4", 404)
		ask(other+"/source/init-7.mp4", 404)
		ask("st-1short/source/7.ts", 404)
		<-time.After(2*time.Minute + time.Second)
		ask(other+"/source/7.ts", 404)
		b.close(p)
	})
}

// TestAnEndedStreamWithoutMediaStillEnds asks for a stream that others left no room
// for.
func TestAnEndedStreamWithoutMediaStillEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBooth(t, 0)
		b.builder.LingerMemory = 1
		p := b.publish("st-1a", 9*time.Second, false)
		variant := b.ticketed()
		if w := b.do("GET", "/v1/segment/st-1a/source/0.ts"); w.Body.Len() == 0 {
			t.Errorf("before the end: %d", w.Code)
		}
		if err := p.Close(true); err != nil {
			t.Fatal(err)
		}
		if w := b.do("GET", variant); w.Code != 200 || !strings.HasSuffix(w.Body.String(), "#EXT-X-ENDLIST\n") {
			t.Errorf("the playlist: %d %s", w.Code, w.Body)
		}
		if w := b.do("GET", "/v1/segment/st-1a/source/0.ts"); w.Code != 200 || w.Body.Len() > 0 || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("a segment: %d with %d bytes", w.Code, w.Body.Len())
		}
		<-time.After(2 * time.Minute)
	})
}

// TestGapsAreNoError asks for the segments that a playlist says are not there, as
// players do that do not know what a gap is.
func TestGapsAreNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBooth(t, 0)
		b.builder.Reserve = func(ivs.ARN, int64) (int64, time.Duration, error) { return 1000, 2 * time.Second, nil } // another server had those before
		ch := channel("live", false)
		ch.Container, ch.Latency = ivs.FragmentedMP4, ivs.LatencyLow
		p, err := b.builder.Open(ivs.Session{StreamID: "st-1a", Channel: ivs.Snapshot{Channel: ch}})
		if err != nil {
			t.Fatal(err)
		}
		b.send(p, 9*time.Second)
		text := b.do("GET", b.ticketed()).Body.String()
		gaps := strings.Split(text, "#EXT-X-GAP\n")[1:]
		if len(gaps) != 20 {
			t.Fatalf("%d gaps\n%s", len(gaps), text)
		}
		for _, gap := range gaps {
			_, path, _ := strings.Cut(gap, "../../segment/")
			path, _, _ = strings.Cut(path, "\n")
			if w := b.do("GET", "/v1/segment/"+path); w.Code != 200 || w.Body.Len() > 0 || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d with %d bytes", path, w.Code, w.Body.Len())
			}
		}
		b.close(p)
	})
}

func TestTheSameTicketWatchesTheNextStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBooth(t, 0)
		p := b.publish("st-1a", 9*time.Second, false)
		variant := b.ticketed()
		if err := p.Close(true); err != nil {
			t.Fatal(err)
		}
		if w := b.do("GET", variant); !strings.Contains(w.Body.String(), "#EXT-X-ENDLIST") {
			t.Errorf("after the end: %d %s", w.Code, w.Body)
		}
		q := b.publish("st-1b", 9*time.Second, false)
		if w := b.do("GET", variant); !strings.Contains(w.Body.String(), "/st-1b/") || strings.Contains(w.Body.String(), "#EXT-X-ENDLIST") {
			t.Errorf("with the next stream: %d %s", w.Code, w.Body)
		}
		b.close(q)
		<-time.After(time.Minute)
		if w := b.do("GET", variant); w.Code != 404 {
			t.Errorf("when both are forgotten: %d", w.Code)
		}
	})
}

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// fetch gets a URL as a player on another site would.
func fetch(t *testing.T, address string) (status int, header http.Header, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://elsewhere.example")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(b)
}

// firstURI is the first line of a playlist that is not a tag, made absolute.
func firstURI(t *testing.T, address, playlist string) string {
	t.Helper()
	base, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(playlist) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			u, err := base.Parse(line)
			if err != nil {
				t.Fatal(err)
			}
			return u.String()
		}
	}
	t.Fatalf("no URI in the playlist\n%s", playlist)
	return ""
}

// TestTheStreamCanBeWatched reads the playlists as a strict player would, then
// has ffprobe and ffmpeg play the very playbackUrl that GetChannel answered.
func TestTheStreamCanBeWatched(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	if code, h, _ := fetch(t, ch.playback); code != http.StatusNotFound || h.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("before the stream: %d, CORS %q; want 404 that a page may read", code, h.Get("Access-Control-Allow-Origin"))
	}
	c := encode(t, picture{width: 640, height: 360, fps: 30, profile: "high", kbps: 800}, voice)
	enc := stream(t, c, ch.rtmp())
	stream := ch.live()
	if got := str(stream.PlaybackUrl); got != ch.playback {
		t.Errorf("GetStream's playbackUrl %s, CreateChannel's %s", got, ch.playback)
	}

	code, h, master := fetch(t, ch.playback)
	if code != http.StatusOK || h.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(master, "#EXT-X-STREAM-INF:") {
		t.Fatalf("multivariant playlist: %d, CORS %q\n%s", code, h.Get("Access-Control-Allow-Origin"), master)
	}
	for _, want := range []string{"RESOLUTION=640x360", c.avc(), "mp4a.40.2"} {
		if !strings.Contains(strings.ToUpper(master), strings.ToUpper(want)) {
			t.Errorf("the multivariant playlist does not say %s\n%s", want, master)
		}
	}
	rendition := firstURI(t, ch.playback, master)
	code, _, media := fetch(t, rendition)
	if code != http.StatusOK || !strings.Contains(media, "#EXT-X-PROGRAM-DATE-TIME:") || strings.Contains(media, "#EXT-X-ENDLIST") {
		t.Errorf("media playlist: %d\n%s", code, media)
	}
	code, h, _ = fetch(t, firstURI(t, rendition, media))
	if code != http.StatusOK || h.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("segment: %d, CORS %q", code, h.Get("Access-Control-Allow-Origin"))
	}

	watched(t, ch.playback, 4*time.Second)

	enc.quit()
	ch.over(str(stream.StreamId))
	wantEnd(t, rendition)
}

// wantEnd looks whether players are told that a stream is over: it can be watched
// to its end for a while.
func wantEnd(t *testing.T, rendition string) {
	t.Helper()
	code, _, media := fetch(t, rendition)
	if code != http.StatusOK || !strings.Contains(media, "#EXTINF") || !strings.Contains(media, "#EXT-X-ENDLIST") {
		t.Errorf("after the end: %d, want 200 with segments and ENDLIST\n%s", code, media)
	}
}

// watched plays a live URL for a while with ffmpeg, fails at anything it or
// ffprobe complains of, and measures how far sound and picture are apart.
func watched(t *testing.T, address string, length time.Duration) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "seen.ts")
	play := exec.CommandContext(t.Context(), "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning", "-i", address,
		"-t", strconv.Itoa(int(length.Seconds())), "-map", "0", "-c", "copy", "-copyts", file)
	if out, err := play.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("ffmpeg -i %s: %v\n%s", address, err, out)
	}
	decode := exec.CommandContext(t.Context(), "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning", "-xerror",
		"-i", file, "-map", "0:v", "-map", "0:a", "-f", "null", "-")
	if out, err := decode.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("decoding what was played: %v\n%s", err, out)
	}
	if p := ffprobe(t, address); len(p.Streams) != 3 {
		t.Errorf("ffprobe sees %d streams, want picture, sound and metadata", len(p.Streams))
	}
}

// The pictures of a clip at which something flashes and beeps, at 30 a second:
// no gap between two of them occurs twice, so that no wrong shift fits.
const flashFPS = 30

var flashes = []int{5, 22, 51, 74, 111, 124, 155, 174, 215} // and again after clipSeconds

// TestSoundAndPictureAreTogether flashes and beeps now and then, and finds both
// again in what is played.
func TestSoundAndPictureAreTogether(t *testing.T) {
	t.Parallel()
	flashAndBeep(t, serve(t))
}

// flashAndBeep watches the first rendition of a server's stream.
func flashAndBeep(t *testing.T, s *running) {
	t.Helper()
	var picture, sound []string
	for _, n := range flashes {
		picture = append(picture, fmt.Sprintf("between(n,%d,%d)", n, n+2))
		sound = append(sound, fmt.Sprintf("between(t,%f,%f)", float64(n)/flashFPS, float64(n+3)/flashFPS))
	}
	file := once(t, "flash.flv",
		"-f", "lavfi", "-i", "color=black:size=320x180:rate=30,drawbox=t=fill:color=white:enable='"+strings.Join(picture, "+")+"'",
		"-f", "lavfi", "-i", "aevalsrc='if("+strings.Join(sound, "+")+",0.8*sin(2*PI*1000*t),0)':s=48000",
		"-t", strconv.Itoa(clipSeconds), "-c:v", "libx264", "-preset", "superfast", "-pix_fmt", "yuv420p", "-g", strconv.Itoa(flashFPS),
		"-b:v", "300k", "-c:a", "aac", "-b:a", "96k")
	ch := s.channel(t)
	stream(t, inspect(t, file), ch.rtmp())
	ch.live()

	seen := filepath.Join(t.TempDir(), "seen.ts")
	command(t, "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-i", ch.playback, "-t", "6", "-c", "copy", "-copyts", seen)
	flash := times(t, "movie="+seen+",signalstats", "lavfi.signalstats.YAVG", func(v float64) bool { return v > 128 })
	beep := times(t, "amovie="+seen+",asetnsamples=n=48,astats=metadata=1:reset=1", "lavfi.astats.Overall.Peak_level", func(v float64) bool { return v > -20 })
	if err := together(flash, beep); err != nil {
		t.Errorf("%v\nflashes at %.3f s\nbeeps at   %.3f s", err, flash, beep)
	}
}

// together checks that flashes and beeps, in seconds, come in pairs less than a
// picture apart, wherever both could be seen.
func together(flash, beep []float64) error {
	const enough, apart = 4, 1.0 / flashFPS
	if len(flash) < enough || len(beep) < enough {
		return fmt.Errorf("found %d flashes and %d beeps, want %d of each", len(flash), len(beep), enough)
	}
	from := max(flash[0], beep[0]) - apart
	to := min(flash[len(flash)-1], beep[len(beep)-1]) + apart
	pairs := 0
	for i, times := range [][]float64{flash, beep} {
		others := [][]float64{beep, flash}[i]
		for _, at := range times {
			if at < from || at > to {
				continue
			}
			if !slices.ContainsFunc(others, func(o float64) bool { return math.Abs(o-at) <= apart }) {
				return fmt.Errorf("%s at %.3f s is alone", []string{"the flash", "the beep"}[i], at)
			}
			pairs += 1 - i
		}
	}
	if pairs < enough {
		return fmt.Errorf("%d pairs, want %d", pairs, enough)
	}
	return nil
}

// TestAShiftOfTheSoundIsSeen holds together to what it promises: whatever part
// of the clip is played, no shift but none passes.
func TestAShiftOfTheSoundIsSeen(t *testing.T) {
	var all []float64
	for round := range 4 {
		for _, n := range flashes {
			all = append(all, float64(round*clipSeconds)+float64(n)/flashFPS)
		}
	}
	within := func(from, shift float64) (out []float64) {
		for _, at := range all {
			if at += shift; at >= from && at < from+6 {
				out = append(out, at)
			}
		}
		return out
	}
	for from := 8.0; from < 16; from += 0.1 {
		if err := together(within(from, 0), within(from, 0.02)); err != nil {
			t.Errorf("from %.1f s, nearly together: %v", from, err)
		}
		for shift := 2; shift < 6*flashFPS; shift++ {
			for _, d := range []float64{float64(shift) / flashFPS, -float64(shift) / flashFPS} {
				if together(within(from, 0), within(from, d)) == nil {
					t.Errorf("from %.1f s, a shift of %.3f s is not seen", from, d)
				}
			}
		}
	}
}

// times returns when a measure of a lavfi source begins to be high, in seconds.
func times(t *testing.T, source, key string, high func(float64) bool) []float64 {
	t.Helper()
	out := command(t, "ffprobe", "-v", "error", "-f", "lavfi", "-i", source,
		"-show_entries", "frame=pts_time:frame_tags="+key, "-of", "json")
	var found struct {
		Frames []struct {
			PTS  string            `json:"pts_time"`
			Tags map[string]string `json:"tags"`
		} `json:"frames"`
	}
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatal(err)
	}
	var starts []float64
	was := true // what is high from the first frame on began before
	for _, f := range found.Frames {
		value, err := strconv.ParseFloat(f.Tags[key], 64)
		if err != nil {
			value = math.Inf(-1) // silence is written -inf
		}
		is := high(value)
		if is && !was {
			at, err := strconv.ParseFloat(f.PTS, 64)
			if err != nil {
				t.Fatal(err)
			}
			starts = append(starts, at)
		}
		was = is
	}
	return starts
}

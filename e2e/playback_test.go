package e2e

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
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
	if code, _, media := fetch(t, rendition); code != http.StatusNotFound && !strings.Contains(media, "#EXT-X-ENDLIST") {
		t.Errorf("after the end: %d without ENDLIST\n%s", code, media)
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

// TestSoundAndPictureAreTogether flashes and beeps once a second, and finds both
// again in what is played.
func TestSoundAndPictureAreTogether(t *testing.T) {
	t.Parallel()
	const fps = 30
	file := once(t, "flash.flv",
		"-f", "lavfi", "-i", "color=black:size=320x180:rate=30,drawbox=t=fill:color=white:enable='lt(mod(n,30),3)'",
		"-f", "lavfi", "-i", "aevalsrc='if(lt(mod(t,1),0.1),0.8*sin(2*PI*1000*t),0)':s=48000",
		"-t", strconv.Itoa(clipSeconds), "-c:v", "libx264", "-preset", "superfast", "-pix_fmt", "yuv420p", "-g", strconv.Itoa(fps),
		"-b:v", "300k", "-c:a", "aac", "-b:a", "96k")
	s := serve(t)
	ch := s.channel(t)
	stream(t, inspect(t, file), ch.rtmp())
	ch.live()

	seen := filepath.Join(t.TempDir(), "seen.ts")
	command(t, "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-i", ch.playback, "-t", "4", "-c", "copy", "-copyts", seen)
	flash := times(t, "movie="+seen+",signalstats", "lavfi.signalstats.YAVG", func(v float64) bool { return v > 128 })
	beep := times(t, "amovie="+seen+",asetnsamples=n=48,astats=metadata=1:reset=1", "lavfi.astats.Overall.Peak_level", func(v float64) bool { return v > -20 })
	if len(flash) < 2 || len(beep) < 2 {
		t.Fatalf("found %d flashes and %d beeps, want some of each", len(flash), len(beep))
	}
	for _, f := range flash {
		nearest := math.Inf(1)
		for _, b := range beep {
			if math.Abs(f-b) < math.Abs(nearest) {
				nearest = f - b
			}
		}
		if math.Abs(nearest) >= 0.5 {
			continue // its beep lies outside what was played
		}
		if math.Abs(nearest) > 1.0/fps {
			t.Errorf("flash at %.3f s, its beep %.1f ms away, want less than one frame (%.1f ms)", f, nearest*1000, 1000.0/fps)
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

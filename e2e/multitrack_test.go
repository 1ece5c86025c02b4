package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"

	"openivs/e2e/publisher"
)

// multitrack has a channel take several pictures of an encoder.
func multitrack(policy types.MultitrackPolicy, most types.MultitrackMaximumResolution) func(*ivs.CreateChannelInput) {
	return func(in *ivs.CreateChannelInput) {
		in.ContainerFormat = types.ContainerFormatFragmentedMP4
		in.MultitrackInputConfiguration = &types.MultitrackInputConfiguration{Enabled: true, Policy: policy, MaximumResolution: most}
	}
}

// A configuration is what a server told an encoder.
type configuration struct {
	Meta struct {
		ID string `json:"config_id"`
	} `json:"meta"`
	Status *struct {
		Result string `json:"result"`
		HTML   string `json:"html_en_us"`
	} `json:"status"`
	Endpoints []struct {
		Protocol string `json:"protocol"`
		URL      string `json:"url_template"`
		Key      string `json:"authentication"`
	} `json:"ingest_endpoints"`
	Encoders []struct {
		Type      string `json:"type"`
		Width     int    `json:"width"`
		Height    int    `json:"height"`
		Framerate struct {
			Numerator   int `json:"numerator"`
			Denominator int `json:"denominator"`
		} `json:"framerate"`
		Settings struct {
			Bitrate int `json:"bitrate"`
		} `json:"settings"`
	} `json:"encoder_configurations"`
}

// goLive asks for a client configuration with the body that OBS sends: every
// member, and null for what it does not know.
func goLive(t *testing.T, s *running, key string, width, height, fps int, codecs ...string) configuration {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"authentication": key, "service": "IVS", "schema_version": "2024-06-04",
		"client": map[string]any{"name": "obs-studio", "version": "30.2.3", "supported_codecs": codecs},
		"capabilities": map[string]any{
			"cpu":             map[string]any{"physical_cores": 8, "logical_cores": 16, "speed": 3800, "name": nil},
			"memory":          map[string]any{"total": 34265075712, "free": 15091892224},
			"gaming_features": map[string]any{"game_bar_enabled": nil, "game_dvr_allowed": nil, "game_dvr_enabled": true, "game_dvr_bg_recording": nil, "game_mode_enabled": nil, "hags_enabled": false},
			"system":          map[string]any{"version": "10.0", "name": "Windows", "build": 22631, "release": "23H2", "revision": 3880, "bits": 64, "arm": false, "armEmulation": false},
			"gpu":             []any{map[string]any{"model": "NVIDIA GeForce RTX 3080 Ti", "vendor_id": 4318, "device_id": 8712, "dedicated_video_memory": 12673089536, "shared_system_memory": 17132537856, "driver_version": nil}},
		},
		"preferences": map[string]any{
			"maximum_aggregate_bitrate": nil, "maximum_video_tracks": nil, "vod_track_audio": false,
			"width": width, "height": height, "canvas_width": width, "canvas_height": height,
			"framerate": map[string]any{"numerator": fps, "denominator": 1}, "composition_gpu_index": 0,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var c configuration
	exchange(t, s, http.MethodPost, "/api/v3/GetClientConfiguration", string(body), &c)
	return c
}

// exchange sends a request as an encoder does, and reads the answer.
func exchange(t *testing.T, s *running, method, path, body string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.At.API+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := trusting(t, filepath.Join(s.Data, "ca.pem")).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s", method, path, res.Status)
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// TestAnEncoderAsksHowToEncode asks as OBS does, of channels that take several
// pictures and of one that does not.
func TestAnEncoderAsksHowToEncode(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t, multitrack(types.MultitrackPolicyAllow, types.MultitrackMaximumResolutionHd))
	c := goLive(t, s, ch.key+"?bandwidthtest=1", 1920, 1080, 60, "h264", "h265")
	if c.Status != nil || len(c.Encoders) != 4 || c.Encoders[0].Width != 1280 || c.Encoders[0].Height != 720 || len(c.Endpoints) != 2 {
		t.Fatalf("told %+v", c)
	}
	for _, e := range c.Endpoints {
		if !strings.HasPrefix(e.Key, "v1_") || !strings.HasSuffix(e.Key, "_"+ch.key) || e.URL != map[string]string{"RTMP": s.At.RTMP, "RTMPS": s.At.RTMPS}[e.Protocol]+"/{stream_key}" {
			t.Errorf("an endpoint of %s is %s", e.Protocol, e.URL)
		}
	}
	for key, says := range map[string]string{s.channel(t).key: "one picture only", "sk_us-east-1_none_none": "no channel has this stream key"} {
		if c := goLive(t, s, key, 1920, 1080, 60, "h264"); c.Status == nil || c.Status.Result != "error" || !strings.Contains(c.Status.HTML, says) || len(c.Endpoints) > 0 {
			t.Errorf("told %+v, want an error about %q", c, says)
		}
	}
	var found struct {
		Ingests []struct {
			Plain  *string `json:"url_template"`
			Secure *string `json:"url_template_secure"`
		} `json:"ingests"`
	}
	exchange(t, s, http.MethodGet, "/api/v2/FindIngest", "", &found)
	if len(found.Ingests) != 1 || aws.ToString(found.Ingests[0].Secure) != s.At.RTMPS+"/{stream_key}" {
		t.Errorf("found %+v", found.Ingests)
	}
}

// A simulcast is what an encoder makes of a configuration.
type simulcast struct {
	tags  []publisher.Tag
	rungs []rung
}

// simulcast encodes what a configuration asks for, with the same scene and
// keyframes in every track.
func (c configuration) simulcast(t *testing.T) (m simulcast) {
	t.Helper()
	var tracks [][]publisher.Tag
	for i, e := range c.Encoders {
		p := picture{width: e.Width, height: e.Height, fps: e.Framerate.Numerator, profile: "high", kbps: e.Settings.Bitrate}
		s := sound{}
		if i == 0 {
			s = voice
		}
		clip := encode(t, p, s)
		tracks = append(tracks, publisher.Enhanced(byte(i), clip.tags))
		if i == 0 {
			tracks = append(tracks, slices.DeleteFunc(slices.Clone(clip.tags), func(t publisher.Tag) bool { return t.Type == publisher.Video }))
		}
		m.rungs = append(m.rungs, rung{name: fmt.Sprintf("%dp%d", min(e.Width, e.Height), p.fps), width: e.Width, height: e.Height, fps: float64(p.fps)})
	}
	m.tags = publisher.Merge(tracks...)
	return m
}

// goesLive publishes with a configuration's key, as its endpoint says, until the
// test ends. more is what follows the key.
func (c configuration) goesLive(t *testing.T, tags []publisher.Tag, more ...string) *publisher.Conn {
	t.Helper()
	e := c.Endpoints[0]
	pub := publish(t, strings.TrimSuffix(e.URL, "/{stream_key}"), e.Key+"?clientConfigId="+c.Meta.ID+strings.Join(more, ""))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = pub.Play(ctx, tags) // Ended says why it ends early
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return pub
}

// TestTracksAreRenditions publishes what OBS would with a configuration, and plays
// every track.
func TestTracksAreRenditions(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t, multitrack(types.MultitrackPolicyRequire, types.MultitrackMaximumResolutionFullHd))
	c := goLive(t, s, ch.key, 852, 480, 30, "h264", "h265")
	m := c.simulcast(t)
	if len(m.rungs) != 3 {
		t.Fatalf("told to send %+v, want three tracks", c.Encoders)
	}
	pub := c.goesLive(t, m.tags)
	id := str(ch.live().StreamId)
	variants := variantsOf(t, ch.playback)
	var got, want []string
	for _, v := range variants {
		got = append(got, v.group)
		if !strings.HasPrefix(v.codecs, "avc1.64") || !strings.Contains(v.codecs, "mp4a.40.2") {
			t.Errorf("%s has the codecs %s", v.group, v.codecs)
		}
	}
	for _, r := range m.rungs {
		want = append(want, r.name)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("renditions %v, want %v", got, want)
	}
	var played sync.WaitGroup
	watched := make([]watching, len(variants))
	for i, v := range variants {
		played.Go(func() { watched[i] = watchVariant(t, v.url) })
	}
	played.Wait()
	for i, r := range m.rungs {
		if w := watched[i]; w.width != r.width || w.height != r.height || len(w.pictures) < 60 || len(w.keys) < 2 || w.soundLength < 2 {
			t.Errorf("of %s %d pictures of %dx%d and %.1f s of sound were played", r.name, len(w.pictures), w.width, w.height, w.soundLength)
		}
	}
	aligned(t, m.rungs, watched)
	until(t, overIn, "all tracks are described", func() (bool, string) {
		in := ch.session(id).IngestConfigurations
		return in != nil && len(in.VideoConfigurations) == 3 && len(in.AudioConfigurations) == 1, show(t, in)
	})
	session := ch.session(id)
	for i, v := range session.IngestConfigurations.VideoConfigurations {
		e := c.Encoders[i]
		if str(v.Track) != fmt.Sprint("Track", i) || v.VideoWidth != int64(e.Width) || v.TargetFramerate != int64(e.Framerate.Numerator) || i > 0 && v.TargetBitrate != int64(e.Settings.Bitrate)*1000 {
			t.Errorf("track %d is described as %s", i, show(t, v))
		}
	}
	if v := session.IngestConfiguration.Video; v.VideoWidth != 852 || str(v.Track) != "Track0" {
		t.Errorf("the first track is described as %s", show(t, v))
	}
	if err := pub.Unpublish(ch.key); err != nil {
		t.Error(err)
	}
	over := ch.over(id)
	if got := names(over); !slices.Equal(got, wholeStream) {
		t.Errorf("events %v, want %v", got, wholeStream)
	}
}

// TestTracksOfHEVCAreRenditions publishes what x265 makes of a configuration of an
// encoder that has nothing else.
func TestTracksOfHEVCAreRenditions(t *testing.T) {
	t.Parallel()
	v := directory(t)
	s := v.server
	ch := s.channel(t, recordedTo(v.conf), multitrack(types.MultitrackPolicyAllow, types.MultitrackMaximumResolutionHd))
	c := goLive(t, s, ch.key, 640, 360, 30, "h265")
	if len(c.Encoders) != 2 || !strings.Contains(c.Encoders[0].Type, "hevc") {
		t.Fatalf("told to send %+v, want two tracks of HEVC", c.Encoders)
	}
	sound := encode(t, small, voice)
	tracks := [][]publisher.Tag{slices.DeleteFunc(slices.Clone(sound.tags), func(t publisher.Tag) bool { return t.Type == publisher.Video })}
	var rungs []rung
	for i, e := range c.Encoders {
		rate := e.Framerate.Numerator
		file := once(t, fmt.Sprintf("hevc-%dx%d.mp4", e.Width, e.Height),
			"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%dx%d:rate=%d", e.Width, e.Height, rate), "-t", fmt.Sprint(clipSeconds),
			"-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-tag:v", "hvc1", "-b:v", fmt.Sprintf("%dk", e.Settings.Bitrate),
			"-x265-params", fmt.Sprintf("log-level=error:bframes=0:keyint=%d:min-keyint=%d:scenecut=0:open-gop=0", rate, rate))
		tags, err := publisher.EnhancedHEVC(byte(i), file, rate)
		if err != nil {
			t.Fatal(err)
		}
		tracks = append(tracks, tags)
		rungs = append(rungs, rung{name: fmt.Sprintf("%dp%d", e.Height, rate), width: e.Width, height: e.Height})
	}
	pub := c.goesLive(t, publisher.Merge(tracks...))
	id := str(ch.live().StreamId)
	variants := variantsOf(t, ch.playback)
	if len(variants) != len(rungs) {
		t.Fatalf("renditions %v, want %v", variants, rungs)
	}
	watched := make([]watching, len(variants))
	var played sync.WaitGroup
	for i, v := range variants {
		played.Go(func() { watched[i] = watchVariant(t, v.url) })
	}
	played.Wait()
	for i, v := range variants {
		if v.group != rungs[i].name || !strings.HasPrefix(v.codecs, "hvc1.1.6.L") || !strings.HasSuffix(v.codecs, ",mp4a.40.2") {
			t.Errorf("rendition %s of %s, want %s of hvc1", v.group, v.codecs, rungs[i].name)
		}
		if w := watched[i]; w.width != rungs[i].width || w.height != rungs[i].height || len(w.pictures) < 60 {
			t.Errorf("of %s %d pictures of %dx%d were played", v.group, len(w.pictures), w.width, w.height)
		}
		if codec := ffprobe(t, v.url).Streams[0].Codec; codec != "hevc" {
			t.Errorf("ffprobe calls %s %s", v.group, codec)
		}
	}
	for i, v := range ch.session(id).IngestConfigurations.VideoConfigurations {
		if want, _, _ := strings.Cut(variants[i].codecs, ","); str(v.Codec) != want || str(v.Profile) != "Main" {
			t.Errorf("track %d is described as %s, its rendition as %s", i, show(t, v), want)
		}
	}
	if err := pub.Unpublish(ch.key); err != nil {
		t.Error(err)
	}
	ch.recorded(id)
	dir := v.recording(t, ch)
	if err := verify(t, dir); err != nil {
		t.Error(err)
	}
	if thumb := ffprobe(t, filepath.Join(dir, "media/thumbnails/thumb0.jpg")).Streams[0]; thumb.Width != int64(rungs[0].width) {
		t.Errorf("a thumbnail is %d pixels wide, want %d", thumb.Width, rungs[0].width)
	}
}

// TestTracksThatWereNotAgreed publishes what channels and configurations do not
// allow, and looks for Amazon's codes.
func TestTracksThatWereNotAgreed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	allowed := multitrack(types.MultitrackPolicyAllow, types.MultitrackMaximumResolutionHd)
	required := multitrack(types.MultitrackPolicyRequire, types.MultitrackMaximumResolutionHd)
	single := func(*ivs.CreateChannelInput) {}
	asked := s.channel(t, allowed)
	c := goLive(t, s, asked.key, 640, 360, 30, "h264")
	m := c.simulcast(t)
	first := slices.DeleteFunc(slices.Clone(m.tags), func(t publisher.Tag) bool { return t.Type == publisher.Video && t.Body[0]&0x8f == 0x86 })
	other := publisher.Merge(first, publisher.Enhanced(1, encode(t, small, voice).tags))
	third := publisher.Merge(m.tags, publisher.Enhanced(2, encode(t, small, voice).tags))
	for _, tc := range []struct {
		name    string
		channel func(*ivs.CreateChannelInput) // nil: that which was asked for
		key     func(plain string) string
		tags    []publisher.Tag // nil: it is not let in
		code    string
	}{
		{"a plain key", allowed, nil, m.tags, "GetClientConfigurationStreamKeyRequired"},
		{"a channel of one picture", single, nil, m.tags, "MultitrackInputNotAllowed"},
		{"one picture where several are required", required, nil, encode(t, small, voice).tags, "MultitrackInputRequired"},
		{"a damaged key", nil, func(string) string { return strings.Replace(c.Endpoints[0].Key, "_", "_0", 1) }, nil, "InvalidGetClientConfigurationStreamKey"},
		{"a track too few", nil, func(string) string { return c.Endpoints[0].Key }, first, "InvalidMultitrackInputTrackCount"},
		{"a track too many", nil, func(string) string { return c.Endpoints[0].Key }, third, "InvalidMultitrackInputTrackCount"},
		{"another size", nil, func(string) string { return c.Endpoints[0].Key }, other, "InvalidMultitrackInputVideoTrackMediaProperties"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ch := asked
			if tc.channel != nil {
				ch = s.channel(t, tc.channel)
			}
			ch.t = t
			key := ch.key
			if tc.key != nil {
				key = tc.key(key)
			}
			pub := dial(t, s.At.RTMP)
			err := pub.Publish(t.Context(), key)
			if tc.tags != nil {
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), overIn)
				defer cancel()
				_, err = pub.Play(ctx, tc.tags)
				select {
				case <-pub.Ended():
					err = pub.Err()
				case <-ctx.Done():
				}
			}
			if refused, ok := errors.AsType[*publisher.RefusedError](err); !ok || refused.Description == "" {
				t.Errorf("the server said %v, want why", err)
			}
			over := ch.over("")
			if got := str(event(t, over, "Session Ended").Code); got != tc.code {
				t.Errorf("the code is %q, want %q", got, tc.code)
			}
			if got := names(over); slices.Contains(got, "Stream Start") {
				t.Errorf("events %v, want no start", got)
			}
		})
	}
}

// TestLevelsOfTracksAreSwitched has hls.js go from every track of an encoder to every
// other.
func TestLevelsOfTracksAreSwitched(t *testing.T) {
	onlySoak(t)
	s := serve(t)
	b := chromium(t)
	ch := s.channel(t, multitrack(types.MultitrackPolicyAllow, types.MultitrackMaximumResolutionFullHd))
	c := goLive(t, s, ch.key, 852, 480, 30, "h264")
	c.goesLive(t, c.simulcast(t).tags)
	ch.live()
	levels := len(variantsOf(t, ch.playback))
	if levels != 3 {
		t.Fatalf("%d renditions, want 3", levels)
	}
	player := b.open(t, "levels", ch.playback, nil)
	player.until(2*time.Minute, goal{cues: levels * (levels - 1)})
	found := player.seen()
	t.Log(found)
	if len(found.Errors) > 0 || len(found.Holes) > 0 || len(found.Failed) > 0 {
		t.Errorf("while switching: %v", found)
	}
	seen := map[string]bool{}
	for _, c := range found.Cues {
		seen[c.Text] = true
	}
	if len(seen) != levels*(levels-1) {
		t.Errorf("switches %v, want each of %d once", seen, levels*(levels-1))
	}
}

// TestTracksAreRecorded records a channel whose encoder sends its renditions.
func TestTracksAreRecorded(t *testing.T) {
	t.Parallel()
	v := directory(t)
	ch := v.server.channel(t, recordedTo(v.conf), multitrack(types.MultitrackPolicyAllow, types.MultitrackMaximumResolutionHd))
	c := goLive(t, v.server, ch.key, 640, 360, 30, "h264")
	pub := c.goesLive(t, c.simulcast(t).tags)
	id := str(ch.live().StreamId)
	variants := variantsOf(t, ch.playback)
	until(t, liveIn, "there is some to keep", func() (bool, string) {
		_, _, body := fetch(t, variants[0].url)
		return strings.Count(body, "#EXTINF") > 2, body
	})
	if err := pub.Unpublish(ch.key); err != nil {
		t.Error(err)
	}
	if got := names(ch.recorded(id)); !slices.Contains(got, "Recording End") {
		t.Fatalf("events %v", got)
	}
	dir := v.recording(t, ch)
	if err := verify(t, dir); err != nil {
		t.Error(err)
	}
	first := 0
	for _, name := range []string{"360p30", "160p30"} {
		got := pictures(t, filepath.Join(dir, "media/hls", name, "playlist.m3u8"))
		if got < 150 || first > 0 && (got < first-2 || got > first+2) {
			t.Errorf("%s has %d pictures, 360p30 has %d", name, got, first)
		}
		first = max(first, got)
	}
}

// TestAnotherEncoderTakesTheTracksOver has a second encoder with the same
// configuration and a priority go live.
func TestAnotherEncoderTakesTheTracksOver(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t, multitrack(types.MultitrackPolicyAllow, types.MultitrackMaximumResolutionHd))
	c := goLive(t, s, ch.key, 640, 360, 30, "h264")
	m := c.simulcast(t)
	first := c.goesLive(t, m.tags)
	id := str(ch.live().StreamId)
	variants := variantsOf(t, ch.playback)
	length := func(v variant) int {
		_, _, body := fetch(t, v.url)
		return strings.Count(body, "#EXTINF")
	}
	second := c.goesLive(t, m.tags, "&priority=1")
	select {
	case <-first.Ended():
	case <-time.After(liveIn):
		t.Fatal("the first encoder still streams")
	}
	for _, v := range variants {
		then := length(v)
		until(t, liveIn, v.group+" goes on", func() (bool, string) { return length(v) > then+2, "" })
	}
	if err := second.Unpublish(ch.key); err != nil {
		t.Error(err)
	}
	over := ch.over(id)
	if got := names(over); !slices.Contains(got, "Stream Takeover") || got[len(got)-1] != "Stream End" || len(ch.sessions()) != 1 {
		t.Errorf("events %v in %d sessions", got, len(ch.sessions()))
	}
}

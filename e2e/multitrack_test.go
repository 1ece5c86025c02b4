package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
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

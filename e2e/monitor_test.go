package e2e

import (
	"strings"
	"testing"
)

// TestPrometheusAndProbes reads what a Prometheus and a load balancer read.
func TestPrometheusAndProbes(t *testing.T) {
	t.Parallel()
	s := serve(t, "--prometheus", "channels", "--event-sink", "name=out to=stdout")
	ch := s.channel(t)
	stream(t, encode(t, small, voice), ch.rtmp())
	ch.live()
	base := strings.TrimSuffix(s.At.Playback, "/")
	until(t, liveIn, "the numbers tell of the stream", func() (bool, string) {
		status, _, text := fetch(t, base+"/metrics")
		good := status == 200 && strings.Contains(text, `openivs_event_sink_delivered_events_total{sink="out"} 2`) &&
			strings.Contains(text, "openivs_channel_stream_bytes{channel=") && !strings.Contains(text, "openivs_ingest_bytes_total 0\n")
		return good, text
	})
	for path, want := range map[string]string{"/healthz": `{"status":"alive"}`, "/readyz": `{"status":"ready"}`} {
		if status, _, body := fetch(t, base+path); status != 200 || strings.TrimSpace(body) != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	quiet := serve(t)
	if status, _, body := fetch(t, strings.TrimSuffix(quiet.At.Playback, "/")+"/metrics"); status != 404 {
		t.Errorf("a server that was not asked to tells its numbers: %d %s", status, body)
	}
}

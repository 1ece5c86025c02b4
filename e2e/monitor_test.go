package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// deliveredSome is a sink that took Session Created and Stream Start, at least.
var deliveredSome = regexp.MustCompile(`openivs_event_sink_delivered_events_total\{sink="out"\} ([2-9]|\d\d)`)

// TestPrometheusAndProbes reads what a Prometheus and a load balancer read.
func TestPrometheusAndProbes(t *testing.T) {
	t.Parallel()
	s := serve(t, "--prometheus", "channels", "--event-sink", "name=out to=stdout")
	ch := s.channel(t, recordedTo(s.recording(t, bucketName)))
	stream(t, encode(t, small, voice), ch.rtmp())
	ch.live()
	playAlong(t, ch)
	base := strings.TrimSuffix(s.At.Playback, "/")
	until(t, liveIn, "the numbers tell of the stream", func() (bool, string) {
		status, _, text := fetch(t, base+"/metrics")
		good := status == 200 && deliveredSome.MatchString(text) &&
			strings.Contains(text, "openivs_channel_stream_bytes{channel=") && !strings.Contains(text, "openivs_ingest_bytes_total 0\n")
		return good, text
	})
	until(t, liveIn, "they tell of what was delivered and recorded", func() (bool, string) {
		_, _, text := fetch(t, base+"/metrics")
		return !strings.Contains(text, "openivs_delivered_seconds_total 0\n") && !strings.Contains(text, "openivs_recorded_seconds_total 0\n"), text
	})
	var stats struct{ Datapoints []struct{ Sum float64 } }
	until(t, liveIn, "CloudWatch tells of what was recorded", func() (bool, string) {
		out, err := shell(t, s, fmt.Sprintf("aws cloudwatch get-metric-statistics --namespace AWS/IVS --metric-name RecordedTime --dimensions Name=Channel,Value=%s "+
			"--start-time %s --end-time %s --period 3600 --statistics Sum", ch.arn[strings.LastIndexByte(ch.arn, '/')+1:],
			time.Now().UTC().Add(-time.Hour).Format(time.RFC3339), time.Now().UTC().Add(time.Hour).Format(time.RFC3339)))
		if err != nil || json.Unmarshal(out, &stats) != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return len(stats.Datapoints) == 1 && stats.Datapoints[0].Sum >= 2, string(out)
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

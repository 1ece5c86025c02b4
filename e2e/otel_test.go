package e2e

import (
	"fmt"
	"testing"

	"openivs/internal/tracing/otlptest"
)

// TestTracesReachACollector asks the API with the AWS SDK and streams with ffmpeg,
// and looks at what a receiver of OpenTelemetry got.
func TestTracesReachACollector(t *testing.T) {
	t.Parallel()
	r := otlptest.Start(t)
	s := serve(t, "--traces", r.URL, "--transcode", "off")
	ch := s.channel(t)
	enc := stream(t, encode(t, small, voice), ch.rtmp())
	ch.live()
	enc.quit()
	ch.over("")
	command(t, built.command, "events", "sinks", "--data", s.Data)
	for _, want := range []string{"POST CreateChannel", "POST GetStream", "admit", "publish", "GET sinks"} {
		until(t, liveIn, "the receiver has a span "+want, func() (bool, string) {
			return r.Named(want) != nil, fmt.Sprint(len(r.Spans()), " spans")
		})
	}
	if got := otlptest.Attribute(r.Named("publish"), "network.protocol.name"); got != "rtmp" {
		t.Errorf("the stream came by %q", got)
	}
	if took := r.Named("publish").GetEndTimeUnixNano() - r.Named("publish").GetStartTimeUnixNano(); took < 1e9 {
		t.Errorf("the stream is said to have lasted %d ns", took)
	}
}

package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestTheOperatorLearnsWhatIsWrongWithAStream sends B-frames and five seconds from one
// keyframe to the next to a channel of low latency, and asks the command line, live
// and after the end.
func TestTheOperatorLearnsWhatIsWrongWithAStream(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	e := ffmpeg(t, "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30", "-f", "lavfi", "-i", "sine=sample_rate=48000",
		"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "150", "-keyint_min", "150", "-sc_threshold", "0",
		"-pix_fmt", "yuv420p", "-b:v", "400k", "-c:a", "aac", "-f", "flv", ch.rtmp())
	id := str(ch.live().StreamId)
	ask := func(stream ...string) string {
		return string(command(t, built.command, append([]string{"session", "health", "--data", s.Data, ch.arn}, stream...)...))
	}
	until(t, 20*time.Second, "both causes are found", func() (bool, string) {
		out := ask()
		return strings.Contains(out, "BFramesInLowLatency") && strings.Contains(out, "KeyframeIntervalLong"), out
	})
	e.quit()
	ch.over(id)
	out := ask(id)
	for _, want := range []string{"Keyframes came 5.0 s apart", "Remedy: Set the encoder's keyframe interval", "bframes=0", id} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not tell of %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "Jumps") || strings.Contains(out, "Audio") {
		t.Errorf("it tells of what is not:\n%s", out)
	}
}

package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"

	"openivs/e2e/publisher"
)

const (
	settle  = 6 * time.Second  // until segments have come and gone
	measure = 15 * time.Second // long enough for ticks of 10 ms to count
)

// BenchmarkPublishers replays a clip of 720p30 at 2.5 Mbit/s in real time to
// 1, 50 and 200 channels and reports the processor time that the server needs
// for each second of each stream.
func BenchmarkPublishers(b *testing.B) {
	file := filepath.Join(b.TempDir(), "clip.flv")
	out, err := exec.Command("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin",
		"-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30", "-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", "10",
		"-c:v", "libx264", "-preset", "superfast", "-pix_fmt", "yuv420p", "-bf", "0", "-g", "60", "-sc_threshold", "0",
		"-b:v", "2500k", "-minrate", "2500k", "-maxrate", "2500k", "-bufsize", "2500k", "-x264-params", "nal-hrd=cbr",
		"-c:a", "aac", "-b:a", "128k", file).CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	clip, err := publisher.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1, 50, 200} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				publish(b, clip, n)
			}
		})
	}
}

func publish(b *testing.B, clip []publisher.Tag, n int) {
	b.Helper()
	settings := filepath.Join(b.TempDir(), "openivs.yaml")
	if err := os.WriteFile(settings, []byte("quota-concurrent-streams: 1000\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	s := serve(b, b.TempDir(), "--config", settings)
	api, err := s.Client(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var playing sync.WaitGroup
	defer playing.Wait()
	defer cancel()
	var broken atomic.Int64
	for i := range n {
		out, err := api.CreateChannel(ctx, &ivs.CreateChannelInput{InsecureIngest: true})
		if err != nil {
			b.Fatal(err)
		}
		c, err := publisher.Dial(ctx, s.At.RTMP)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Publish(ctx, aws.ToString(out.StreamKey.Value)); err != nil {
			b.Fatal(err)
		}
		// Spread over two seconds, so that keyframes do not come all at once.
		begin := time.Duration(i) * 2 * time.Second / time.Duration(n)
		playing.Go(func() {
			select {
			case <-time.After(begin):
			case <-ctx.Done():
				return
			}
			if _, err := c.Play(ctx, clip); err != nil && ctx.Err() == nil {
				broken.Add(1)
			}
		})
	}
	wait(ctx, settle)
	before, from := used(b, s.PID()), time.Now()
	wait(ctx, measure)
	cost, length := used(b, s.PID())-before, time.Since(from)
	if broken.Load() > 0 {
		b.Errorf("%d of %d publishers were cut off", broken.Load(), n)
	}
	b.ReportMetric(float64(cost.Milliseconds())/length.Seconds()/float64(n), "cpu-ms/publisher-s")
	b.ReportMetric(resident(b, s.PID()), "MiB")
	b.ReportMetric(0, "ns/op") // it runs in real time
}

// wait waits for a length of time that is itself part of the measurement.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

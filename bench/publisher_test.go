package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"

	"openivs/e2e/publisher"
	"openivs/e2e/server"
)

const (
	settle  = 6 * time.Second  // until segments have come and gone
	measure = 15 * time.Second // long enough for ticks of 10 ms to count
)

// BenchmarkPublishers replays a clip of 720p30 at 2.5 Mbit/s in real time to
// 1, 50 and 200 channels, over each protocol, and reports the processor time that the
// server needs for each second of each stream, and the memory for each.
func BenchmarkPublishers(b *testing.B) {
	file, clip := encode(b)
	stream := transportStream(b, file)
	for _, protocol := range []string{"RTMP", "RTMPS", "SRT"} {
		for _, n := range []int{1, 50, 200} {
			b.Run(fmt.Sprintf("%s/%d", protocol, n), func(b *testing.B) {
				for b.Loop() {
					var c cost
					if protocol == "SRT" {
						c = publishSRT(b, stream, n)
					} else {
						c = publish(b, clip, n, openivs(b, protocol == "RTMPS"))
					}
					b.ReportMetric(c.processor, "cpu-ms/publisher-s")
					b.ReportMetric(c.memory, "MiB")
					b.ReportMetric(c.each, "KiB/publisher")
				}
				b.ReportMetric(0, "ns/op") // it runs in real time
			})
		}
	}
}

// BenchmarkPublishersBesideNginx sends the same load to nginx-rtmp, which makes
// whole segments, and to openivs, which makes parts too, unencrypted and
// encrypted. A machine's speed drifts within minutes: there and back again, so
// that the ratio holds where the figures do not.
func BenchmarkPublishersBesideNginx(b *testing.B) {
	const n = 50
	_, clip := encode(b)
	for b.Loop() {
		var plain, secure, other float64
		for _, take := range []func(){
			func() { other += publish(b, clip, n, nginx(b)).processor / 2 },
			func() { plain += publish(b, clip, n, openivs(b, false)).processor / 2 },
			func() { secure += publish(b, clip, n, openivs(b, true)).processor / 2 },
			func() { secure += publish(b, clip, n, openivs(b, true)).processor / 2 },
			func() { plain += publish(b, clip, n, openivs(b, false)).processor / 2 },
			func() { other += publish(b, clip, n, nginx(b)).processor / 2 },
		} {
			take()
		}
		b.ReportMetric(plain, "rtmp-cpu-ms/publisher-s")
		b.ReportMetric(secure, "rtmps-cpu-ms/publisher-s")
		b.ReportMetric(other, "nginx-cpu-ms/publisher-s")
		b.ReportMetric(plain/other, "rtmp/nginx")
	}
	b.ReportMetric(0, "ns/op") // it runs in real time
}

// encode makes the clip, which loops without a seam.
func encode(b *testing.B) (file string, clip []publisher.Tag) {
	b.Helper()
	file = filepath.Join(b.TempDir(), "clip.flv")
	out, err := exec.Command("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin",
		"-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30", "-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", "10",
		"-c:v", "libx264", "-preset", "superfast", "-pix_fmt", "yuv420p", "-bf", "0", "-g", "60", "-sc_threshold", "0",
		"-b:v", "2500k", "-minrate", "2500k", "-maxrate", "2500k", "-bufsize", "2500k", "-x264-params", "nal-hrd=cbr",
		"-c:a", "aac", "-b:a", "128k", file).CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	clip, err = publisher.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	return file, clip
}

// A target takes publishers.
type target struct {
	pid    int
	stream func() (address, key string) // of one more publisher
	stop   func()

	api *ivs.Client // of openivs
	srt string      // where it takes SRT
}

// openivs starts a server that takes RTMP, or RTMPS.
func openivs(b *testing.B, encrypted bool) target {
	b.Helper()
	settings := filepath.Join(b.TempDir(), "openivs.yaml")
	if err := os.WriteFile(settings, []byte("quota-concurrent-streams: 1000\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	s, err := server.Start(b.Context(), program, b.TempDir(), "--config", settings)
	if err != nil {
		b.Fatal(err)
	}
	api, err := s.Client(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	address := s.At.RTMP
	if encrypted {
		address = s.At.RTMPS
	}
	return target{
		pid: s.PID(),
		api: api,
		srt: s.At.SRT,
		stream: func() (string, string) {
			out, err := api.CreateChannel(b.Context(), &ivs.CreateChannelInput{InsecureIngest: !encrypted})
			if err != nil {
				b.Fatal(err)
			}
			return address, aws.ToString(out.StreamKey.Value)
		},
		stop: func() {
			if err := s.Stop(syscall.SIGTERM); err != nil {
				b.Error(err)
			}
		},
	}
}

// A cost is what a server needs.
type cost struct {
	processor float64 // ms for each second of each publisher
	memory    float64 // MiB in all
	each      float64 // KiB for each publisher
}

// publish has n publishers play the clip to t, which it stops, and says what
// that costs.
func publish(b *testing.B, clip []publisher.Tag, n int, t target) cost {
	b.Helper()
	return load(b, n, t, func(ctx context.Context) (func(ctx context.Context) error, error) {
		address, key := t.stream()
		c, err := publisher.Dial(ctx, address)
		if err != nil {
			return nil, err
		}
		if err := c.Publish(ctx, key); err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			_, err := c.Play(ctx, clip)
			return err
		}, nil
	})
}

// publishSRT is publish over SRT, encrypted as channels want it unless they are told
// otherwise.
func publishSRT(b *testing.B, stream []datagramAt, n int) cost {
	b.Helper()
	t := openivs(b, false)
	return load(b, n, t, func(ctx context.Context) (func(ctx context.Context) error, error) {
		out, err := t.api.CreateChannel(ctx, &ivs.CreateChannelInput{})
		if err != nil {
			return nil, err
		}
		return dialSRT(ctx, t.srt, aws.ToString(out.StreamKey.Value), aws.ToString(out.Channel.Srt.Passphrase), stream)
	})
}

// load has n publishers connect and play, and says what that costs t, which it stops.
func load(b *testing.B, n int, t target, connect func(ctx context.Context) (play func(ctx context.Context) error, err error)) cost {
	b.Helper()
	defer t.stop()
	ctx, cancel := context.WithCancel(b.Context())
	var playing sync.WaitGroup
	defer playing.Wait()
	defer cancel()
	var broken atomic.Int64
	empty := resident(b, t.pid)
	plays := make([]func(ctx context.Context) error, n)
	for i := range plays {
		var err error
		if plays[i], err = connect(ctx); err != nil {
			b.Fatal(err)
		}
	}
	for i, play := range plays {
		// Spread over two seconds, so that keyframes do not come all at once.
		begin := time.Duration(i) * 2 * time.Second / time.Duration(n)
		playing.Go(func() {
			select {
			case <-time.After(begin):
			case <-ctx.Done():
				return
			}
			if err := play(ctx); err != nil && ctx.Err() == nil {
				broken.Add(1)
			}
		})
	}
	wait(ctx, settle)
	before, from := used(b, t.pid), time.Now()
	wait(ctx, measure)
	spent, length := used(b, t.pid)-before, time.Since(from)
	if broken.Load() > 0 {
		b.Errorf("%d of %d publishers were cut off", broken.Load(), n)
	}
	full := resident(b, t.pid)
	return cost{
		processor: float64(spent.Milliseconds()) / length.Seconds() / float64(n),
		memory:    full,
		each:      (full - empty) * 1024 / float64(n),
	}
}

// wait waits for a length of time that is itself part of the measurement.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

package bench

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"openivs/e2e/publisher"
)

const (
	cyclers  = 16               // that connect, publish and leave at once
	rotated  = 4                // channels of each, used in turn: the end of a session takes a moment
	cycleFor = 10 * time.Second // each
)

// BenchmarkCycles has encoders connect, publish and leave again as fast as they can,
// each on channels of its own, with openivs over RTMP and RTMPS and with nginx-rtmp,
// there and back again. openivs stores each session and its events before it accepts
// and as it ends; nginx keeps nothing.
func BenchmarkCycles(b *testing.B) {
	for b.Loop() {
		var plain, secure, other pace
		for _, take := range []func(){
			func() { other.add(cycles(b, nginx(b))) },
			func() { plain.add(cycles(b, openivs(b, false))) },
			func() { secure.add(cycles(b, openivs(b, true))) },
			func() { plain.add(cycles(b, openivs(b, false))) },
			func() { other.add(cycles(b, nginx(b))) },
		} {
			take()
		}
		plain.report(b, "rtmp")
		secure.report(b, "rtmps")
		other.report(b, "nginx")
		b.ReportMetric(plain.rate()/other.rate(), "rtmp/nginx")
	}
	b.ReportMetric(0, "ns/op") // it runs in real time
}

// A pace is how fast cycles went.
type pace struct {
	accepted []time.Duration // from the request to publish to the answer
	took     time.Duration
	cpu      time.Duration // of the server
}

func (p *pace) add(q pace) {
	p.accepted, p.took, p.cpu = append(p.accepted, q.accepted...), p.took+q.took, p.cpu+q.cpu
}

func (p *pace) rate() float64 { return float64(len(p.accepted)) / p.took.Seconds() }

func (p *pace) report(b *testing.B, name string) {
	b.Helper()
	slices.Sort(p.accepted)
	b.ReportMetric(p.rate(), name+"-cycles/s")
	b.ReportMetric(float64(p.accepted[len(p.accepted)/2].Microseconds())/1000, name+"-accept-p50-ms")
	b.ReportMetric(float64(p.accepted[len(p.accepted)*99/100].Microseconds())/1000, name+"-accept-p99-ms")
	b.ReportMetric(float64(p.cpu.Microseconds())/1000/float64(len(p.accepted)), name+"-cpu-ms/cycle")
}

// cycles does as many as there is time for, and stops t.
func cycles(b *testing.B, t target) pace {
	b.Helper()
	defer t.stop()
	var mu sync.Mutex
	var all pace
	var busy sync.WaitGroup
	places := make([][2]string, cyclers*rotated)
	for i := range places {
		places[i][0], places[i][1] = t.stream()
	}
	before, began := used(b, t.pid), time.Now()
	for n := range cyclers {
		busy.Go(func() {
			var mine []time.Duration
			for i := 0; time.Since(began) < cycleFor; i++ {
				at := places[n*rotated+i%rotated]
				took, err := cycle(b.Context(), at[0], at[1])
				if err != nil {
					b.Error(err)
					return
				}
				mine = append(mine, took)
			}
			mu.Lock()
			defer mu.Unlock()
			all.accepted = append(all.accepted, mine...)
		})
	}
	busy.Wait()
	all.took, all.cpu = time.Since(began), used(b, t.pid)-before
	if len(all.accepted) == 0 {
		b.Fatal("there was no cycle")
	}
	return all
}

// cycle connects, publishes and leaves, and says how long publish was in coming.
func cycle(ctx context.Context, address, key string) (accepted time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err := publisher.Dial(ctx, address)
	if err != nil {
		return 0, err
	}
	asked := time.Now()
	if err := c.Publish(ctx, key); err != nil {
		return 0, err
	}
	accepted = time.Since(asked)
	if err := c.Unpublish(key); err != nil {
		return 0, err
	}
	<-c.Ended()
	return accepted, nil
}

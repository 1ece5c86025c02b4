package e2e

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"openivs/e2e/publisher"
)

// TestEncodersThatComeAndGoLeaveNothingBehind connects, publishes and leaves again,
// over each protocol in turn: ten thousand times in the soak. Goroutines, open files and
// memory are then what they were when half of it was done: the database is then larger
// than what it keeps of it in memory.
func TestEncodersThatComeAndGoLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	cycles := 120
	if *soak {
		cycles = 10_000
	}
	s := serve(t, "--prometheus", "on")
	const workers = 6
	ways := make([]func(ctx context.Context) error, workers)
	for i := range ways {
		switch ch := s.channel(t, insecure(i%3 == 0)); i % 3 {
		case 0:
			ways[i] = func(ctx context.Context) error { return cycle(ctx, s.At.RTMP, ch.key) }
		case 1:
			ways[i] = func(ctx context.Context) error { return cycle(ctx, s.At.RTMPS, ch.key) }
		default:
			passphrase := ch.passphrase()
			ways[i] = func(ctx context.Context) error { return srtCycle(ctx, s.At.SRT, ch.key, passphrase) }
		}
	}
	goThrough(t, ways, cycles/2)
	before := census(t, s)
	goThrough(t, ways, cycles-cycles/2)
	const (
		spareFiles  = 12       // connections of the database, and ours that asks
		spareHeap   = 4 << 20  // bytes, of which some wait to be collected
		spareMemory = 12 << 20 // bytes: a leak of 3 KiB a cycle is more, in the soak
	)
	until(t, overIn, "it is as before", func() (bool, string) {
		after := census(t, s)
		flat := after.goroutines <= before.goroutines+spareFiles && after.files <= before.files+spareFiles &&
			after.heap <= before.heap+spareHeap && after.memory <= before.memory+spareMemory
		return flat, fmt.Sprintf("%+v, and it was %+v", after, before)
	})
	t.Logf("%d cycles: %+v, then %+v", cycles, before, census(t, s))
}

// goThrough does so many cycles, shared out to who does them.
func goThrough(t *testing.T, ways []func(ctx context.Context) error, cycles int) {
	t.Helper()
	var busy sync.WaitGroup
	for i, way := range ways {
		busy.Go(func() {
			for n := i; n < cycles; n += len(ways) {
				ctx, cancel := context.WithTimeout(t.Context(), liveIn)
				err := way(ctx)
				cancel()
				if err != nil {
					t.Errorf("cycle %d: %v", n, err)
					return
				}
			}
		})
	}
	busy.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// cycle is one over RTMP or RTMPS. The channel may still be busy with the last.
func cycle(ctx context.Context, address, key string) error {
	for {
		c, err := publisher.Dial(ctx, address)
		if err != nil {
			return err
		}
		err = c.Publish(ctx, key)
		if refused, ok := errors.AsType[*publisher.RefusedError](err); ok && strings.Contains(refused.Description, "ending") {
			_ = c.Close()
			continue
		}
		if err != nil {
			return errors.Join(err, c.Close())
		}
		if err := c.Unpublish(key); err != nil {
			return err
		}
		<-c.Ended()
		return nil
	}
}

func srtCycle(ctx context.Context, address, key, passphrase string) error {
	c := gosrt.DefaultConfig()
	c.StreamId, c.Passphrase = key, passphrase
	for {
		nc, err := gosrt.Dial("srt", strings.TrimPrefix(address, "srt://"), c)
		if err != nil && (strings.Contains(err.Error(), "("+strconv.FormatUint(uint64(gosrt.REJX_CONFLICT), 32)+")") || strings.Contains(err.Error(), "connection timeout")) {
			select {
			case <-time.After(20 * time.Millisecond):
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err != nil {
			return err
		}
		return nc.Close()
	}
}

// A headcount is how much a server has of what may leak.
type headcount struct{ goroutines, files, heap, memory float64 }

// census asks a server.
func census(t *testing.T, s *running) (h headcount) {
	t.Helper()
	_, _, text := fetch(t, strings.TrimSuffix(s.At.Playback, "/")+"/metrics")
	for name, into := range map[string]*float64{"go_goroutines": &h.goroutines, "process_open_fds": &h.files, "go_memstats_heap_alloc_bytes": &h.heap, "process_resident_memory_bytes": &h.memory} {
		m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("the server does not tell of %s", name)
		}
		var err error
		if *into, err = strconv.ParseFloat(m[1], 64); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

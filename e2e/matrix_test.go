package e2e

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
)

// The factors of the matrix, and how many values each has.
var (
	sizes     = []picture{{width: 1920, height: 1080, fps: 30, kbps: 2500}, {width: 1280, height: 720, fps: 60, kbps: 2100}}
	profiles  = []string{"baseline", "main", "high"}
	channels  = []int{1, 2}
	rates     = []int{44100, 48000}
	protocols = []string{"rtmp", "rtmps", "both"}
	factors   = []int{len(sizes), len(profiles), len(channels), len(rates), len(protocols)}
)

// TestEveryEncoderIsToldExactly publishes with ffmpeg and compares every field of
// GetStreamSession with what ffprobe says of the same file. By default a sample
// in which each pair of values occurs; all combinations with -soak.
func TestEveryEncoderIsToldExactly(t *testing.T) {
	t.Parallel()
	cells := product(factors)
	if !*soak {
		cells = pairwise(factors, rand.New(rand.NewPCG(uint64(built.seed), 0)))
	}
	t.Logf("E2E_SEED=%d, %d of %d combinations", built.seed, len(cells), len(product(factors)))
	s := serve(t)
	t.Run("cells", func(t *testing.T) {
		for _, c := range cells {
			p := sizes[c[0]]
			p.profile = profiles[c[1]]
			a := sound{channels: channels[c[2]], rate: rates[c[3]], kbps: 64 * channels[c[2]]}
			protocol := protocols[c[4]]
			name := fmt.Sprintf("%dp%d %s %dch %dHz %s", p.height, p.fps, p.profile, a.channels, a.rate, protocol)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				told(t, s, encode(t, p, a), protocol)
			})
		}
	})
}

// told publishes a clip and checks what the server tells of it, live and after.
func told(t *testing.T, s *running, c clip, protocol string) {
	t.Helper()
	var on []channel
	var encoders []*encoder
	if protocol != "rtmps" {
		ch := s.channel(t)
		on, encoders = append(on, ch), append(encoders, stream(t, c, ch.rtmp()))
	}
	if protocol != "rtmp" {
		ch := s.channel(t, insecure(protocol == "both"))
		on, encoders = append(on, ch), append(encoders, stream(t, c, ch.rtmps()))
	}
	for i, ch := range on {
		stream := ch.live()
		live := ch.session("")
		if live.EndTime != nil {
			t.Errorf("live session has endTime %v", live.EndTime)
		}
		if !stream.StartTime.Equal(*live.StartTime) {
			t.Errorf("GetStream startTime %v, GetStreamSession %v", stream.StartTime, live.StartTime)
		}
		compare(t, "live", live, c)
		encoders[i].quit()
		over := ch.over(str(live.StreamId))
		compare(t, "after the end", over, c)
		if got := names(over); !slices.Equal(got, wholeStream) {
			t.Errorf("events %v, want %v", got, wholeStream)
		}
		if end := event(t, over, "Stream End").EventTime; !end.Equal(*over.EndTime) {
			t.Errorf("endTime %v, Stream End at %v", over.EndTime, end)
		}
		if start := event(t, over, "Stream Start").EventTime; !start.Equal(*over.StartTime) {
			t.Errorf("startTime %v, Stream Start at %v", over.StartTime, start)
		}
	}
}

// compare holds a session's ingest configuration, in both its forms, to the clip.
func compare(t *testing.T, when string, s *types.StreamSession, c clip) {
	t.Helper()
	video, audio := c.wantVideo(t), c.wantAudio(t)
	if got, want := s.IngestConfigurations, (&types.IngestConfigurations{
		AudioConfigurations: []types.AudioConfiguration{audio},
		VideoConfigurations: []types.VideoConfiguration{video},
	}); !reflect.DeepEqual(got, want) {
		t.Errorf("%s: ingestConfigurations\n got %s\nwant %s", when, show(t, got), show(t, want))
	}
	video.AvcLevel, video.AvcProfile = video.Level, video.Profile
	if got, want := s.IngestConfiguration, (&types.IngestConfiguration{Audio: &audio, Video: &video}); !reflect.DeepEqual(got, want) {
		t.Errorf("%s: ingestConfiguration\n got %s\nwant %s", when, show(t, got), show(t, want))
	}
}

// product returns every combination of a value of each factor.
func product(factors []int) [][]int {
	all := [][]int{nil}
	for _, n := range factors {
		var next [][]int
		for _, c := range all {
			for v := range n {
				next = append(next, append(slices.Clone(c), v))
			}
		}
		all = next
	}
	return all
}

// pairwise returns combinations in which each value of each factor meets each
// value of each other factor. It is greedy: always the combination, of all in
// random order, with the most pairs that are still missing.
func pairwise(factors []int, random *rand.Rand) [][]int {
	type pair struct{ a, av, b, bv int }
	pairs := func(c []int) (out []pair) {
		for a := range c {
			for b := a + 1; b < len(c); b++ {
				out = append(out, pair{a, c[a], b, c[b]})
			}
		}
		return out
	}
	all := product(factors)
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	missing := map[pair]bool{}
	for _, c := range all {
		for _, p := range pairs(c) {
			missing[p] = true
		}
	}
	var chosen [][]int
	for len(missing) > 0 {
		var best []int
		most := 0
		for _, c := range all {
			n := 0
			for _, p := range pairs(c) {
				if missing[p] {
					n++
				}
			}
			if n > most {
				best, most = c, n
			}
		}
		chosen = append(chosen, best)
		for _, p := range pairs(best) {
			delete(missing, p)
		}
	}
	return chosen
}

// TestTheSampleMeetsEveryPair holds pairwise to what it promises.
func TestTheSampleMeetsEveryPair(t *testing.T) {
	met := map[[4]int]bool{}
	cells := pairwise(factors, rand.New(rand.NewPCG(uint64(built.seed), 0)))
	for _, c := range cells {
		for a := range c {
			for b := a + 1; b < len(c); b++ {
				met[[4]int{a, c[a], b, c[b]}] = true
			}
		}
	}
	want := 0
	for a := range factors {
		for b := a + 1; b < len(factors); b++ {
			want += factors[a] * factors[b]
		}
	}
	if len(met) != want {
		t.Errorf("%d combinations meet %d pairs of values, want %d", len(cells), len(met), want)
	}
	if len(cells) > 15 {
		t.Errorf("the sample has %d combinations, at most 15 fit the time", len(cells))
	}
}

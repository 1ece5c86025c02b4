package pipeline_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"openivs/internal/hls"
	"openivs/internal/ivs"
	"openivs/internal/media/mediatest"
	"openivs/internal/pipeline"
)

// numbers is what a database keeps over the death of a server.
type numbers struct {
	next map[ivs.ARN]int64
	away error
	used int

	target time.Duration
}

func (n *numbers) reserve(channel ivs.ARN, count int64) (int64, time.Duration, error) {
	if n.away != nil {
		return 0, 0, n.away
	}
	n.used++
	first := n.next[channel]
	n.next[channel] += count
	return first, n.target, nil
}

// stream publishes 5 s and returns the range of numbers it used.
func stream(t *testing.T, b *pipeline.Builder, id string, end bool) (first, next, discontinuity int64) {
	t.Helper()
	p := open(t, b, session(id))
	write(t, p, mediatest.Plain(t).Units(5*time.Second))
	snap := window(t, b, id)
	first, next = snap.Segments[0].MSN, snap.Next()
	if end {
		if err := p.Close(true); err != nil {
			t.Fatal(err)
		}
		next = window(t, b, id).Next()
	}
	s, _, _ := b.Stream(id)
	return first, next, s.Next().Discontinuities
}

func TestNumbersAreNeverUsedAgain(t *testing.T) {
	db := &numbers{next: map[ivs.ARN]int64{}}
	used, cuts := int64(-1), int64(-1)
	for life, end := range []bool{true, false, true} { // the second server is killed
		b := &pipeline.Builder{Reserve: db.reserve}
		for i := range 3 {
			id := string(rune('a'+life)) + string(rune('a'+i))
			first, next, discontinuity := stream(t, b, id, end || i < 2)
			if first <= used || discontinuity <= cuts && (life > 0 || i > 0) {
				t.Errorf("stream %s begins with number %d and is after %d breaks; %d and %d were used", id, first, discontinuity, used, cuts)
			}
			if i > 0 && first != used+1 {
				t.Errorf("stream %s begins with number %d, want %d: the next", id, first, used+1)
			}
			used, cuts = next-1, discontinuity
		}
	}
	if db.used > 7 {
		t.Errorf("the database was asked %d times for 9 streams", db.used)
	}
}

// TestGapsStandForWhatAServerMissed opens streams in low latency after the end of
// a stream, and of a server.
func TestGapsStandForWhatAServerMissed(t *testing.T) {
	db := &numbers{next: map[ivs.ARN]int64{}}
	next := int64(0) // after what is used
	for life := range 2 {
		b := &pipeline.Builder{Reserve: db.reserve}
		for i := range 2 {
			s := session(fmt.Sprint("st-", life, i))
			s.Channel.Channel.Container, s.Channel.Channel.Latency = ivs.FragmentedMP4, ivs.LatencyLow
			p := open(t, b, s)
			write(t, p, mediatest.Plain(t).Units(5*time.Second))
			snap := window(t, b, s.StreamID)
			_, after, _ := strings.Cut(string(snap.Playlist(false)), "#EXT-X-MEDIA-SEQUENCE:")
			line, _, _ := strings.Cut(after, "\n")
			first, err := strconv.ParseInt(line, 10, 64)
			gaps := strings.Count(after, "#EXT-X-GAP\n")
			if want := 20 * life * (1 - i); err != nil || gaps != want || first < next || first+int64(gaps) != snap.Segments[0].MSN {
				t.Errorf("life %d, stream %d: %d gaps from %d, used were those before %d\n%s", life, i, gaps, first, next, after)
			}
			if err := p.Close(true); err != nil {
				t.Fatal(err)
			}
			next = window(t, b, s.StreamID).Next()
		}
	}
}

func TestOpenWithoutNumbersFails(t *testing.T) {
	db := &numbers{next: map[ivs.ARN]int64{}, away: errors.New("the database is away")}
	b := &pipeline.Builder{Reserve: db.reserve}
	if _, err := b.Open(session("st-1a")); !errors.Is(err, db.away) {
		t.Errorf("Open: %v", err)
	}
	db.away = nil
	stream(t, b, "st-1a", true)
	db.away = errors.New("away again")
	stream(t, b, "st-1b", true) // the first asked for enough
}

// TestTheLengthOfSegmentsIsLearned has a server die between two streams.
func TestTheLengthOfSegmentsIsLearned(t *testing.T) {
	db := &numbers{next: map[ivs.ARN]int64{}}
	var told []time.Duration
	learned := func(_ ivs.ARN, target time.Duration) error {
		told = append(told, target)
		db.target = target
		return db.away
	}
	for range 2 {
		b := &pipeline.Builder{Target: 4 * time.Second, Reserve: db.reserve, Learned: learned}
		for i := range 2 {
			stream(t, b, fmt.Sprint("st-1", i), true)
		}
	}
	if !slices.Equal(told, []time.Duration{4 * time.Second}) {
		t.Errorf("segments of %v were told of, want 4 s once", told)
	}
	b := &pipeline.Builder{Reserve: db.reserve, Learned: learned}
	p := open(t, b, session("st-1a"))
	found, _, _ := b.Stream("st-1a")
	if w, _ := found.Window(hls.Source); w.From.Target != 4*time.Second {
		t.Errorf("the next stream was told %v", w.From.Target)
	}
	write(t, p, mediatest.Plain(t).Units(9*time.Second))
	db.away = errors.New("the database is away")
	if err := p.Close(true); !errors.Is(err, db.away) {
		t.Errorf("Close: %v", err)
	}
}

// TestTwoStreamsAtOnce opens a stream on a channel whose last one has not ended.
func TestTwoStreamsAtOnce(t *testing.T) {
	var b pipeline.Builder
	first := open(t, &b, session("st-1a"))
	write(t, first, mediatest.Plain(t).Units(5*time.Second))
	second := open(t, &b, session("st-1b"))
	write(t, second, mediatest.Plain(t).Units(5*time.Second))
	if err := first.Close(true); err != nil {
		t.Fatal(err)
	}
	if err := second.Close(true); err != nil {
		t.Fatal(err)
	}
	third := open(t, &b, session("st-1c"))
	write(t, third, mediatest.Plain(t).Units(5*time.Second))
	last := int64(-1)
	for _, id := range []string{"st-1a", "st-1b", "st-1c"} {
		for _, seg := range window(t, &b, id).Segments {
			if seg.MSN <= last {
				t.Errorf("stream %s has number %d after %d", id, seg.MSN, last)
			}
			last = seg.MSN
		}
	}
}

func TestFormatIsTheChannels(t *testing.T) {
	for _, tc := range []struct {
		container ivs.ContainerFormat
		latency   ivs.LatencyMode
		parts     bool
		want      hls.Container
		delivery  hls.Delivery
	}{
		{ivs.TS, ivs.LatencyNormal, false, hls.TS, hls.Whole},
		{ivs.TS, ivs.LatencyLow, false, hls.TS, hls.Ahead},
		{ivs.TS, ivs.LatencyLow, true, hls.TS, hls.Parts},
		{ivs.FragmentedMP4, ivs.LatencyNormal, false, hls.MP4, hls.Whole},
		{ivs.FragmentedMP4, ivs.LatencyLow, false, hls.MP4, hls.Parts},
	} {
		b := pipeline.Builder{PartsInTS: tc.parts}
		s := session("st-1a")
		s.Channel.Channel.Container, s.Channel.Channel.Latency = tc.container, tc.latency
		open(t, &b, s)
		found, _, _ := b.Stream("st-1a")
		if w, _ := found.Window(hls.Source); w.Container != tc.want || w.Delivery != tc.delivery {
			t.Errorf("%s %s: container %v, delivery %v", tc.container, tc.latency, w.Container, w.Delivery)
		}
	}
}

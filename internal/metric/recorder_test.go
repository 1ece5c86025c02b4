package metric

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A house is a recorder and the streams that are live.
type house struct {
	*Recorder
	mu   sync.Mutex
	live map[string]*Live
	stop func()
}

func kept() Kept {
	return Kept{PerSecond: 15 * 24 * time.Hour, PerMinute: 63 * 24 * time.Hour, PerHour: 455 * 24 * time.Hour}
}

func newHouse(dir string) *house {
	h := &house{live: make(map[string]*Live)}
	h.Recorder = &Recorder{Dir: dir, Kept: kept(), Log: slog.New(slog.DiscardHandler), Source: h.source}
	return h
}

func (h *house) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	h.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	synctest.Wait()
}

func (h *house) source() []Live {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []Live
	for _, l := range h.live {
		out = append(out, *l)
	}
	return out
}

func (h *house) begin(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.live[id] = &Live{Channel: id, Stream: fmt.Sprint("st-", id, time.Now()), Retransmitted: -1, Health: "HEALTHY", KeyInterval: 2 * time.Second}
}

func (h *house) end(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.live, id)
}

// pass lets seconds pass in which each stream has so many pictures of 1000 bytes
// a second, and half as many bytes of sound.
func (h *house) pass(seconds, fps int) {
	for range seconds {
		h.mu.Lock()
		for _, l := range h.live {
			l.VideoBytes += int64(fps) * 1000
			l.AudioBytes += int64(fps) * 500
			l.Frames += int64(fps)
			l.Input += time.Second
			l.Delivered += 3 * time.Second
			l.Views = 3
		}
		h.mu.Unlock()
		<-time.After(time.Second)
		synctest.Wait()
	}
}

func (h *house) want(t *testing.T, key string, f Field, from time.Time, period time.Duration, want ...Stat) {
	t.Helper()
	got, err := h.Query(key, f, from, time.Now(), period)
	if err != nil {
		t.Fatal(err)
	}
	var stats []Stat
	for i, b := range got {
		stats = append(stats, b.Stat)
		if b.At.Unix()%int64(period/time.Second) != 0 || i > 0 && !b.At.After(got[i-1].At) {
			t.Errorf("bucket %d begins at %v", i, b.At)
		}
	}
	if !slices.Equal(stats, want) {
		t.Errorf("%s %d by %v: %+v\nwant %+v", key, f, period, stats, want)
	}
}

func each(n int, v int64) Stat { return Stat{int64(n), int64(n) * v, v, v} }

func TestWhatIsMeasuredIsAnsweredAtOnceAndLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		<-time.After(10*time.Minute + time.Millisecond)
		start := time.Now().Truncate(time.Second)
		dir := t.TempDir()
		h := newHouse(dir)
		h.run(t)
		h.begin("a")
		h.pass(30, 25) // the first second has no rate: nothing came before it
		h.begin("b")
		h.pass(60, 25)
		rate, fps := int64(25*1000*8), int64(25_000)
		h.want(t, "a", VideoBitrate, start, time.Minute, each(59, rate), each(30, rate))
		h.want(t, "a", Bitrate, start, 5*time.Second, slices.Concat([]Stat{each(4, rate*3/2)}, slices.Repeat([]Stat{each(5, rate*3/2)}, 17))...)
		h.want(t, "b", Framerate, start, time.Minute, each(29, fps), each(30, fps))
		h.want(t, "a", KeyInterval, start, time.Hour, each(90, 2000))
		h.want(t, "a", InputTime, start, time.Hour, each(90, 1000))
		h.want(t, Account, VideoBitrate, start, time.Minute, each(88, rate), each(60, rate))
		h.want(t, Account, VideoBitrate, start, 5*time.Second, slices.Concat([]Stat{each(4, rate)}, slices.Repeat([]Stat{each(5, rate)}, 5), []Stat{each(9, rate)}, slices.Repeat([]Stat{each(10, rate)}, 11))...)
		h.want(t, Account, Views, start, time.Minute, Stat{60, 30*3 + 30*6, 3, 6}, each(30, 6))
		h.want(t, Account, Healthy, start, time.Hour, Stat{90, 30 + 120, 1, 2})
		h.want(t, Account, Starving, start, time.Hour, each(90, 0))
		h.end("a")
		h.end("b")
		h.pass(100, 0)
		h.want(t, "a", VideoBitrate, start, time.Minute, each(59, rate), each(30, rate))
		if ids, err := h.Channels(start); err != nil || !slices.Equal(ids, []string{"a", "b"}) {
			t.Errorf("channels %v, %v", ids, err)
		}
		h.stop()
		h = newHouse(dir)
		h.run(t)
		h.want(t, "a", VideoBitrate, start, time.Minute, each(59, rate), each(30, rate))
		h.want(t, Account, Healthy, start, time.Hour, Stat{90, 30 + 120, 1, 2})
		h.pass(2*3600, 0)
		h.want(t, "a", VideoBitrate, start, time.Hour, each(89, rate))
		h.want(t, Account, VideoBitrate, start, time.Hour, each(89+59, rate))
		if n := len(h.summed); n > 1 {
			t.Errorf("%d channels are in memory", n)
		}
		h.stop()
	})
}

// A kill leaves what was written; the next start sums it up.
func TestAKillLosesSecondsNotMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		<-time.After(30 * time.Minute)
		start := time.Now()
		dir := t.TempDir()
		h := newHouse(dir)
		h.run(t)
		h.begin("a")
		h.begin("b")
		h.pass(40*60, 25)
		killed := t.TempDir() // as the disk is now
		if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		h.stop()
		for _, tear := range []string{"1s/20000101/a", "60s/200001/b"} {
			f, err := os.OpenFile(filepath.Join(killed, tear), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write([]byte{0x70, 1, 2, 3}); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		h = newHouse(killed)
		h.run(t)
		got, err := h.Query("a", InputTime, start, time.Now(), time.Hour)
		if err != nil || len(got) != 2 || got[0].Sum != 30*60*1000 || got[1].Sum < 590*1000 {
			t.Errorf("hours of a: %+v, %v", got, err)
		}
		h.begin("a")
		h.pass(30, 25)
		minutes, err := h.Query("b", VideoBitrate, start, time.Now(), time.Minute)
		if err != nil || len(minutes) != 40 {
			t.Errorf("b has %d minutes, %v", len(minutes), err)
		}
		all, err := h.Query(Account, VideoBitrate, start, time.Now(), time.Minute)
		if err != nil || len(all) < 40 {
			t.Fatalf("the account has %d minutes, %v", len(all), err)
		}
		for i, m := range all[1:39] {
			if m.Count != 120 {
				t.Errorf("minute %d of the account has %d measurements, want those of both", i+1, m.Count)
			}
		}
		h.stop()
	})
}

func TestLateLooksLeaveNoHole(t *testing.T) {
	h := newHouse(t.TempDir())
	h.last = map[string]counted{}
	at := time.Unix(1_700_000_000, 0)
	h.begin("a")
	for _, gap := range []int64{1, 1, 3, 1, 70, 1} {
		at = at.Add(time.Duration(gap) * time.Second)
		h.live["a"].VideoBytes += gap * 1000
		h.live["a"].Input += time.Duration(gap) * time.Second
		h.look(at)
	}
	var secs []int64
	input := int64(0)
	h.flush()
	err := h.scanSeconds("a", 1_700_000_000, at.Unix(), func(at int64, p *Point) {
		secs = append(secs, at-1_700_000_000)
		input += p[InputTime]
		if v := p[VideoBitrate]; v != None && v != 8000 {
			t.Errorf("second %d has %d", at, v)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []int64{0, 1, 2, 3, 4, 5, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76}
	if !slices.Equal(secs, want) {
		t.Errorf("seconds %v, want %v", secs, want)
	}
	if input < 76_900 {
		t.Errorf("%d ms came in, want 77 s", input)
	}
}

func TestWhatIsOldIsForgotten(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	for r, days := range map[Resolution][]int{Second: {0, 14, 15, 16, 17, 40}, Minute: {0, 60, 130}, Hour: {0, 400, 900}} {
		for _, d := range days {
			if err := r.add(dir, "a", now.AddDate(0, 0, -d).Unix(), []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "1s", "somebody else's"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := forget(dir, kept(), now); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range left {
		left[i] = strings.TrimPrefix(left[i], dir)
	}
	want := []string{"/1h/2025", "/1h/2026", "/1s/20260531", "/1s/20260601", "/1s/20260615", "/1s/somebody else's", "/60s/202604", "/60s/202606"}
	slices.Sort(left)
	if !slices.Equal(left, want) {
		t.Errorf("left are %q\nwant %q", left, want)
	}
}

func randomPoints(rng *rand.Rand, n int) []second {
	p, at := NoPoint(), int64(1_700_000_000)
	var out []second
	for range n {
		at += 1 + rng.Int64N(3)
		for range rng.IntN(4) {
			p[rng.IntN(int(fields))] = []int64{None, 0, rng.Int64N(1e7), -rng.Int64N(1e7), 1 << 40}[rng.IntN(5)]
		}
		out = append(out, second{at, p})
	}
	return out
}

func TestBlocksReadAsTheyWereWritten(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		points := randomPoints(rng, 1+rng.IntN(100))
		half := rng.IntN(len(points))
		file := appendSeconds(appendSeconds(nil, points[:half]), points[half:])
		var got []second
		eachSecond(file, func(at int64, p *Point) { got = append(got, second{at, *p}) })
		if !slices.Equal(got, points) {
			t.Fatalf("%d points read as %d", len(points), len(got))
		}
		var rows, back []stamped
		for _, p := range points {
			var r row
			r.add(p.point)
			r.add(points[0].point)
			rows = append(rows, stamped{p.at, r})
		}
		eachRow(rowsBlock(rows), func(at int64, s *row) { back = append(back, stamped{at, *s}) })
		if !slices.Equal(back, rows) {
			t.Fatalf("%d rows read as %d", len(rows), len(back))
		}
		if cut := file[:rng.IntN(len(file))]; whole(cut) > len(cut) || !bytes.Equal(cut[:whole(cut)], file[:whole(cut)]) {
			t.Fatal("a torn file is mended wrong")
		}
	}
}

// FuzzFile reads anything at all.
func FuzzFile(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	f.Add(appendSeconds(nil, randomPoints(rng, 5)))
	f.Add(rowsBlock([]stamped{{60, row{each(3, 4)}}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, file []byte) {
		if n := whole(file); n > len(file) {
			t.Errorf("%d of %d bytes are whole", n, len(file))
		}
		eachSecond(file, func(int64, *Point) {})
		eachRow(file, func(int64, *row) {})
		body := seal(nil, file) // past the sum
		eachSecond(body, func(int64, *Point) {})
		eachRow(body, func(int64, *row) {})
	})
}

// real is a stream as encoders send it: rates that vary, pictures that do not.
func realistic(rng *rand.Rand, at int64, n int) []second {
	var out []second
	for i := range n {
		p := NoPoint()
		p[VideoBitrate] = 2_500_000 + rng.Int64N(400_000)
		p[AudioBitrate] = 128_000 + rng.Int64N(2000)
		p[Bitrate] = p[VideoBitrate] + p[AudioBitrate]
		p[Framerate] = 29_900 + 100*rng.Int64N(3)
		p[KeyInterval] = 2000
		p[Dropped], p[RecordedTime] = 0, 0
		p[Views] = 100 + int64(i/60)
		p[DeliveredTime] = 100_000 + rng.Int64N(4000)
		p[InputTime] = 990 + rng.Int64N(20)
		out = append(out, second{at + int64(i), p})
	}
	return out
}

func BenchmarkLook(b *testing.B) {
	const streams = 100
	h := newHouse(b.TempDir())
	h.last = map[string]counted{}
	for i := range streams {
		h.begin(fmt.Sprint("ch", i))
	}
	at := time.Unix(1_700_000_000, 0)
	b.ReportAllocs()
	for b.Loop() {
		for _, l := range h.live {
			l.VideoBytes += 300_000
			l.Frames += 30
		}
		at = at.Add(time.Second)
		h.look(at)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/streams, "ns/stream")
}

// BenchmarkFortnight answers 15 days of 100 channels by the minute, as
// GetMetricData does.
func BenchmarkFortnight(b *testing.B) {
	dir := b.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	now := time.Now().Unix()
	const days, channels = 15, 100
	from := Minute.begin(now - days*86400)
	var rows []stamped
	for at := from; at < now; at += 60 {
		var m row
		for _, p := range realistic(rng, at, 60) {
			m.add(p.point)
		}
		rows = append(rows, stamped{at, m})
	}
	size, months := 0, make(map[int64][]byte)
	for _, m := range rows {
		block := rowsBlock([]stamped{m}) // each minute is a block, as when recorded
		month := Minute.after(m.at)
		months[month] = append(months[month], block...)
		size += len(block)
	}
	for month, blocks := range months {
		for c := range channels {
			if err := Minute.add(dir, fmt.Sprint("ch", c), month-1, blocks); err != nil {
				b.Fatal(err)
			}
		}
	}
	h := newHouse(dir)
	b.ReportMetric(float64(size)/days/24, "B/stream-hour")
	for b.Loop() {
		for c := range channels {
			got, err := h.Query(fmt.Sprint("ch", c), VideoBitrate, time.Unix(from, 0), time.Now(), 5*time.Minute)
			if err != nil || len(got) < 4000 {
				b.Fatal(len(got), err)
			}
		}
	}
}

func BenchmarkSeconds(b *testing.B) {
	points := realistic(rand.New(rand.NewPCG(1, 2)), 1_700_000_000, 3600)
	var file []byte
	b.ReportAllocs()
	for b.Loop() {
		file = file[:0]
		for i := 0; i < len(points); i += flushEvery {
			file = appendSeconds(file, points[i:i+flushEvery])
		}
	}
	b.ReportMetric(float64(len(file)), "B/stream-hour")
}

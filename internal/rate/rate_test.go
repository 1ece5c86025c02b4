package rate_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/rate"
)

// taken counts how many of n tries in a row succeed.
func taken(n int, take func() bool) int {
	got := 0
	for range n {
		if take() {
			got++
		}
	}
	return got
}

func TestABucket(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit rate.Limit
		wait  time.Duration // after it was emptied
		want  int
	}{
		{"nothing comes back at once", rate.Limit{PerSecond: 5, Burst: 10}, 0, 0},
		{"nor before it is time", rate.Limit{PerSecond: 5, Burst: 10}, 199 * time.Millisecond, 0},
		{"one comes back in its time", rate.Limit{PerSecond: 5, Burst: 10}, 200 * time.Millisecond, 1},
		{"a second brings the rate", rate.Limit{PerSecond: 5, Burst: 10}, time.Second, 5},
		{"a long time brings the burst, no more", rate.Limit{PerSecond: 5, Burst: 10}, time.Hour, 10},
		{"a rate that does not divide a second", rate.Limit{PerSecond: 3, Burst: 6}, 2 * time.Second, 6},
		{"one a second, one at once", rate.Limit{PerSecond: 1, Burst: 1}, 999 * time.Millisecond, 0},
		{"a high rate", rate.Limit{PerSecond: 1_000_000, Burst: 2}, 2 * time.Microsecond, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				one, many := rate.Bucket{Limit: tt.limit}, rate.Buckets{Limit: tt.limit}
				for name, take := range map[string]func() bool{"alone": one.Take, "by name": func() bool { return many.Take("a") }} {
					if got := taken(tt.limit.Burst+5, take); got != tt.limit.Burst {
						t.Errorf("%s: %d at once, want %d", name, got, tt.limit.Burst)
					}
				}
				wait(t, tt.wait)
				for name, take := range map[string]func() bool{"alone": one.Take, "by name": func() bool { return many.Take("a") }} {
					if got := taken(tt.limit.Burst+5, take); got != tt.want {
						t.Errorf("%s: %d after %v, want %d", name, got, tt.wait, tt.want)
					}
				}
			})
		})
	}
}

// wait lets a bubble's time pass.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

func TestWhatIsReturnedCanBeTakenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rate.Bucket{Limit: rate.Limit{PerSecond: 1, Burst: 2}}
		if got := taken(5, b.Take); got != 2 {
			t.Fatalf("%d at once, want 2", got)
		}
		b.Return()
		if got := taken(5, b.Take); got != 1 {
			t.Errorf("%d after one came back, want 1", got)
		}
	})
}

func TestBucketsAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rate.Buckets{Limit: rate.Limit{PerSecond: 5, Burst: 10}}
		for _, name := range []string{"a", "b"} {
			if got := taken(20, func() bool { return b.Take(name) }); got != 10 {
				t.Errorf("%s: %d at once, want 10", name, got)
			}
		}
	})
}

func TestFullBucketsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rate.Buckets{Limit: rate.Limit{PerSecond: 5, Burst: 10}}
		for i := range 100_000 {
			b.Take(fmt.Sprint(i))
			if i%100 == 0 {
				wait(t, time.Second)
			}
		}
		if got := b.Len(); got > 1000 {
			t.Errorf("%d are remembered of 100 a second", got)
		}
		if !b.Take("late") || taken(20, func() bool { return b.Take("late") }) != 9 {
			t.Error("a name that was not seen has no full bucket")
		}
	})
}

func TestNoTokenIsTakenTwice(t *testing.T) {
	b, many := rate.Bucket{Limit: rate.Limit{PerSecond: 1, Burst: 500}}, rate.Buckets{Limit: rate.Limit{PerSecond: 1, Burst: 500}}
	var one, named atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for range 8 {
		all.Go(func() {
			one.Add(int64(taken(500, b.Take)))
			named.Add(int64(taken(500, func() bool { return many.Take("a") })))
		})
	}
	all.Wait()
	most := 500 + int64(time.Since(start)/time.Second) + 1
	if got := one.Load(); got < 500 || got > most {
		t.Errorf("%d were taken, want 500 to %d", got, most)
	}
	if got := named.Load(); got < 500 || got > most {
		t.Errorf("%d were taken by name, want 500 to %d", got, most)
	}
}

func BenchmarkTake(b *testing.B) {
	one, many := rate.Bucket{Limit: rate.Limit{PerSecond: 5, Burst: 10}}, rate.Buckets{Limit: rate.Limit{PerSecond: 5, Burst: 10}}
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			one.Take()
		}
	})
	b.Run("by name", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			many.Take("arn:aws:ivs:us-east-1:000000000000:channel/abcDEF123456")
		}
	})
}

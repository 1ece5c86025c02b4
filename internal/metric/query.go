package metric

import (
	"cmp"
	"slices"
	"time"
)

// A Bucket is what was measured within one period.
type Bucket struct {
	At time.Time // when the period begins
	Stat
}

// scanSeconds calls f for the points of a key from one second to another.
func (r *Recorder) scanSeconds(key string, from, to int64, f func(at int64, p *Point)) error {
	for at := from; at < to; at = Second.after(at) {
		b, err := read(Second.file(r.Dir, key, at))
		if err != nil {
			return err
		}
		eachSecond(b, func(at int64, p *Point) {
			if at >= from && at < to {
				f(at, p)
			}
		})
	}
	return nil
}

// scanRows calls f for the rows of a key that begin from one second to another,
// and returns up to where there are any.
func (r *Recorder) scanRows(res Resolution, key string, from, to int64, f func(at int64, s *row)) (covered int64, err error) {
	covered = from
	for at := from; at < to; at = res.after(at) {
		b, err := read(res.file(r.Dir, key, at))
		if err != nil {
			return covered, err
		}
		eachRow(b, func(at int64, s *row) {
			if at >= from && at < to {
				covered = max(covered, at+int64(res))
				f(at, s)
			}
		})
	}
	return covered, nil
}

// Query sums a field of a channel, by its id, or of the Account up by periods,
// which begin at multiples of one since 1970. Periods without a measurement are
// left out; the rest comes in the order of time. from is rounded down to a period
// and to is not part of the answer.
func (r *Recorder) Query(key string, f Field, from, to time.Time, period time.Duration) ([]Bucket, error) {
	p := max(int64(period/time.Second), 1)
	begin := from.Unix() - from.Unix()%p
	end := min(to.Unix(), time.Now().Unix()+1)
	if begin >= end || !fit(key) {
		return nil, nil
	}
	c := &collector{period: p}
	if err := r.collect(key, f, begin, end, p, c); err != nil {
		return nil, err
	}
	return c.buckets, nil
}

// collect reads what is coarse first, and what is not summed up yet after it.
func (r *Recorder) collect(key string, f Field, from, to, period int64, c *collector) error {
	now := time.Now()
	begin := func(keep time.Duration, res Resolution) int64 { return max(from, res.begin(now.Add(-keep).Unix())) }
	if period%int64(Hour) == 0 {
		covered, err := r.scanRows(Hour, key, begin(r.Kept.PerHour, Hour), to, func(at int64, s *row) { c.merge(at, s[f]) })
		if err != nil {
			return err
		}
		from = covered
	}
	if period%int64(Minute) == 0 {
		covered, err := r.scanRows(Minute, key, begin(r.Kept.PerMinute, Minute), to, func(at int64, s *row) { c.merge(at, s[f]) })
		if err != nil {
			return err
		}
		from = covered
	}
	from = max(from, begin(r.Kept.PerSecond, Second))
	if key != Account || !f.merged() {
		return r.newestSeconds(key, f, from, to, c)
	}
	keys, err := Second.keys(r.Dir, from, to)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := r.newestSeconds(key, f, from, to, c); err != nil {
			return err
		}
	}
	return nil
}

// newestSeconds reads points: those that are written, and those that wait.
func (r *Recorder) newestSeconds(key string, f Field, from, to int64, c *collector) error {
	r.mu.Lock()
	waiting := append([]second(nil), r.pending[key]...)
	r.mu.Unlock()
	written := to // what waits may be written meanwhile, and counts once
	if len(waiting) > 0 {
		written = min(to, waiting[0].at)
	}
	err := r.scanSeconds(key, from, written, func(at int64, p *Point) {
		if v := p[f]; v != None {
			c.merge(at, Stat{1, v, v, v})
		}
	})
	if err != nil {
		return err
	}
	for _, s := range waiting {
		if v := s.point[f]; v != None && s.at >= from && s.at < to {
			c.merge(s.at, Stat{1, v, v, v})
		}
	}
	return nil
}

// Channels lists the ids of channels that have measurements since a time.
func (r *Recorder) Channels(since time.Time) ([]string, error) {
	now := time.Now()
	if now.Sub(since) < r.Kept.PerSecond {
		return Second.keys(r.Dir, since.Unix(), now.Unix()+1)
	}
	return Minute.keys(r.Dir, since.Unix(), now.Unix()+1)
}

// A collector sorts measurements into buckets, most of them in order.
type collector struct {
	period  int64
	buckets []Bucket
	last    int // where the newest measurement went
}

func (c *collector) merge(at int64, s Stat) {
	if s.Count == 0 {
		return
	}
	at -= at % c.period
	if c.last < len(c.buckets) && c.buckets[c.last].At.Unix() == at {
		c.buckets[c.last].merge(s)
		return
	}
	i, found := slices.BinarySearchFunc(c.buckets, at, func(b Bucket, at int64) int { return cmp.Compare(b.At.Unix(), at) })
	c.last = i
	if found {
		c.buckets[i].merge(s)
		return
	}
	c.buckets = slices.Insert(c.buckets, i, Bucket{At: time.Unix(at, 0).UTC(), Stat: s})
}

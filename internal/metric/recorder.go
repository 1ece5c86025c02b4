package metric

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// A Live is what is counted of a channel that is live, since its stream began.
// Counters never go back within a stream.
type Live struct {
	Channel string // its id
	Stream  string // its stream id

	VideoBytes int64
	AudioBytes int64
	Frames     int64
	Dropped    int64         // units that were not carried; -1: unknown
	Input      time.Duration // media that came in
	Delivered  time.Duration // media that viewers were sent
	Recorded   time.Duration // media that was recorded; -1: none is

	KeyInterval   time.Duration // between the two newest keyframes; 0: unknown
	Views         int64
	RoundTrip     time.Duration // 0: unknown
	Retransmitted int64         // segments of TCP or packets of SRT; -1: unknown
	Health        string        // HEALTHY, STARVING or UNKNOWN
}

// A Recorder notes once a second what is live, and answers what was. Set the
// fields before Run and leave them alone afterwards.
//
// It takes under 3 KiB of memory for a channel that was live within the hour, and
// on disk about 75 KB for each hour of a stream in seconds, 5 KB in minutes and
// 100 bytes in hours.
type Recorder struct {
	Dir    string        // required
	Kept   Kept          // required
	Source func() []Live // required; waits for nothing
	Log    *slog.Logger  // required

	mu      sync.Mutex
	pending map[string][]second // not written yet, by key
	summed  map[string]*sums    // by key
	broken  bool                // the newest write failed
	total   Total
	last    map[string]counted // by channel; owned by Run
}

// A Total is what was counted of all channels since the start.
type Total struct {
	Bytes     int64         // of media that came in
	Input     time.Duration // of media that came in
	Delivered time.Duration // of media that viewers were sent
	Recorded  time.Duration // of media that was recorded
}

// Total returns what was counted up to the newest look.
func (r *Recorder) Total() Total {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

func (t *Total) add(l Live, before counted) {
	t.Bytes += l.VideoBytes + l.AudioBytes - before.VideoBytes - before.AudioBytes
	t.Input += l.Input - before.Input
	t.Delivered += l.Delivered - before.Delivered
	t.Recorded += max(l.Recorded-max(before.Recorded, 0), 0) // -1: none is
}

// counted is a Live and when it was looked at.
type counted struct {
	Live
	at time.Time
}

// sums are the rows that are not complete.
type sums struct {
	minute stamped
	hour   stamped
}

const (
	flushEvery  = 5 // seconds
	forgetEvery = time.Hour
	maxGap      = 10 // seconds that one look may stand for; what is longer leaves a gap
	maxPending  = 600
)

// Run records until ctx ends, then writes what is left.
func (r *Recorder) Run(ctx context.Context) error {
	r.last = make(map[string]counted)
	if err := r.catchUp(time.Now()); err != nil {
		r.Log.Error("metrics of before the start are not summed up", "err", err)
	}
	old := time.NewTicker(forgetEvery)
	defer old.Stop()
	r.forget(time.Now())
	for {
		now := time.Now()
		next := time.NewTimer(now.Truncate(time.Second).Add(time.Second).Sub(now))
		select {
		case <-next.C:
			r.look(time.Now())
		case <-old.C:
			next.Stop()
			r.forget(time.Now())
		case <-ctx.Done():
			next.Stop()
			r.mu.Lock()
			defer r.mu.Unlock()
			r.flush()
			return nil
		}
	}
}

func (r *Recorder) forget(now time.Time) {
	if err := forget(r.Dir, r.Kept, now); err != nil {
		r.Log.Error("old metrics are not forgotten", "err", err)
	}
}

// look notes the second that is over.
func (r *Recorder) look(now time.Time) {
	live := r.Source()
	sec := now.Unix() - 1
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := make(map[string]counted, len(live))
	total := NoPoint()
	for _, l := range live {
		if !fit(l.Channel) {
			continue
		}
		before, known := r.last[l.Channel]
		if known && before.Stream != l.Stream {
			before, known = counted{}, false
		}
		seen[l.Channel] = counted{l, now}
		r.total.add(l, before)
		from := sec
		if known {
			from = min(max(before.at.Unix(), sec-maxGap), sec)
		}
		p := l.since(before, known, now, sec-from+1)
		for at := from; at <= sec; at++ {
			r.note(l.Channel, at, p)
		}
		total.count(l, p)
	}
	r.last = seen
	r.roll(sec)
	if len(live) > 0 {
		r.note(Account, sec, total)
	}
	if now.Unix()%flushEvery == 0 {
		r.flush()
	}
}

// since is what was measured since the last look, for each of some seconds.
func (l *Live) since(before counted, known bool, now time.Time, seconds int64) Point {
	p := NoPoint()
	each := func(d time.Duration) int64 { return d.Milliseconds() / seconds }
	p[InputTime] = each(l.Input - before.Input)
	p[DeliveredTime] = each(l.Delivered - before.Delivered)
	if l.Recorded >= 0 {
		p[RecordedTime] = each(l.Recorded - max(before.Recorded, 0))
	}
	if l.Dropped >= 0 {
		p[Dropped] = (l.Dropped - max(before.Dropped, 0)) / seconds
	}
	p[Views] = l.Views
	if l.KeyInterval > 0 {
		p[KeyInterval] = l.KeyInterval.Milliseconds()
	}
	if l.RoundTrip > 0 {
		p[RoundTrip] = l.RoundTrip.Microseconds()
	}
	if l.Retransmitted >= 0 && known && before.Retransmitted >= 0 {
		p[Retransmitted] = (l.Retransmitted - before.Retransmitted) / seconds
	}
	if elapsed := now.Sub(before.at).Seconds(); known && elapsed > 0 {
		p[VideoBitrate] = int64(float64(l.VideoBytes-before.VideoBytes) * 8 / elapsed)
		p[AudioBitrate] = int64(float64(l.AudioBytes-before.AudioBytes) * 8 / elapsed)
		p[Bitrate] = p[VideoBitrate] + p[AudioBitrate]
		p[Framerate] = int64(float64(l.Frames-before.Frames) * 1000 / elapsed)
	}
	return p
}

// count adds a channel to what is measured of all.
func (p *Point) count(l Live, of Point) {
	add := func(f Field, v int64) {
		if p[f] == None {
			p[f] = 0
		}
		p[f] += v
	}
	for _, f := range []Field{Views, DeliveredTime, InputTime, RecordedTime, Dropped} {
		if of[f] != None {
			add(f, of[f])
		}
	}
	add(Streams, 1)
	for f, health := range map[Field]string{Healthy: "HEALTHY", Starving: "STARVING", Unknown: "UNKNOWN"} {
		n := int64(0)
		if l.Health == health {
			n = 1
		}
		add(f, n)
	}
}

// merged reports whether a field of the account is made of those of its channels,
// measurement by measurement.
func (f Field) merged() bool {
	switch f {
	case Bitrate, VideoBitrate, AudioBitrate, Framerate, KeyInterval, RoundTrip, Retransmitted:
		return true
	default:
		return false
	}
}

// note keeps a point until it is written. The caller has mu.
func (r *Recorder) note(key string, at int64, p Point) {
	if r.pending == nil {
		r.pending = make(map[string][]second)
	}
	if ps := r.pending[key]; len(ps) > 0 && at <= ps[len(ps)-1].at || len(ps) >= maxPending {
		return // the clock was set back, or the disk is full for minutes
	}
	r.pending[key] = append(r.pending[key], second{at, p})
	s := r.sums(key, at)
	if s.minute.at == Minute.begin(at) {
		s.minute.row.add(p)
	}
}

// sums returns the rows of a key that a second belongs to.
func (r *Recorder) sums(key string, at int64) *sums {
	if r.summed == nil {
		r.summed = make(map[string]*sums)
	}
	s := r.summed[key]
	if s == nil {
		s = &sums{minute: stamped{at: Minute.begin(at)}, hour: stamped{at: Hour.begin(at)}}
		r.summed[key] = s
	}
	if s.minute.at < Minute.begin(at) {
		r.close(key, s, at)
	}
	return s
}

// roll closes the rows that are over at a second: those of the channels first, of
// which the account's is made. The caller has mu.
func (r *Recorder) roll(now int64) {
	for key, s := range r.summed {
		if key == Account || s.minute.at >= Minute.begin(now) {
			continue
		}
		r.close(key, s, now)
		if s.minute.row == (row{}) && s.hour.row == (row{}) {
			delete(r.summed, key) // all is written, and nothing came since
		}
	}
	if s := r.summed[Account]; s != nil && s.minute.at < Minute.begin(now) {
		r.close(Account, s, now)
	}
}

// close writes the minute that is over, and the hour if that is, and begins those
// of a second.
func (r *Recorder) close(key string, s *sums, at int64) {
	if s.minute.row != (row{}) {
		if key != Account {
			r.share(s.minute)
		}
		r.write(Minute, key, s.minute)
		s.hour.row.merge(&s.minute.row)
	}
	s.minute = stamped{at: Minute.begin(at)}
	if s.hour.at == Hour.begin(at) {
		return
	}
	if s.hour.row != (row{}) {
		r.write(Hour, key, s.hour)
	}
	s.hour = stamped{at: Hour.begin(at)}
}

// share adds a channel's minute to the account's, which is closed after those of
// its channels.
func (r *Recorder) share(m stamped) {
	s := r.summed[Account]
	if s == nil || s.minute.at != m.at {
		return
	}
	for f := range fields {
		if f.merged() {
			s.minute.row[f].merge(m.row[f])
		}
	}
}

func (r *Recorder) write(res Resolution, key string, s stamped) {
	r.wrote(res.add(r.Dir, key, s.at, rowsBlock([]stamped{s})))
}

// flush writes the points that wait. The caller has mu.
func (r *Recorder) flush() {
	for key, points := range r.pending {
		for len(points) > 0 {
			n := 1
			for n < len(points) && Second.after(points[0].at) > points[n].at {
				n++
			}
			err := Second.add(r.Dir, key, points[0].at, appendSeconds(nil, points[:n]))
			r.wrote(err)
			if err != nil {
				break
			}
			points = points[n:]
		}
		if len(points) == 0 {
			delete(r.pending, key)
		} else {
			r.pending[key] = points
		}
	}
}

// wrote logs the first failure of a row, and its end.
func (r *Recorder) wrote(err error) {
	switch {
	case err != nil && !r.broken:
		r.broken = true
		r.Log.Error("metrics are not stored", "err", err)
	case err == nil && r.broken:
		r.broken = false
		r.Log.Info("metrics are stored again")
	}
}

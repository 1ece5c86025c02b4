// Package metric keeps what is measured of each channel, second by second, and
// answers what it was: compactly, for weeks, and without anybody live waiting for
// it.
//
// It measures nothing itself and knows no protocol by which it is asked.
package metric

import "math"

// A Field is something that is measured.
type Field int

// The fields. A count of seconds is what was added within the second.
const (
	Bitrate       Field = iota // bits per second, all tracks
	VideoBitrate               // bits per second, all video tracks
	AudioBitrate               // bits per second, all audio tracks
	Framerate                  // pictures per second, in thousandths
	KeyInterval                // between keyframes, in milliseconds
	Dropped                    // units that were not carried
	Views                      // viewers
	DeliveredTime              // milliseconds of media that viewers were sent
	InputTime                  // milliseconds of media that came in
	RecordedTime               // milliseconds of media that were recorded
	RoundTrip                  // microseconds between us and the encoder
	Retransmitted              // segments of TCP, or packets of SRT, that were sent again
	Streams                    // of the account: streams
	Healthy                    // of the account: streams that are HEALTHY
	Starving                   // of the account: streams that are STARVING
	Unknown                    // of the account: streams without a verdict yet

	fields
)

// A Point is what was measured within one second. A field that was not measured
// is None.
type Point [fields]int64

// None is no measurement.
const None = math.MinInt64

// NoPoint returns a Point without any measurement.
func NoPoint() Point {
	var p Point
	for i := range p {
		p[i] = None
	}
	return p
}

// A Stat sums measurements up.
type Stat struct {
	Count int64 // 0: there was none
	Sum   int64
	Min   int64
	Max   int64
}

func (s *Stat) add(v int64) { s.merge(Stat{1, v, v, v}) }

func (s *Stat) merge(o Stat) {
	if o.Count == 0 {
		return
	}
	if s.Count == 0 {
		*s = o
		return
	}
	s.Count += o.Count
	s.Sum += o.Sum
	s.Min = min(s.Min, o.Min)
	s.Max = max(s.Max, o.Max)
}

// A row is what was measured within some seconds.
type row [fields]Stat

func (r *row) add(p Point) {
	for i, v := range p {
		if v != None {
			r[i].add(v)
		}
	}
}

func (r *row) merge(o *row) {
	for i := range o {
		r[i].merge(o[i])
	}
}

// A Resolution is how long a stored row is, in seconds.
type Resolution int64

// The resolutions.
const (
	Second Resolution = 1
	Minute Resolution = 60
	Hour   Resolution = 3600
)

// begin is the start of the row that a time is in, in seconds since 1970.
func (r Resolution) begin(sec int64) int64 { return sec - sec%int64(r) }

func (r Resolution) name() string {
	switch r {
	case Second:
		return "1s"
	case Minute:
		return "60s"
	default:
		return "1h"
	}
}

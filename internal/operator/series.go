package operator

import (
	"cmp"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/metric"
)

// Series is where measurements are.
type Series interface {
	// Query sums a field of a channel up by periods.
	Query(key string, f metric.Field, from, to time.Time, period time.Duration) ([]metric.Bucket, error)
}

const (
	maxPoints    = 10_000 // of a series
	defaultSpan  = 15 * time.Minute
	oneTh        = 0.001
	oneMillionth = 0.000001
)

// A measured is something that a series may be of.
type measured struct {
	field metric.Field
	scale float64
	unit  string
}

// measurements are what series there are, by name.
func measurements() map[string]measured {
	return map[string]measured{
		"bitrate":          {metric.Bitrate, 1, "bit/s"},
		"videoBitrate":     {metric.VideoBitrate, 1, "bit/s"},
		"audioBitrate":     {metric.AudioBitrate, 1, "bit/s"},
		"framerate":        {metric.Framerate, oneTh, "1/s"},
		"keyframeInterval": {metric.KeyInterval, oneTh, "s"},
		"droppedUnits":     {metric.Dropped, 1, ""},
		"views":            {metric.Views, 1, ""},
		"deliveredTime":    {metric.DeliveredTime, oneTh, "s"},
		"inputTime":        {metric.InputTime, oneTh, "s"},
		"recordedTime":     {metric.RecordedTime, oneTh, "s"},
		"roundTrip":        {metric.RoundTrip, oneMillionth, "s"},
	}
}

// A pointItem is what was measured within one period.
type pointItem struct {
	At      time.Time `json:"at"`
	Count   int64     `json:"count"`
	Sum     float64   `json:"sum"`
	Average float64   `json:"average"`
	Minimum float64   `json:"minimum"`
	Maximum float64   `json:"maximum"`
}

// getSeries answers what was measured of a channel.
func (h *Handler) getSeries(x *exchange) (any, error) {
	arn, err := h.channel(x.r.PathValue("channel"))
	if err != nil {
		return nil, err
	}
	if err := h.may(x, arn.String()); err != nil {
		return nil, err
	}
	name := x.r.PathValue("measurement")
	m, known := measurements()[name]
	if !known {
		return nil, ivs.Errorf(ivs.NotFound, "there is no measurement %q", clip(name))
	}
	to, err := x.moment("to")
	if err != nil {
		return nil, err
	}
	if to.IsZero() {
		to = time.Now()
	}
	from, err := x.moment("from")
	if err != nil {
		return nil, err
	}
	if from.IsZero() {
		from = to.Add(-defaultSpan)
	}
	seconds, err := x.number("period", 1, 1, 1<<30)
	if err != nil {
		return nil, err
	}
	period := time.Duration(seconds) * time.Second
	if n := to.Sub(from) / period; n < 0 || n > maxPoints {
		return nil, ivs.Errorf(ivs.Invalid, "from, to and period make %d points, want 0 to %d", n, maxPoints)
	}
	buckets, err := h.Series.Query(arn.ID, m.field, from, to, period)
	if err != nil {
		return nil, err
	}
	points := make([]pointItem, len(buckets))
	for i, b := range buckets {
		points[i] = pointItem{
			At: b.At, Count: b.Count, Sum: float64(b.Sum) * m.scale, Average: float64(b.Sum) * m.scale / float64(max(b.Count, 1)),
			Minimum: float64(b.Min) * m.scale, Maximum: float64(b.Max) * m.scale,
		}
	}
	return map[string]any{"channel": arn.String(), "measurement": name, "unit": cmp.Or(m.unit, "count"), "period": seconds, "points": points}, nil
}

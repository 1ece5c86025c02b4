package operator_test

import (
	"testing"
	"time"

	"openivs/internal/metric"
)

// series has one measurement of each field: its number, and twice that.
type series struct{}

func (series) Query(key string, f metric.Field, from, to time.Time, period time.Duration) ([]metric.Bucket, error) {
	if key != "aaaa" || to.Sub(from) < period {
		return nil, nil
	}
	v := int64(f) * 1000
	return []metric.Bucket{{At: from.Truncate(period), Stat: metric.Stat{Count: 2, Sum: 3 * v, Min: v, Max: 2 * v}}}, nil
}

func TestASeriesIsAnswered(t *testing.T) {
	d := newDesk(t)
	d.Series = series{}
	d.want(t, "GET", "channels/aaaa/series/framerate?from=2026-03-01T12:00:00Z&to=2026-03-01T13:00:00Z&period=60", "", 200,
		`{"channel":"arn:aws:ivs:us-east-1:123456789012:channel/aaaa","measurement":"framerate","period":60,`+
			`"points":[{"at":"2026-03-01T12:00:00Z","average":4.5,"count":2,"maximum":6,"minimum":3,"sum":9}],"unit":"1/s"}`)
	d.want(t, "GET", "channels/bbbb/series/bitrate?from=1h", "", 200, `"points":[]`)
	d.want(t, "GET", "channels/aaaa/series/bitrate?from=300h", "", 400, "points")
	d.want(t, "GET", "channels/aaaa/series/bitrate?from=2026-03-01T12:00:00Z&to=2026-03-01T11:00:00Z", "", 400, "points")
	d.want(t, "GET", "channels/aaaa/series/weather", "", 404, "no measurement")
	d.want(t, "GET", "channels/aaaa/series/bitrate?period=0", "", 400, "period")
	d.deny = []string{"openivs:GetSeries arn:aws:ivs:us-east-1:123456789012:channel/aaaa"}
	d.want(t, "GET", "channels/aaaa/series/bitrate", "", 403, "Denied")
}

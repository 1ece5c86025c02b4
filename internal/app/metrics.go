package app

import (
	"context"
	"net/http"
	"path/filepath"

	"openivs/internal/access"
	"openivs/internal/api/restjson"
	"openivs/internal/cloudwatch"
	"openivs/internal/metric"
	"openivs/internal/sigv4"
)

var _ cloudwatch.Series = (*metric.Recorder)(nil)

// metricsName is the directory of what was measured, in the data directory.
const metricsName = "metrics"

// joinMetrics makes what notes the measurements.
func (a *App) joinMetrics(context.Context) error {
	a.metrics = &metric.Recorder{
		Dir:    filepath.Join(a.cfg.Data, metricsName),
		Kept:   metric.Kept{PerSecond: a.cfg.Metrics.PerSecond, PerMinute: a.cfg.Metrics.PerMinute, PerHour: a.cfg.Metrics.PerHour},
		Source: a.measured,
		Log:    a.log,
	}
	return nil
}

// measured is what is counted of each stream that is live.
func (a *App) measured() []metric.Live {
	measures := a.sessions.Measures()
	out := make([]metric.Live, len(measures))
	streams := make(map[string]bool, len(measures))
	for i, m := range measures {
		streams[m.StreamID] = true
		out[i] = metric.Live{
			Channel: m.Channel.ID, Stream: m.StreamID,
			VideoBytes: m.Totals.VideoBytes, AudioBytes: m.Totals.AudioBytes, Frames: m.Totals.Frames,
			Input: m.Totals.Media.Duration(), KeyInterval: m.Totals.KeyInterval.Duration(),
			Delivered: a.playback.Deliveries.Of(m.StreamID), Views: int64(a.audience.Viewers(m.Channel)),
			Dropped: -1, Recorded: a.recorded.Of(m.StreamID), Retransmitted: -1, Health: string(m.Health),
		}
		if m.Link != nil {
			out[i].RoundTrip, out[i].Retransmitted = m.Link.RTT, m.Link.Retransmitted
		}
	}
	a.playback.Deliveries.Keep(streams)
	return out
}

// cloudWatch answers clients of Amazon CloudWatch.
func (a *App) cloudWatch(guard *access.Guard) http.Handler {
	signatures := &sigv4.Verifier{Region: a.cfg.Region, Services: []string{cloudwatch.SigningName}, Lookup: a.lookup}
	return &cloudwatch.Handler{
		Authenticate: func(r *http.Request, body []byte) (restjson.Identity, error) {
			return a.authenticate(signatures, r, body)
		},
		Authorize: guard.Authorize,
		Series:    a.metrics,
		Log:       a.log,
	}
}

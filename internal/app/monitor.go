package app

import (
	"context"
	"time"

	"openivs/internal/config"
	"openivs/internal/monitor"
)

// numbers is how the server is doing.
func (a *App) numbers() monitor.Numbers {
	total := a.metrics.Total()
	n := monitor.Numbers{Streams: make(map[string]int), Bytes: total.Bytes, Input: total.Input, Delivered: total.Delivered, Recorded: total.Recorded}
	if t := a.streams.Transcode; t != nil {
		n.Transcode = &monitor.Transcode{Usable: t.Engine != nil, Failures: t.Failures()}
		if t.Engine != nil {
			n.Transcode.Cores, n.Transcode.Most = t.Engine.Load()
		}
	}
	n.Room = &monitor.Room{Free: a.room.Bytes(), Level: int(a.room.Level())}
	for _, m := range a.sessions.Measures() {
		viewers := a.audience.Viewers(m.Channel)
		n.Streams[string(m.Health)]++
		n.Viewers += viewers
		if a.cfg.Prometheus == config.PrometheusChannels {
			ch := monitor.Channel{ID: m.Channel.ID, Viewers: viewers, Bytes: m.Totals.VideoBytes + m.Totals.AudioBytes}
			if m.Link != nil {
				ch.Link = &monitor.Link{RoundTrip: m.Link.RTT, Lost: m.Link.Lost, Retransmitted: m.Link.Retransmitted}
			}
			n.Channels = append(n.Channels, ch)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	newest, err := a.db.NewestEvent(ctx)
	for _, s := range a.events.Statuses() {
		told := monitor.Sink{Name: s.Name, Delivered: s.Delivered, Retried: s.Retried, Dead: s.Dead}
		if err == nil {
			told.Behind = max(newest-s.Cursor, 0)
		}
		if !s.Oldest.IsZero() {
			told.Oldest = time.Since(s.Oldest)
		}
		n.Sinks = append(n.Sinks, told)
	}
	return n
}

// troubles says why the server cannot work.
func (a *App) troubles(ctx context.Context) []string {
	var all []string
	if a.web.stopping.Load() {
		all = append(all, "the server is stopping")
	}
	if _, err := a.db.NewestEvent(ctx); err != nil {
		all = append(all, "the database does not answer")
	}
	return all
}

package monitor

import "github.com/prometheus/client_golang/prometheus"

// A collector turns Numbers into metrics when it is asked.
type collector struct{ numbers func() Numbers }

// descriptions are all metrics that there are, in one place for the collector and
// for who checks a dashboard.
type descriptions struct {
	streams, viewers, bytes, input     *prometheus.Desc
	delivered, recorded                *prometheus.Desc
	usable, cores, most, crashed       *prometheus.Desc
	behind, oldest, sent, failed, dead *prometheus.Desc
	channelViewers, channelBytes       *prometheus.Desc
	roundTrip, lost, again             *prometheus.Desc
	free, level                        *prometheus.Desc
}

func described() descriptions {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("openivs_"+name, help, labels, nil)
	}
	return descriptions{
		streams:   d("streams", "Streams that are live, by health.", "health"),
		viewers:   d("viewers", "Viewers of all channels."),
		bytes:     d("ingest_bytes_total", "Media that came in, in bytes."),
		input:     d("ingest_seconds_total", "Media that came in, in seconds."),
		delivered: d("delivered_seconds_total", "Media that viewers were sent, in seconds."),
		recorded:  d("recorded_seconds_total", "Media that was recorded, in seconds."),

		usable:  d("transcode_usable", "Whether ffmpeg can be used: 1, or 0."),
		cores:   d("transcode_cores", "Cores that are set aside for the streams that are transcoded."),
		most:    d("transcode_limit_cores", "Cores that may be set aside."),
		crashed: d("transcode_failures_total", "Processes that made renditions and failed."),

		behind: d("event_sink_behind_events", "Events that a sink lacks.", "sink"),
		oldest: d("event_sink_oldest_seconds", "Age of the oldest event that a sink lacks.", "sink"),
		sent:   d("event_sink_delivered_events_total", "Events that a sink took.", "sink"),
		failed: d("event_sink_failures_total", "Deliveries to a sink that failed.", "sink"),
		dead:   d("event_sink_dead_letters_total", "Events that were given up.", "sink"),

		free:  d("disk_free_bytes", "What is free on the disk that recordings are written to."),
		level: d("disk_level", "What has stopped for want of room on that disk: 0 nothing, 1 nothing yet, 2 thumbnails, 3 new recordings too."),

		channelViewers: d("channel_viewers", "Viewers of a channel that is live.", "channel"),
		channelBytes:   d("channel_stream_bytes", "Media that came in on a channel since its stream began, in bytes.", "channel"),

		roundTrip: d("channel_round_trip_seconds", "Round trip to the encoder of a channel that is live over SRT.", "channel"),
		lost:      d("channel_lost_packets", "Packets of SRT that were missing when the next came, since the connection began.", "channel"),
		again:     d("channel_retransmitted_packets", "Packets of SRT that came as a repetition, since the connection began.", "channel"),
	}
}

// Describe names the metrics.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	d := described()
	for _, desc := range []*prometheus.Desc{
		d.streams, d.viewers, d.bytes, d.input, d.delivered, d.recorded, d.usable, d.cores, d.most, d.crashed, d.behind, d.oldest, d.sent, d.failed, d.dead, d.channelViewers, d.channelBytes,
		d.roundTrip, d.lost, d.again, d.free, d.level,
	} {
		out <- desc
	}
}

// Collect tells them.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	d, n := described(), c.numbers()
	gauge := func(desc *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, labels...)
	}
	counter := func(desc *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, v, labels...)
	}
	for _, health := range []string{"HEALTHY", "STARVING", "UNKNOWN"} {
		gauge(d.streams, float64(n.Streams[health]), health)
	}
	gauge(d.viewers, float64(n.Viewers))
	counter(d.bytes, float64(n.Bytes))
	counter(d.input, n.Input.Seconds())
	counter(d.delivered, n.Delivered.Seconds())
	counter(d.recorded, n.Recorded.Seconds())
	if t := n.Transcode; t != nil {
		usable := 0.0
		if t.Usable {
			usable = 1
		}
		gauge(d.usable, usable)
		gauge(d.cores, t.Cores)
		gauge(d.most, t.Most)
		counter(d.crashed, float64(t.Failures))
	}
	if n.Room != nil {
		gauge(d.free, float64(n.Room.Free))
		gauge(d.level, float64(n.Room.Level))
	}
	for _, s := range n.Sinks {
		gauge(d.behind, float64(s.Behind), s.Name)
		gauge(d.oldest, s.Oldest.Seconds(), s.Name)
		counter(d.sent, float64(s.Delivered), s.Name)
		counter(d.failed, float64(s.Retried), s.Name)
		counter(d.dead, float64(s.Dead), s.Name)
	}
	for _, ch := range n.Channels {
		gauge(d.channelViewers, float64(ch.Viewers), ch.ID)
		gauge(d.channelBytes, float64(ch.Bytes), ch.ID)
		if ch.Link != nil {
			gauge(d.roundTrip, ch.Link.RoundTrip.Seconds(), ch.ID)
			gauge(d.lost, float64(ch.Link.Lost), ch.ID)
			gauge(d.again, float64(ch.Link.Retransmitted), ch.ID)
		}
	}
}

package config

import "time"

// Metrics is for how long measurements are kept.
type Metrics struct{ PerSecond, PerMinute, PerHour time.Duration }

// The values of Config.Prometheus.
const (
	PrometheusOff      = "off"
	PrometheusOn       = "on"
	PrometheusChannels = "channels"
)

const (
	leastKept = time.Hour
	mostKept  = 3650 * day
)

func whatIsMeasured() []Setting {
	kept := func(name, byDefault, what string, to func(*Metrics) *time.Duration) Setting {
		return Setting{
			Name: name, Default: []string{byDefault},
			Help: "How long measurements by the " + what + " are kept, such as 15d or 36h; at least 1h.",
			set: func(c *Config, values []string) (wrong, cure string) {
				return duration(values[0], to(&c.Metrics), leastKept, mostKept, "from 1h to 3650d")
			},
		}
	}
	return []Setting{
		{
			Name: "prometheus", Default: []string{"off"},
			Help: "Whether /metrics tells a Prometheus how the server is doing, to whoever asks: off, on, or channels, which tells each channel too.",
			set: func(c *Config, values []string) (wrong, cure string) {
				c.Prometheus = values[0]
				return isOneOf(PrometheusOff, PrometheusOn, PrometheusChannels)(values[0])
			},
		},
		{
			Name: "traces", Default: []string{""},
			Help: "URL of an OpenTelemetry receiver (OTLP over HTTP) that gets traces of the API and of publishers, such as http://127.0.0.1:4318; none unless set.",
			set:  text(func(c *Config) *string { return &c.Traces }, optional(isBase)),
		},
		kept("metrics-seconds", "15d", "second", func(m *Metrics) *time.Duration { return &m.PerSecond }),
		kept("metrics-minutes", "63d", "minute", func(m *Metrics) *time.Duration { return &m.PerMinute }),
		kept("metrics-hours", "455d", "hour", func(m *Metrics) *time.Duration { return &m.PerHour }),
	}
}

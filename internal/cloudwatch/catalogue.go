package cloudwatch

import (
	"slices"
	"strings"

	"openivs/internal/metric"
)

// The namespaces.
const (
	namespace = "AWS/IVS"
	usage     = "AWS/Usage"
)

// A dimension is one of a metric's.
type dimension struct{ name, value string }

// A source is where a metric with certain dimensions is measured.
type source struct {
	key   string // of the series
	field metric.Field
	scale float64 // what a measurement is multiplied by
	unit  string
}

// A definition is a metric (Amazon IVS, monitoring with CloudWatch).
type definition struct {
	name  string
	field metric.Field
	scale float64
	unit  string

	account bool // it is there without dimensions
	channel bool // with Channel
	track   bool // with Channel and Track
	country bool // with Channel and ViewerCountryCode
}

const (
	dimChannel  = "Channel"
	dimTrack    = "Track"
	dimHealth   = "Health"
	dimViewer   = "ViewerCountryCode"
	dimStreamer = "StreamerCountryCode"

	nowhere    = "UNKNOWN" // no country is known
	firstTrack = "Track0"
)

func definitions() []definition {
	const milli = 0.001
	return []definition{
		{name: "ConcurrentViews", field: metric.Views, scale: 1, unit: "Count", account: true, channel: true},
		{name: "ConcurrentStreams", field: metric.Streams, scale: 1, unit: "Count", account: true},
		{name: "IngestBitrate", field: metric.Bitrate, scale: 1, unit: "Bits/Second", account: true, channel: true},
		{name: "IngestVideoBitrate", field: metric.VideoBitrate, scale: 1, unit: "Bits/Second", channel: true, track: true},
		{name: "IngestAudioBitrate", field: metric.AudioBitrate, scale: 1, unit: "Bits/Second", channel: true, track: true},
		{name: "IngestFramerate", field: metric.Framerate, scale: milli, unit: "Count/Second", account: true, channel: true, track: true},
		{name: "KeyframeInterval", field: metric.KeyInterval, scale: milli, unit: "Seconds", channel: true, track: true},
		{name: "LiveDeliveredTime", field: metric.DeliveredTime, scale: milli, unit: "Seconds", account: true, channel: true, country: true},
		{name: "LiveInputTime", field: metric.InputTime, scale: milli, unit: "Seconds", account: true, channel: true},
		{name: "RecordedTime", field: metric.RecordedTime, scale: milli, unit: "Seconds", account: true, channel: true},
	}
}

// healths are the values of the dimension Health.
func healths() map[string]metric.Field {
	return map[string]metric.Field{"HEALTHY": metric.Healthy, "STARVING": metric.Starving, "UNKNOWN": metric.Unknown}
}

// find returns where a metric is measured, if there is such a one. As in Amazon
// CloudWatch, to ask for another is no error: it has no data.
func find(space, name string, dims []dimension) (source, bool) {
	if space == usage {
		return findUsage(name, dims)
	}
	at := slices.IndexFunc(definitions(), func(d definition) bool { return d.name == name })
	if space != namespace || at < 0 {
		return source{}, false
	}
	d := definitions()[at]
	s := source{key: metric.Account, field: d.field, scale: d.scale, unit: d.unit}
	given := make(map[string]string)
	for _, dim := range dims {
		given[dim.name] = dim.value
	}
	if channel, ok := given[dimChannel]; ok {
		s.key = channel[strings.LastIndexByte(channel, '/')+1:] // an ARN ends in the id
	}
	_, hasChannel := given[dimChannel]
	switch {
	case len(given) != len(dims):
		return s, false
	case len(given) == 0:
		return s, d.account
	case len(given) == 1 && hasChannel:
		return s, d.channel
	case len(given) == 2 && hasChannel && given[dimTrack] == firstTrack:
		return s, d.track
	case len(given) == 2 && hasChannel && given[dimViewer] == nowhere:
		return s, d.country
	case len(given) == 1 && d.field == metric.Streams && given[dimStreamer] == nowhere:
		return s, true
	case len(given) == 1 && d.field == metric.Streams:
		var ok bool
		s.field, ok = healths()[given[dimHealth]]
		return s, ok
	default:
		return s, false
	}
}

// findUsage is for AWS/Usage ResourceCount, by which quotas are watched.
func findUsage(name string, dims []dimension) (source, bool) {
	want := map[string]string{"Service": "IVS", "Class": "None", "Type": "Resource"}
	s := source{key: metric.Account, scale: 1, unit: "None"}
	resource := false
	for _, d := range dims {
		switch {
		case d.name == "Resource" && d.value == "ConcurrentStreams":
			s.field, resource = metric.Streams, true
		case d.name == "Resource" && d.value == "ConcurrentViews":
			s.field, resource = metric.Views, true
		case want[d.name] != d.value:
			return s, false
		}
	}
	return s, name == "ResourceCount" && resource && len(dims) == len(want)+1
}

// A listed metric is one of ListMetrics.
type listed struct {
	space, name string
	dims        []dimension
}

// list returns every metric that there may be of the account and some channels.
func list(channels []string) []listed {
	var out []listed
	for _, d := range definitions() {
		if d.account {
			out = append(out, listed{namespace, d.name, nil})
		}
		if d.field == metric.Streams {
			for _, health := range []string{"HEALTHY", "STARVING", "UNKNOWN"} {
				out = append(out, listed{namespace, d.name, []dimension{{dimHealth, health}}})
			}
			out = append(out, listed{namespace, d.name, []dimension{{dimStreamer, nowhere}}})
		}
		for _, id := range channels {
			if d.channel {
				out = append(out, listed{namespace, d.name, []dimension{{dimChannel, id}}})
			}
			if d.track {
				out = append(out, listed{namespace, d.name, []dimension{{dimChannel, id}, {dimTrack, firstTrack}}})
			}
			if d.country {
				out = append(out, listed{namespace, d.name, []dimension{{dimChannel, id}, {dimViewer, nowhere}}})
			}
		}
	}
	for _, resource := range []string{"ConcurrentStreams", "ConcurrentViews"} {
		out = append(out, listed{usage, "ResourceCount", []dimension{{"Service", "IVS"}, {"Class", "None"}, {"Type", "Resource"}, {"Resource", resource}}})
	}
	return out
}

package cloudwatch

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"openivs/internal/metric"
)

// The limits (Amazon CloudWatch API reference).
const (
	maxQueries    = 500
	maxDatapoints = 100_800 // of GetMetricData
	maxStatistics = 1440    // datapoints of GetMetricStatistics
	maxDimensions = 30
	maxListed     = 500 // of a page of ListMetrics
	listedFor     = 14 * 24 * time.Hour
	recently      = 3 * time.Hour
)

// A statistic is what is asked of the measurements of a period.
type statistic string

func (s statistic) known() bool {
	switch s {
	case "Average", "Sum", "Minimum", "Maximum", "SampleCount":
		return true
	}
	return false
}

func (s statistic) of(b metric.Stat, scale float64) float64 {
	switch s {
	case "Sum":
		return float64(b.Sum) * scale
	case "Minimum":
		return float64(b.Min) * scale
	case "Maximum":
		return float64(b.Max) * scale
	case "SampleCount":
		return float64(b.Count)
	default:
		return float64(b.Sum) * scale / float64(b.Count)
	}
}

// period reads the length of a period.
func period(n int64) (time.Duration, error) {
	const most = 86400 * 365
	if n < 1 || n > most || n%60 != 0 && n != 1 && n != 5 && n != 10 && n != 30 {
		return 0, wrong("The value %d for parameter Period is invalid: it is 1, 5, 10, 30 or a multiple of 60 seconds.", n)
	}
	return time.Duration(n) * time.Second, nil
}

// span reads the beginning and the end of a question.
func span(in input) (from, to time.Time, err error) {
	if from, err = in.moment("StartTime"); err != nil {
		return from, to, err
	}
	if to, err = in.moment("EndTime"); err != nil {
		return from, to, err
	}
	if !from.Before(to) {
		return from, to, invalid("The parameter StartTime must be less than the parameter EndTime.")
	}
	return from, to, nil
}

func dimensions(in input) ([]dimension, error) {
	var out []dimension
	for _, d := range in.children("Dimensions") {
		out = append(out, dimension{d.text("Name"), d.text("Value")})
	}
	if len(out) > maxDimensions {
		return nil, wrong("A metric has at most %d dimensions.", maxDimensions)
	}
	return out, nil
}

// A question is one query of GetMetricData.
type question struct {
	id     string
	label  string
	stat   statistic
	period time.Duration
	source source
	known  bool // there is such a metric
}

var idForm = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]{0,254}$`)

// questions reads the queries whose answer is wanted.
func questions(in input) ([]question, error) {
	all := in.children("MetricDataQueries")
	if len(all) == 0 || len(all) > maxQueries {
		return nil, invalid("There are %d MetricDataQueries, want 1 to %d.", len(all), maxQueries)
	}
	var out []question
	seen := make(map[string]bool)
	for _, q := range all {
		id := q.text("Id")
		if !idForm.MatchString(id) || seen[id] {
			return nil, invalid("The value %q for parameter Id is not one of its own: a lower case letter, then letters, digits and underscores.", clip(id))
		}
		seen[id] = true
		one, err := ask(q, id)
		if err != nil {
			return nil, err
		}
		if q.flag("ReturnData", true) {
			out = append(out, one)
		}
	}
	return out, nil
}

func ask(q input, id string) (question, error) {
	one := question{id: id}
	if q.text("Expression") != "" {
		return one, invalid("Query %s has an Expression: this server answers plain statistics (MetricStat), not metric math, SEARCH or Metrics Insights.", id)
	}
	m := q.child("MetricStat")
	if m == nil {
		return one, invalid("Query %s has neither MetricStat nor Expression.", id)
	}
	n, err := m.number("Period", 0)
	if err != nil {
		return one, err
	}
	if one.period, err = period(n); err != nil {
		return one, err
	}
	if one.stat = statistic(m.text("Stat")); !one.stat.known() {
		return one, invalid("The value %q for parameter Stat is invalid: this server has Average, Sum, Minimum, Maximum and SampleCount.", clip(string(one.stat)))
	}
	named := m.child("Metric")
	dims, err := dimensions(named)
	if err != nil {
		return one, err
	}
	one.source, one.known = find(named.text("Namespace"), named.text("MetricName"), dims)
	if unit := m.text("Unit"); unit != "" && unit != one.source.unit {
		one.known = false
	}
	one.label = cmp.Or(q.text("Label"), named.text("MetricName"))
	return one, nil
}

func (h *Handler) getMetricData(in input) (output, error) {
	qs, err := questions(in)
	if err != nil {
		return nil, err
	}
	from, to, err := span(in)
	if err != nil {
		return nil, err
	}
	most, err := in.number("MaxDatapoints", maxDatapoints)
	if err != nil || most < 1 || most > maxDatapoints {
		return nil, wrong("The value for parameter MaxDatapoints is not from 1 to %d.", maxDatapoints)
	}
	skip, err := token(in)
	if err != nil {
		return nil, err
	}
	results, next := []any{}, ""
	begun := skip
	for _, q := range qs {
		var buckets []metric.Bucket
		if q.known {
			if buckets, err = h.Series.Query(q.source.key, q.source.field, from, to, q.period); err != nil {
				return nil, err
			}
		}
		if in.text("ScanBy") != "TimestampAscending" {
			slices.Reverse(buckets)
		}
		if skip > 0 && skip >= int64(len(buckets)) {
			skip -= int64(len(buckets))
			continue
		}
		buckets = buckets[skip:]
		begun, skip = begun+int64(min(len(buckets), int(most))), 0
		state := "Complete"
		if int64(len(buckets)) > most {
			buckets, state = buckets[:most], "PartialData"
			next = strconv.FormatInt(begun, 10)
		}
		most -= int64(len(buckets))
		results = append(results, result(q, buckets, state))
		if next != "" {
			break
		}
	}
	out := output{{"MetricDataResults", results}}
	if next != "" {
		out = append(out, member{"NextToken", next})
	}
	return append(out, member{"Messages", []any{}}), nil
}

func result(q question, buckets []metric.Bucket, state string) output {
	times, values := make([]any, len(buckets)), make([]any, len(buckets))
	for i, b := range buckets {
		times[i], values[i] = b.At, q.stat.of(b.Stat, q.source.scale)
	}
	return output{{"Id", q.id}, {"Label", q.label}, {"Timestamps", times}, {"Values", values}, {"StatusCode", state}}
}

// token reads how far the pages before went.
func token(in input) (int64, error) {
	text := in.text("NextToken")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 63)
	if err != nil || n < 0 {
		return 0, fault{"InvalidNextToken", "InvalidNextToken", http.StatusBadRequest, "The next token specified is invalid."}
	}
	return n, nil
}

func (h *Handler) getMetricStatistics(in input) (output, error) {
	from, to, err := span(in)
	if err != nil {
		return nil, err
	}
	n, err := in.number("Period", 0)
	if err != nil {
		return nil, err
	}
	every, err := period(n)
	if err != nil {
		return nil, err
	}
	stats := in.texts("Statistics")
	for _, s := range stats {
		if !statistic(s).known() {
			return nil, wrong("The value %q for parameter Statistics is invalid.", clip(s))
		}
	}
	if len(in.texts("ExtendedStatistics")) > 0 {
		return nil, clash("This server has no ExtendedStatistics: ask for Statistics.")
	}
	if len(stats) == 0 {
		return nil, missing("Must specify either Statistics or ExtendedStatistics.")
	}
	if points := int64(to.Sub(from) / every); points > maxStatistics {
		return nil, clash("You have requested up to %d datapoints, which exceeds the limit of %d. "+
			"You may reduce the datapoints requested by increasing Period, or decreasing the time range.", points, maxStatistics)
	}
	dims, err := dimensions(in)
	if err != nil {
		return nil, err
	}
	points := []any{}
	s, known := find(in.text("Namespace"), in.text("MetricName"), dims)
	if unit := in.text("Unit"); known && (unit == "" || unit == s.unit) {
		buckets, err := h.Series.Query(s.key, s.field, from, to, every)
		if err != nil {
			return nil, err
		}
		for _, b := range buckets {
			points = append(points, datapoint(b, stats, s))
		}
	}
	return output{{"Label", in.text("MetricName")}, {"Datapoints", points}}, nil
}

func datapoint(b metric.Bucket, stats []string, s source) output {
	out := output{{"Timestamp", b.At}}
	for _, name := range []string{"SampleCount", "Average", "Sum", "Minimum", "Maximum"} {
		if slices.Contains(stats, name) {
			out = append(out, member{name, statistic(name).of(b.Stat, s.scale)})
		}
	}
	return append(out, member{"Unit", s.unit})
}

func (h *Handler) listMetrics(in input) (output, error) {
	since := time.Now().Add(-listedFor)
	switch v := in.text("RecentlyActive"); v {
	case "":
	case "PT3H":
		since = time.Now().Add(-recently)
	default:
		return nil, wrong("The value %q for parameter RecentlyActive is invalid: it is PT3H.", clip(v))
	}
	skip, err := token(in)
	if err != nil {
		return nil, err
	}
	channels, err := h.Series.Channels(since)
	if err != nil {
		return nil, err
	}
	items, next := []any{}, ""
	for _, m := range list(channels) {
		if len(channels) == 0 || !m.matches(in) {
			continue // nothing was ever measured
		}
		if skip > 0 {
			skip--
			continue
		}
		if len(items) == maxListed {
			before, _ := token(in) // it was read above
			next = strconv.FormatInt(before+maxListed, 10)
			break
		}
		items = append(items, m.output())
	}
	out := output{{"Metrics", items}}
	if next != "" {
		out = append(out, member{"NextToken", next})
	}
	return out, nil
}

// matches reports whether a metric is one that is asked for.
func (m listed) matches(in input) bool {
	if s := in.text("Namespace"); s != "" && s != m.space {
		return false
	}
	if s := in.text("MetricName"); s != "" && s != m.name {
		return false
	}
	for _, f := range in.children("Dimensions") {
		name, value := f.text("Name"), f.text("Value")
		if !slices.ContainsFunc(m.dims, func(d dimension) bool { return d.name == name && (value == "" || d.value == value) }) {
			return false
		}
	}
	return true
}

func (m listed) output() output {
	dims := make([]any, len(m.dims))
	for i, d := range m.dims {
		dims[i] = output{{"Name", d.name}, {"Value", d.value}}
	}
	return output{{"Namespace", m.space}, {"MetricName", m.name}, {"Dimensions", dims}}
}

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"openivs/e2e/server"
)

// A reading is what a client says of GetMetricData.
type reading struct {
	MetricDataResults []struct {
		ID         string `json:"Id"`
		Timestamps []string
		Values     []float64
	}
}

// asked is the input of GetMetricData for some metrics of a channel.
func asked(ch channel, from, to time.Time, period int, stats map[string]string) map[string]any {
	id := ch.arn[strings.LastIndexByte(ch.arn, '/')+1:]
	var queries []any
	for _, name := range slices.Sorted(mapsKeys(stats)) {
		queries = append(queries, map[string]any{"Id": "m" + strings.ToLower(name), "MetricStat": map[string]any{
			"Period": period, "Stat": stats[name], "Metric": map[string]any{
				"Namespace": "AWS/IVS", "MetricName": name, "Dimensions": []any{map[string]any{"Name": "Channel", "Value": id}},
			},
		}})
	}
	return map[string]any{
		"StartTime": from.UTC().Format(time.RFC3339), "EndTime": to.UTC().Format(time.RFC3339),
		"MetricDataQueries": queries, "ScanBy": "TimestampAscending",
	}
}

func mapsKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// scripted reads metrics with a program that reads a line and writes one.
func scripted(t *testing.T, s *running, name string, args ...string) func(in map[string]any) reading {
	t.Helper()
	return func(in map[string]any) (r reading) {
		t.Helper()
		line, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Env = s.environment(t)
		cmd.Stdin = bytes.NewReader(append(line, '\n'))
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = server.Background()
		out, err := cmd.Output()
		if err == nil {
			err = json.Unmarshal(out, &r)
		}
		if err != nil {
			t.Fatalf("%s: %v\n%s", filepath.Base(name), err, out)
		}
		return r
	}
}

// commandLine reads metrics with Debian's aws command.
func commandLine(t *testing.T, s *running) func(in map[string]any) reading {
	t.Helper()
	return func(in map[string]any) (r reading) {
		t.Helper()
		line, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "in.json")
		if err := os.WriteFile(file, line, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := shell(t, s, "aws cloudwatch get-metric-data --no-paginate --cli-input-json file://"+file)
		if err == nil {
			err = json.Unmarshal(out, &r)
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return r
	}
}

// packets is what ffprobe measures of a clip: bits and pictures in a second of it.
func packets(t *testing.T, file, kind string) (bits, perSecond float64) {
	t.Helper()
	out := command(t, "ffprobe", "-v", "error", "-select_streams", kind+":0", "-show_entries", "packet=size", "-of", "csv=p=0", file)
	n := 0
	for line := range strings.Lines(string(out)) {
		var size int
		if _, err := fmt.Sscan(strings.Trim(line, ", \n"), &size); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		bits += float64(size) * 8
		n++
	}
	return bits / clipSeconds, float64(n) / clipSeconds
}

// TestClientsReadTheMetrics streams a clip over and over and compares what each
// client of CloudWatch reads with what ffprobe measures.
func TestClientsReadTheMetrics(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	c := encode(t, small, voice)
	enc := stream(t, c, ch.rtmp())
	ch.live()
	playAlong(t, ch)
	const loops = 3 // of the clip, whole, so that each part of it counts alike
	clients := map[string]func(map[string]any) reading{
		"Debian's boto3": scripted(t, s, "/usr/bin/python3", "sdk/metrics.py"),
		"JavaScript":     scripted(t, s, "node", "sdk/metrics.mjs"),
		"Debian's aws":   commandLine(t, s),
	}
	ask := clients["JavaScript"]
	<-time.After(loops * clipSeconds * time.Second)
	var from time.Time
	until(t, 2*time.Minute, "enough was measured", func() (bool, string) {
		r := ask(asked(ch, time.Now().Add(-5*time.Minute), time.Now(), 1, map[string]string{"IngestVideoBitrate": "Average"}))
		if len(r.MetricDataResults) != 1 {
			return false, fmt.Sprint(r)
		}
		m := r.MetricDataResults[0]
		if len(m.Timestamps) < loops*clipSeconds+3 {
			return false, fmt.Sprint(len(m.Timestamps), " seconds")
		}
		var err error
		if from, err = time.Parse(time.RFC3339, m.Timestamps[2]); err != nil {
			t.Fatal(err)
		}
		return true, ""
	})
	enc.quit()
	to := from.Add(loops * clipSeconds * time.Second)
	videoBits, fps := packets(t, c.file, "v")
	audioBits, _ := packets(t, c.file, "a")
	want := map[string]float64{
		"mingestvideobitrate": videoBits, "mingestaudiobitrate": audioBits, "mingestbitrate": videoBits + audioBits,
		"mingestframerate": fps, "mkeyframeinterval": gopSeconds, "mliveinputtime": 1,
	}
	question := asked(ch, from, to, 1, map[string]string{
		"IngestVideoBitrate": "Average", "IngestAudioBitrate": "Average", "IngestBitrate": "Average",
		"IngestFramerate": "Average", "KeyframeInterval": "Average", "LiveInputTime": "Sum", "ConcurrentViews": "Maximum",
	})
	for name, ask := range clients {
		r := ask(question)
		if len(r.MetricDataResults) != len(want)+1 {
			t.Errorf("%s reads %+v", name, r)
		}
		for _, m := range r.MetricDataResults {
			if len(m.Values) != loops*clipSeconds {
				t.Errorf("%s reads %d values of %s", name, len(m.Values), m.ID)
				continue
			}
			if m.ID == "mconcurrentviews" {
				if slices.Max(m.Values) != 1 {
					t.Errorf("%s reads views %v", name, m.Values)
				}
				continue
			}
			mean := 0.0
			for _, v := range m.Values {
				mean += v / float64(len(m.Values))
			}
			if w := want[m.ID]; math.Abs(mean-w) > 0.02*w {
				t.Errorf("%s reads %s %.3f, ffprobe measures %.3f", name, m.ID, mean, w)
			}
		}
	}
	var listed struct{ Metrics []struct{ MetricName string } }
	out, err := shell(t, s, "aws cloudwatch list-metrics --namespace AWS/IVS --metric-name LiveDeliveredTime")
	if err != nil || json.Unmarshal(out, &listed) != nil || len(listed.Metrics) != 3 {
		t.Errorf("list-metrics: %v\n%s", err, out)
	}
	var stats struct{ Datapoints []struct{ Sum float64 } }
	out, err = shell(t, s, fmt.Sprintf("aws cloudwatch get-metric-statistics --namespace AWS/IVS --metric-name LiveDeliveredTime "+
		"--start-time %s --end-time %s --period 60 --statistics Sum", from.UTC().Add(-time.Minute).Format(time.RFC3339), to.UTC().Add(time.Minute).Format(time.RFC3339)))
	if err != nil || json.Unmarshal(out, &stats) != nil || len(stats.Datapoints) == 0 {
		t.Fatalf("get-metric-statistics: %v\n%s", err, out)
	}
	sum := 0.0
	for _, p := range stats.Datapoints {
		sum += p.Sum
	}
	if sum < 5 || sum > loops*clipSeconds*2 {
		t.Errorf("one viewer was sent %.1f seconds in %d", sum, loops*clipSeconds)
	}
}

// playAlong plays a channel with ffmpeg, in real time, until the test ends.
func playAlong(t *testing.T, ch channel) {
	t.Helper()
	ffmpeg(t, "-re", "-i", ch.playback, "-c", "copy", "-f", "null", "-")
}

package monitor_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"openivs/internal/monitor"
)

func numbers() monitor.Numbers {
	return monitor.Numbers{
		Streams: map[string]int{"HEALTHY": 3, "STARVING": 1}, Viewers: 7, Bytes: 1000, Input: 90 * time.Second, Delivered: time.Hour, Recorded: 2 * time.Minute,
		Transcode: &monitor.Transcode{Usable: true, Cores: 1.5, Most: 2, Failures: 6},
		Room:      &monitor.Room{Free: 4096, Level: 2},
		Sinks:     []monitor.Sink{{Name: "crm", Behind: 2, Oldest: time.Minute, Delivered: 40, Retried: 3, Dead: 1}},
		Channels:  []monitor.Channel{{ID: "aaaa", Viewers: 7, Bytes: 500, Link: &monitor.Link{RoundTrip: 20 * time.Millisecond, Lost: 4, Retransmitted: 3}}, {ID: "bbbb"}},
	}
}

func get(t *testing.T, troubles []string, path, accept string) *httptest.ResponseRecorder {
	t.Helper()
	h, err := monitor.New(numbers, func(context.Context) []string { return troubles })
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPrometheusReadsTheNumbers(t *testing.T) {
	w := get(t, nil, "/metrics", "application/openmetrics-text;version=1.0.0")
	if !strings.HasPrefix(w.Header().Get("Content-Type"), "application/openmetrics-text") || !strings.HasSuffix(w.Body.String(), "# EOF\n") {
		t.Errorf("%v", w.Header())
	}
	for _, want := range []string{
		`openivs_streams{health="HEALTHY"} 3.0`, `openivs_streams{health="UNKNOWN"} 0.0`, "openivs_viewers 7.0", "openivs_ingest_bytes_total 1000.0",
		"openivs_ingest_seconds_total 90.0", "openivs_delivered_seconds_total 3600.0", "openivs_recorded_seconds_total 120.0", `openivs_event_sink_behind_events{sink="crm"} 2.0`,
		"openivs_transcode_usable 1.0", "openivs_transcode_cores 1.5", "openivs_transcode_limit_cores 2.0", "openivs_transcode_failures_total 6.0",
		`openivs_event_sink_oldest_seconds{sink="crm"} 60.0`, `openivs_event_sink_failures_total{sink="crm"} 3.0`,
		`openivs_event_sink_dead_letters_total{sink="crm"} 1.0`, `openivs_channel_viewers{channel="aaaa"} 7.0`, "go_goroutines ", "openivs_disk_free_bytes 4096.0", "openivs_disk_level 2.0",
		`openivs_channel_round_trip_seconds{channel="aaaa"} 0.02`, `openivs_channel_lost_packets{channel="aaaa"} 4.0`, `openivs_channel_retransmitted_packets{channel="aaaa"} 3.0`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(w.Body.String(), `openivs_channel_lost_packets{channel="bbbb"}`) {
		t.Error("what is not known is told")
	}
}

func TestAliveAndReady(t *testing.T) {
	if w := get(t, []string{"the database is away"}, "/healthz", ""); w.Code != 200 {
		t.Errorf("alive: %d", w.Code)
	}
	if w := get(t, nil, "/readyz", ""); w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"status":"ready"}` {
		t.Errorf("ready: %d %s", w.Code, w.Body)
	}
	if w := get(t, []string{"the database is away"}, "/readyz", ""); w.Code != 503 || !strings.Contains(w.Body.String(), `"reasons":["the database is away"]`) {
		t.Errorf("not ready: %d %s", w.Code, w.Body)
	}
}

// The dashboard asks for nothing that there is not.
func TestTheDashboardShowsWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("../../deploy/grafana/openivs.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		UID, Title    string
		SchemaVersion int
		Panels        []struct {
			ID          int
			Type, Title string
			GridPos     struct{ H, W, X, Y int }
			Datasource  struct{ Type, UID string }
			Targets     []struct{ Expr, RefID string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	if board.UID == "" || board.Title == "" || board.SchemaVersion < 36 || len(board.Panels) < 6 {
		t.Errorf("%+v", board)
	}
	said := get(t, nil, "/metrics", "").Body.String()
	name := regexp.MustCompile(`(openivs|go|process)_[a-z_]+`)
	seen := map[int]bool{}
	for _, p := range board.Panels {
		if seen[p.ID] || p.Title == "" || p.GridPos.W == 0 || p.GridPos.X+p.GridPos.W > 24 || p.Datasource.Type != "prometheus" || len(p.Targets) == 0 {
			t.Errorf("panel %+v", p)
		}
		seen[p.ID] = true
		for _, q := range p.Targets {
			metrics := name.FindAllString(q.Expr, -1)
			if len(metrics) == 0 || q.RefID == "" {
				t.Errorf("%s asks %q", p.Title, q.Expr)
			}
			for _, m := range metrics {
				if !strings.Contains(said, "\n"+m) {
					t.Errorf("%s asks for %s, which there is not", p.Title, m)
				}
			}
		}
	}
}

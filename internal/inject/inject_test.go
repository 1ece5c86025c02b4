package inject_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/inject"
	"openivs/internal/ivs"
)

// A stage is streams and recordings that note what is done to them.
type stage struct{ done []string }

func (s *stage) Starve(_ ivs.ARN, d time.Duration) error {
	s.done = append(s.done, fmt.Sprint("starve ", d))
	return nil
}

func (s *stage) Disconnect(ivs.ARN) error {
	s.done = append(s.done, "disconnect")
	return nil
}

func (s *stage) Breach(_ context.Context, _ ivs.ARN, e ivs.LimitError) error {
	s.done = append(s.done, fmt.Sprint(e.Limit, " ", e.Allowed, " ", e.Exceeded, " ", e.Unit))
	return nil
}

func (s *stage) Fail(channel ivs.ARN, _ string) bool {
	s.done = append(s.done, "fail")
	return channel.ID == "recorded"
}

func channel(id string) ivs.ARN {
	return ivs.ARN{Service: "ivs", Region: "us-east-1", Account: "123456789012", Kind: ivs.KindChannel, ID: id}
}

func injector(s *stage) *inject.Injector {
	return &inject.Injector{Sessions: s, Recordings: s, Streams: 100, Viewers: 15000, Log: slog.New(slog.DiscardHandler)}
}

func TestFaultsReachTheirPlace(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault inject.Fault
		want  string
		code  ivs.Code
	}{
		{"starvation", inject.Fault{Kind: inject.Starvation, For: time.Minute}, "starve 1m0s", ""},
		{"starvation as long as usual", inject.Fault{Kind: inject.Starvation}, "starve 15s", ""},
		{"starvation for ever", inject.Fault{Kind: inject.Starvation, For: 2 * time.Hour}, "", ivs.Invalid},
		{"disconnect", inject.Fault{Kind: inject.Disconnect}, "disconnect", ""},
		{"the usual limit", inject.Fault{Kind: inject.LimitBreach}, "Ingest Bitrate 8500000 850000 bits per second", ""},
		{"resolution", inject.Fault{Kind: inject.LimitBreach, Limit: "ingest-resolution"}, "Ingest Resolution 2100000 210000 total pixels", ""},
		{"streams", inject.Fault{Kind: inject.LimitBreach, Limit: "concurrent-broadcasts"}, "Concurrent Broadcasts 100 1 active streams", ""},
		{"viewers", inject.Fault{Kind: inject.LimitBreach, Limit: "concurrent-viewers"}, "Concurrent Viewers 15000 1 viewers", ""},
		{"no limit", inject.Fault{Kind: inject.LimitBreach, Limit: "patience"}, "", ivs.Invalid},
		{"a limit of nothing", inject.Fault{Kind: inject.Disconnect, Limit: "ingest-bitrate"}, "", ivs.Invalid},
		{"no recording", inject.Fault{Kind: inject.RecordingFailure}, "fail", ivs.NotLive},
		{"nothing", inject.Fault{Kind: "boredom"}, "", ivs.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s stage
			err := injector(&s).Inject(t.Context(), channel("one"), tt.fault)
			if got := ivs.CodeOf(err); got != tt.code || (err == nil) != (tt.code == "") {
				t.Errorf("%v, want code %q", err, tt.code)
			}
			if want := []string{tt.want}; tt.want != "" && !slices.Equal(s.done, want) || tt.want == "" && s.done != nil {
				t.Errorf("done %q, want %q", s.done, tt.want)
			}
		})
	}
	var s stage
	if err := injector(&s).Inject(t.Context(), channel("recorded"), inject.Fault{Kind: inject.RecordingFailure}); err != nil {
		t.Error(err)
	}
}

func TestEventsAreLateForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := injector(new(stage))
		one, other := channel("one").String(), channel("other").String()
		begun := time.Now()
		if err := i.Inject(t.Context(), channel("one"), inject.Fault{Kind: inject.EventDelay, For: time.Minute}); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			channel  string
			at, want time.Duration // since begun
		}{
			{one, 0, time.Minute},
			{one, time.Minute, 2 * time.Minute},
			{one, time.Minute + 1, time.Minute + 1},
			{other, 0, 0},
		} {
			if got := i.NotBefore(tt.channel, begun.Add(tt.at)).Sub(begun); got != tt.want {
				t.Errorf("an event of %s at %v comes not before %v, want %v", tt.channel, tt.at, got, tt.want)
			}
		}
	})
}

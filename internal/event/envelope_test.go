package event_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"openivs/internal/event"
	"openivs/internal/ivs"
)

var update = flag.Bool("update", false, "write the golden files anew")

// channel is that of Amazon's samples.
func channel() ivs.ARN {
	return ivs.ARN{Service: "ivs", Region: "us-east-1", Account: "123456789012", Kind: ivs.KindChannel, ID: "AbCdef1G2hij"}
}

func sample(typ ivs.EventType, name string) ivs.Event {
	return ivs.Event{
		ID: "01234567-0123-0123-0123-012345678901", Channel: channel(), ChannelName: "Your Channel",
		StreamID: "st-1A2b3c4D5e6F78ghij9Klmn", Type: typ, Name: name,
		At: time.Date(2017, 6, 12, 10, 23, 43, 987654000, time.UTC),
	}
}

func with(ev ivs.Event, change func(*ivs.Event)) ivs.Event {
	change(&ev)
	return ev
}

func breach(name, unit string, limit, exceeded int64) ivs.Event {
	ev := sample(ivs.LimitBreach, name)
	b, err := ivs.NewBreach(ivs.Session{}, name, limit, exceeded, unit, ev.At)
	if err != nil {
		panic(err)
	}
	ev.Detail = b.Detail
	return ev
}

func recording(name, reason, prefix string, ms int64) ivs.Event {
	ev := sample(ivs.RecordingStateChange, name)
	var err error
	ev.Detail, err = json.Marshal(struct {
		Reason  string   `json:"recording_status_reason"`
		Bucket  string   `json:"recording_s3_bucket_name"`
		Prefix  string   `json:"recording_s3_key_prefix"`
		MS      int64    `json:"recording_duration_ms"`
		Session string   `json:"recording_session_id"`
		Streams []string `json:"recording_session_stream_ids"`
	}{reason, "r2s3-dev-channel-1-recordings", prefix, ms, "a6RfV23ES97i", []string{"st-254sopYUvi6F78ghpO9vn0A", ev.StreamID}})
	if err != nil {
		panic(err)
	}
	return ev
}

// Every event of the catalogue is, byte for byte, what Amazon EventBridge would
// deliver (Amazon IVS with EventBridge).
func TestEveryEventOfTheCatalogue(t *testing.T) {
	state := func(name string) ivs.Event { return sample(ivs.StreamStateChange, name) }
	const prefix = "ivs/v1/123456789012/AbCdef1G2hij/2020/6/23/20/12/j8Z9O91ndcVs"
	for file, ev := range map[string]ivs.Event{
		"session-created":    with(state(ivs.SessionCreated), func(ev *ivs.Event) { ev.ChannelName = "" }),
		"stream-start":       state(ivs.StreamStart),
		"session-ended":      state(ivs.SessionEnded),
		"session-ended-code": with(state(ivs.SessionEnded), func(ev *ivs.Event) { ev.ChannelName, ev.Code = "", "MultitrackInputNotAllowed" }),
		"stream-end":         state(ivs.StreamEnd),
		"stream-failure": with(state(ivs.StreamFailure), func(ev *ivs.Event) {
			ev.Detail = []byte(`{"reason": "Transcode capacity exceeded. Please try again."}`)
		}),
		"stream-takeover":     state(ivs.Takeover),
		"takeover-failure":    with(state(ivs.TakeoverFailure), func(ev *ivs.Event) { ev.Code = "StreamTakeoverInvalidPriority" }),
		"starvation-start":    sample(ivs.StreamHealthChange, ivs.StarvationStart),
		"starvation-end":      sample(ivs.StreamHealthChange, ivs.StarvationEnd),
		"ingest-bitrate":      breach("Ingest Bitrate", "bits per second", 1234, 3),
		"ingest-pixels":       breach("Ingest Resolution", "total pixels", 495000, 426600),
		"ingest-edge":         breach("Ingest Resolution", "pixels per edge", 855, 45),
		"broadcasts":          breach(ivs.ConcurrentBroadcasts, "active streams", 2, 3),
		"viewers":             breach(ivs.ConcurrentViewers, "viewers", 10, 11),
		"recording-start":     recording("Recording Start", "", prefix, 0),
		"recording-end":       recording("Recording End", "", prefix, 99370264),
		"recording-no-start":  recording("Recording Start Failure", "ValidationException", "", 0),
		"recording-no-end":    recording("Recording End Failure", "InternalServerException", prefix, 0),
		"ad-break":            with(sample(ivs.AdBreakStateChange, ivs.AdBreakInserted), func(ev *ivs.Event) { ev.Detail = adBreak(t) }),
		"name-not-for-a-page": with(state(ivs.StreamStart), func(ev *ivs.Event) { ev.ChannelName = `<b> & "ü" \` }),
	} {
		t.Run(file, func(t *testing.T) {
			m, err := event.NewMessage(ev)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Join("testdata", "envelope", file+".golden")
			if *update {
				if err := os.WriteFile(name, append(m.Body, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(m.Body, bytes.TrimSuffix(want, []byte("\n"))) {
				t.Errorf("got  %s\nwant %s", m.Body, want)
			}
			var e event.Envelope
			if err := e.UnmarshalText(m.Body); err != nil || e.ID != ev.ID || len(e.Resources) != len(m.Resources) || !bytes.Equal(e.Detail, m.Detail) {
				t.Errorf("it reads back as %+v, %v", e, err)
			}
		})
	}
}

func adBreak(t *testing.T) []byte {
	t.Helper()
	ev := sample(ivs.AdBreakStateChange, ivs.AdBreakInserted)
	b := ivs.AdBreak{ID: "a1b2c3d4e5f6", Start: ev.At.Add(10 * time.Second), Duration: 30 * time.Second}
	made, err := b.Event(ivs.Session{}, ev.At)
	if err != nil {
		t.Fatal(err)
	}
	return made.Detail
}

func TestADetailThatIsNoObjectIsRefused(t *testing.T) {
	for _, detail := range []string{"[]", "1", "{", `{"a":}`} {
		ev := sample(ivs.StreamStateChange, ivs.StreamFailure)
		ev.Detail = []byte(detail)
		if m, err := event.NewMessage(ev); err == nil {
			t.Errorf("%s: rendered as %s", detail, m.Body)
		}
	}
}

func TestFilters(t *testing.T) {
	arn := channel().String()
	other := strings.Replace(arn, "AbCdef1G2hij", "other", 1)
	for _, tt := range []struct {
		name string
		f    event.Filter
		typ  ivs.EventType
		arn  string
		want bool
	}{
		{"none wants all", event.Filter{}, ivs.LimitBreach, arn, true},
		{"a type", event.Filter{Types: []ivs.EventType{ivs.LimitBreach}}, ivs.LimitBreach, arn, true},
		{"another type", event.Filter{Types: []ivs.EventType{ivs.LimitBreach}}, ivs.StreamStateChange, arn, false},
		{"a channel by its ARN", event.Filter{Channels: []string{arn}}, ivs.LimitBreach, arn, true},
		{"a channel by its id", event.Filter{Channels: []string{"AbCdef1G2hij"}}, ivs.LimitBreach, arn, true},
		{"another channel", event.Filter{Channels: []string{arn}}, ivs.LimitBreach, other, false},
		{"both", event.Filter{Channels: []string{"other"}, Types: []ivs.EventType{ivs.AdBreakStateChange}}, ivs.AdBreakStateChange, other, true},
	} {
		if got := tt.f.Wants(tt.typ, tt.arn); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
	for _, typ := range event.Types() {
		if got, ok := event.TypeNamed(event.ShortName(typ)); !ok || got != typ {
			t.Errorf("%q is the short name of %q", event.ShortName(typ), got)
		}
	}
	if got := event.ShortName(ivs.LimitBreach); got != "limit-breach" {
		t.Errorf("the short name is %q", got)
	}
}

func BenchmarkNewMessage(b *testing.B) {
	ev := breach("Ingest Bitrate", "bits per second", 1234, 3)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.NewMessage(ev); err != nil {
			b.Fatal(err)
		}
	}
}

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
)

// inject has something go wrong with a channel, with the command that developers use.
func (c channel) inject(fault string, flags ...string) {
	c.t.Helper()
	command(c.t, built.command, append([]string{"inject", fault, "--data", c.s.Data, "--channel", c.arn}, flags...)...)
}

// tells waits until the newest session has an event, and returns it.
func (c channel) tells(name string) *types.StreamSession {
	c.t.Helper()
	var session *types.StreamSession
	until(c.t, liveIn, "the API tells of "+name, func() (bool, string) {
		session = c.session("")
		got := names(session)
		return slices.Contains(got, name), strings.Join(got, ", ")
	})
	return session
}

// TestAnApplicationSeesFaultsThatAreInjected streams with ffmpeg, has everything
// go wrong that can be made to, and looks with the AWS SDK and at a sink.
func TestAnApplicationSeesFaultsThatAreInjected(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, "--fault-injection", "on", "--transcode", "off", "--event-sink", "name=app to=file dir="+dir)
	conf := s.recording(t, bucketName)
	clip := encode(t, small, voice)
	live := func(t *testing.T, change ...func(*ivs.CreateChannelInput)) (channel, *encoder) {
		t.Helper()
		ch := s.in(t).channel(t, change...)
		e := stream(t, clip, ch.rtmp())
		ch.live()
		return ch, e
	}
	for _, tt := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"starvation", func(t *testing.T) {
			t.Helper()
			ch, _ := live(t)
			ch.inject("starvation", "--for", "20s")
			ch.tells("Starvation Start")
			if h := ch.live().Health; h != types.StreamHealthStarving {
				t.Errorf("GetStream says %s", h)
			}
			got := ch.tells("Starvation End")
			// A busy machine may starve the stream once more.
			if want := []string{"Session Created", "Stream Start", "Starvation Start", "Starvation End"}; len(got.TruncatedEvents) < len(want) || !slices.Equal(names(got)[:len(want)], want) {
				t.Errorf("events %v, want %v first", names(got), want)
			}
			until(t, liveIn, "GetStream says HEALTHY", func() (bool, string) {
				h := ch.live().Health
				return h == types.StreamHealth("HEALTHY"), string(h)
			})
		}},
		{"disconnect", func(t *testing.T) {
			t.Helper()
			ch, e := live(t)
			ch.inject("disconnect")
			_ = e.left(overIn)
			if got := names(ch.over("")); !slices.Equal(got, wholeStream) {
				t.Errorf("events %v, want %v", got, wholeStream)
			}
			_, err := s.ivs.GetStream(t.Context(), &ivs.GetStreamInput{ChannelArn: &ch.arn})
			wantError[*types.ChannelNotBroadcasting](t, "GetStream", err)
		}},
		{"limit breach", func(t *testing.T) {
			t.Helper()
			ch, e := live(t)
			ch.inject("limit-breach", "--limit", "concurrent-viewers")
			ch.tells("Concurrent Viewers")
			ch.live()
			ch.inject("limit-breach")
			_ = e.left(overIn)
			got := ch.over("")
			want := []string{"Session Created", "Stream Start", "Concurrent Viewers", "Ingest Bitrate", "Session Ended", "Stream End"}
			if !slices.Equal(names(got), want) || str(event(t, got, "Ingest Bitrate").Type) != "IVS Limit Breach" {
				t.Errorf("events %s, want %v", show(t, got.TruncatedEvents), want)
			}
		}},
		{"recording failure", func(t *testing.T) {
			t.Helper()
			ch, _ := live(t, recordedTo(conf))
			ch.tells("Recording Start")
			ch.inject("recording-failure")
			got := names(ch.tells("Recording End Failure"))
			if want := []string{"Session Created", "Stream Start", "Recording Start", "Recording End Failure"}; !slices.Equal(got, want) {
				t.Errorf("events %v, want %v", got, want)
			}
			ch.live() // the stream goes on
		}},
		{"event delay", func(t *testing.T) {
			t.Helper()
			ch := s.in(t).channel(t)
			ch.inject("event-delay", "--for", "20s")
			stream(t, clip, ch.rtmp())
			created := *event(t, ch.appears(), "Session Created").EventTime
			var told envelope
			until(t, liveIn, "the sink has it", func() (bool, string) {
				for _, e := range sunk(t, dir) {
					if slices.Contains(e.Resources, ch.arn) {
						told = e
						return true, ""
					}
				}
				return false, ""
			})
			if late := time.Since(created); late < 19*time.Second || told.Detail.Name != "Session Created" {
				t.Errorf("%s came to the sink after %v", told.Detail.Name, late)
			}
		}},
	} {
		t.Run(tt.name, tt.run)
	}
	log, err := os.ReadFile(s.Log)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range []string{"starvation", "disconnect", "Concurrent Viewers", "Ingest Bitrate", "recording-failure", "event-delay"} {
		if !strings.Contains(string(log), "fault="+fault) && !strings.Contains(string(log), `fault="`+fault+`"`) {
			t.Errorf("the log does not tell of %s", fault)
		}
	}
	calm := serve(t)
	ch := calm.channel(t)
	if _, err := output(t.Context(), built.command, "inject", "event-delay", "--data", calm.Data, "--channel", ch.arn); err == nil || !strings.Contains(err.Error(), "fault-injection") {
		t.Errorf("a server that does not inject faults says %v", err)
	}
}

// sunk are the events in the file of a sink.
func sunk(t *testing.T, dir string) (all []envelope) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "events.log"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, line := range lineList(b) {
		var e envelope
		if json.Unmarshal(line, &e) == nil { // the last line may be half written
			all = append(all, e)
		}
	}
	return all
}

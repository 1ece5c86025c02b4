package e2e

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
)

// TestWhatIsNotTakenIsToldToTheEncoder publishes with ffmpeg what Amazon IVS does
// not take, and asks the API about it afterwards.
func TestWhatIsNotTakenIsToldToTheEncoder(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for name, tc := range map[string]struct {
		size  string
		flags []string
		event string // of the limit
	}{
		"too large":  {"2048x1152", nil, "Ingest Resolution"},
		"too long":   {"2048x128", nil, "Ingest Resolution"},
		"4:4:4":      {"128x128", []string{"-pix_fmt", "yuv444p", "-profile:v", "high444"}, ""},
		"10 bits":    {"128x128", []string{"-pix_fmt", "yuv420p10le", "-profile:v", "high10"}, ""},
		"interlaced": {"128x128", []string{"-flags", "+ilme+ildct", "-x264-params", "tff=1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ch := s.channel(t)
			args := []string{"-re", "-f", "lavfi", "-i", "testsrc2=rate=5:size=" + tc.size, "-c:v", "libx264", "-preset", "ultrafast", "-g", "5", "-pix_fmt", "yuv420p"}
			enc := ffmpeg(t, slices.Concat(args, tc.flags, []string{"-f", "flv", ch.rtmp()})...)
			if err := enc.left(liveIn); err == nil {
				t.Error("ffmpeg left content")
			}
			session := ch.over(str(ch.appears().StreamId))
			want := []string{"Session Created", tc.event, "Session Ended"}
			want = slices.DeleteFunc(want, func(s string) bool { return s == "" })
			if got := names(session); !slices.Equal(got, want) {
				t.Errorf("events %v, want %v", got, want)
			}
			if tc.event == "" {
				return
			}
			if typ := str(event(t, session, tc.event).Type); typ != "IVS Limit Breach" {
				t.Errorf("the event is of type %q", typ)
			}
			list, err := s.ivs.ListStreamSessions(t.Context(), &ivs.ListStreamSessionsInput{ChannelArn: &ch.arn})
			if err != nil {
				t.Fatal(err)
			}
			if len(list.StreamSessions) != 1 || !list.StreamSessions[0].HasErrorEvent {
				t.Errorf("sessions %s", show(t, list.StreamSessions))
			}
		})
	}
}

// TestWithoutFFmpegStreamsArePassedOn starts a server that has none.
func TestWithoutFFmpegStreamsArePassedOn(t *testing.T) {
	t.Parallel()
	s := serve(t, "--transcode", "on", "--ffmpeg", "no-such-ffmpeg", "--prometheus", "on")
	ch := s.channel(t, func(in *ivs.CreateChannelInput) { in.Type = types.ChannelTypeStandardChannelType })
	stream(t, encode(t, picture{width: 640, height: 360, fps: 30, profile: "main", kbps: 500}, voice), ch.rtmp())
	ch.live()
	if v := variantsOf(t, ch.playback); len(v) != 1 || v[0].size != "640x360" {
		t.Errorf("renditions %+v, want the source", v)
	}
	log, err := os.ReadFile(s.Log)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(log), "level=WARN msg=\"ffmpeg cannot be used"); n != 1 {
		t.Errorf("the log warns %d times, want once", n)
	}
	until(t, liveIn, "the session's health tells of it", func() (bool, string) {
		out := string(command(t, built.command, "session", "health", "--data", s.Data, ch.arn))
		return strings.Contains(out, "Viewers had 1 of the 2 renditions"), out
	})
	if code, _, text := fetch(t, s.At.Playback+"/metrics"); code != http.StatusOK || !strings.Contains(text, "openivs_transcode_usable 0\n") {
		t.Errorf("the metrics do not tell: %d", code)
	}
	out, err := output(t.Context(), built.command, "doctor", "--data", s.Data, "--ffmpeg", "no-such-ffmpeg")
	if text := string(out); err == nil && !strings.Contains(text, "no-such-ffmpeg is not installed") {
		t.Errorf("doctor says\n%s", text)
	} else if err != nil && !strings.Contains(err.Error(), "no-such-ffmpeg is not installed") {
		t.Errorf("doctor: %v", err)
	}
}

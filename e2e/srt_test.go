package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"

	"openivs/e2e/server"
)

// srt publishes a clip with ffmpeg over SRT until the test ends.
func srt(t *testing.T, c clip, url string, flags ...string) *encoder {
	t.Helper()
	args := append([]string{"-re", "-stream_loop", "-1", "-i", c.file, "-c", "copy"}, flags...)
	return ffmpeg(t, append(args, "-f", "mpegts", url)...)
}

// passphrase is what GetChannel says of a channel's SRT.
func (c channel) passphrase() string {
	c.t.Helper()
	out, err := c.s.ivs.GetChannel(c.t.Context(), &ivs.GetChannelInput{Arn: &c.arn})
	if err != nil {
		c.t.Fatal(err)
	}
	host, _, _ := strings.Cut(strings.TrimPrefix(c.s.At.SRT, "srt://"), ":")
	if got := str(out.Channel.Srt.Endpoint); got != host {
		c.t.Errorf("the channel's SRT endpoint is %q, want %q", got, host)
	}
	return str(out.Channel.Srt.Passphrase)
}

// TestFFmpegPublishesOverSRT publishes as Amazon IVS documents it: to a channel
// with a passphrase, and to one with insecureIngest without.
func TestFFmpegPublishesOverSRT(t *testing.T) {
	t.Parallel()
	s := serve(t, "--prometheus", "channels")
	c := encode(t, picture{width: 640, height: 360, fps: 25, profile: "main", kbps: 500}, sound{channels: 2, rate: 48000, kbps: 96})
	for _, tc := range []struct {
		name     string
		insecure bool
	}{{"with a passphrase", false}, {"without", true}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ch := s.channel(t, insecure(tc.insecure))
			url := s.At.SRT + "?streamid=" + ch.key
			if !tc.insecure {
				url += "&passphrase=" + ch.passphrase()
			}
			e := srt(t, c, url)
			ch.live()
			until(t, liveIn, "the bitrate is measured", func() (bool, string) {
				in := ch.session("").IngestConfiguration
				return in.Video.TargetBitrate > 0, show(t, in)
			})
			until(t, liveIn, "the network is measured", func() (bool, string) {
				_, _, text := fetch(t, strings.TrimSuffix(s.At.Playback, "/")+"/metrics")
				_, id, _ := strings.Cut(ch.arn, "channel/")
				return strings.Contains(text, `openivs_channel_round_trip_seconds{channel="`+id+`"} `), text
			})
			session := ch.session("")
			want, got := c.wantVideo(t), session.IngestConfiguration.Video
			if got.VideoWidth != want.VideoWidth || got.VideoHeight != want.VideoHeight || str(got.Codec) != str(want.Codec) ||
				got.TargetFramerate != want.TargetFramerate || str(got.Encoder) != "" || got.TargetBitrate < 200_000 || got.TargetBitrate > 1_000_000 {
				t.Errorf("video %s, want %s with a measured bitrate and no encoder", show(t, got), show(t, want))
			}
			if a := session.IngestConfiguration.Audio; a.SampleRate != 48000 || a.Channels != 2 || str(a.Codec) != "mp4a.40.2" || a.TargetBitrate < 50_000 || a.TargetBitrate > 200_000 {
				t.Errorf("audio %s", show(t, a))
			}
			if p := ffprobe(t, ch.playback); len(p.Streams) < 2 || p.Streams[0].Width != 640 || p.Streams[1].SampleRate != "48000" {
				t.Errorf("players see %s", show(t, p.Streams))
			}
			e.quit()
			over := ch.over(str(session.StreamId))
			if got := names(over); !strings.HasPrefix(strings.Join(got, ", "), "Session Created, Stream Start") || got[len(got)-1] != "Stream End" {
				t.Errorf("events %q", got)
			}
		})
	}
}

// TestSRTIsRefusedWithAReason tries what is not let in, and sees that libsrt is
// told why.
func TestSRTIsRefusedWithAReason(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := encode(t, picture{width: 320, height: 180, fps: 25, profile: "main", kbps: 200}, sound{channels: 2, rate: 48000, kbps: 64})
	strict, open := s.channel(t, insecure(false)), s.channel(t)
	for _, tc := range []struct {
		name, query, said string
	}{
		{"a wrong passphrase", "streamid=" + strict.key + "&passphrase=" + strings.Repeat("x", 69), "Incorrect passphrase"},
		{"none where one is needed", "streamid=" + strict.key, "Password required"},
		{"one where none is needed", "streamid=" + open.key + "&passphrase=" + open.passphrase(), "Password required"},
		{"a key that nobody has", "streamid=sk_us-east-1_nobody", "REJECT"},
		{"no key", "", "REJECT"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := srt(t, c, s.At.SRT+"?"+tc.query)
			if err := e.left(liveIn); err == nil {
				t.Error("ffmpeg was let in")
			}
			if said := server.Tail(e.log); !strings.Contains(said, tc.said) {
				t.Errorf("it was not told %q: %s", tc.said, said)
			}
		})
	}
	for _, ch := range []channel{strict, open} {
		if got := ch.sessions(); len(got) != 0 {
			t.Errorf("%d sessions came of it", len(got))
		}
	}
	t.Run("HEVC", func(t *testing.T) {
		e := ffmpeg(t, "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error",
			"-f", "mpegts", s.At.SRT+"?streamid="+open.key)
		id := str(open.appears().StreamId)
		open.over(id)
		e.left(overIn)
		if got := stored(t, s, open.arn, id).Reason; !strings.Contains(got, "HEVC") {
			t.Errorf("the session's reason is %q", got)
		}
	})
}

// TestSRTKnowsTheStandardFormOfStreamIDs publishes with what Amazon IVS has for
// takeovers.
func TestSRTKnowsTheStandardFormOfStreamIDs(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := encode(t, picture{width: 320, height: 180, fps: 25, profile: "main", kbps: 200}, sound{channels: 2, rate: 48000, kbps: 64})
	ch := s.channel(t)
	srt(t, c, s.At.SRT+"?streamid=%23!::u="+ch.key+",priority=1")
	ch.live()
	if _, err := s.ivs.StopStream(t.Context(), &ivs.StopStreamInput{ChannelArn: aws.String(ch.arn)}); err != nil {
		t.Error(err)
	}
}

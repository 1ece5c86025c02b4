package e2e

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestGStreamerPublishes has gst-launch publish over RTMP, RTMPS and SRT, encrypted and
// not, and ends it as a person does. tools/soak installs it; without it, a short run
// leaves the test out.
func TestGStreamerPublishes(t *testing.T) {
	t.Parallel()
	gst, err := exec.LookPath("gst-launch-1.0")
	if err != nil {
		onlySoak(t)
		t.Fatal(err)
	}
	s := serve(t)
	const (
		video = "videotestsrc is-live=true ! video/x-raw,width=320,height=180,framerate=25/1 ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=300 key-int-max=50 ! " +
			"video/x-h264,profile=main ! h264parse config-interval=-1 ! queue ! mux. "
		audio = "audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=2 ! voaacenc bitrate=96000 ! aacparse ! queue ! mux. "
	)
	open, strict := s.channel(t), s.channel(t, insecure(false))
	for _, tc := range []struct {
		name string
		ch   channel
		sink func() string
		told []string
	}{
		{"rtmp2sink, RTMP", open, func() string { return "flvmux name=mux streamable=true ! rtmp2sink location=" + open.rtmp() }, []string{"over RTMP", "metadata      encoder GStreamer"}},
		{"rtmp2sink, RTMPS", strict, func() string {
			return "flvmux name=mux streamable=true ! rtmp2sink tls-validation-flags=0 location=" + strict.rtmps()
		}, []string{"over RTMPS, TLS"}},
		{"srtsink with a passphrase", strict, func() string {
			return "mpegtsmux name=mux alignment=7 ! srtsink uri=" + s.At.SRT + "?streamid=" + strict.key + "&passphrase=" + strict.passphrase() + "&pbkeylen=16"
		}, []string{"over SRT, encrypted"}},
		{"srtsink without", open, func() string {
			return "mpegtsmux name=mux alignment=7 ! srtsink uri=" + s.At.SRT + "?streamid=" + open.key
		}, []string{"over SRT, without"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.ch.t = t
			e := encoding(t, exec.Command(gst, strings.Fields("-q -e "+video+audio+tc.sink())...))
			id := str(tc.ch.live().StreamId)
			in := tc.ch.session(id).IngestConfiguration
			if in.Video.VideoWidth != 320 || in.Video.VideoHeight != 180 || in.Video.TargetFramerate != 25 || in.Audio.SampleRate != 48000 || in.Audio.Channels != 2 {
				t.Errorf("the server sees %s", show(t, in))
			}
			if p := ffprobe(t, tc.ch.playback); len(p.Streams) < 2 || p.Streams[0].Width != 320 || p.Streams[1].SampleRate != "48000" {
				t.Errorf("players see %s", show(t, p.Streams))
			}
			e.signal(syscall.SIGINT)
			e.left(overIn)
			tc.ch.over(id)
			wantTold(t, s.trace(t, id), append(tc.told, "disconnected  "))
		})
	}
}

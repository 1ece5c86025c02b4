package e2e

import (
	"strings"
	"testing"

	"openivs/e2e/server"
)

// TestAnOperatorTriesEveryWayIn runs openivs probe as a person does: over each
// protocol, with what is wrong, and where no server can be asked.
func TestAnOperatorTriesEveryWayIn(t *testing.T) {
	t.Parallel()
	s := serve(t)
	open, strict := s.channel(t), s.channel(t, insecure(false))
	elsewhere := t.TempDir()
	probe := func(t *testing.T, args ...string) (string, error) {
		t.Helper()
		out, err := output(t.Context(), built.command, append([]string{"probe"}, args...)...)
		if err != nil {
			return err.Error(), err
		}
		return string(out), nil
	}
	srtURL := s.At.SRT + "?streamid=" + strict.key + "&passphrase=" + strict.passphrase()
	for _, tc := range []struct {
		name string
		args []string
		want []string
	}{
		{"RTMP", []string{"--data", s.Data, open.rtmp()}, []string{
			"ok    connected", "ok    accepted", "ok    sent      202 messages of video", "ok    left", "ok    seen      session st-1",
			"320x180, 25 pictures a second", "48000 Hz, 1 channels", "Session Created\n", "Stream Start\n", "Stream End\n", "openivs session trace st-1",
		}},
		{"RTMPS", []string{"--data", s.Data, strict.rtmps()}, []string{"TLS 1.3, its certificate is trusted here", "ok    seen", "Stream End\n"}},
		{"SRT", []string{"--data", s.Data, srtURL}, []string{"held back for 120 ms", "ok    network   round trip ", " packets were sent again", "ok    seen", "Stream End\n"}},
		{"RTMPS, with nobody to ask", []string{"--data", elsewhere, "--insecure", strict.rtmps()}, []string{"its certificate was not looked at", "ok    sent", "what the server saw is not known"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := probe(t, tc.args...)
			if err != nil {
				t.Fatal(err)
			}
			wantTold(t, out, tc.want)
			if strings.Contains(out, "fail") || strings.Contains(out, open.key) || strings.Contains(out, strict.key) {
				t.Errorf("it tells\n%s", out)
			}
		})
	}
	wrong := strings.Repeat("x", 32)
	for _, tc := range []struct {
		name, address, want string
	}{
		{"a wrong key over RTMP", s.At.RTMP + "/sk_us-east-1_nobody", "fail  the server refuses: no channel has this stream key"},
		{"a wrong key over RTMPS", s.At.RTMPS + "/sk_us-east-1_nobody", "fail  the server refuses: no channel has this stream key"},
		{"a wrong key over SRT", s.At.SRT + "?streamid=sk_us-east-1_nobody", "fail  the server refuses: no channel has this stream key: copy it again from the channel (SRT 1401)"},
		{"RTMP where it is not allowed", strict.rtmp(), "fail  the server refuses: this channel takes encrypted streams only"},
		{"a wrong passphrase", s.At.SRT + "?streamid=" + strict.key + "&passphrase=" + wrong, "fail  the server refuses: the passphrase is wrong"},
		{"no passphrase", s.At.SRT + "?streamid=" + strict.key, "fail  the server refuses: a passphrase is needed"},
		{"a wrong port", "rtmp://127.0.0.1:1/app/" + open.key, "fail  nothing listens at 127.0.0.1:1"},
		{"RTMPS at the wrong port", "rtmps://127.0.0.1:1/app/" + open.key, "fail  nothing listens at 127.0.0.1:1"},
		{"SRT at the wrong port", "srt://127.0.0.1:1?streamid=" + open.key, "fail  "},
		{"no key", s.At.RTMP[:strings.LastIndex(s.At.RTMP, "/")] + "/x", "fail  the address has no stream key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if out, err := probe(t, "--data", s.Data, tc.address); err == nil || !strings.Contains(out, tc.want) {
				t.Errorf("it tells\n%s\nwant %q and a failure", out, tc.want)
			}
		})
	}
	t.Run("an untrusted certificate", func(t *testing.T) {
		if out, err := probe(t, "--data", elsewhere, strict.rtmps()); err == nil || !strings.Contains(out, "does not trust the certificate") {
			t.Errorf("it tells\n%s", out)
		}
	})
	t.Run("a busy channel", func(t *testing.T) {
		stream(t, encode(t, small, voice), open.rtmp())
		open.t = t
		open.live()
		if out, err := probe(t, "--data", s.Data, open.rtmp()); err == nil || !strings.Contains(out, "refuses: another encoder is streaming to this channel") {
			t.Errorf("it tells\n%s", out)
		}
	})
	if got := server.Tail(s.Log); strings.Contains(got, open.key) {
		t.Error("a key is in the log")
	}
}

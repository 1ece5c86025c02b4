package e2e

import (
	"strings"
	"syscall"
	"testing"
)

// trace is what the command line tells of a session.
func (s *running) trace(t *testing.T, id string) string {
	t.Helper()
	return string(command(t, built.command, "session", "trace", "--data", s.Data, id))
}

// TestTheOperatorLearnsWhyAnEncoderDropped publishes with ffmpeg over each protocol,
// has it leave in different ways, and reads the account, live, afterwards, and after a
// crash of the server.
func TestTheOperatorLearnsWhyAnEncoderDropped(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := encode(t, small, sound{channels: 2, rate: 48000, kbps: 64})
	open, strict := s.channel(t), s.channel(t, insecure(false))
	for _, tc := range []struct {
		name string
		ch   channel
		do   func(t *testing.T) *encoder
		live []string
		end  func(e *encoder)
		over []string
	}{
		{
			"RTMP, ended by ffmpeg", open, func(t *testing.T) *encoder { t.Helper(); return stream(t, c, open.rtmp()) },
			[]string{
				"connected     from 127.0.0.1:", "handshake     done", "connect       application app, tcUrl rtmp://127.0.0.1:", "encoder FMLE/3.0 (compatible; Lavf",
				"command       publish", "stream key    of ", "metadata      encoder Lavf", "media headers video avc1.", "320 x 180", "audio mp4a.40.2, 48000 Hz, 2 channels",
				"stream start  it can be watched",
			},
			func(e *encoder) { e.quit() },
			[]string{"disconnected  the encoder ended the stream; ", "ended         the encoder ended the stream", "Why it ended: the encoder ended the stream"},
		},
		{
			"RTMPS, killed", open, func(t *testing.T) *encoder { t.Helper(); return stream(t, c, open.rtmps(), "-tls_verify", "0") },
			[]string{"over RTMPS, TLS 1.", "stream start  "},
			func(e *encoder) { e.signal(syscall.SIGKILL) },
			[]string{"disconnected  the encoder closed the connection without ending the stream"},
		},
		{
			"SRT with a passphrase", strict, func(t *testing.T) *encoder {
				t.Helper()
				return srt(t, c, s.At.SRT+"?streamid=%23!::u="+strict.key+",priority=2&passphrase="+strict.passphrase())
			},
			[]string{"over SRT, encrypted with a passphrase", "in the form #!::", "arguments: priority=2", "held back for 120 ms", "stream start  "},
			func(e *encoder) { e.quit() },
			[]string{"disconnected  the encoder ended the stream; ", " packets came in "},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.ch.t = t
			e := tc.do(t)
			id := str(tc.ch.live().StreamId)
			wantTold(t, s.trace(t, id), tc.live)
			tc.end(e)
			tc.ch.over(id)
			got := s.trace(t, id)
			wantTold(t, got, append(tc.live, tc.over...))
			for _, secret := range []string{tc.ch.key, tc.ch.passphrase()} {
				if strings.Contains(got, secret) {
					t.Errorf("a secret is in the account:\n%s", got)
				}
			}
		})
	}
	t.Run("the server crashed", func(t *testing.T) {
		ch := open
		ch.t, ch.s = t, s.in(t)
		stream(t, c, ch.rtmp())
		id := str(ch.live().StreamId)
		wantRefused(t, s.At.RTMP, ch.key)
		until(t, overIn, "the refusal is told", func() (bool, string) {
			got := s.trace(t, id)
			return strings.Contains(got, "refused       127.0.0.1 was refused: another encoder is streaming"), got
		})
		s.kill()
		s.start()
		wantTold(t, s.trace(t, id), []string{"connected     from 127.0.0.1:", "Why it ended: server restarted"})
	})
	if _, err := output(t.Context(), built.command, "session", "trace", "--data", s.Data, "st-1AAAAAAAAAAAAAAAAAAAAAA"); err == nil || !strings.Contains(err.Error(), "session st-1AAAAAAAAAAAAAAAAAAAAAA does not exist") {
		t.Errorf("of a session that is none it says %v", err)
	}
}

func wantTold(t *testing.T, got string, want []string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("it does not tell %q:\n%s", w, got)
		}
	}
}

package probe

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

func TestTheTestPatternIsWhatItIsSaidToBe(t *testing.T) {
	count, last := map[byte]int{}, map[byte]time.Duration{}
	for v := range tags(clipFLV) {
		if v.at < last[v.typ] || len(v.body) == 0 {
			t.Errorf("a message of type %d at %v has %d bytes, after one at %v", v.typ, v.at, len(v.body), last[v.typ])
		}
		count[v.typ]++
		last[v.typ] = v.at
	}
	const headersAndEnd = 2
	if got, want := count[typeVideo], int(Length.Seconds())*Framerate+headersAndEnd; got != want {
		t.Errorf("%d messages of video, want %d", got, want)
	}
	if got, least := count[typeAudio], int(Length.Seconds()*SampleRate/1024); got < least || count[typeData] != 1 {
		t.Errorf("%d messages of audio, want at least %d; %d of data", got, least, count[typeData])
	}
	var bytes int
	var due time.Duration
	for at, b := range datagrams(clipTS) {
		if at < due || len(b) > datagram || len(b)%packet != 0 || b[0] != 0x47 {
			t.Errorf("a datagram of %d bytes at %v, after one at %v", len(b), at, due)
		}
		due = at
		bytes += len(b)
	}
	if bytes != len(clipTS) || due < Length-500*time.Millisecond || due > Length {
		t.Errorf("%d of %d bytes, the last at %v", bytes, len(clipTS), due)
	}
}

func TestAddresses(t *testing.T) {
	for _, tc := range []struct{ address, app, name, host string }{
		{"rtmp://h/app/KEY", "app", "KEY", "h:1935"},
		{"rtmps://h/a/b/KEY?priority=3", "a/b", "KEY?priority=3", "h:443"},
		{"rtmp://[::1]:7/app/KEY/", "app", "KEY", "[::1]:7"},
	} {
		u, app, name, err := place(tc.address)
		if err != nil || app != tc.app || name != tc.name || u.Host != tc.host {
			t.Errorf("%s: %q %q at %v, %v", tc.address, app, name, u, err)
		}
	}
	for _, tc := range []struct{ address, host, id, passphrase string }{
		{"srt://h:9000?streamid=KEY&passphrase=0123456789", "h:9000", "KEY", "0123456789"},
		{"srt://h:9000?streamid=#!::u=KEY,priority=3", "h:9000", "#!::u=KEY,priority=3", ""},
		{"srt://h:9000/?mode=caller&streamid=%23!::u=K", "h:9000", "#!::u=K", ""},
	} {
		host, c, err := srtPlace(tc.address)
		if err != nil || host != tc.host || c.StreamId != tc.id || c.Passphrase != tc.passphrase {
			t.Errorf("%s: %q %q at %s, %v", tc.address, c.StreamId, c.Passphrase, host, err)
		}
	}
	for _, address := range []string{"http://h/app/key", "rtmp://h/key", "rtmp://", "rtmp://%zz/a/b", "srt://h", "srt://h:1?passphrase=short", "srt://h:1?streamid=" + strings.Repeat("x", 513)} {
		if r, err := Run(t.Context(), Target{URL: address}, quiet); err == nil || !r.Asked.IsZero() {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func quiet(string, string, ...any) {}

// TestWhatIsNoServerIsToldInWords tries ports that no server is behind, or another.
func TestWhatIsNoServerIsToldInWords(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := free.Addr().String()
	free.Close()
	rude := listener(t, func(c net.Conn) { c.Close() })
	web := listener(t, func(c net.Conn) {
		_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"))
		c.Close()
	})
	for _, tc := range []struct{ address, want string }{
		{"rtmp://" + closed + "/app/key", "nothing listens at " + closed},
		{"rtmps://" + closed + "/app/key", "nothing listens at"},
		{"rtmp://" + rude + "/app/key", "see whether it is a port for RTMP"},
		{"rtmps://" + web + "/app/key", "does not speak TLS"},
		{"rtmp://nowhere.invalid/app/key", "the name nowhere.invalid is not known"},
		{"srt://" + closed + "?streamid=key", "127.0.0.1:"},
	} {
		_, err := Run(t.Context(), Target{URL: tc.address}, quiet)
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "key") && strings.Contains(err.Error(), "/app/key") {
			t.Errorf("%s: %v, want %q", tc.address, err, tc.want)
		}
	}
}

// listener accepts connections until the test ends.
func listener(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			serve(c)
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String()
}

func TestAProbeEndsWithItsContext(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	ctx, cancel := context.WithCancel(t.Context())
	address := listener(t, func(net.Conn) { cancel() })
	if _, err := Run(ctx, Target{URL: "rtmp://" + address + "/app/key"}, quiet); err == nil {
		t.Error("it ended well")
	}
}

func TestTheNumbersOfSRTAreWords(t *testing.T) {
	err := srtRefusal(errors.New("connection rejected: UNKNOWN (1bp)"), "h:1") // 1401 in base 32
	if refused, ok := errors.AsType[*RefusedError](err); !ok || !strings.Contains(refused.Reason, "no channel has this stream key") || !strings.Contains(refused.Reason, "(SRT 1401)") {
		t.Errorf("it says %v", err)
	}
	if err := srtRefusal(errors.New("connection timeout. server didn't respond"), "h:1"); !strings.Contains(err.Error(), "does not answer over UDP") {
		t.Errorf("it says %v", err)
	}
}

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
)

const (
	attackers  = 20                     // of each kind, all at once
	attackFor  = 8 * time.Second        // longer than any window over which health is judged
	attackSlow = 100 * time.Millisecond // between the bytes of a slow client
	attackRoom = 64                     // MiB that all of them together may cost
	raceFactor = 4                      // how much more of it the race detector takes
)

// An attack writes what it likes until ctx ends or the server hangs up.
type attack func(ctx context.Context, c net.Conn)

// TestHostileClientsDisturbNobody has all kinds of them at the one port while a
// stream is on, and looks at that stream, the API and the server's memory.
func TestHostileClientsDisturbNobody(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	stream(t, encode(t, small, voice), ch.rtmp())
	id := str(ch.live().StreamId)
	before := resident(t, s.PID())

	address, err := url.Parse(s.At.RTMP)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), attackFor)
	defer cancel()
	var busy sync.WaitGroup
	for _, run := range attacks() {
		for range attackers {
			busy.Go(func() {
				for ctx.Err() == nil { // whoever is thrown out comes again
					once := func() {
						c, err := new(net.Dialer).DialContext(ctx, "tcp", address.Host)
						if err != nil {
							return
						}
						defer context.AfterFunc(ctx, func() { c.Close() })()
						defer c.Close()
						run(ctx, c)
						_, _ = io.Copy(io.Discard, c)
					}
					once()
					pause(ctx)
				}
			})
		}
	}
	most := 0
	until(t, attackFor+overIn, "the attack is over", func() (bool, string) {
		most = max(most, resident(t, s.PID()))
		out, err := s.ivs.GetStream(t.Context(), &ivs.GetStreamInput{ChannelArn: &ch.arn})
		if err != nil {
			t.Fatalf("GetStream meanwhile: %v", err)
		}
		if got := str(out.Stream.StreamId); got != id || out.Stream.Health == types.StreamHealthStarving {
			t.Fatalf("the stream is %s and %s, want %s undisturbed", got, out.Stream.Health, id)
		}
		return ctx.Err() != nil, ""
	})
	busy.Wait()
	if code, _, _ := fetch(t, ch.playback); code != 200 {
		t.Errorf("the playlist answers %d", code)
	}
	if n := len(ch.sessions()); n != 1 {
		t.Errorf("%d sessions, want the one stream alone", n)
	}
	t.Logf("memory before %d MiB, at most %d MiB", before, most)
	room := attackRoom
	if os.Getenv("E2E_RACE") != "" {
		room *= raceFactor
	}
	if most-before > room {
		t.Errorf("memory grew from %d to %d MiB, at most %d more are fine", before, most, room)
	}
}

func attacks() map[string]attack {
	hello := append([]byte{3}, make([]byte, 2*1536)...) // C0, C1 and some C2
	nested := append([]byte{2, 0, 7}, "connect"...)
	nested = append(nested, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	for range 10_000 {
		nested = append(nested, 3, 0, 1, 'a')
	}
	return map[string]attack{
		"silence": func(context.Context, net.Conn) {},
		"a byte now and then": func(ctx context.Context, c net.Conn) {
			for _, b := range hello {
				if _, err := c.Write([]byte{b}); err != nil || !pause(ctx) {
					return
				}
			}
		},
		"noise": func(_ context.Context, c net.Conn) {
			b := make([]byte, 64<<10)
			random := rand.New(rand.NewPCG(uint64(built.seed), 1))
			for i := range b {
				b[i] = byte(random.Uint32())
			}
			_, _ = c.Write(b)
		},
		"a message that is announced and never comes": func(_ context.Context, c net.Conn) {
			b := bytes.Clone(hello)
			for csid := byte(3); csid < 64; csid++ {
				b = append(b, csid, 0, 0, 0, 0, 0xff, 0xff, 20, 0, 0, 0, 0)
				b = append(b, make([]byte, 128)...)
			}
			_, _ = c.Write(b)
		},
		"10,000 nested objects": func(_ context.Context, c net.Conn) {
			_, _ = c.Write(message(hello, 20, nested))
		},
		"an endless message": func(_ context.Context, c net.Conn) {
			b := append(bytes.Clone(hello), 3, 0, 0, 0, 0xff, 0xff, 0xff, 20, 0, 0, 0, 0)
			for chunk := bytes.Repeat([]byte{0xaa}, 128); ; b = append([]byte{0xc3}, chunk...) {
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		},
		"endless HTTP headers": func(_ context.Context, c net.Conn) {
			b := []byte("POST /GetStream HTTP/1.1\r\nHost: x\r\n")
			for i := 0; ; i++ {
				if _, err := c.Write(b); err != nil {
					return
				}
				b = fmt.Appendf(nil, "X-%d: %s\r\n", i, strings.Repeat("x", 1000))
			}
		},
		"a body that never comes": func(_ context.Context, c net.Conn) {
			_, _ = io.WriteString(c, "POST /CreateChannel HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{")
		},
		"half a TLS handshake": func(_ context.Context, c net.Conn) {
			_, _ = c.Write([]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3})
		},
		"silence inside TLS": func(ctx context.Context, c net.Conn) {
			_ = tls.Client(c, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(ctx)
		},
	}
}

// message puts a command message behind what was sent so far, in chunks of 128.
func message(so []byte, typ byte, body []byte) []byte {
	n := len(body)
	b := append(bytes.Clone(so), 3, 0, 0, 0, byte(n>>16), byte(n>>8), byte(n), typ, 0, 0, 0, 0)
	for len(body) > 128 {
		b = append(append(b, body[:128]...), 0xc3)
		body = body[128:]
	}
	return append(b, body...)
}

// pause waits a little, and reports whether to go on.
func pause(ctx context.Context) bool {
	select {
	case <-time.After(attackSlow):
		return true
	case <-ctx.Done():
		return false
	}
}

// resident is the memory of a process in MiB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize() >> 20
}

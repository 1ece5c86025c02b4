package playback_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkPlaylistOverFloor answers the playlist requests of viewers who poll
// over connections that stay open, as they do, beside the least that net/http
// does for the same bytes. The ratio of the two is what playback adds.
func BenchmarkPlaylistOverFloor(b *testing.B) {
	s := live(b)
	const viewers = 100
	paths := make([]string, viewers)
	for i := range paths {
		paths[i] = strings.TrimPrefix(s.variant("live"), s.http.URL)
	}
	_, text := s.do("GET", s.http.URL+paths[0], "Accept-Encoding", "gzip")
	floor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Content-Type", "application/vnd.apple.mpegurl")
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", fmt.Sprint(len(text)))
		_, _ = w.Write(text)
	}))
	b.Cleanup(floor.Close)
	for name, server := range map[string]*httptest.Server{"floor": floor, "playback": s.http} {
		b.Run(name, func(b *testing.B) {
			players := make([]*player, viewers)
			for i := range players {
				players[i] = newPlayer(b, server.Listener.Addr().String(), paths[i])
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := players[i%viewers].poll(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A player is a viewer that costs next to nothing itself.
type player struct {
	conn net.Conn
	in   *bufio.Reader
	ask  []byte
}

func newPlayer(tb testing.TB, address, path string) *player {
	tb.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return &player{c, bufio.NewReader(c), []byte("GET " + path + " HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nOrigin: https://example.com\r\n\r\n")}
}

// poll sends the request and reads the answer.
func (p *player) poll() error {
	if _, err := p.conn.Write(p.ask); err != nil {
		return err
	}
	length := 0
	for {
		line, err := p.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			break
		}
		if len(line) > 16 && string(line[:16]) == "Content-Length: " {
			for _, c := range line[16 : len(line)-2] {
				length = length*10 + int(c-'0')
			}
		}
	}
	if length == 0 {
		return io.ErrUnexpectedEOF
	}
	_, err := p.in.Discard(length)
	return err
}

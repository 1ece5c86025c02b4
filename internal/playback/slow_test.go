package playback_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// ask sends a request over a connection and reads the answer.
func asked(c net.Conn, in *bufio.Reader, path string) (*http.Response, error) {
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	return resp, err
}

// Whatever others do with their answers, one who reads gets his at once: in a
// bubble, where time stands still unless everybody waits, that is after no time.
func TestSlowViewersHoldNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBooth(t, 0)
		p := b.publish("st-1a", 20*time.Second, false)
		variant := b.ticketed()
		r := newRoom()
		server := http.Server{Handler: b.server}
		var all sync.WaitGroup
		all.Go(func() { _ = server.Serve(r) })

		for i := range 300 {
			path := [...]string{b.ticketed(), "/v1/segment/st-1a/source/2.ts", playbackPath}[i%3]
			c := r.dial()
			defer c.Close()
			if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 { // it takes a little and then nothing
				if _, err := io.ReadFull(c, make([]byte, 100)); err != nil {
					t.Fatal(err)
				}
			}
		}
		c := r.dial()
		defer c.Close()
		in := bufio.NewReader(c)
		for range 50 {
			for _, path := range []string{variant, "/v1/segment/st-1a/source/2.ts", playbackPath} {
				begin := time.Now()
				resp, err := asked(c, in, path)
				if err != nil || resp.StatusCode != 200 {
					t.Fatalf("%s: %v, %v", path, resp, err)
				}
				if took := time.Since(begin); took > 0 {
					t.Fatalf("%s took %v beside slow viewers", path, took)
				}
			}
			<-time.After(200 * time.Millisecond)
		}
		b.expect(101, "of whom 100 are slow; a multivariant playlist is no view")
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		all.Wait()
		b.close(p)
	})
}

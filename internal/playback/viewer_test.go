package playback_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/media/mediatest"
)

// A room is a listener whose connections are pipes, so that time is a bubble's.
type room struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newRoom() *room { return &room{conns: make(chan net.Conn), done: make(chan struct{})} }

func (r *room) Accept() (net.Conn, error) {
	select {
	case c := <-r.conns:
		return c, nil
	case <-r.done:
		return nil, net.ErrClosed
	}
}

func (r *room) Close() error {
	r.once.Do(func() { close(r.done) })
	return nil
}

func (r *room) Addr() net.Addr { return &net.UnixAddr{Name: "room", Net: "pipe"} }

func (r *room) dial() net.Conn {
	here, there := net.Pipe()
	r.conns <- there
	return here
}

// inRoom serves a site whose only segment has 2 MiB of video, and more, to a
// connection in a bubble.
func inRoom(t *testing.T, viewer func(r *room)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := new(site)
		s.server.Streams = &s.builder
		p, err := s.builder.Open(ivs.Session{StreamID: "st-1a", Channel: ivs.Snapshot{Channel: channel("live", false)}})
		if err != nil {
			t.Fatal(err)
		}
		slice := mediatest.Join(make([]byte, 2<<20/60))
		for u := range mediatest.Plain(t).Units(5 * time.Second) {
			if u.Track.Kind == media.Video {
				u.Data = slice
			}
			if err := p.WriteUnit(u); err != nil {
				t.Fatal(err)
			}
		}
		r := newRoom()
		server := http.Server{Handler: &s.server}
		var served sync.WaitGroup
		served.Go(func() { _ = server.Serve(r) })
		viewer(r)
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		served.Wait()
		if err := p.Close(true); err != nil {
			t.Error(err)
		}
		<-time.After(2 * time.Minute) // the ended stream is forgotten
	})
}

const ask = "GET /v1/segment/st-1a/source/0.ts HTTP/1.1\r\nHost: x\r\n\r\n"

func TestSlowViewerGoesOn(t *testing.T) {
	inRoom(t, func(r *room) {
		c := r.dial()
		defer c.Close()
		if _, err := io.WriteString(c, ask); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		start, got := time.Now(), int64(0)
		for got < resp.ContentLength {
			n, err := io.CopyN(io.Discard, resp.Body, min(32<<10, resp.ContentLength-got))
			got += n
			if err != nil {
				t.Fatalf("after %d of %d bytes and %v: %v", got, resp.ContentLength, time.Since(start), err)
			}
			<-time.After(time.Second)
		}
		if took := time.Since(start); took < time.Minute {
			t.Errorf("took %v, this was to be a slow viewer", took)
		}
	})
}

func TestDeadViewerIsLetGoOf(t *testing.T) {
	inRoom(t, func(r *room) {
		c := r.dial()
		defer c.Close()
		if _, err := io.WriteString(c, ask); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		<-time.After(31 * time.Second)
		rest, err := io.Copy(io.Discard, c)
		if err != nil || rest > 1<<20 {
			t.Errorf("the connection gave %d more bytes, %v; want it closed", rest, err)
		}
	})
}

func TestDeadViewerHoldsNobodyUp(t *testing.T) {
	inRoom(t, func(r *room) {
		dead := r.dial()
		defer dead.Close()
		if _, err := io.WriteString(dead, ask); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		c := r.dial()
		defer c.Close()
		if _, err := io.WriteString(c, ask); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != resp.ContentLength {
			t.Errorf("%d of %d bytes, %v", n, resp.ContentLength, err)
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("took %v beside a dead viewer", took)
		}
	})
}

// tool runs ffmpeg or ffprobe and returns its output; it fails the test if the
// tool says anything else.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is needed, make setup installs it: %v", name, err)
	}
	var out, complaints strings.Builder
	cmd := exec.CommandContext(t.Context(), path, append([]string{"-v", "error"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 {
		t.Errorf("%s %v: %v\n%s", name, args, err, complaints.String())
	}
	return out.String()
}

func TestFFmpegPlaysThePlaybackURL(t *testing.T) {
	s := newSite(t)
	s.publish(channel("live", false), "st-1a", 21*time.Second)
	out := tool(t, "ffmpeg", "-live_start_index", "0", "-i", s.url("live"), "-t", "18", "-f", "framemd5", "-")
	pictures := 0
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "0,") {
			pictures++
		}
	}
	if pictures != 540 {
		t.Errorf("ffmpeg decoded %d pictures of 18 s, want 540", pictures)
	}
}

func TestFFprobeFindsPictureAndSoundTogether(t *testing.T) {
	s := newSite(t)
	regular := channel("live", false) // in low latency audio may begin a picture earlier
	regular.Latency = ivs.LatencyNormal
	p := s.publish(regular, "st-1a", 21*time.Second)
	variant := s.variant("live")
	if err := p.Close(true); err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		var found struct {
			Streams []struct {
				Type  string `json:"codec_type"`
				Start string `json:"start_time"`
				End   string `json:"duration"`
			}
			Packets []struct {
				Type  string `json:"codec_type"`
				Flags string
			}
		}
		segment := fmt.Sprint(s.http.URL, "/v1/segment/st-1a/source/", n, ".ts")
		out := tool(t, "ffprobe", "-show_entries", "stream=codec_type,start_time,duration:packet=codec_type,flags", "-of", "json", segment)
		if err := json.Unmarshal([]byte(out), &found); err != nil {
			t.Fatal(err)
		}
		if len(found.Streams) != 3 || len(found.Packets) == 0 {
			t.Fatalf("segment %d: %s", n, out)
		}
		start := map[string]float64{}
		for _, st := range found.Streams {
			v, err := strconv.ParseFloat(st.Start, 64)
			if err != nil {
				t.Fatal(err)
			}
			start[st.Type] = v
		}
		if off := start["audio"] - start["video"]; off > 1./60 || off < -1./60 {
			t.Errorf("segment %d: sound begins %.4f s after the picture, want less than a frame at 60/s", n, off)
		}
		for _, pkt := range found.Packets {
			if pkt.Type == "video" {
				if !strings.HasPrefix(pkt.Flags, "K") {
					t.Errorf("segment %d begins with a picture flagged %q", n, pkt.Flags)
				}
				break
			}
		}
	}
	out := tool(t, "ffprobe", "-count_packets", "-show_entries", "stream=codec_type,nb_read_packets", "-of", "csv=p=0", variant)
	if !strings.Contains(out, "video,630") {
		t.Errorf("the whole stream has\n%swant 630 pictures", out)
	}
	tool(t, "ffmpeg", "-i", variant, "-f", "null", "-")
}

package rtmp_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"openivs/internal/ingest/rtmp"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/sniff"
)

// door serves RTMP and RTMPS on one port, as the program does.
func door(t *testing.T, g *gate) (addr string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := &sniff.Mux{TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}}
	server := &rtmp.Server{Gate: g}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- mux.Serve(ctx, ln) }()
	go func() { done <- server.Serve(ctx, &mux.RTMP) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	return ln.Addr().String()
}

// run runs ffmpeg or ffprobe and returns what it printed.
func run(t *testing.T, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	path, lookErr := exec.LookPath(name)
	if lookErr != nil {
		t.Fatalf("%s is needed to test with a real encoder: %v", name, lookErr)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// clip encodes two seconds of moving picture with B-frames, and sound.
func clip(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "clip.flv")
	_, stderr, err := run(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x358:rate=30000/1001", "-f", "lavfi", "-i", "sine=sample_rate=44100",
		"-t", "2", "-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "main", "-bf", "2", "-g", "30", "-b:v", "900k", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2", "-b:a", "96k", "-f", "flv", file)
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, stderr)
	}
	return file
}

// A probe is what ffprobe says of a file.
type probe struct {
	Streams []struct {
		Type       string `json:"codec_type"`
		Profile    string `json:"profile"`
		Level      int    `json:"level"`
		Width      int    `json:"width"`
		Height     int    `json:"height"`
		SampleRate string `json:"sample_rate"`
		Channels   int    `json:"channels"`
	} `json:"streams"`
	Packets []struct {
		Type  string `json:"codec_type"`
		PTS   string `json:"pts_time"`
		DTS   string `json:"dts_time"`
		Size  string `json:"size"`
		Flags string `json:"flags"`
	} `json:"packets"`
}

func ffprobe(t *testing.T, file string) (p probe) {
	t.Helper()
	out, stderr, err := run(t, "ffprobe", "-v", "error", "-of", "json", "-show_streams", "-show_packets", file)
	if err != nil {
		t.Fatalf("ffprobe: %v\n%s", err, stderr)
	}
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestFFmpegPublishes compares every unit with the packet of the file that it
// was.
func TestFFmpegPublishes(t *testing.T) {
	file := clip(t)
	want := ffprobe(t, file)
	for _, scheme := range []string{"rtmp", "rtmps"} {
		t.Run(scheme, func(t *testing.T) {
			g := newGate()
			addr := door(t, g)
			if _, stderr, err := run(t, "ffmpeg", "-v", "error", "-i", file, "-c", "copy", "-f", "flv", scheme+"://"+addr+"/app/sk_1?priority=5"); err != nil {
				t.Fatalf("ffmpeg: %v\n%s", err, stderr)
			}
			p := <-g.admitted
			if err := p.end(t); err != nil {
				t.Errorf("ended with %v, want nil", err)
			}
			if r := g.request(t); r.Protocol != scheme || r.Secure != (scheme == "rtmps") || string(r.Key) != "sk_1" || r.Query.Get("priority") != "5" {
				t.Errorf("the gate was asked for %q, %v, key %q, %v", r.Protocol, r.Secure, string(r.Key), r.Query)
			}
			compareTracks(t, p, want)
			compareUnits(t, p, want)
			if len(p.declared) != 1 || !strings.HasPrefix(p.declared[0].Encoder, "Lavf") || p.declared[0].Width != 640 || p.declared[0].Height != 358 || math.Abs(p.declared[0].Framerate-29.97) > 0.1 || p.declared[0].Channels != 2 {
				t.Errorf("declared %+v", p.declared)
			}
		})
	}
}

func compareTracks(t *testing.T, p *publication, want probe) {
	t.Helper()
	last := p.tracks[len(p.tracks)-1]
	if len(p.tracks) != 2 || len(last) != 2 || len(want.Streams) != 2 {
		t.Fatalf("%d sets of tracks, the last of %d; the file has %d", len(p.tracks), len(last), len(want.Streams))
	}
	for _, s := range want.Streams {
		switch s.Type {
		case "video":
			v := last[0].Picture
			if v.Width != s.Width || v.Height != s.Height || int(v.Level) != s.Level || s.Profile != "Main" || v.Profile != 77 || int(v.Framerate*1000+.5) != 29970 {
				t.Errorf("picture %dx%d profile %d level %d at %v, ffprobe says %+v", v.Width, v.Height, v.Profile, v.Level, v.Framerate, s)
			}
		case "audio":
			a := last[1].Sound
			if fmt.Sprint(a.SampleRate) != s.SampleRate || a.Channels != s.Channels || s.Profile != "LC" || a.ObjectType != 2 {
				t.Errorf("sound %+v, ffprobe says %+v", a, s)
			}
		}
	}
}

func compareUnits(t *testing.T, p *publication, want probe) {
	t.Helper()
	for kind, name := range map[media.Kind]string{media.Video: "video", media.Audio: "audio"} {
		units := p.kind(kind)
		i := 0
		for _, packet := range want.Packets {
			if packet.Type != name {
				continue
			}
			if i == len(units) {
				t.Fatalf("only %d %s units arrived", i, name)
			}
			u := units[i]
			got := fmt.Sprintf("%d bytes, DTS %.6f, PTS %.6f, key %v", len(u.Data), float64(u.DTS)/90000, float64(u.PTS)/90000, u.Key)
			if want := fmt.Sprintf("%s bytes, DTS %s, PTS %s, key %v", packet.Size, packet.DTS, packet.PTS, strings.HasPrefix(packet.Flags, "K")); got != want {
				t.Errorf("%s unit %d has %s; the file's %s", name, i, got, want)
			}
			i++
		}
		if i != len(units) {
			t.Errorf("%d %s units arrived, the file has %d packets", len(units), name, i)
		}
	}
}

func TestFFmpegPrintsWhyItWasRefused(t *testing.T) {
	file := clip(t)
	for _, scheme := range []string{"rtmp", "rtmps"} {
		g := newGate()
		g.err = ivs.Errorf(ivs.NotFound, "no channel has this stream key; copy it again")
		_, stderr, err := run(t, "ffmpeg", "-v", "error", "-re", "-i", file, "-c", "copy", "-f", "flv", scheme+"://"+door(t, g)+"/app/sk_wrong")
		if err == nil || !strings.Contains(stderr, "no channel has this stream key; copy it again") {
			t.Errorf("%s: %v, printed %q", scheme, err, stderr)
		}
	}
}

func TestFFmpegPrintsWhyItWasStopped(t *testing.T) {
	file := clip(t)
	for _, scheme := range []string{"rtmp", "rtmps"} {
		g := newGate()
		cause := ivs.Errorf(ivs.NotLive, "stopped by StopStream")
		addr := door(t, g)
		stopped := make(chan *publication, 1)
		go func() {
			p := <-g.admitted
			p.stop(cause)
			stopped <- p
		}()
		_, stderr, err := run(t, "ffmpeg", "-v", "error", "-re", "-stream_loop", "20", "-i", file, "-c", "copy", "-f", "flv", scheme+"://"+addr+"/app/sk_1")
		if err == nil || !strings.Contains(stderr, "stopped by StopStream") {
			t.Errorf("%s: %v, printed %q", scheme, err, stderr)
		}
		if err := (<-stopped).end(t); !errors.Is(err, cause) {
			t.Errorf("%s: ended with %v", scheme, err)
		}
	}
}

func TestFFmpegWithMP3IsRefused(t *testing.T) {
	g := newGate()
	_, stderr, err := run(t, "ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", "sine=sample_rate=44100", "-t", "10", "-c:a", "libmp3lame", "-f", "flv", "rtmp://"+door(t, g)+"/app/sk_1")
	if err == nil || !strings.Contains(stderr, "set the encoder to AAC-LC") {
		t.Errorf("%v, printed %q", err, stderr)
	}
	if err := (<-g.admitted).end(t); err == nil || !strings.Contains(err.Error(), "the audio is MP3") {
		t.Errorf("ended with %v", err)
	}
}

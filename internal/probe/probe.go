// Package probe publishes a short test pattern to a server, as an encoder does, and
// tells what the server answers.
//
// What the server saw is for whoever asks it: package probe sees only what an
// encoder sees.
package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
)

// The test pattern, eight seconds with a keyframe in each, as FLV for RTMP and as a
// transport stream for SRT. It was made by:
//
//	ffmpeg -f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i sine=frequency=440:sample_rate=48000 -t 8
//	  -c:v libx264 -profile:v main -preset veryslow -bf 0 -g 25 -keyint_min 25 -sc_threshold 0 -pix_fmt yuv420p
//	  -b:v 90k -maxrate 90k -bufsize 90k -c:a aac -b:a 32k -ac 1 -map_metadata -1 -fflags +bitexact
//	  -flags:v +bitexact -flags:a +bitexact -flvflags no_duration_filesize clip.flv
//	ffmpeg -i clip.flv -c copy -fflags +bitexact clip.ts
var (
	//go:embed clip.flv
	clipFLV []byte
	//go:embed clip.ts
	clipTS []byte
)

// What the test pattern is.
const (
	Width      = 320 // pixels
	Height     = 180
	Framerate  = 25    // pictures a second
	SampleRate = 48000 // Hz
	Channels   = 1
	Length     = 8 * time.Second
)

// answerTime is how long a server may take for an answer.
const answerTime = 10 * time.Second

// A Target is where to publish.
type Target struct {
	URL      string         // rtmp://, rtmps:// or srt://, with the stream key
	Roots    *x509.CertPool // who may have signed a certificate; nil: whom the system trusts
	Insecure bool           // any certificate will do
}

// A Report is what became of it.
type Report struct {
	Local string    // our address and port
	Asked time.Time // when the server was asked to let us publish; zero: it did not come so far
}

// A Say is told of each step that went well.
type Say func(what, format string, args ...any)

// A RefusedError is the server's word for why it does not let us publish, or go on.
type RefusedError struct{ Reason string }

// Error says it.
func (e *RefusedError) Error() string { return "the server refuses: " + e.Reason }

// Run publishes the test pattern once. The error is for people: it says what is wrong.
func Run(ctx context.Context, t Target, say Say) (Report, error) {
	scheme, _, _ := strings.Cut(t.URL, "://")
	switch scheme {
	case "rtmp", "rtmps":
		return t.rtmp(ctx, say)
	case "srt":
		return t.srt(ctx, say)
	default:
		return Report{}, errors.New("the address must begin with rtmp://, rtmps:// or srt://")
	}
}

// place reads an RTMP address: host and port, the application, and the stream's name,
// which is the key with what follows it.
func place(address string) (u *url.URL, app, name string, err error) {
	u, err = url.Parse(address)
	if err != nil {
		return nil, "", "", errors.New("the address cannot be read: it must look like rtmps://HOST:PORT/app/STREAM_KEY")
	}
	path := strings.Trim(u.Path, "/")
	cut := strings.LastIndexByte(path, '/')
	if cut < 0 || u.Host == "" {
		return nil, "", "", errors.New("the address has no stream key: it must look like rtmps://HOST:PORT/app/STREAM_KEY")
	}
	app, name = path[:cut], path[cut+1:]
	if u.RawQuery != "" {
		name += "?" + u.RawQuery
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), map[string]string{"rtmp": "1935", "rtmps": "443"}[u.Scheme])
	}
	return u, app, name, nil
}

// explain puts into words why a server could not be spoken to.
func explain(err error, where, protocol string) error {
	var unknown x509.UnknownAuthorityError
	var wrong x509.HostnameError
	var record tls.RecordHeaderError
	var name *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("this machine does not trust the certificate of %s, and OBS would not either: "+
			"give the server a certificate, or trust its authority (ca.pem in its data directory); --insecure goes on regardless", where)
	case errors.As(err, &wrong):
		return fmt.Errorf("the certificate is not for this name: %w", wrong)
	case errors.As(err, &record):
		return fmt.Errorf("%s does not speak TLS: see whether the port is right, or use rtmp://", where)
	case errors.As(err, &name):
		return fmt.Errorf("the name %s is not known: see whether it is right", name.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens at %s: see whether the port is right and the server runs", where)
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%s does not answer: see whether address and port are right, and whether a firewall is in between", where)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("%s closed the connection: see whether it is a port for %s", where, protocol)
	}
	return fmt.Errorf("%s: %w", where, err)
}

package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"openivs/internal/app"
	"openivs/internal/probe"
)

type probeCommand struct {
	placeFlags
	Address  string `arg:"" help:"Where to publish, with the stream key."`
	Insecure bool   `help:"Go on with a certificate that this machine does not trust."`
}

// Help is for "openivs probe --help".
func (probeCommand) Help() string {
	return `Publishes eight seconds of a test pattern as an encoder does, and tells each step. The
channel must be free: whoever watches it sees the pattern.

  openivs probe rtmps://live.example.com:443/app/STREAM_KEY
  openivs probe 'srt://live.example.com:9000?streamid=STREAM_KEY&passphrase=PASSPHRASE'

Where the server of --data runs on this machine, it is asked what it saw. The exit code
is 0 if the pattern was published and the server, if it can be asked, saw it as it is.`
}

// errUnseen is the end of a probe whose pattern is not what the server saw.
var errUnseen = errors.New("the server did not see what was sent: see above")

// Run publishes and tells.
func (c *probeCommand) Run(ctx context.Context, p *program) error {
	cfg, err := p.load(c.Config, c.flags())
	if err != nil {
		return err
	}
	t := probe.Target{URL: c.Address, Insecure: c.Insecure}
	if t.Roots, err = roots(app.AuthorityFile(cfg.Data)); err != nil {
		return err
	}
	say := func(what, format string, args ...any) {
		fmt.Fprintf(p.stdout, "ok    %-9s %s\n", what, fmt.Sprintf(format, args...))
	}
	report, failed := probe.Run(ctx, t, say)
	if failed != nil {
		fmt.Fprintf(p.stdout, "fail  %v\n", failed)
		failed = errors.New("nothing, or not all, was published: see above")
	}
	if report.Asked.IsZero() {
		return failed
	}
	s, err := running(cfg)
	if err != nil {
		fmt.Fprintf(p.stdout, "      what the server saw is not known: %v\n", err)
		return failed
	}
	return errors.Join(failed, s.saw(ctx, p.stdout, report, failed == nil))
}

// roots are the system's authorities, and that of the server on this machine.
func roots(authority string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pem, err := os.ReadFile(authority)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return pool, nil
	}
	pool.AppendCertsFromPEM(pem)
	return pool, err
}

// A seen is a session as the server tells of it.
type seen struct {
	StreamSession struct {
		StreamID string
		EndTime  time.Time

		IngestConfiguration struct {
			Video struct {
				Codec, AvcProfile, AvcLevel, Encoder   string
				VideoWidth, VideoHeight, TargetBitrate int
				TargetFramerate                        int
			}
			Audio struct {
				Codec                               string
				SampleRate, Channels, TargetBitrate int
			}
		}
		TruncatedEvents []struct {
			Name      string
			EventTime time.Time
		}
	}
}

// saw tells what the server saw. whole: all was published.
func (s *server) saw(ctx context.Context, w io.Writer, r probe.Report, whole bool) error {
	channel, id, err := s.sessionOf(ctx, r)
	if err != nil {
		return err
	}
	if id == "" {
		fmt.Fprintln(w, "      the server on this machine has no session of it")
		if whole {
			return errUnseen
		}
		return nil
	}
	v, err := s.ended(ctx, channel, id)
	if err != nil {
		return err
	}
	return v.tell(w, channel, whole)
}

// sessionOf finds the session that our connection made: the one whose account has our
// address, or where a proxy stands between, the only one.
func (s *server) sessionOf(ctx context.Context, r probe.Report) (channel, id string, err error) {
	var page struct {
		Events []struct {
			Event struct {
				Resources []string
				Detail    struct {
					Name     string `json:"event_name"`
					StreamID string `json:"stream_id"`
				}
			}
		}
	}
	query := url.Values{"since": {r.Asked.UTC().Add(-time.Second).Format(time.RFC3339Nano)}, "type": {"stream-state"}}
	if err := s.ask(ctx, http.MethodGet, "events", query, nil, &page); err != nil {
		return "", "", err
	}
	n := 0
	for _, e := range page.Events {
		d := e.Event.Detail
		if d.Name != "Session Created" || len(e.Event.Resources) != 1 {
			continue
		}
		var a accountOf
		if err := s.ask(ctx, http.MethodGet, "sessions/"+d.StreamID+"/trace", nil, nil, &a); err != nil {
			return "", "", err
		}
		n++
		channel, id = e.Event.Resources[0], d.StreamID
		for _, entry := range a.Entries {
			if strings.HasPrefix(entry.Text, "from "+r.Local+" ") {
				return channel, id, nil
			}
		}
	}
	if n != 1 {
		return "", "", nil
	}
	return channel, id, nil
}

// endWait is how long the end of a session may take to be stored.
const endWait = 15 * time.Second

// ended returns a session once it is over, or as it is after a while.
func (s *server) ended(ctx context.Context, channel, id string) (v seen, err error) {
	body, err := json.Marshal(map[string]string{"channelArn": channel, "streamId": id})
	if err != nil {
		return v, err
	}
	late := time.Now().Add(endWait)
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		answer, err := s.signed(ctx, http.MethodPost, s.where.API+"/GetStreamSession", "ivs", body, "application/json")
		if err != nil {
			return v, err
		}
		err = errors.Join(json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(&v), answer.Body.Close())
		if err != nil || !v.StreamSession.EndTime.IsZero() || time.Now().After(late) {
			return v, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return v, context.Cause(ctx)
		}
	}
}

// tell prints a session, and fails if it is not one of the test pattern.
func (v *seen) tell(w io.Writer, channel string, whole bool) error {
	x := &v.StreamSession
	slices.Reverse(x.TruncatedEvents)
	video, audio := x.IngestConfiguration.Video, x.IngestConfiguration.Audio
	right := video.VideoWidth == probe.Width && video.VideoHeight == probe.Height && video.TargetFramerate == probe.Framerate &&
		strings.HasPrefix(video.Codec, "avc1.") && audio.SampleRate == probe.SampleRate && audio.Channels == probe.Channels
	grade := "ok  "
	if !right {
		grade = "fail"
	}
	fmt.Fprintf(w, "%s  seen      session %s of %s\n", grade, x.StreamID, channel)
	fmt.Fprintf(w, "                video %s, %dx%d, %d pictures a second, %d kbit/s; audio %s, %d Hz, %d channels, %d kbit/s\n",
		video.Codec, video.VideoWidth, video.VideoHeight, video.TargetFramerate, video.TargetBitrate/1000,
		audio.Codec, audio.SampleRate, audio.Channels, audio.TargetBitrate/1000)
	started := false
	for _, e := range x.TruncatedEvents {
		fmt.Fprintf(w, "                %s  %s\n", e.EventTime.UTC().Format("15:04:05.000"), e.Name)
		started = started || e.Name == "Stream Start"
	}
	if whole && !started {
		fmt.Fprintln(w, "fail  watch     it could not be watched at any time: the server may be too slow, see its log")
	}
	fmt.Fprintf(w, "      more      openivs session trace %s\n", x.StreamID)
	if whole && (!right || !started) {
		return errUnseen
	}
	return nil
}

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"openivs/internal/trace"
)

type sessionCommand struct {
	Health sessionHealth `cmd:"" help:"Tell what viewers of a stream may have noticed, why, and what to do about it."`
	Trace  sessionTrace  `cmd:"" help:"Tell what encoder and server said to each other and what was decided, up to the end."`
}

type sessionHealth struct {
	placeFlags
	Channel string `arg:"" help:"The channel, by ARN or id."`
	Stream  string `arg:"" optional:"" default:"newest" help:"The stream id; the channel's newest session unless given."`
}

// Help is for "openivs session health --help".
func (sessionHealth) Help() string {
	return `Looks into a session that is live or over: keyframe intervals, bitrate against
what the encoder declared, frame rate, gaps and drift of the audio, jumps of the clock,
and B-frames on a channel of low latency.

  openivs session health AbCdEfGhIjKl
  openivs session health AbCdEfGhIjKl st-1AbCdEfGhIjKlMnOpQrStUv`
}

// Run prints what was found, each with its remedy.
func (c *sessionHealth) Run(ctx context.Context, p *program) error {
	s, err := p.server(c.Config, c.flags())
	if err != nil {
		return err
	}
	var out struct {
		StreamID string
		Causes   []struct {
			Code, Text, Remedy string
			First, Last        time.Time
			Seconds            int64
		}
	}
	path := "channels/" + url.PathEscape(c.Channel) + "/sessions/" + url.PathEscape(c.Stream) + "/health"
	if err := s.ask(ctx, http.MethodGet, path, nil, nil, &out); err != nil {
		return err
	}
	if len(out.Causes) == 0 {
		_, err = fmt.Fprintf(p.stdout, "%s: nothing that viewers would notice was found.\n", out.StreamID)
		return err
	}
	for _, cause := range out.Causes {
		_, err = fmt.Fprintf(p.stdout, "%s, in %d s of %s, %s to %s\n  %s\n  Remedy: %s\n", cause.Code, cause.Seconds, out.StreamID,
			cause.First.Format(time.RFC3339), cause.Last.Format(time.RFC3339), cause.Text, cause.Remedy)
		if err != nil {
			return err
		}
	}
	return nil
}

type sessionTrace struct {
	placeFlags
	Stream string `arg:"" help:"The stream id."`
}

// Help is for "openivs session trace --help".
func (sessionTrace) Help() string {
	return `Tells why an encoder got in or dropped out: its connections, what they said before
media flowed, the headers of the media, takeovers, who was refused meanwhile, and the
end. No stream key and no passphrase is in it, so it may be shown to others.

  openivs session trace st-1AbCdEfGhIjKlMnOpQrStUv`
}

// Run prints the account.
func (c *sessionTrace) Run(ctx context.Context, p *program) error {
	s, err := p.server(c.Config, c.flags())
	if err != nil {
		return err
	}
	var out accountOf
	if err := s.ask(ctx, http.MethodGet, "sessions/"+url.PathEscape(c.Stream)+"/trace", nil, nil, &out); err != nil {
		return err
	}
	return out.print(p.stdout)
}

// accountOf is the answer of GetSessionTrace.
type accountOf struct {
	Channel, StreamID, Protocol, EndReason string
	Created, Ended                         time.Time
	trace.Account
}

// print writes a line for each entry: when, how much later than the first, of which
// connection, and what.
func (a *accountOf) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s, %s\n", a.StreamID, a.Channel, a.Protocol)
	for _, e := range a.Entries {
		peer := "-"
		if e.Peer > 0 {
			peer = strconv.Itoa(e.Peer)
		}
		fmt.Fprintf(&b, "%s %+10.3f  %s  %-13s %s", e.At.Format("2006-01-02T15:04:05.000Z"), e.At.Sub(a.Entries[0].At).Seconds(), peer, e.What, e.Text)
		if e.Times > 1 {
			fmt.Fprintf(&b, " (%d times, the last at %s)", e.Times, e.Last.Format("15:04:05.000Z"))
		}
		b.WriteByte('\n')
	}
	if a.Omitted > 0 {
		fmt.Fprintf(&b, "%d further entries were not kept.\n", a.Omitted)
	}
	if a.EndReason != "" {
		fmt.Fprintf(&b, "Why it ended: %s\n", a.EndReason)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

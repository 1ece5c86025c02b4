package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

type sessionCommand struct {
	Health sessionHealth `cmd:"" help:"Tell what viewers of a stream may have noticed, why, and what to do about it."`
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

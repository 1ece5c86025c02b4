package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

type injectCommand struct {
	placeFlags
	Fault   string        `arg:"" enum:"starvation,disconnect,limit-breach,recording-failure,event-delay" help:"What goes wrong: starvation, disconnect, limit-breach, recording-failure or event-delay."`
	Channel string        `required:"" placeholder:"CHANNEL" help:"The channel, by ARN or id."`
	For     time.Duration `placeholder:"TIME" help:"How long a starvation lasts, or how late events are for as long (default: 15s)."`
	Limit   string        `placeholder:"LIMIT" help:"The limit of a breach: ingest-bitrate (the default) or ingest-resolution, which end the stream; concurrent-broadcasts or concurrent-viewers."`
}

// Help is for "openivs inject --help".
func (injectCommand) Help() string {
	return `Needs a server with fault-injection on, and all but event-delay a stream. An application sees what it would see of the real thing: the same events, states and API answers; the server's log and the account of the session (openivs session trace) say that it was injected.

  openivs inject starvation --channel AbCdEfGhIjKl --for 20s    what the encoder sends is lost
  openivs inject disconnect --channel AbCdEfGhIjKl              its connection is cut
  openivs inject limit-breach --channel AbCdEfGhIjKl --limit concurrent-viewers
  openivs inject recording-failure --channel AbCdEfGhIjKl
  openivs inject event-delay --channel AbCdEfGhIjKl --for 1m    events reach sinks a minute late`
}

// Run has the server inject a fault.
func (c *injectCommand) Run(ctx context.Context, p *program) error {
	s, err := p.server(c.Config, c.flags())
	if err != nil {
		return err
	}
	in := map[string]string{"fault": c.Fault, "limit": c.Limit}
	if c.For != 0 {
		in["for"] = c.For.String()
	}
	var out struct{ Channel, Fault string }
	if err := s.ask(ctx, http.MethodPost, "channels/"+url.PathEscape(c.Channel)+"/faults", nil, in, &out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s: %s\n", out.Fault, out.Channel)
	return err
}

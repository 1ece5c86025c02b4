package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"
)

type eventsCommand struct {
	Tail        tailEvents   `cmd:"" default:"withargs" help:"Print events as they happen (the default)."`
	Sinks       listSinks    `cmd:"" help:"Print where events go and how that is going."`
	Replay      replayEvents `cmd:"" help:"Deliver past events to a sink again."`
	DeadLetters deadLetters  `cmd:"" help:"Print the events that a sink did not take."`
	Resend      resendEvents `cmd:"" help:"Deliver a sink's dead letters again."`
}

type tailEvents struct {
	placeFlags
	Since   string   `placeholder:"TIME" help:"Begin with events of this time, such as 2026-01-02T15:04:05Z, or this long ago, such as 15m (default: with the next)."`
	Channel []string `placeholder:"CHANNEL" help:"Only those of this channel, by ARN or id; may be repeated."`
	Type    []string `placeholder:"TYPE" help:"Only those of this type: stream-state, stream-health, limit-breach, recording-state or ad-break-state; may be repeated."`
	Follow  bool     `default:"true" negatable:"" help:"Go on with events that happen meanwhile (the default)."`
}

// Help is for "openivs events tail --help".
func (tailEvents) Help() string {
	return `Prints each event as a line of JSON, as Amazon EventBridge would deliver it.

  openivs events tail --since 1h | jq -r '.time + " " + .detail.event_name'
  openivs events tail --since 24h --no-follow --type limit-breach`
}

// maxEvent is more than any event has, in bytes.
const maxEvent = 1 << 20

// Run prints events until it is interrupted, or there are no more.
func (c *tailEvents) Run(ctx context.Context, p *program) error {
	s, err := p.server(c.Config, c.flags())
	if err != nil {
		return err
	}
	query := url.Values{"channel": c.Channel, "type": c.Type}
	if c.Since != "" {
		query.Set("since", c.Since)
	}
	if !c.Follow {
		return c.past(ctx, s, query, p.stdout)
	}
	for position := ""; ; {
		position, err = follow(ctx, s, query, position, p.stdout)
		if err != nil {
			return err
		}
		query.Del("since")
		query.Set("after", position)
	}
}

// past prints what there is.
func (c *tailEvents) past(ctx context.Context, s *server, query url.Values, w io.Writer) error {
	for {
		var page struct {
			Events []struct{ Event json.RawMessage }
			Next   *int64
		}
		if err := s.ask(ctx, http.MethodGet, "events", query, nil, &page); err != nil {
			return err
		}
		for _, e := range page.Events {
			if _, err := fmt.Fprintf(w, "%s\n", e.Event); err != nil {
				return err
			}
		}
		if page.Next == nil {
			return nil
		}
		query.Del("since")
		query.Set("after", fmt.Sprint(*page.Next))
	}
}

var errCutOff = errors.New("the stream of events ended before it said where it is")

// follow prints a stream of events until it ends, and returns where it was.
func follow(ctx context.Context, s *server, query url.Values, position string, w io.Writer) (string, error) {
	answer, err := s.send(ctx, http.MethodGet, "events", query, nil, "text/event-stream")
	if err != nil {
		return position, err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			position = value
		case "data":
			if _, err := fmt.Fprintln(w, value); err != nil {
				return position, err
			}
		}
	}
	if position == "" {
		return "", errCutOff
	}
	return position, nil
}

type listSinks struct{ placeFlags }

// Run prints a line for each sink.
func (c *listSinks) Run(ctx context.Context, p *program) error {
	s, err := p.server(c.Config, c.flags())
	if err != nil {
		return err
	}
	var out struct {
		Sinks []struct {
			Name, Kind, Trouble        string
			Behind, Delivered, Retried int64
			DeadLetters                int
			Oldest                     *time.Time
		}
	}
	if err := s.ask(ctx, http.MethodGet, "sinks", nil, nil, &out); err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SINK\tKIND\tBEHIND\tOLDEST\tDELIVERED\tRETRIED\tDEAD LETTERS\tTROUBLE")
	for _, s := range out.Sinks {
		oldest := "-"
		if s.Oldest != nil {
			oldest = s.Oldest.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d\t%d\t%d\t%s\n", s.Name, s.Kind, s.Behind, oldest, s.Delivered, s.Retried, s.DeadLetters, s.Trouble)
	}
	return w.Flush()
}

type replayEvents struct {
	placeFlags
	Since string `required:"" placeholder:"TIME" help:"Begin with events of this time, such as 2026-01-02T15:04:05Z, or this long ago, such as 15m."`
	Sink  string `required:"" placeholder:"NAME" help:"The sink that gets them again."`
}

// Help is for "openivs events replay --help".
func (replayEvents) Help() string {
	return `Sets a sink back: it gets every event since then once more, in order, and goes on from there. Receivers know an event by its id. Events are there as long as their sessions (session-retention).

  openivs events replay --since 2h --sink crm`
}

// Run sets a sink back.
func (c *replayEvents) Run(ctx context.Context, p *program) error {
	s, err := p.server(c.Config, c.flags())
	if err != nil {
		return err
	}
	var out struct {
		Sink          string
		After, Newest int64
	}
	in := map[string]string{"since": c.Since}
	if err := s.ask(ctx, http.MethodPost, "sinks/"+url.PathEscape(c.Sink)+"/replay", nil, in, &out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s gets %d events again\n", out.Sink, out.Newest-out.After)
	return err
}

type deadLetters struct {
	placeFlags
	Sink string `arg:"" help:"The sink."`
}

// Run prints a line of JSON for each dead letter.
func (c *deadLetters) Run(ctx context.Context, p *program) error {
	s, err := p.server(c.Config, c.flags())
	if err != nil {
		return err
	}
	query := url.Values{}
	for {
		var page struct {
			DeadLetters []json.RawMessage
			Next        int64
		}
		if err := s.ask(ctx, http.MethodGet, "sinks/"+url.PathEscape(c.Sink)+"/dead-letters", query, nil, &page); err != nil {
			return err
		}
		for _, l := range page.DeadLetters {
			if _, err := fmt.Fprintf(p.stdout, "%s\n", l); err != nil {
				return err
			}
		}
		if page.Next == 0 {
			return nil
		}
		query.Set("after", fmt.Sprint(page.Next))
	}
}

type resendEvents struct {
	placeFlags
	Sink string `arg:"" help:"The sink."`
}

// Run delivers dead letters again.
func (c *resendEvents) Run(ctx context.Context, p *program) error {
	s, err := p.server(c.Config, c.flags())
	if err != nil {
		return err
	}
	var out struct {
		Sink      string
		Delivered int
	}
	if err := s.ask(ctx, http.MethodPost, "sinks/"+url.PathEscape(c.Sink)+"/resend", nil, nil, &out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s took %d dead letters\n", out.Sink, out.Delivered)
	return err
}

// server finds the server that runs.
func (p *program) server(file string, flags map[string][]string) (*server, error) {
	cfg, err := p.load(file, flags)
	if err != nil {
		return nil, err
	}
	return running(cfg)
}

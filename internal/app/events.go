package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"openivs/internal/config"
	"openivs/internal/event"
	"openivs/internal/event/eventbridge"
	"openivs/internal/event/lines"
	"openivs/internal/event/natsjs"
	"openivs/internal/event/webhook"
	"openivs/internal/inject"
	"openivs/internal/operator"
	"openivs/internal/rotate"
	"openivs/internal/store"
)

// The parts of the outbox fit together.
var (
	_ event.Store     = (*store.DB)(nil)
	_ operator.Events = (*store.DB)(nil)
	_ operator.Sinks  = sinks{}
)

// sinks is what the operator's API asks of deliveries and of the store.
type sinks struct {
	*event.Dispatcher
	*store.DB
}

// eventsName is the directory and the name of files of events.
const eventsName = "events"

// joinEvents makes the sinks and who serves them.
func (a *App) joinEvents(ctx context.Context) error {
	a.events = &event.Dispatcher{Store: a.db, Log: a.log}
	if a.cfg.FaultInjection {
		a.faults = &inject.Injector{
			Sessions: a.sessions, Recordings: a.recorder, Log: a.log,
			Streams: int64(quotas(a.cfg.Quotas).Effective().ConcurrentStreams), Viewers: int64(a.cfg.MaxViewers),
		}
		a.events.NotBefore = a.faults.NotBefore
		a.log.Warn("faults may be injected, as fault-injection is on")
	}
	for _, s := range a.cfg.Sinks {
		r, err := a.route(ctx, s)
		if err != nil {
			return fmt.Errorf("sink %s: %w", s.Name, err)
		}
		for _, name := range s.Types {
			t, ok := event.TypeNamed(name)
			if !ok {
				return fmt.Errorf("sink %s: %q is no type of event", s.Name, name)
			}
			r.Filter.Types = append(r.Filter.Types, t)
		}
		r.Name, r.Kind, r.GiveUp = s.Name, s.To, s.GiveUp
		r.Timeout = cmp.Or(s.Timeout, r.Timeout)
		r.Filter.Channels = s.Channels
		a.events.Routes = append(a.events.Routes, r)
	}
	return nil
}

// How much sinks take at a time.
const (
	webhooksAtATime = 8
	natsBatch       = 64
	linesBatch      = 256
	webhookTimeout  = 15 * time.Second
	webhookIdle     = 90 * time.Second
)

// route makes a sink of its settings.
func (a *App) route(ctx context.Context, s config.Sink) (event.Route, error) {
	switch s.To {
	case config.SinkWebhook:
		return webhookRoute(s)
	case config.SinkEventBridge:
		bus, err := eventbridge.Open(ctx, eventbridge.Options{
			Region: cmp.Or(s.Region, a.cfg.Region), Endpoint: s.URL, Bus: s.Bus, Source: s.Source, Credentials: s.Credentials,
		})
		return event.Route{Sink: bus, Batch: eventbridge.MaxEntries, Apart: true, Parallel: 2}, err
	case config.SinkNATS:
		js := natsjs.New(natsjs.Options{URL: s.URL, Credentials: s.Credentials, Authorities: s.Authorities, Subject: s.Subject})
		return event.Route{Sink: js, Batch: natsBatch, Apart: true}, nil
	case config.SinkFile:
		f := &rotate.File{
			Dir: cmp.Or(s.Dir, filepath.Join(a.cfg.Data, eventsName)), Name: eventsName, MaxSize: s.Size, Keep: s.Files,
		}
		return event.Route{Sink: &lines.Sink{To: f, Sync: f.Sync}, Batch: linesBatch}, nil
	case config.SinkStdout:
		return event.Route{Sink: &lines.Sink{To: lines.Open(os.Stdout)}, Batch: linesBatch}, nil
	default:
		return event.Route{}, fmt.Errorf("%q is no kind of sink", s.To)
	}
}

func webhookRoute(s config.Sink) (event.Route, error) {
	const most = 4 << 10 // bytes of a file with a secret
	f, err := os.Open(s.SecretFile)
	if err != nil {
		return event.Route{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return event.Route{}, err
	}
	secret, err := webhook.ParseSecret(string(text))
	if err != nil {
		return event.Route{}, fmt.Errorf("%s: %w", s.SecretFile, err)
	}
	client := webhook.NewClient()
	client.Transport = &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: webhooksAtATime, IdleConnTimeout: webhookIdle, ForceAttemptHTTP2: true,
	}
	return event.Route{
		Sink:     &webhook.Sink{URL: s.URL, Secret: secret, Client: client},
		Parallel: webhooksAtATime, Timeout: webhookTimeout,
	}, nil
}

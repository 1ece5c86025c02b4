package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"openivs/internal/app"
)

type serveCommand struct{ allFlags }

// Help is for "openivs serve --help".
func (serveCommand) Help() string {
	return `Runs the server until it gets SIGINT or SIGTERM: then sessions end, players get their last segments, and it leaves. A second signal skips the waiting.

The first start makes everything it needs in the data directory: a database, a master key, a certificate, and an access key in DIR/credentials. Once it is ready, DIR/endpoints.json says where it is reached.

  openivs serve                                    everything on port 4500
  openivs serve --listen :443 --listen :1935 \
    --public-host live.example.com \
    --tls-cert cert.pem --tls-key key.pem          where IVS clients expect it
  openivs serve --database postgres://ivs@db/ivs   state in PostgreSQL`
}

// Run serves until a signal comes.
func (c *serveCommand) Run(ctx context.Context, p *program) error {
	cfg, err := p.load(c.Config, c.flags())
	if err != nil {
		return err
	}
	log := app.NewLog(p.stderr, cfg.LogFormat, cfg.LogLevel)
	log.Info("openivs starts", "version", version(), "file", cfg.Data)

	signals := make(chan os.Signal, 2) // more than two say nothing new
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	ctx, stop := context.WithCancelCause(ctx)
	built := make(chan *app.App, 1)
	finished := make(chan struct{})
	var listening sync.WaitGroup
	defer listening.Wait()
	defer close(finished)
	listening.Go(func() { heed(signals, stop, built, finished) })

	server, err := app.New(ctx, cfg, log)
	if err != nil {
		return err
	}
	server.Describe(version(), selfExamination(cfg))
	built <- server
	return server.Run(ctx)
}

var errSignal = errors.New("asked to stop by a signal")

// heed stops a server at the first signal and hurries it at the second.
func heed(signals <-chan os.Signal, stop context.CancelCauseFunc, built <-chan *app.App, finished <-chan struct{}) {
	var server *app.App
	select {
	case <-signals:
		stop(errSignal)
	case <-finished:
		return
	}
	select {
	case server = <-built:
	case <-finished:
		return
	}
	select {
	case <-signals:
		server.Hurry()
	case <-finished:
	}
}

// Package app joins the parts to a server: it builds them in order, runs them,
// and ends them in reverse.
//
// It has no rule of the service, of a protocol or of media in it; each of those
// has a package that app only knows how to fill in.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"openivs/internal/certificate"
	"openivs/internal/config"
	"openivs/internal/control"
	"openivs/internal/durable"
	"openivs/internal/event"
	"openivs/internal/headroom"
	"openivs/internal/ingest/rtmp"
	"openivs/internal/ingest/srt"
	"openivs/internal/inject"
	"openivs/internal/ivs"
	"openivs/internal/metric"
	"openivs/internal/pipeline"
	"openivs/internal/playback"
	"openivs/internal/recent"
	"openivs/internal/record"
	"openivs/internal/seal"
	"openivs/internal/session"
	"openivs/internal/sniff"
	"openivs/internal/store"
	"openivs/internal/tally"
	"openivs/internal/tracing"
)

// How long each step of stopping may take.
const (
	doorsLimit    = 2 * time.Second
	sessionsLimit = 12 * time.Second // pipelines have 8 of them
	lingerLimit   = 5 * time.Second  // players that watched are still answered
	drainLimit    = time.Second      // requests that are being answered
	closeLimit    = 100 * time.Millisecond
	playbackLimit = lingerLimit + 2*time.Second
	houseLimit    = 5 * time.Second
	databaseLimit = 5 * time.Second
	releaseLimit  = time.Second
)

// An App is a server that holds its data directory, its database and its ports.
type App struct {
	cfg       *config.Config
	log       *slog.Logger
	where     Endpoints
	addresses ivs.Addresses

	listeners    []net.Listener
	db           *store.DB
	key          *seal.Key
	history      *recent.History
	remembered   *recent.Store // of db, with history
	streams      *pipeline.Builder
	audience     *playback.Audience
	viewing      viewing
	sessions     *session.Registry
	rtmp         *rtmp.Server
	srt          *srt.Server
	srtPort      *srt.Listener // nil: SRT is off
	mux          *sniff.Mux
	destinations *control.Destinations
	room         *headroom.Guard // where recordings are written
	events       *event.Dispatcher
	recorder     *record.Recorder
	recorded     tally.Book
	faults       *inject.Injector
	traces       *tracing.Tracer // nil: nothing is traced
	closing      chan struct{}   // closed when the doors are
	metrics      *metric.Recorder
	playback     *playback.Server
	web          *web
	http         *http.Server
	self         *self
	own          *certificate.SelfSigned // nil: the operator gives the certificate

	isReady chan struct{}
	steps   steps // what stopping undoes
	hurry   sync.Once
	hurried chan struct{}
}

// New builds a server: nothing is served before Run, but its ports are bound
// and what an earlier server left open is ended. If it fails it has undone what
// it did. Whoever gets an App calls Run, once.
func New(ctx context.Context, cfg *config.Config, log *slog.Logger) (*App, error) {
	a := &App{cfg: cfg, log: log, isReady: make(chan struct{}), hurried: make(chan struct{}), closing: make(chan struct{})}
	a.self = &self{a: a, started: time.Now(), version: "unknown"}
	for _, build := range []func(context.Context) error{
		a.takeData,
		a.bind,
		a.openDatabase,
		a.certify,
		a.joinViewing,
		a.joinTraces,
		a.joinMedia,
		a.joinRecording,
		a.joinEvents,
		a.joinMetrics,
		a.joinControl,
	} {
		if err := build(ctx); err != nil {
			return nil, errors.Join(err, a.steps.run(context.WithoutCancel(ctx), log))
		}
	}
	return a, nil
}

// Endpoints returns where the server is reached.
func (a *App) Endpoints() Endpoints { return a.where }

// takeData makes the data directory ours. Nothing is changed before.
func (a *App) takeData(context.Context) error {
	lock, err := lockData(a.cfg.Data, a.log)
	if err != nil {
		return err
	}
	a.steps.add("release the data directory", releaseLimit, func(context.Context) error { return lock.Release() })
	return removeEndpoints(a.cfg.Data) // of a server that was killed
}

func (a *App) bind(ctx context.Context) error {
	var err error
	if a.listeners, err = listen(ctx, a.cfg.Listen); err != nil {
		return err
	}
	a.steps.add("close the ports", releaseLimit, func(context.Context) error {
		if a.srtPort != nil {
			a.srtPort.Close()
		}
		return closeAll(a.listeners)
	})
	a.where = endpoints(a.cfg, bound(a.listeners))
	if a.cfg.SRT != "" {
		if a.srtPort, err = srt.Listen(a.cfg.SRT, a.cfg.SRTLatency); err != nil {
			return fmt.Errorf("%w: choose another address with --srt, or turn SRT off with --srt off", err)
		}
		a.where.SRT = "srt://" + net.JoinHostPort(a.cfg.PublicHost, strconv.Itoa(int(a.srtPort.Addr().Port())))
	}
	a.addresses = ivs.Addresses{Host: a.cfg.PublicHost, Playback: a.where.Playback, Region: a.cfg.Region, Account: a.cfg.Account}
	return nil
}

// certify sees to the certificate and fills in the multiplexer that needs it.
func (a *App) certify(context.Context) error {
	cert, key := a.cfg.TLSCert, a.cfg.TLSKey
	clients := filepath.Join(a.cfg.Data, authorityName)
	if cert == "" {
		a.own = &certificate.SelfSigned{Dir: filepath.Join(a.cfg.Data, tlsName), Hosts: certificateHosts(a.cfg.PublicHost)}
		if err := a.renew(); err != nil {
			return err
		}
		cert, key = a.own.CertFile(), a.own.KeyFile()
	} else if err := os.Remove(clients); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	pair, err := certificate.Load(cert, key, a.log)
	if err != nil {
		return err
	}
	a.mux = &sniff.Mux{
		TLS: &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.GetCertificate},
		Log: a.log,
	}
	return nil
}

// renew keeps the certificate of our own good, and what clients need to trust it.
func (a *App) renew() error {
	renewed, err := a.own.Ensure(time.Now())
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	if renewed {
		a.log.Info("self-signed certificate made", "file", a.own.CertFile())
	}
	authority, err := os.ReadFile(a.own.AuthorityFile())
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(a.cfg.Data, authorityName), durable.Public, authority)
}

// certificateHosts returns all that a certificate of our own is for.
func certificateHosts(public string) []string {
	hosts := []string{public, "localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil && name != "" {
		hosts = append(hosts, name)
	}
	return hosts
}

package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

var (
	errLost    = errors.New("the database is not ours any more: another server may own it")
	errHurried = errors.New("asked a second time")
)

// Run serves until ctx ends or the server cannot go on, then stops step by step
// and returns when nothing of it is left. It returns nil if it was ctx that
// ended it and everything could be brought to its end.
func (a *App) Run(ctx context.Context) error {
	work, halt := context.WithCancel(context.WithoutCancel(ctx))
	defer halt()
	var running sync.WaitGroup
	failed := a.launch(work, &running)

	a.steps.add("halt the housekeeping", houseLimit, func(context.Context) error {
		halt()
		running.Wait()
		return nil
	})
	a.steps.add("close playback", playbackLimit, a.closePlayback)
	a.steps.add("end the sessions", sessionsLimit, a.sessions.Close)
	a.steps.add("close the doors", doorsLimit, func(context.Context) error {
		a.web.stopping.Store(true)
		close(a.closing)
		return errors.Join(a.mux.RTMP.Close(), removeEndpoints(a.cfg.Data))
	})

	err := a.ready()
	if err == nil {
		err = a.watch(ctx, failed)
	}
	return errors.Join(err, a.stop(ctx))
}

// Ready is closed when Run serves and the data directory says where.
func (a *App) Ready() <-chan struct{} { return a.isReady }

// Hurry ends the waiting of a Run that is stopping: what is left is cut off.
func (a *App) Hurry() { a.hurry.Do(func() { close(a.hurried) }) }

// launch sets everything going that runs until work ends. What cannot go on
// says why in the channel.
func (a *App) launch(work context.Context, running *sync.WaitGroup) <-chan error {
	const most = 16 // goroutines, listeners aside
	failed := make(chan error, most+len(a.listeners))
	run := func(f func() error) {
		running.Go(func() {
			if err := f(); err != nil && work.Err() == nil {
				failed <- err
			}
		})
	}
	run(func() error { return a.sessions.Run(work) })
	run(func() error { return a.destinations.Run(work) })
	run(func() error { return a.events.Run(work) })
	run(func() error { return a.metrics.Run(work) })
	run(func() error { return a.rtmp.Serve(work, &a.mux.RTMP) })
	if a.srtPort != nil {
		run(func() error { return a.srt.Serve(work, a.srtPort) })
	}
	run(func() error {
		if err := a.http.Serve(&a.mux.HTTP); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	for _, ln := range a.listeners {
		run(func() error { return a.mux.Serve(work, ln) })
	}
	run(func() error { a.room.Run(work); return nil })
	run(func() error { a.viewing.barred.Run(work); return nil })
	run(func() error { a.forgetTokens(work); return nil })
	if a.viewing.countries != nil {
		run(func() error { a.viewing.countries.Run(work); return nil })
	}
	if a.own != nil {
		run(func() error { a.keepCertificate(work); return nil })
	}
	return failed
}

// ready says where the server is reached, in its file and in the log.
func (a *App) ready() error {
	if err := a.where.write(a.cfg.Data); err != nil {
		return fmt.Errorf("write %s: %w", endpointsName, err)
	}
	a.log.Info("encoders publish to RTMPS", "url", a.where.RTMPS)
	a.log.Info("encoders publish to RTMP, where a channel allows it", "url", a.where.RTMP)
	if a.where.SRT != "" {
		a.log.Info("encoders publish to SRT", "url", a.where.SRT)
	}
	a.log.Info("playback URLs begin with", "url", a.where.Playback)
	a.log.Info("a page plays each channel, at this and the channel's id", "url", a.where.Watch)
	a.log.Info("ready, the API is served", "url", a.where.API)
	close(a.isReady)
	return nil
}

// watch returns when the server has to stop, and why if that is not ctx.
func (a *App) watch(ctx context.Context, failed <-chan error) error {
	select {
	case <-ctx.Done():
		a.log.Info("stopping")
		return nil
	case err := <-failed:
		a.log.Error("stopping, for the server cannot go on", "err", err)
		return err
	case <-a.db.Lost():
		a.log.Error("stopping at once", "err", errLost)
		a.Hurry()
		return errLost
	}
}

// stop undoes everything.
func (a *App) stop(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer cancel(nil)
	waiting.Go(func() {
		select {
		case <-a.hurried:
			cancel(errHurried)
		case <-ctx.Done():
		}
	})
	start := time.Now()
	err := a.steps.run(ctx, a.log)
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	a.log.Info("stopped", "took", time.Since(start))
	return nil
}

// closePlayback lets players that watched find the last segments, without
// telling them that the stream is over, then closes. Players that find nobody give up
// within seconds, so everybody is answered until nobody asks.
func (a *App) closePlayback(ctx context.Context) error {
	if a.web.audience() {
		linger := time.NewTimer(lingerLimit)
		defer linger.Stop()
		select {
		case <-linger.C:
		case <-ctx.Done():
		}
	}
	a.web.drain(ctx, drainLimit)
	ctx, cancel := context.WithTimeout(ctx, closeLimit)
	defer cancel()
	if a.http.Shutdown(ctx) != nil { // somebody still reads
		return a.http.Close()
	}
	return nil
}

// keepCertificate renews the certificate of our own while the server runs.
func (a *App) keepCertificate(ctx context.Context) {
	daily := time.NewTicker(24 * time.Hour)
	defer daily.Stop()
	for {
		select {
		case <-daily.C:
		case <-ctx.Done():
			return
		}
		if err := a.renew(); err != nil {
			a.log.Error("the certificate could not be renewed", "err", err)
		}
	}
}

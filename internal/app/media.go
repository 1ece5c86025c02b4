package app

import (
	"context"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ingest/rtmp"
	"openivs/internal/ingest/srt"
	"openivs/internal/ivs"
	"openivs/internal/pipeline"
	"openivs/internal/playback"
	"openivs/internal/session"
	"openivs/internal/transcode"
)

// The parts of the data path fit together.
var (
	_ ingest.Gate      = (*session.Registry)(nil)
	_ session.Pipeline = (*pipeline.Pipeline)(nil)
	_ playback.Streams = (*pipeline.Builder)(nil)
)

// joinMedia joins ingest, sessions and pipelines, and ends what an earlier
// server left open.
func (a *App) joinMedia(ctx context.Context) error {
	a.streams = &pipeline.Builder{
		Reserve:   a.reserveNumbers,
		Learned:   a.saveTarget,
		Key:       a.key.Hash("media of restricted channels"),
		Transcode: a.transcoding(ctx),
	}
	a.sessions = &session.Registry{
		Store:      a.history,
		Open:       a.openPipeline,
		Addresses:  a.addresses,
		Log:        a.log,
		Retention:  a.cfg.SessionRetention,
		Recording:  a.db.Recording,
		Granted:    a.granted,
		MaxStreams: a.cfg.Quotas.ConcurrentStreams,

		MaxTakeovers: a.cfg.Quotas.Takeovers,
		ReplaceAfter: a.cfg.ReplaceAfter,
	}
	a.audience = &playback.Audience{
		Key:    a.key.Hash("viewer sessions"),
		Limit:  a.cfg.MaxViewers,
		Barred: a.viewing.barred,
		Full:   a.full,
	}
	a.rtmp = &rtmp.Server{Gate: a.gate(), Log: a.log}
	a.srt = &srt.Server{Gate: a.gate(), Log: a.log}
	return a.sessions.Recover(ctx)
}

// transcoding returns how renditions are made, or nil if they are not.
func (a *App) transcoding(ctx context.Context) *pipeline.Transcoding {
	cfg := a.cfg.Transcode
	if !cfg.On {
		a.log.Info("streams are passed on as sent, as transcode is off")
		return nil
	}
	t := &pipeline.Transcoding{Log: a.log, Passthrough: cfg.Overload == "passthrough"}
	fit := transcode.Probe(ctx, cfg.Program)
	if fit.Err != nil {
		a.log.Warn("ffmpeg cannot be used, so every stream is passed on as sent: see openivs doctor", "err", fit.Err, "version", fit.Version)
		return t
	}
	a.log.Info("renditions are made by ffmpeg", "version", fit.Version)
	t.Engine = &transcode.Engine{Program: cfg.Program, Cores: cfg.Cores}
	return t
}

// full is told now and then while viewers are turned away.
func (a *App) full(limit int) {
	a.log.Warn("viewers are turned away: as many watch as max-viewers allows", "count", limit)
	a.sessions.TooManyViewers(limit)
}

// numbersWait is how long the database may take over a channel's numbers.
const numbersWait = 5 * time.Second

// reserveNumbers gives a channel numbers of its own before media flows.
func (a *App) reserveNumbers(channel ivs.ARN, n int64) (int64, time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), numbersWait)
	defer cancel()
	return a.db.ReserveNumbers(ctx, channel, n)
}

// saveTarget keeps how long a channel's segments are when its stream has ended.
func (a *App) saveTarget(channel ivs.ARN, target time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), numbersWait)
	defer cancel()
	return a.db.SaveTarget(ctx, channel, target)
}

func (a *App) openPipeline(s ivs.Session) (session.Pipeline, error) {
	p, err := a.streams.Open(s)
	if err != nil {
		return nil, err // not p: a nil pointer in an interface is not nil
	}
	return p, nil
}

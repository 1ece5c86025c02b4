package app

import (
	"context"
	"net/http"

	"openivs/internal/access"
	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
	"openivs/internal/config"
	"openivs/internal/console"
	"openivs/internal/control"
	"openivs/internal/ivs"
	"openivs/internal/monitor"
	"openivs/internal/playback"
	"openivs/internal/player"
	"openivs/internal/recent"
	"openivs/internal/session"
	"openivs/internal/sigv4"
	"openivs/internal/store"
)

// The parts of the control path fit together.
var (
	_ control.Store     = (*store.DB)(nil)
	_ session.Store     = (*recent.History)(nil)
	_ control.Live      = (*session.Registry)(nil)
	_ control.Audience  = (*playback.Audience)(nil)
	_ playback.Channels = (*store.DB)(nil)
)

// openDatabase opens the database and sees that there is an access key.
func (a *App) openDatabase(ctx context.Context) error {
	db, key, err := openStore(ctx, a.cfg, a.log)
	if err != nil {
		return err
	}
	a.db, a.key, a.history = db, key, recent.NewHistory(db)
	a.remembered = recent.New(db, a.history)
	a.steps.add("close the database", databaseLimit, func(context.Context) error { return db.Close() })
	return ensureCredentials(ctx, a.cfg.Data, db, a.log)
}

// joinControl joins the API, its operations and the viewers' door to one HTTP
// server.
func (a *App) joinControl(ctx context.Context) error {
	restrictions := recent.Restrictions(a.remembered, a.db.RestrictionPolicies())
	keyPairs := recent.KeyPairs(a.remembered, a.db.PlaybackKeyPairs())
	plane := &control.Plane{
		Store:        revoker{a.remembered, a.viewing.barred},
		Recordings:   a.destinations.Store,
		Restrictions: restrictions,
		Ads:          recent.Ads(a.remembered, a.db.AdConfigurations()),
		KeyPairs:     keyPairs,
		Live:         a.sessions,
		Audience:     a.audience,
		Destinations: a.destinations,
		Addresses:    a.addresses,
		Quotas:       quotas(a.cfg.Quotas),
		Tokens:       restjson.PageTokens{Key: a.key.Hash("page tokens")},
	}
	guard, err := a.guard()
	if err != nil {
		return err
	}
	plane.Permit = guard.Permit
	watched, err := monitor.New(a.numbers, a.troubles)
	if err != nil {
		return err
	}
	api := a.ivsAPI(ctx, plane, guard)
	a.playback = &playback.Server{
		Streams:  a.streams,
		Channels: a.db,
		Audience: a.audience,
		Rules:    rules{keyPairs: keyPairs, restrictions: restrictions, db: a.db},
		Country:  a.country,
		From:     a.viewing.trusted.Client,
		Log:      a.log,
	}
	a.web = &web{
		operator: a.traced(a.operatorAPI(guard)),
		metrics:  a.traced(a.cloudWatch(guard)),
		monitor:  watched,
		scraped:  a.cfg.Prometheus != config.PrometheusOff,
		api:      a.traced(api),
		away:     api.TurnAway("The server is stopping. Try again in a moment."),
		full:     api.TurnAway("Too many large requests are being served. Try again in a moment."),
		playback: a.playback,
		recorded: a.archived(),
		player:   player.Handler{Playback: a.playbackURL},
		encoders: a.clientConfigurations(),
		console:  console.Handler{Region: a.cfg.Region, Account: a.cfg.Account},
	}
	a.http = httpServer(a.web, a.log)
	return nil
}

// playbackURL is where the channel of an id can be watched.
func (a *App) playbackURL(channel string) string {
	return a.addresses.PlaybackURL(ivs.ARN{Service: "ivs", Region: a.cfg.Region, Account: a.cfg.Account, Kind: ivs.KindChannel, ID: channel})
}

// ivsAPI is the API of Amazon IVS.
func (a *App) ivsAPI(ctx context.Context, plane *control.Plane, guard *access.Guard) *restjson.Handler {
	signatures := &sigv4.Verifier{Region: a.cfg.Region, Services: []string{ivsapi.SigningName}, Lookup: a.lookup}
	return &restjson.Handler{
		Operations: ivsapi.Operations(plane),
		Claim:      func(r *http.Request) (restjson.Identity, error) { return claimed(signatures.Claim(r)) },
		Authenticate: func(r *http.Request, body []byte) (restjson.Identity, error) {
			return a.authenticate(signatures, r, body)
		},
		Check: plane.Check,
		Admit: guard.Admit,
		Fault: control.Fault,
		Audit: a.auditor(ctx),
		Log:   a.log,
	}
}

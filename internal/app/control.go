package app

import (
	"context"
	"errors"
	"net/http"

	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
	"openivs/internal/control"
	"openivs/internal/ivs"
	"openivs/internal/playback"
	"openivs/internal/player"
	"openivs/internal/session"
	"openivs/internal/sigv4"
	"openivs/internal/store"
)

// The parts of the control path fit together.
var (
	_ control.Store     = (*store.DB)(nil)
	_ session.Store     = (*store.DB)(nil)
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
	a.db, a.key = db, key
	a.steps.add("close the database", databaseLimit, func(context.Context) error { return db.Close() })
	return ensureCredentials(ctx, a.cfg.Data, db, a.log)
}

// joinControl joins the API, its operations and the viewers' door to one HTTP
// server.
func (a *App) joinControl(context.Context) error {
	plane := &control.Plane{
		Store:        a.db,
		Recordings:   a.db.RecordingConfigurations(),
		Restrictions: a.db.RestrictionPolicies(),
		Ads:          a.db.AdConfigurations(),
		KeyPairs:     a.db.PlaybackKeyPairs(),
		Live:         a.sessions,
		Audience:     a.audience,
		Destinations: a.destinations,
		Addresses:    a.addresses,
		Quotas:       quotas(a.cfg.Quotas),
		Tokens:       restjson.PageTokens{Key: a.key.Hash("page tokens")},
	}
	signatures := &sigv4.Verifier{Region: a.cfg.Region, Services: []string{ivsapi.SigningName}, Lookup: a.lookup}
	a.web = &web{
		api: &restjson.Handler{
			Operations: ivsapi.Operations(plane),
			Authenticate: func(r *http.Request, body []byte) (restjson.Identity, error) {
				return a.authenticate(signatures, r, body)
			},
			Fault: control.Fault,
			Log:   a.log,
		},
		playback: &playback.Server{Streams: a.streams, Channels: a.db, Audience: a.audience, Log: a.log},
		player:   player.Handler{Playback: a.playbackURL},
	}
	a.http = httpServer(a.web, a.log)
	return nil
}

// playbackURL is where the channel of an id can be watched.
func (a *App) playbackURL(channel string) string {
	return a.addresses.PlaybackURL(ivs.ARN{Service: "ivs", Region: a.cfg.Region, Account: a.cfg.Account, Kind: ivs.KindChannel, ID: channel})
}

// lookup finds an access key for the verifier.
func (a *App) lookup(ctx context.Context, id string) (sigv4.Credential, error) {
	k, err := a.db.AccessKey(ctx, id)
	if ivs.CodeOf(err) == ivs.NotFound || err == nil && k.Disabled {
		return sigv4.Credential{}, sigv4.ErrUnknownKey
	}
	if err != nil {
		return sigv4.Credential{}, err
	}
	return sigv4.Credential{SecretAccessKey: sigv4.Secret(k.Secret)}, nil
}

// authenticate says who signed a request.
func (a *App) authenticate(v *sigv4.Verifier, r *http.Request, body []byte) (restjson.Identity, error) {
	who, err := v.Verify(r, body)
	if refused, ok := errors.AsType[*sigv4.Error](err); ok {
		return restjson.Identity{}, restjson.Fault{Name: refused.Name, Status: refused.Status, Message: refused.Message}
	}
	if err != nil {
		return restjson.Identity{}, err
	}
	return restjson.Identity{
		AccessKey: who.AccessKeyID,
		Account:   a.cfg.Account,
		ARN:       "arn:aws:iam::" + a.cfg.Account + ":user/" + who.AccessKeyID,
	}, nil
}

package app

import (
	"context"
	"net/netip"
	"time"

	"openivs/internal/forward"
	"openivs/internal/geo"
	"openivs/internal/ivs"
	"openivs/internal/playback"
	"openivs/internal/recent"
	"openivs/internal/store"
)

// viewing is what decides who may watch, beside the resources of the API.
type viewing struct {
	barred    *playback.Barred
	countries *geo.Database // nil: none are known
	trusted   forward.Trusted
}

// joinViewing opens what decides who may watch.
func (a *App) joinViewing(ctx context.Context) error {
	a.viewing.trusted = a.cfg.Viewing.TrustedProxies
	if len(a.viewing.trusted) > 0 {
		a.mux.Proxy = a.viewing.trusted.Has
	}
	a.viewing.barred = &playback.Barred{After: a.db.RevocationsAfter, Log: a.log}
	if err := a.viewing.barred.Load(ctx); err != nil {
		return err
	}
	if a.cfg.Viewing.GeoIP == "" {
		return a.warnOfCountries(ctx)
	}
	var err error
	a.viewing.countries, err = geo.Open(a.cfg.Viewing.GeoIP, a.log)
	return err
}

// A revoker is a store whose revocations are in force here once they are answered.
type revoker struct {
	*recent.Store
	barred *playback.Barred
}

// Revoke notes that a viewer's sessions are over. Where the playback cannot be told
// at once, it finds out as other servers do.
func (r revoker) Revoke(ctx context.Context, v ivs.Revocation) error {
	if err := r.Store.Revoke(ctx, v); err != nil {
		return err
	}
	_ = r.barred.Load(ctx) // what follows the database complains, if it goes on
	return nil
}

// country returns where an address is, or "".
func (a *App) country(of netip.Addr) string {
	if a.viewing.countries == nil {
		return ""
	}
	return a.viewing.countries.Country(of)
}

// warnOfCountries says that policies with countries allow everybody.
func (a *App) warnOfCountries(ctx context.Context) error {
	const page = 100
	for after := int64(0); ; {
		list, err := a.db.RestrictionPolicies().List(ctx, after, page)
		if err != nil {
			return err
		}
		for _, p := range list.Items {
			if len(p.Countries) > 0 {
				a.log.Warn("this policy has countries, but no country is known without the setting geoip: it allows all of them", "resource", p.ARN)
			}
		}
		if list.Next == 0 {
			return nil
		}
		after = list.Next
	}
}

// forgetTokens forgets the tokens for one use that nobody can use again.
func (a *App) forgetTokens(ctx context.Context) {
	// A clock that is set back must not make a token good again that was used.
	const doubt = time.Hour
	often := time.NewTicker(time.Minute)
	defer often.Stop()
	for {
		select {
		case <-often.C:
		case <-ctx.Done():
			return
		}
		if err := a.db.ForgetTokens(ctx, time.Now().Add(-doubt)); err != nil && ctx.Err() == nil {
			a.log.Warn("used tokens could not be forgotten", "err", err)
		}
	}
}

// rules are what the API holds about who may watch.
type rules struct {
	keyPairs     *recent.Resources[ivs.PlaybackKeyPair]
	restrictions *recent.Resources[ivs.RestrictionPolicy]
	db           *store.DB
}

var _ playback.Rules = rules{}

// KeyPairs returns the keys whose tokens are good.
func (r rules) KeyPairs(ctx context.Context) ([]ivs.PlaybackKeyPair, error) {
	return r.keyPairs.All(ctx)
}

// Restriction returns a playback restriction policy.
func (r rules) Restriction(ctx context.Context, arn ivs.ARN) (ivs.RestrictionPolicy, error) {
	return r.restrictions.Get(ctx, arn)
}

// UseToken notes that a token for one use was used.
func (r rules) UseToken(ctx context.Context, channel ivs.ARN, id string, until time.Time) (bool, error) {
	return r.db.UseToken(ctx, channel, id, until)
}

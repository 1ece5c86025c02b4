package app

import (
	"net/http"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/multitrack"
	"openivs/internal/rate"
)

// clientKeys are the stream keys that carry a client configuration.
func (a *App) clientKeys() multitrack.Keys {
	return multitrack.Keys{Secret: a.key.Hash("client configurations")}
}

// granted looks into the key of a publisher.
func (a *App) granted(key ivs.Secret) (ivs.Secret, []ivs.GrantedTrack, error) {
	return a.clientKeys().Open(key, time.Now())
}

// clientConfigurations answers encoders that ask how to encode.
func (a *App) clientConfigurations() http.Handler {
	return &multitrack.Handler{
		Keys:       a.clientKeys(),
		Channel:    a.db.Publisher,
		Plain:      a.where.RTMP,
		Secure:     a.where.RTMPS,
		PlainFirst: a.own != nil,
		Name:       a.cfg.Region + ": " + a.cfg.PublicHost,
		Asks:       &rate.Buckets{Limit: rate.Limit{PerSecond: multitrack.AsksPerSecond, Burst: multitrack.AsksAtOnce}},
		Log:        a.log,
	}
}

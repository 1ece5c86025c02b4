package app

import (
	"net/http"

	"openivs/internal/multitrack"
)

// clientKeys are the stream keys that carry a client configuration.
func (a *App) clientKeys() multitrack.Keys {
	return multitrack.Keys{Secret: a.key.Hash("client configurations")}
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
		Log:        a.log,
	}
}

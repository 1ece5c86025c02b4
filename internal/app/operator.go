package app

import (
	"net/http"

	"openivs/internal/access"
	"openivs/internal/api/restjson"
	"openivs/internal/catalogue"
	"openivs/internal/operator"
	"openivs/internal/sigv4"
)

// operatorAPI is our own surface.
func (a *App) operatorAPI(guard *access.Guard) http.Handler {
	signatures := &sigv4.Verifier{Region: a.cfg.Region, Services: []string{operator.SigningName}, Lookup: a.lookup}
	h := &operator.Handler{
		Authenticate: func(r *http.Request, body []byte) (restjson.Identity, error) {
			return a.authenticate(signatures, r, body)
		},
		Authorize: guard.Authorize,
		Region:    a.cfg.Region,
		Account:   a.cfg.Account,
		Events:    a.db,
		Sinks:     sinks{a.events, a.db},
		Series:    a.metrics,
		Sessions:  a.db,
		Traces:    traces{a.sessions, a.db},
		Self:      a.self,
		Temporary: a.self,
		Log:       a.log,
		Stopping:  a.closing,

		Recordings: catalogue.Catalogue{Events: a.db},
		Vault:      vault{a},
	}
	if a.cfg.FaultInjection {
		h.Faults = a.faults
	}
	return h
}

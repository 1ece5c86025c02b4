package app

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"openivs/internal/access"
	"openivs/internal/api/restjson"
	"openivs/internal/config"
	"openivs/internal/ivs"
	"openivs/internal/sigv4"
	"openivs/internal/store"
)

// guard says who may do what, and how often.
func (a *App) guard() (*access.Guard, error) {
	rates := access.NoRates()
	if !a.cfg.Rates.Off {
		var err error
		if rates, err = access.NewRates(a.cfg.Account, a.cfg.Rates.Given); err != nil {
			return nil, config.SettingErrors{{
				Setting: "api-rate-limit", Origin: "settings", Wrong: err.Error(), Cure: "name an operation of the API, such as GetChannel",
			}}
		}
	}
	return &access.Guard{
		Region: a.cfg.Region, Account: a.cfg.Account, Rates: rates, Tags: a.db.Tags,
		Policies: func(ctx context.Context, id string) ([]string, error) {
			k, err := a.db.AccessKey(ctx, id)
			return k.Policies, err
		},
	}, nil
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
	return sigv4.Credential{SecretAccessKey: sigv4.Secret(k.Secret), SessionToken: sigv4.Secret(k.SessionToken), Expires: k.Expires}, nil
}

// authenticate says who signed a request. Beside an error it says only which
// access key the request names.
func (a *App) authenticate(v *sigv4.Verifier, r *http.Request, body []byte) (restjson.Identity, error) {
	who, err := v.Verify(r, body)
	if err != nil {
		return claimed(who, err)
	}
	k, err := a.db.AccessKey(r.Context(), who.AccessKeyID)
	if err != nil {
		return restjson.Identity{AccessKey: who.AccessKeyID}, err
	}
	return a.identity(k), nil
}

// claimed is what the verifier said of a request, as the protocol has it.
func claimed(who sigv4.Identity, err error) (restjson.Identity, error) {
	if refused, ok := errors.AsType[*sigv4.Error](err); ok {
		err = restjson.Fault{Name: refused.Name, Status: refused.Status, Message: refused.Message}
	}
	return restjson.Identity{AccessKey: who.AccessKeyID}, err
}

// identity is an access key as policies and their refusals name its owner.
func (a *App) identity(k store.AccessKey) restjson.Identity {
	name := cmp.Or(k.Name, k.ID)
	return restjson.Identity{AccessKey: k.ID, Account: a.cfg.Account, Name: name, ARN: "arn:aws:iam::" + a.cfg.Account + ":user/" + name}
}

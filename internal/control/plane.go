// Package control is what the API's operations do: they check a rule, change
// the store, tell the sessions if it matters to them, and answer.
//
// It sees no HTTP (package api/restjson does), keeps nothing itself (Store does)
// and touches no media (Live is all it knows of what runs).
package control

import (
	"context"
	"errors"

	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
	"openivs/internal/ivs"
)

// A Plane has the operations of the API, for one account in one region. A
// request comes to its operation only if Check has nothing against it.
type Plane struct {
	Store        Store
	Recordings   Resources[ivs.RecordingConfiguration]
	Restrictions Resources[ivs.RestrictionPolicy]
	Ads          Resources[ivs.AdConfiguration]
	KeyPairs     Resources[ivs.PlaybackKeyPair]
	Live         Live
	Audience     Audience
	Destinations *Destinations // of recordings
	Addresses    ivs.Addresses // what the server calls itself, and whose account it serves
	Quotas       ivs.Quotas
	Tokens       restjson.PageTokens

	// Permit says whether the caller may touch an item of a batch, which is not
	// judged as a whole. nil: it may.
	Permit func(ctx context.Context, arn ivs.ARN) error
}

var _ ivsapi.Service = (*Plane)(nil)

// own reads an ARN in the member of an operation that takes one kind of
// resource. Resources of another account are denied; those of another region,
// and of the older svs form, do not exist here.
func (p *Plane) own(ctx context.Context, member, arn string, kind ivs.Kind) (ivs.ARN, error) {
	a, err := arnOf(ctx, member, arn, kind)
	if err != nil {
		return ivs.ARN{}, err
	}
	return a, p.mine(ctx, a)
}

// mine reports an error unless a is an ARN that this server could have issued. In a
// batch, too, the right comes before what is there.
func (p *Plane) mine(ctx context.Context, a ivs.ARN) error {
	if a.Account != p.Addresses.Account {
		return ivs.Errorf(ivs.Denied, "User: %s is not authorized to perform: ivs:%s on resource: %s",
			restjson.Caller(ctx).ARN, restjson.OperationName(ctx), a)
	}
	if p.Permit != nil {
		if err := p.Permit(ctx, a); err != nil {
			return err
		}
	}
	if a.Region != p.Addresses.Region || a.Service != "ivs" {
		return missing(a.String())
	}
	return nil
}

// missing is the error about a resource that does not exist.
func missing(what string) error {
	return ivs.Errorf(ivs.NotFound, "Resource: %s not found", what)
}

// storeError is what the API says of an error of the store. What is missing is
// called by its name in the request; a code that the caller has no part in,
// such as a conflict between rows, is a defect of ours. An empty name means
// that nothing the caller named can be missing.
func storeError(err error, what string) error {
	switch code := ivs.CodeOf(err); {
	case code == ivs.NotFound && what != "":
		return missing(what)
	case code == ivs.Internal, code == ivs.Unavailable:
		return err // nil too
	default:
		return errors.New("unexpected " + string(code) + ": " + err.Error())
	}
}

// quotaError is the error about a quota, if the store's is, and else nil.
func quotaError(err error, of ivs.Kind, limit int) error {
	if ivs.CodeOf(err) == ivs.QuotaExceeded {
		return ivs.Errorf(ivs.QuotaExceeded, "%s quota of %d exceeded", of, limit)
	}
	return nil
}

// A list is what a List operation was asked for.
type list struct {
	op      string
	filters []string // all that narrows the list: a token is good for one choice
	after   int64    // where the page begins; 0 is the first
	limit   int
}

// list reads the paging members of a List operation.
func (p *Plane) list(op string, token *string, maxResults *int, byDefault int, filters ...string) (list, error) {
	l := list{op: op, filters: filters, limit: byDefault}
	if maxResults != nil {
		l.limit = *maxResults
	}
	var err error
	l.after, err = p.Tokens.Decode(op, filters, token)
	return l, err
}

// next returns the token of the page that begins at position, nil if none does.
func (p *Plane) next(l list, position int64) *string {
	return p.Tokens.Encode(l.op, l.filters, position)
}

// each translates all of a list. The result is never nil: lists are answered
// as [] where they are empty.
func each[A, B any](in []A, to func(A) B) []B {
	out := make([]B, len(in))
	for i, a := range in {
		out[i] = to(a)
	}
	return out
}

package control

import (
	"cmp"
	"context"

	"openivs/internal/ivs"
)

// maxResourcePage is how many resources a page has unless the caller says
// otherwise, where the account may have as many.
const maxResourcePage = 100

// create stores a new resource within its quota.
func create[T any](ctx context.Context, r Resources[T], v T, kind ivs.Kind, limit int) error {
	err := r.Create(ctx, v, limit)
	return cmp.Or(quotaError(err, kind, limit), storeError(err, ""))
}

// get returns the resource whose ARN is asked for.
func get[T any](ctx context.Context, p *Plane, r Resources[T], arn string, kind ivs.Kind) (T, error) {
	a, err := p.own(ctx, "arn", arn, kind)
	if err != nil {
		var none T
		return none, err
	}
	v, err := r.Get(ctx, a)
	return v, storeError(err, arn)
}

// update changes a resource whose ARN is given, unless change refuses.
func update[T any](ctx context.Context, p *Plane, r Resources[T], arn string, kind ivs.Kind, change func(*T) error) (T, error) {
	var none T
	a, err := p.own(ctx, "arn", arn, kind)
	if err != nil {
		return none, err
	}
	var refused error
	v, err := r.Update(ctx, a, func(v *T) error {
		refused = change(v)
		return refused
	})
	if refused != nil {
		return none, refused
	}
	return v, storeError(err, arn)
}

// remove deletes the resource whose ARN is given, unless a channel points to it.
func remove[T any](ctx context.Context, p *Plane, r Resources[T], arn string, kind ivs.Kind) error {
	a, err := p.own(ctx, "arn", arn, kind)
	if err != nil {
		return err
	}
	var refused error
	err = r.Delete(ctx, a, func(used bool) error {
		refused = nil
		if used {
			refused = ivs.Errorf(ivs.Conflict, "Resource: %s is in use by a channel", a)
		}
		return refused
	})
	if refused != nil {
		return refused
	}
	return storeError(err, arn)
}

// pageOf returns the page of resources that a List operation asks for, and
// the token of the one after it.
func pageOf[T any](ctx context.Context, p *Plane, r Resources[T], l list) ([]T, *string, error) {
	page, err := r.List(ctx, l.after, l.limit)
	if err != nil {
		return nil, nil, storeError(err, "")
	}
	return page.Items, p.next(l, page.Next), nil
}

// names translates a list of strings between two names for their type. Nil
// stays nil.
func names[T, F ~string](in []F) []T {
	if in == nil {
		return nil
	}
	return each(in, func(v F) T { return T(v) })
}

// all is names for lists that are answered as [] where they are empty.
func all(in []string) []string {
	if in == nil {
		return []string{}
	}
	return in
}

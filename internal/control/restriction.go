package control

import (
	"context"

	"openivs/internal/api/ivsapi"
	"openivs/internal/ivs"
)

// restrictionPage is how many playback restriction policies a page has unless
// the caller says otherwise.
const restrictionPage = 1

// CreatePlaybackRestrictionPolicy makes a policy about where channels may be
// watched.
func (p *Plane) CreatePlaybackRestrictionPolicy(ctx context.Context, in *ivsapi.CreatePlaybackRestrictionPolicyInput) (*ivsapi.CreatePlaybackRestrictionPolicyOutput, error) {
	r, err := p.newRestriction(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := create(ctx, p.Restrictions, r, r.ARN.Kind, p.Quotas.Effective().PlaybackRestrictionPolicies); err != nil {
		return nil, err
	}
	return &ivsapi.CreatePlaybackRestrictionPolicyOutput{PlaybackRestrictionPolicy: new(restrictionPolicy(r))}, nil
}

// newRestriction is the policy that a request asks for.
func (p *Plane) newRestriction(ctx context.Context, in *ivsapi.CreatePlaybackRestrictionPolicyInput) (ivs.RestrictionPolicy, error) {
	r := ivs.RestrictionPolicy{
		ARN:    ivs.NewARN(p.Addresses.Region, p.Addresses.Account, ivs.KindPlaybackRestrictionPolicy),
		Name:   value(in.Name),
		Strict: value(in.EnableStrictOriginEnforcement),
		Tags:   ivs.Tags(in.Tags).Clone(),
	}
	if err := r.Tags.Validate(); err != nil {
		return r, err
	}
	return r, applyLists(ctx, in.AllowedCountries, in.AllowedOrigins, &r)
}

// applyLists sets the lists that are given.
func applyLists(ctx context.Context, countries, origins []string, r *ivs.RestrictionPolicy) error {
	if countries != nil {
		r.Countries = countries
	}
	if origins != nil {
		r.Origins = origins
	}
	if err := r.Validate(); err != nil {
		return invalid(ctx, err.Error())
	}
	return nil
}

// GetPlaybackRestrictionPolicy returns a playback restriction policy.
func (p *Plane) GetPlaybackRestrictionPolicy(ctx context.Context, in *ivsapi.GetPlaybackRestrictionPolicyInput) (*ivsapi.GetPlaybackRestrictionPolicyOutput, error) {
	r, err := get(ctx, p, p.Restrictions, in.ARN, ivs.KindPlaybackRestrictionPolicy)
	if err != nil {
		return nil, err
	}
	return &ivsapi.GetPlaybackRestrictionPolicyOutput{PlaybackRestrictionPolicy: new(restrictionPolicy(r))}, nil
}

// ListPlaybackRestrictionPolicies lists playback restriction policies in the
// order they were made.
func (p *Plane) ListPlaybackRestrictionPolicies(ctx context.Context, in *ivsapi.ListPlaybackRestrictionPoliciesInput) (*ivsapi.ListPlaybackRestrictionPoliciesOutput, error) {
	l, err := p.list("ListPlaybackRestrictionPolicies", in.NextToken, in.MaxResults, restrictionPage)
	if err != nil {
		return nil, err
	}
	items, next, err := pageOf(ctx, p, p.Restrictions, l)
	if err != nil {
		return nil, err
	}
	return &ivsapi.ListPlaybackRestrictionPoliciesOutput{PlaybackRestrictionPolicies: each(items, restrictionSummary), NextToken: next}, nil
}

// UpdatePlaybackRestrictionPolicy changes the members that are given; a list
// takes the place of the whole list. Sessions that have begun go on as they did.
func (p *Plane) UpdatePlaybackRestrictionPolicy(ctx context.Context, in *ivsapi.UpdatePlaybackRestrictionPolicyInput) (*ivsapi.UpdatePlaybackRestrictionPolicyOutput, error) {
	r, err := update(ctx, p, p.Restrictions, in.ARN, ivs.KindPlaybackRestrictionPolicy, func(r *ivs.RestrictionPolicy) error {
		set(&r.Name, in.Name)
		set(&r.Strict, in.EnableStrictOriginEnforcement)
		return applyLists(ctx, in.AllowedCountries, in.AllowedOrigins, r)
	})
	if err != nil {
		return nil, err
	}
	return &ivsapi.UpdatePlaybackRestrictionPolicyOutput{PlaybackRestrictionPolicy: new(restrictionPolicy(r))}, nil
}

// DeletePlaybackRestrictionPolicy deletes a playback restriction policy that no
// channel has.
func (p *Plane) DeletePlaybackRestrictionPolicy(ctx context.Context, in *ivsapi.DeletePlaybackRestrictionPolicyInput) (*ivsapi.DeletePlaybackRestrictionPolicyOutput, error) {
	return nil, remove(ctx, p, p.Restrictions, in.ARN, ivs.KindPlaybackRestrictionPolicy)
}

// restrictionPolicy is a playback restriction policy as the API answers it.
func restrictionPolicy(r ivs.RestrictionPolicy) ivsapi.PlaybackRestrictionPolicy {
	return ivsapi.PlaybackRestrictionPolicy{
		ARN:                           r.ARN.String(),
		AllowedCountries:              all(r.Countries),
		AllowedOrigins:                all(r.Origins),
		EnableStrictOriginEnforcement: new(r.Strict),
		Name:                          new(r.Name),
		Tags:                          r.Tags.Clone(),
	}
}

// restrictionSummary is a playback restriction policy as lists have it.
func restrictionSummary(r ivs.RestrictionPolicy) ivsapi.PlaybackRestrictionPolicySummary {
	return ivsapi.PlaybackRestrictionPolicySummary{
		ARN:                           r.ARN.String(),
		AllowedCountries:              all(r.Countries),
		AllowedOrigins:                all(r.Origins),
		EnableStrictOriginEnforcement: new(r.Strict),
		Name:                          new(r.Name),
		Tags:                          r.Tags.Clone(),
	}
}

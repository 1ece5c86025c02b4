package control

import (
	"cmp"
	"context"

	"openivs/internal/api/ivsapi"
	"openivs/internal/ivs"
)

// ImportPlaybackKeyPair takes the public half of a key that signs playback
// tokens. A key can be there once.
func (p *Plane) ImportPlaybackKeyPair(ctx context.Context, in *ivsapi.ImportPlaybackKeyPairInput) (*ivsapi.ImportPlaybackKeyPairOutput, error) {
	k, err := p.newKeyPair(ctx, in)
	if err != nil {
		return nil, err
	}
	limit := p.Quotas.Effective().PlaybackKeyPairs
	if err := p.KeyPairs.Create(ctx, k, limit); ivs.CodeOf(err) == ivs.Conflict {
		return nil, ivs.Errorf(ivs.Conflict, "the public key with fingerprint %s was imported already", k.Fingerprint)
	} else if err != nil {
		return nil, cmp.Or(quotaError(err, k.ARN.Kind, limit), storeError(err, ""))
	}
	return &ivsapi.ImportPlaybackKeyPairOutput{KeyPair: new(keyPair(k))}, nil
}

// newKeyPair is the key pair that a request asks for.
func (p *Plane) newKeyPair(ctx context.Context, in *ivsapi.ImportPlaybackKeyPairInput) (ivs.PlaybackKeyPair, error) {
	k := ivs.PlaybackKeyPair{
		ARN:  ivs.NewARN(p.Addresses.Region, p.Addresses.Account, ivs.KindPlaybackKeyPair),
		Name: value(in.Name),
		Tags: ivs.Tags(in.Tags).Clone(),
	}
	if err := k.Tags.Validate(); err != nil {
		return k, err
	}
	var err error
	if k.PublicKey, k.Fingerprint, err = ivs.ParsePublicKey(in.PublicKeyMaterial); err != nil {
		return k, invalid(ctx, "publicKeyMaterial: "+err.Error())
	}
	return k, nil
}

// GetPlaybackKeyPair returns a playback key pair.
func (p *Plane) GetPlaybackKeyPair(ctx context.Context, in *ivsapi.GetPlaybackKeyPairInput) (*ivsapi.GetPlaybackKeyPairOutput, error) {
	k, err := get(ctx, p, p.KeyPairs, in.ARN, ivs.KindPlaybackKeyPair)
	if err != nil {
		return nil, err
	}
	return &ivsapi.GetPlaybackKeyPairOutput{KeyPair: new(keyPair(k))}, nil
}

// ListPlaybackKeyPairs lists playback key pairs, without their fingerprints, in
// the order they were imported.
func (p *Plane) ListPlaybackKeyPairs(ctx context.Context, in *ivsapi.ListPlaybackKeyPairsInput) (*ivsapi.ListPlaybackKeyPairsOutput, error) {
	byDefault := min(p.Quotas.Effective().PlaybackKeyPairs, maxResourcePage)
	l, err := p.list("ListPlaybackKeyPairs", in.NextToken, in.MaxResults, byDefault)
	if err != nil {
		return nil, err
	}
	items, next, err := pageOf(ctx, p, p.KeyPairs, l)
	if err != nil {
		return nil, err
	}
	return &ivsapi.ListPlaybackKeyPairsOutput{KeyPairs: each(items, keyPairSummary), NextToken: next}, nil
}

// DeletePlaybackKeyPair deletes a playback key pair: tokens that it signed are
// good no longer.
func (p *Plane) DeletePlaybackKeyPair(ctx context.Context, in *ivsapi.DeletePlaybackKeyPairInput) (*ivsapi.DeletePlaybackKeyPairOutput, error) {
	return nil, remove(ctx, p, p.KeyPairs, in.ARN, ivs.KindPlaybackKeyPair)
}

// keyPair is a playback key pair as the API answers it: the key itself is not.
func keyPair(k ivs.PlaybackKeyPair) ivsapi.PlaybackKeyPair {
	return ivsapi.PlaybackKeyPair{
		ARN:         new(k.ARN.String()),
		Name:        new(k.Name),
		Fingerprint: new(k.Fingerprint),
		Tags:        k.Tags.Clone(),
	}
}

// keyPairSummary is a playback key pair as lists have it.
func keyPairSummary(k ivs.PlaybackKeyPair) ivsapi.PlaybackKeyPairSummary {
	return ivsapi.PlaybackKeyPairSummary{ARN: new(k.ARN.String()), Name: new(k.Name), Tags: k.Tags.Clone()}
}

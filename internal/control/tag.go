package control

import (
	"context"
	"maps"

	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
	"openivs/internal/ivs"
)

// TagResource adds tags to a resource, or overwrites them.
func (p *Plane) TagResource(ctx context.Context, in *ivsapi.TagResourceInput) (*ivsapi.TagResourceOutput, error) {
	return nil, p.retag(ctx, in.ResourceARN, func(t ivs.Tags) error {
		maps.Copy(t, in.Tags)
		return t.Validate()
	})
}

// UntagResource takes tags away. One that is not there is as good as gone.
func (p *Plane) UntagResource(ctx context.Context, in *ivsapi.UntagResourceInput) (*ivsapi.UntagResourceOutput, error) {
	return nil, p.retag(ctx, in.ResourceARN, func(t ivs.Tags) error {
		for _, k := range in.TagKeys {
			delete(t, k)
		}
		return nil
	})
}

// retag changes the tags of a resource.
func (p *Plane) retag(ctx context.Context, resource string, change func(ivs.Tags) error) error {
	arn, err := p.taggable(ctx, resource)
	if err != nil {
		return err
	}
	var refused error
	err = p.Store.UpdateTags(ctx, arn, func(t ivs.Tags) error {
		refused = change(t)
		return refused
	})
	if refused != nil {
		return refused
	}
	return storeError(err, resource)
}

// ListTagsForResource returns the tags of a resource.
func (p *Plane) ListTagsForResource(ctx context.Context, in *ivsapi.ListTagsForResourceInput) (*ivsapi.ListTagsForResourceOutput, error) {
	arn, err := p.taggable(ctx, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	tags, err := p.Store.Tags(ctx, arn)
	if err != nil {
		return nil, storeError(err, in.ResourceARN)
	}
	return &ivsapi.ListTagsForResourceOutput{Tags: tags}, nil
}

// taggable reads the ARN of a resource of any kind.
func (p *Plane) taggable(ctx context.Context, resource string) (ivs.ARN, error) {
	a, err := taggable(ctx, resource)
	if err != nil {
		return ivs.ARN{}, err
	}
	return a, p.mine(ctx, a)
}

// taggable reads an ARN in the member resourceArn.
func taggable(ctx context.Context, resource string) (ivs.ARN, error) {
	op := restjson.OperationName(ctx)
	a, err := ivs.ParseARN(resource)
	if err != nil {
		return ivs.ARN{}, ivs.Errorf(ivs.Invalid, "%s.resourceArn: %w", op, err)
	}
	switch a.Kind {
	case ivs.KindChannel, ivs.KindStreamKey, ivs.KindPlaybackKeyPair, ivs.KindRecordingConfiguration,
		ivs.KindPlaybackRestrictionPolicy, ivs.KindAdConfiguration:
		return a, nil
	default:
		return ivs.ARN{}, ivs.Errorf(ivs.Invalid, "%s.resourceArn: a %s cannot have tags", op, a.Kind)
	}
}

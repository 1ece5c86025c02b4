// Package access says whether a caller may do what it asks for: its policies
// allow the action on the resource, and it does not come too often.
//
// It reads the language of policies through package iam. Who the caller is, it
// is told; what the resources are and whether they exist is for others.
package access

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"openivs/internal/api/restjson"
	"openivs/internal/iam"
	"openivs/internal/ivs"
)

// A Guard admits requests. Its fields are set before the first and left alone
// afterwards.
type Guard struct {
	Region, Account string // of the resources

	// Policies returns what a key may do: names of managed policies and
	// documents. They are never changed once returned.
	Policies func(ctx context.Context, accessKey string) ([]string, error)

	// Tags returns the tags of a resource, ivs.NotFound if there is none. It is
	// asked only where a policy of the caller depends on them.
	Tags func(ctx context.Context, arn ivs.ARN) (ivs.Tags, error)

	Rates *Rates

	callers callers
}

// Admit says whether a well-formed request may be carried out: first whether the
// caller has the right, then whether it is not too early. The items of a batch
// are judged one by one, by Permit.
func (g *Guard) Admit(ctx context.Context, operation string, in any) error {
	if !inBatch(operation) {
		t, err := g.target(operation, in)
		if err != nil {
			return err
		}
		for _, resource := range t.resources {
			if err := g.authorize(ctx, operation, resource, t); err != nil {
				return err
			}
		}
	}
	return g.Rates.take(operation, in)
}

// Permit says whether the operation of ctx may touch a resource. It is for the
// items of a batch; other operations were judged as a whole.
func (g *Guard) Permit(ctx context.Context, arn ivs.ARN) error {
	operation := restjson.OperationName(ctx)
	if !inBatch(operation) {
		return nil
	}
	return g.authorize(ctx, operation, arn.String(), target{})
}

func inBatch(operation string) bool { return strings.HasPrefix(operation, "Batch") }

// authorize judges one resource of a request.
func (g *Guard) authorize(ctx context.Context, operation, resource string, t target) error {
	return g.judge(ctx, restjson.Caller(ctx), "ivs:"+operation, resource, t)
}

// Authorize says whether somebody may do an action, named with its service, on a
// resource. It is for what is no operation of the API.
func (g *Guard) Authorize(ctx context.Context, who restjson.Identity, action, resource string) error {
	return g.judge(ctx, who, action, resource, target{})
}

func (g *Guard) judge(ctx context.Context, who restjson.Identity, action, resource string, t target) error {
	c, err := g.caller(ctx, who.AccessKey)
	if err != nil {
		return err
	}
	if c.everything {
		return nil
	}
	r := iam.Request{Action: action, Resource: resource}
	if c.conditions {
		if r.Context, err = g.context(ctx, c, resource, t); err != nil {
			return err
		}
	}
	if iam.Evaluate(c.policies, r) != iam.Allowed {
		return ivs.Errorf(ivs.Denied, "User: %s is not authorized to perform: %s on resource: %s", who.ARN, r.Action, resource)
	}
	return nil
}

// The condition keys that are known here, in lower case.
const (
	resourceTag = "aws:resourcetag/"
	requestTag  = "aws:requesttag/"
	tagKeys     = "aws:tagkeys"
)

// context gathers the values of condition keys, as far as the caller's policies
// ask for them. Keys of tags compare without regard to case.
func (g *Guard) context(ctx context.Context, c *caller, resource string, t target) (iam.Context, error) {
	out := iam.Context{}
	for k, v := range t.tags {
		k = strings.ToLower(k)
		out[requestTag+k] = append(out[requestTag+k], v)
		out[tagKeys] = append(out[tagKeys], k)
	}
	for _, k := range t.keys {
		out[tagKeys] = append(out[tagKeys], strings.ToLower(k))
	}
	if !c.resourceTags || strings.Contains(resource, "*") || !strings.HasPrefix(resource, "arn:") {
		return out, nil // a resource with wildcards has no tags
	}
	arn, err := ivs.ParseARN(resource)
	if err != nil {
		return nil, err
	}
	tags, err := g.Tags(ctx, arn)
	if err != nil && ivs.CodeOf(err) != ivs.NotFound {
		return nil, err
	}
	for k, v := range tags {
		k = resourceTag + strings.ToLower(k)
		out[k] = append(out[k], v)
	}
	return out, nil
}

// A caller is what is known of an access key. It is never changed once made.
type caller struct {
	documents    []string
	policies     []*iam.Policy
	everything   bool // nothing is forbidden to it
	conditions   bool // some policy has a condition
	resourceTags bool // one on the tags of the resource
}

// caller returns what an access key may do. Its policies are read again only
// when they have changed.
func (g *Guard) caller(ctx context.Context, accessKey string) (*caller, error) {
	documents, err := g.Policies(ctx, accessKey)
	if err != nil {
		return nil, fmt.Errorf("find policies of %s: %w", accessKey, err)
	}
	if c, ok := g.callers.get(accessKey); ok && slices.Equal(c.documents, documents) {
		return c, nil
	}
	c, err := newCaller(documents)
	if err != nil {
		return nil, fmt.Errorf("policies of %s: %w", accessKey, err)
	}
	g.callers.put(accessKey, c)
	return c, nil
}

func newCaller(documents []string) (*caller, error) {
	c := &caller{documents: documents, everything: Everything(documents)}
	for _, d := range documents {
		p, err := read(d)
		if err != nil {
			return nil, err
		}
		c.policies = append(c.policies, p)
		for _, k := range p.Keys() {
			c.conditions = true
			c.resourceTags = c.resourceTags || strings.HasPrefix(k, resourceTag)
		}
	}
	return c, nil
}

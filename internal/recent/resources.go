package recent

import (
	"context"

	"openivs/internal/control"
	"openivs/internal/ivs"
)

// Resources are remembered one by one, as channels are. Nobody else may change
// what is in their table.
type Resources[T any] struct {
	store control.Resources[T]
	table table[ivs.ARN, T]
	all   table[struct{}, []T] // one list
	tags  func(*T) *ivs.Tags
}

// Restrictions returns playback restriction policies that are remembered, and
// forgotten when their tags change by way of s.
func Restrictions(s *Store, r control.Resources[ivs.RestrictionPolicy]) *Resources[ivs.RestrictionPolicy] {
	return remember(s, ivs.KindPlaybackRestrictionPolicy, r, func(p *ivs.RestrictionPolicy) *ivs.Tags { return &p.Tags })
}

// Ads does for ad configurations what Restrictions does for policies.
func Ads(s *Store, r control.Resources[ivs.AdConfiguration]) *Resources[ivs.AdConfiguration] {
	return remember(s, ivs.KindAdConfiguration, r, func(c *ivs.AdConfiguration) *ivs.Tags { return &c.Tags })
}

// KeyPairs does the same for playback key pairs.
func KeyPairs(s *Store, r control.Resources[ivs.PlaybackKeyPair]) *Resources[ivs.PlaybackKeyPair] {
	return remember(s, ivs.KindPlaybackKeyPair, r, func(k *ivs.PlaybackKeyPair) *ivs.Tags { return &k.Tags })
}

// Recordings does the same for recording configurations.
func Recordings(s *Store, r control.Resources[ivs.RecordingConfiguration]) *Resources[ivs.RecordingConfiguration] {
	return remember(s, ivs.KindRecordingConfiguration, r, func(c *ivs.RecordingConfiguration) *ivs.Tags { return &c.Tags })
}

func remember[T any](s *Store, k ivs.Kind, r control.Resources[T], tags func(*T) *ivs.Tags) *Resources[T] {
	out := &Resources[T]{store: r, tags: tags}
	s.others[k] = other{change: out.change, tags: out.tagsOf}
	return out
}

// tagsOf returns the tags of a resource.
func (r *Resources[T]) tagsOf(ctx context.Context, arn ivs.ARN) (ivs.Tags, error) {
	v, err := r.Get(ctx, arn)
	return *r.tags(&v), err
}

// change begins a change of any of them.
func (r *Resources[T]) change() (end func(err *error)) {
	one, all := r.table.change(), r.all.change()
	return func(err *error) {
		one(err)
		all(err)
	}
}

// maxAll is how many All returns: far more than there may be of what it is for.
const maxAll = 1000

// All returns all there are, by creation, the oldest first. The list, and what is
// in it, stays as it is.
func (r *Resources[T]) All(ctx context.Context) ([]T, error) {
	return r.all.get(ctx, struct{}{}, func(ctx context.Context, _ struct{}) ([]T, error) {
		p, err := r.store.List(ctx, 0, maxAll)
		return p.Items, err
	})
}

// Create stores a new resource. Nothing was known of it alone before.
func (r *Resources[T]) Create(ctx context.Context, v T, limit int) (err error) {
	defer r.all.change()(&err)
	return r.store.Create(ctx, v, limit)
}

// Get returns a resource. Its lists stay as they are.
func (r *Resources[T]) Get(ctx context.Context, arn ivs.ARN) (T, error) {
	v, err := r.table.get(ctx, arn, r.store.Get)
	own := r.tags(&v)
	*own = tags(*own)
	return v, err
}

// List returns resources by creation, the oldest first.
func (r *Resources[T]) List(ctx context.Context, after int64, limit int) (ivs.Page[T], error) {
	return r.store.List(ctx, after, limit)
}

// Update changes a resource.
func (r *Resources[T]) Update(ctx context.Context, arn ivs.ARN, change func(*T) error) (v T, err error) {
	defer r.change()(&err)
	return r.store.Update(ctx, arn, change)
}

// Delete deletes a resource.
func (r *Resources[T]) Delete(ctx context.Context, arn ivs.ARN, allow func(used bool) error) (err error) {
	defer r.change()(&err)
	return r.store.Delete(ctx, arn, allow)
}

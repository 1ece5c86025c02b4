package recent

import (
	"context"

	"openivs/internal/control"
	"openivs/internal/ivs"
)

// Resources are remembered one by one, as channels are. Nobody else may change
// what is in their table.
type Resources[T any] struct {
	store    control.Resources[T]
	table    table[ivs.ARN, T]
	all      table[struct{}, []T] // one list
	withTags func(T) T            // a copy with tags of its own
}

// Restrictions returns playback restriction policies that are remembered, and
// forgotten when their tags change by way of s.
func Restrictions(s *Store, r control.Resources[ivs.RestrictionPolicy]) *Resources[ivs.RestrictionPolicy] {
	return remember(s, ivs.KindPlaybackRestrictionPolicy, r, func(p ivs.RestrictionPolicy) ivs.RestrictionPolicy {
		p.Tags = tags(p.Tags)
		return p
	})
}

// Ads does for ad configurations what Restrictions does for policies.
func Ads(s *Store, r control.Resources[ivs.AdConfiguration]) *Resources[ivs.AdConfiguration] {
	return remember(s, ivs.KindAdConfiguration, r, func(c ivs.AdConfiguration) ivs.AdConfiguration {
		c.Tags = tags(c.Tags)
		return c
	})
}

// KeyPairs does the same for playback key pairs.
func KeyPairs(s *Store, r control.Resources[ivs.PlaybackKeyPair]) *Resources[ivs.PlaybackKeyPair] {
	return remember(s, ivs.KindPlaybackKeyPair, r, func(k ivs.PlaybackKeyPair) ivs.PlaybackKeyPair {
		k.Tags = tags(k.Tags)
		return k
	})
}

// Recordings does the same for recording configurations.
func Recordings(s *Store, r control.Resources[ivs.RecordingConfiguration]) *Resources[ivs.RecordingConfiguration] {
	return remember(s, ivs.KindRecordingConfiguration, r, func(c ivs.RecordingConfiguration) ivs.RecordingConfiguration {
		c.Tags = tags(c.Tags)
		return c
	})
}

func remember[T any](s *Store, k ivs.Kind, r control.Resources[T], withTags func(T) T) *Resources[T] {
	out := &Resources[T]{store: r, withTags: withTags}
	s.others[k] = out.change
	return out
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
	return r.withTags(v), err
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

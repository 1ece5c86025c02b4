// Package recent remembers what was read of channels, one by one and in pages, stream
// keys, sessions and some other resources, so that reading them again costs no query.
//
// It is right only where all changes go through it: in the server that owns the
// database. Resources and their tags are changed by the API, sessions by those who
// publish, too, and the state of recording configurations by control.Destinations,
// which therefore has the same Resources as the API. It keeps nothing that is not
// in the database.
package recent

import (
	"context"

	"openivs/internal/control"
	"openivs/internal/ivs"
)

// A Store is a control.Store whose single channels and stream keys, and pages of
// channels, are remembered. It has every method that changes them; none is passed through by
// embedding, so that a new one cannot be missed.
type Store struct {
	control.ViewerStore
	*History

	channelStore control.ChannelStore
	keyStore     control.StreamKeyStore
	tagStore     control.TagStore

	channels table[ivs.ARN, ivs.Channel]
	keys     table[ivs.ARN, ivs.StreamKey]
	lists    table[list, ivs.Page[ivs.Channel]]
	others   map[ivs.Kind]other
}

// An other is a kind of resource that is remembered elsewhere.
type other struct {
	change func() (end func(err *error)) // begins a change of any of them
	tags   func(context.Context, ivs.ARN) (ivs.Tags, error)
}

var _ control.Store = (*Store)(nil)

// New returns a store that remembers what it reads of another, with the sessions
// of the same database. Other resources are added before its first use.
func New(s control.Store, history *History) *Store {
	out := &Store{History: history, ViewerStore: s, channelStore: s, keyStore: s, tagStore: s, others: make(map[ivs.Kind]other)}
	out.lists.weigh = func(p ivs.Page[ivs.Channel]) int { return 1 + len(p.Items) }
	return out
}

// Channel returns a channel.
func (s *Store) Channel(ctx context.Context, arn ivs.ARN) (ivs.Channel, error) {
	c, err := s.channels.get(ctx, arn, s.channelStore.Channel)
	c.Tags = tags(c.Tags)
	return c, err
}

// StreamKey returns a stream key.
func (s *Store) StreamKey(ctx context.Context, arn ivs.ARN) (ivs.StreamKey, error) {
	k, err := s.keys.get(ctx, arn, s.keyStore.StreamKey)
	k.Tags = tags(k.Tags)
	return k, err
}

// tags returns tags of the caller's own. Those that are remembered stay as they are.
func tags(t ivs.Tags) ivs.Tags {
	if t == nil {
		return nil // there is no resource
	}
	return t.Clone()
}

// Tags returns the tags of a resource, which are remembered with all of it.
func (s *Store) Tags(ctx context.Context, arn ivs.ARN) (ivs.Tags, error) {
	if o, ok := s.others[arn.Kind]; ok {
		return o.tags(ctx, arn)
	}
	switch arn.Kind {
	case ivs.KindChannel:
		c, err := s.Channel(ctx, arn)
		return c.Tags, err
	case ivs.KindStreamKey:
		k, err := s.StreamKey(ctx, arn)
		return k.Tags, err
	default:
		return s.tagStore.Tags(ctx, arn)
	}
}

// CreateChannel stores a new channel. Nothing was known of it alone before.
func (s *Store) CreateChannel(ctx context.Context, c ivs.Channel, k ivs.StreamKey, limit int) (err error) {
	defer s.lists.change()(&err)
	return s.channelStore.CreateChannel(ctx, c, k, limit)
}

// CreateStreamKey stores a new stream key. Nothing was known of it before.
func (s *Store) CreateStreamKey(ctx context.Context, k ivs.StreamKey, limit int) error {
	return s.keyStore.CreateStreamKey(ctx, k, limit)
}

// UpdateChannel changes a channel.
func (s *Store) UpdateChannel(ctx context.Context, arn ivs.ARN, change func(c *ivs.Channel, live bool) error) (c ivs.Channel, err error) {
	defer s.channels.change()(&err)
	defer s.lists.change()(&err)
	return s.channelStore.UpdateChannel(ctx, arn, change)
}

// DeleteChannel deletes a channel and its stream keys.
func (s *Store) DeleteChannel(ctx context.Context, arn ivs.ARN, allow func(live bool) error) (err error) {
	defer s.channels.change()(&err)
	defer s.lists.change()(&err)
	defer s.keys.change()(&err)
	defer s.deleteChannel(arn)(&err)
	return s.channelStore.DeleteChannel(ctx, arn, allow)
}

// DeleteStreamKey deletes a stream key.
func (s *Store) DeleteStreamKey(ctx context.Context, arn ivs.ARN) (err error) {
	defer s.keys.change()(&err)
	return s.keyStore.DeleteStreamKey(ctx, arn)
}

// UpdateTags changes the tags of a resource.
func (s *Store) UpdateTags(ctx context.Context, arn ivs.ARN, change func(t ivs.Tags) error) (err error) {
	if o, ok := s.others[arn.Kind]; ok {
		defer o.change()(&err)
	}
	switch arn.Kind { //nolint:exhaustive // the others are above, or not remembered
	case ivs.KindChannel:
		defer s.channels.change()(&err)
		defer s.lists.change()(&err)
	case ivs.KindStreamKey:
		defer s.keys.change()(&err)
	}
	return s.tagStore.UpdateTags(ctx, arn, change)
}

// ChannelsByARN returns those of the channels that exist.
func (s *Store) ChannelsByARN(ctx context.Context, arns []ivs.ARN) ([]ivs.Channel, error) {
	return s.channelStore.ChannelsByARN(ctx, arns)
}

// A list is a page of a list of channels, without the pointer of its filter.
type list struct {
	filter ivs.ChannelFilter
	named  bool
	name   string
	after  int64
	limit  int
}

// Channels lists channels. The caller must not change what is on a page.
func (s *Store) Channels(ctx context.Context, f ivs.ChannelFilter, after int64, limit int) (ivs.Page[ivs.Channel], error) {
	l := list{filter: f, after: after, limit: limit}
	if f.Name != nil {
		l.filter.Name, l.named, l.name = nil, true, *f.Name
	}
	return s.lists.get(ctx, l, func(ctx context.Context, _ list) (ivs.Page[ivs.Channel], error) {
		return s.channelStore.Channels(ctx, f, after, limit)
	})
}

// StreamKeysByARN returns those of the stream keys that exist.
func (s *Store) StreamKeysByARN(ctx context.Context, arns []ivs.ARN) ([]ivs.StreamKey, error) {
	return s.keyStore.StreamKeysByARN(ctx, arns)
}

// StreamKeys lists the keys of a channel.
func (s *Store) StreamKeys(ctx context.Context, channel ivs.ARN, after int64, limit int) (ivs.Page[ivs.StreamKey], error) {
	return s.keyStore.StreamKeys(ctx, channel, after, limit)
}

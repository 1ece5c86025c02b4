// Package recent remembers what was read of channels, stream keys, sessions and
// some other resources, so that reading them again costs no query.
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

// A Store is a control.Store whose single channels and stream keys are
// remembered. It has every method that changes them; none is passed through by
// embedding, so that a new one cannot be missed.
type Store struct {
	control.ViewerStore
	*History

	channelStore control.ChannelStore
	keyStore     control.StreamKeyStore
	tagStore     control.TagStore

	channels table[ivs.ARN, ivs.Channel]
	keys     table[ivs.ARN, ivs.StreamKey]
	others   map[ivs.Kind]func() (end func(err *error)) // what begins a change of them
}

var _ control.Store = (*Store)(nil)

// New returns a store that remembers what it reads of another, with the sessions
// of the same database. Other resources are added before its first use.
func New(s control.Store, history *History) *Store {
	return &Store{History: history, ViewerStore: s, channelStore: s, keyStore: s, tagStore: s, others: make(map[ivs.Kind]func() func(*error))}
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

// Tags returns the tags of a resource.
func (s *Store) Tags(ctx context.Context, arn ivs.ARN) (ivs.Tags, error) {
	return s.tagStore.Tags(ctx, arn)
}

// CreateChannel stores a new channel. Nothing was known of it before.
func (s *Store) CreateChannel(ctx context.Context, c ivs.Channel, k ivs.StreamKey, limit int) error {
	return s.channelStore.CreateChannel(ctx, c, k, limit)
}

// CreateStreamKey stores a new stream key. Nothing was known of it before.
func (s *Store) CreateStreamKey(ctx context.Context, k ivs.StreamKey, limit int) error {
	return s.keyStore.CreateStreamKey(ctx, k, limit)
}

// UpdateChannel changes a channel.
func (s *Store) UpdateChannel(ctx context.Context, arn ivs.ARN, change func(c *ivs.Channel, live bool) error) (c ivs.Channel, err error) {
	defer s.channels.change()(&err)
	return s.channelStore.UpdateChannel(ctx, arn, change)
}

// DeleteChannel deletes a channel and its stream keys.
func (s *Store) DeleteChannel(ctx context.Context, arn ivs.ARN, allow func(live bool) error) (err error) {
	defer s.channels.change()(&err)
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
	if change, ok := s.others[arn.Kind]; ok {
		defer change()(&err)
	}
	switch arn.Kind { //nolint:exhaustive // the others are above, or not remembered
	case ivs.KindChannel:
		defer s.channels.change()(&err)
	case ivs.KindStreamKey:
		defer s.keys.change()(&err)
	}
	return s.tagStore.UpdateTags(ctx, arn, change)
}

// ChannelsByARN returns those of the channels that exist.
func (s *Store) ChannelsByARN(ctx context.Context, arns []ivs.ARN) ([]ivs.Channel, error) {
	return s.channelStore.ChannelsByARN(ctx, arns)
}

// Channels lists channels.
func (s *Store) Channels(ctx context.Context, f ivs.ChannelFilter, after int64, limit int) (ivs.Page[ivs.Channel], error) {
	return s.channelStore.Channels(ctx, f, after, limit)
}

// StreamKeysByARN returns those of the stream keys that exist.
func (s *Store) StreamKeysByARN(ctx context.Context, arns []ivs.ARN) ([]ivs.StreamKey, error) {
	return s.keyStore.StreamKeysByARN(ctx, arns)
}

// StreamKeys lists the keys of a channel.
func (s *Store) StreamKeys(ctx context.Context, channel ivs.ARN, after int64, limit int) (ivs.Page[ivs.StreamKey], error) {
	return s.keyStore.StreamKeys(ctx, channel, after, limit)
}

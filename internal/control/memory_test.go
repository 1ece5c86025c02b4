package control_test

import (
	"context"
	"slices"
	"sync"

	"openivs/internal/ivs"
)

// A memory is a store without a disk: it keeps what control.Store and the
// opening and saving of sessions promise, by linear search.
type memory struct {
	mu       sync.Mutex
	last     int64 // the newest row's number
	channels []*row[ivs.Channel]
	keys     []*row[ivs.StreamKey]
	sessions []*row[ivs.Session]
	events   []ivs.Event

	recordings   []*row[ivs.RecordingConfiguration]
	restrictions []*row[ivs.RestrictionPolicy]
	ads          []*row[ivs.AdConfiguration]
	pairs        []*row[ivs.PlaybackKeyPair]
	revoked      map[string]int64       // version by channel and viewer
	breaks       map[string]ivs.AdBreak // the newest by stream id
}

type row[T any] struct {
	id int64
	v  T
}

func insert[T any](m *memory, rows *[]*row[T], v T) {
	m.last++
	*rows = append(*rows, &row[T]{m.last, v})
}

func find[T any](rows []*row[T], is func(T) bool) (*row[T], error) {
	if i := slices.IndexFunc(rows, func(r *row[T]) bool { return is(r.v) }); i >= 0 {
		return rows[i], nil
	}
	return nil, ivs.Errorf(ivs.NotFound, "no such row")
}

// page returns the rows after a number; rows are in the order of the list.
func page[T, V any](rows []*row[T], after int64, limit int, to func(T) V) ivs.Page[V] {
	var out ivs.Page[V]
	begin := 0
	if after != 0 {
		begin = slices.IndexFunc(rows, func(r *row[T]) bool { return r.id == after }) + 1
	}
	for i, r := range rows[begin:] {
		if len(out.Items) == limit {
			out.Next = rows[begin+i-1].id
			break
		}
		out.Items = append(out.Items, to(r.v))
	}
	return out
}

func same[T any](v T) T { return v }

func (m *memory) channel(arn ivs.ARN) (*row[ivs.Channel], error) {
	return find(m.channels, func(c ivs.Channel) bool { return c.ARN == arn })
}

func (m *memory) key(arn ivs.ARN) (*row[ivs.StreamKey], error) {
	return find(m.keys, func(k ivs.StreamKey) bool { return k.ARN == arn })
}

func (m *memory) live(arn ivs.ARN) bool {
	_, err := find(m.sessions, func(s ivs.Session) bool { return s.Channel.Channel.ARN == arn && s.Ended.IsZero() })
	return err == nil
}

func copyChannel(c ivs.Channel) ivs.Channel {
	c.Tags = c.Tags.Clone()
	return c
}

func (m *memory) CreateChannel(_ context.Context, c ivs.Channel, k ivs.StreamKey, limit int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refer(c); err != nil {
		return err
	}
	if len(m.channels) >= limit {
		return ivs.Errorf(ivs.QuotaExceeded, "there are %d channels", limit)
	}
	insert(m, &m.channels, copyChannel(c))
	insert(m, &m.keys, k)
	return nil
}

func (m *memory) Channel(_ context.Context, arn ivs.ARN) (ivs.Channel, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.channel(arn)
	if err != nil {
		return ivs.Channel{}, err
	}
	return copyChannel(r.v), nil
}

func (m *memory) ChannelsByARN(_ context.Context, arns []ivs.ARN) ([]ivs.Channel, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []ivs.Channel
	for _, r := range m.channels {
		if slices.Contains(arns, r.v.ARN) {
			out = append(out, copyChannel(r.v))
		}
	}
	return out, nil
}

func (m *memory) Channels(_ context.Context, f ivs.ChannelFilter, after int64, limit int) (ivs.Page[ivs.Channel], error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []*row[ivs.Channel]
	for _, r := range m.channels {
		if (f.Name == nil || *f.Name == r.v.Name) &&
			(f.Recording == "" || f.Recording == r.v.Recording.String()) &&
			(f.Restriction == "" || f.Restriction == r.v.Restriction.String()) &&
			(f.AdConfiguration == "" || f.AdConfiguration == r.v.AdConfiguration.String()) {
			rows = append(rows, r)
		}
	}
	return page(rows, after, limit, copyChannel), nil
}

func (m *memory) UpdateChannel(_ context.Context, arn ivs.ARN, change func(*ivs.Channel, bool) error) (ivs.Channel, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.channel(arn)
	if err != nil {
		return ivs.Channel{}, err
	}
	c := copyChannel(r.v)
	if err := change(&c, m.live(arn)); err != nil {
		return ivs.Channel{}, err
	}
	if err := m.refer(c); err != nil {
		return ivs.Channel{}, err
	}
	r.v = c
	return copyChannel(c), nil
}

func (m *memory) DeleteChannel(_ context.Context, arn ivs.ARN, allow func(bool) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.channel(arn); err != nil {
		return err
	}
	if err := allow(m.live(arn)); err != nil {
		return err
	}
	m.channels = slices.DeleteFunc(m.channels, func(r *row[ivs.Channel]) bool { return r.v.ARN == arn })
	m.keys = slices.DeleteFunc(m.keys, func(r *row[ivs.StreamKey]) bool { return r.v.Channel == arn })
	return nil
}

func (m *memory) CreateStreamKey(_ context.Context, k ivs.StreamKey, limit int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.channel(k.Channel); err != nil {
		return err
	}
	n := 0
	for _, r := range m.keys {
		if r.v.Channel == k.Channel {
			n++
		}
	}
	if n >= limit {
		return ivs.Errorf(ivs.QuotaExceeded, "there are %d keys", n)
	}
	insert(m, &m.keys, k)
	return nil
}

func (m *memory) StreamKey(_ context.Context, arn ivs.ARN) (ivs.StreamKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.key(arn)
	if err != nil {
		return ivs.StreamKey{}, err
	}
	k := r.v
	k.Tags = k.Tags.Clone()
	return k, nil
}

func (m *memory) StreamKeysByARN(_ context.Context, arns []ivs.ARN) ([]ivs.StreamKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []ivs.StreamKey
	for _, r := range m.keys {
		if slices.Contains(arns, r.v.ARN) {
			out = append(out, r.v)
		}
	}
	return out, nil
}

func (m *memory) StreamKeys(_ context.Context, channel ivs.ARN, after int64, limit int) (ivs.Page[ivs.StreamKey], error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []*row[ivs.StreamKey]
	for _, r := range m.keys {
		if r.v.Channel == channel {
			rows = append(rows, r)
		}
	}
	return page(rows, after, limit, same), nil
}

func (m *memory) DeleteStreamKey(_ context.Context, arn ivs.ARN) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.key(arn); err != nil {
		return err
	}
	m.keys = slices.DeleteFunc(m.keys, func(r *row[ivs.StreamKey]) bool { return r.v.ARN == arn })
	return nil
}

func (m *memory) Session(_ context.Context, channel ivs.ARN, streamID string) (ivs.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.channel(channel); err != nil {
		return ivs.Session{}, err
	}
	for _, r := range slices.Backward(m.sessions) {
		if r.v.Channel.Channel.ARN == channel && (streamID == "" || r.v.StreamID == streamID) {
			return r.v, nil
		}
	}
	return ivs.Session{}, ivs.Errorf(ivs.NotFound, "no such session")
}

func (m *memory) SessionEvents(_ context.Context, streamID string, limit int) ([]ivs.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []ivs.Event
	for _, e := range slices.Backward(m.events) {
		if e.StreamID == streamID && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, nil
}

func (m *memory) Sessions(_ context.Context, channel ivs.ARN, after int64, limit int) (ivs.Page[ivs.SessionSummary], error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []*row[ivs.Session]
	for _, r := range slices.Backward(m.sessions) {
		if r.v.Channel.Channel.ARN == channel {
			rows = append(rows, r)
		}
	}
	return page(rows, after, limit, func(s ivs.Session) ivs.SessionSummary {
		return ivs.SessionSummary{StreamID: s.StreamID, Start: s.StartTime(), Ended: s.Ended, HasError: s.HasError}
	}), nil
}

// tags returns where the tags of a resource are.
func (m *memory) tags(arn ivs.ARN) (*ivs.Tags, error) {
	var tags *ivs.Tags
	at := func(a ivs.ARN, t *ivs.Tags) {
		if a == arn {
			tags = t
		}
	}
	for _, r := range m.channels {
		at(r.v.ARN, &r.v.Tags)
	}
	for _, r := range m.keys {
		at(r.v.ARN, &r.v.Tags)
	}
	for _, r := range m.recordings {
		at(r.v.ARN, &r.v.Tags)
	}
	for _, r := range m.restrictions {
		at(r.v.ARN, &r.v.Tags)
	}
	for _, r := range m.ads {
		at(r.v.ARN, &r.v.Tags)
	}
	for _, r := range m.pairs {
		at(r.v.ARN, &r.v.Tags)
	}
	if tags == nil {
		return nil, ivs.Errorf(ivs.NotFound, "no such resource")
	}
	return tags, nil
}

func (m *memory) Tags(_ context.Context, arn ivs.ARN) (ivs.Tags, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, err := m.tags(arn)
	if err != nil {
		return nil, err
	}
	return t.Clone(), nil
}

func (m *memory) UpdateTags(_ context.Context, arn ivs.ARN, change func(ivs.Tags) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, err := m.tags(arn)
	if err != nil {
		return err
	}
	c := t.Clone()
	if err := change(c); err != nil {
		return err
	}
	*t = c
	return nil
}

func (m *memory) OpenSession(_ context.Context, s ivs.Session, ev ivs.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.channel(s.Channel.Channel.ARN); err != nil {
		return err
	}
	if m.live(s.Channel.Channel.ARN) {
		return ivs.Errorf(ivs.Conflict, "there is an open session")
	}
	insert(m, &m.sessions, s)
	m.events = append(m.events, ev)
	return nil
}

func (m *memory) SaveSession(_ context.Context, s ivs.Session, evs ...ivs.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := find(m.sessions, func(o ivs.Session) bool { return o.StreamID == s.StreamID })
	if err != nil {
		return err
	}
	r.v = s
	m.events = append(m.events, evs...)
	return nil
}

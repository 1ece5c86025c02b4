package control_test

import (
	"context"
	"encoding/json"
	"slices"

	"openivs/internal/control"
	"openivs/internal/ivs"
)

// tables are the resources of a store.
type tables struct {
	recordings   control.Resources[ivs.RecordingConfiguration]
	restrictions control.Resources[ivs.RestrictionPolicy]
	ads          control.Resources[ivs.AdConfiguration]
	pairs        control.Resources[ivs.PlaybackKeyPair]
}

func (m *memory) tables() tables {
	return tables{
		&shelf[ivs.RecordingConfiguration]{m, &m.recordings, func(v ivs.RecordingConfiguration) ivs.ARN { return v.ARN }, nil},
		&shelf[ivs.RestrictionPolicy]{m, &m.restrictions, func(v ivs.RestrictionPolicy) ivs.ARN { return v.ARN }, nil},
		&shelf[ivs.AdConfiguration]{m, &m.ads, func(v ivs.AdConfiguration) ivs.ARN { return v.ARN }, nil},
		&shelf[ivs.PlaybackKeyPair]{
			m, &m.pairs, func(v ivs.PlaybackKeyPair) ivs.ARN { return v.ARN },
			func(v ivs.PlaybackKeyPair) string { return v.Fingerprint },
		},
	}
}

// A shelf is the memory's table of one kind of resource.
type shelf[T any] struct {
	m    *memory
	rows *[]*row[T]
	arn  func(T) ivs.ARN
	key  func(T) string // nil: any number may be alike
}

// deep returns a copy that shares nothing.
func deep[T any](v T) T {
	var out T
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		panic(err)
	}
	return out
}

func (s *shelf[T]) find(arn ivs.ARN) (*row[T], error) {
	return find(*s.rows, func(v T) bool { return s.arn(v) == arn })
}

func (s *shelf[T]) Create(_ context.Context, v T, limit int) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.key != nil && slices.ContainsFunc(*s.rows, func(r *row[T]) bool { return s.key(r.v) == s.key(v) }) {
		return ivs.Errorf(ivs.Conflict, "it is there already")
	}
	if len(*s.rows) >= limit {
		return ivs.Errorf(ivs.QuotaExceeded, "there are %d", limit)
	}
	insert(s.m, s.rows, deep(v))
	return nil
}

func (s *shelf[T]) Get(_ context.Context, arn ivs.ARN) (T, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	r, err := s.find(arn)
	if err != nil {
		var none T
		return none, err
	}
	return deep(r.v), nil
}

func (s *shelf[T]) List(_ context.Context, after int64, limit int) (ivs.Page[T], error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	return page(*s.rows, after, limit, deep), nil
}

func (s *shelf[T]) Update(_ context.Context, arn ivs.ARN, change func(*T) error) (T, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	var none T
	r, err := s.find(arn)
	if err != nil {
		return none, err
	}
	v := deep(r.v)
	if err := change(&v); err != nil {
		return none, err
	}
	r.v = v
	return deep(v), nil
}

func (s *shelf[T]) Delete(_ context.Context, arn ivs.ARN, allow func(used bool) error) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if _, err := s.find(arn); err != nil {
		return err
	}
	used := slices.ContainsFunc(s.m.channels, func(r *row[ivs.Channel]) bool {
		return r.v.Recording == arn || r.v.Restriction == arn || r.v.AdConfiguration == arn
	})
	if err := allow(used); err != nil {
		return err
	}
	*s.rows = slices.DeleteFunc(*s.rows, func(r *row[T]) bool { return s.arn(r.v) == arn })
	return nil
}

// refer fails where a channel points to what is not there.
func (m *memory) refer(c ivs.Channel) error {
	for _, arn := range []ivs.ARN{c.Recording, c.Restriction, c.AdConfiguration} {
		if arn == (ivs.ARN{}) {
			continue
		}
		if _, err := m.tags(arn); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Revoke(_ context.Context, v ivs.Revocation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.channel(v.Channel); err != nil {
		return err
	}
	if m.revoked == nil {
		m.revoked = make(map[string]int64)
	}
	at := v.Channel.String() + " " + v.Viewer
	m.revoked[at] = max(m.revoked[at], v.Version)
	return nil
}

func (m *memory) Revocation(_ context.Context, channel ivs.ARN, viewer string) (ivs.Revocation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	version, ok := m.revoked[channel.String()+" "+viewer]
	if !ok {
		return ivs.Revocation{}, ivs.Errorf(ivs.NotFound, "nothing is noted")
	}
	return ivs.Revocation{Channel: channel, Viewer: viewer, Version: version}, nil
}

func (m *memory) InsertAdBreak(_ context.Context, b ivs.AdBreak, ev ivs.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := find(m.sessions, func(s ivs.Session) bool { return s.StreamID == b.StreamID })
	if err != nil || !r.v.IngestEnded.IsZero() {
		return ivs.Errorf(ivs.NotLive, "the stream is over")
	}
	if last, ok := m.breaks[b.StreamID]; ok && last.Start.Add(last.Duration).After(ev.At) {
		return ivs.Errorf(ivs.Conflict, "a break is under way")
	}
	if m.breaks == nil {
		m.breaks = make(map[string]ivs.AdBreak)
	}
	m.breaks[b.StreamID] = b
	m.events = append(m.events, ev)
	return nil
}

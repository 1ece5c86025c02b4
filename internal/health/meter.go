// Package health measures what an encoder really sends and judges whether it is
// enough to play without a break.
//
// It has no clock and no goroutine, writes no event and knows no session:
// package session tells it the time, keeps the verdict and reports its changes.
package health

import (
	"sync"
	"time"

	"openivs/internal/media"
)

// maxStep is the most media time that one picture stands for. A longer gap
// between timestamps is a hole that the encoder left, not media that arrived.
const maxStep = media.Clock * media.Ticks(1)

// maxKeyInterval is the longest key interval that is reported.
const maxKeyInterval = media.Clock * media.Ticks(3600)

// A Meter counts the units of one stream. The zero Meter is ready. Observe is
// called by the media's goroutine and costs a few additions; Totals may be
// called by any other.
type Meter struct {
	mu      sync.Mutex
	totals  Totals
	lastDTS media.Ticks // of the first video track
	lastKey media.Ticks // DTS of its newest keyframe
	keyed   bool        // a keyframe was seen
	seen    symptomsOf
}

// Totals is all that a Meter counted since the stream began.
type Totals struct {
	VideoBytes int64 // of all video tracks
	AudioBytes int64 // of all audio tracks

	// Of the first video track:
	Frames      int64       // pictures
	Media       media.Ticks // media time covered, holes left out
	KeyInterval media.Ticks // between the two newest keyframes; 0 before the second

	First time.Time // when the first unit arrived, of any track; zero: none has
	Last  time.Time // when the newest unit arrived, of any track

	Symptoms Symptoms
}

// Observe counts a unit.
func (m *Meter) Observe(u media.Unit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := &m.totals
	if t.First.IsZero() {
		t.First = u.At
	}
	t.Last = u.At
	switch u.Track.Kind {
	case media.Video:
		t.VideoBytes += int64(len(u.Data))
		if u.Track.ID == 0 {
			m.picture(u)
		}
	case media.Audio:
		t.AudioBytes += int64(len(u.Data))
		if u.Track.ID == 0 {
			m.seen.sound(u)
		}
	case media.Data:
	}
}

// picture counts a unit of the first video track. Timestamps that go back are
// a new beginning: they cover no media time.
func (m *Meter) picture(u media.Unit) {
	t := &m.totals
	if m.seen.picture(u, u.DTS-m.lastDTS, t.Frames == 0) {
		m.keyed = false
	}
	if t.Frames > 0 {
		t.Media += min(max(u.DTS-m.lastDTS, 0), maxStep)
	}
	t.Frames++
	m.lastDTS = u.DTS
	if !u.Key {
		return
	}
	if d := u.DTS - m.lastKey; m.keyed && d > 0 {
		t.KeyInterval = min(d, maxKeyInterval)
		m.seen.key(t.KeyInterval)
	}
	m.keyed, m.lastKey = true, u.DTS
}

// Totals returns what was counted so far.
func (m *Meter) Totals() Totals {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.totals
	t.Symptoms = m.seen.Symptoms
	return t
}

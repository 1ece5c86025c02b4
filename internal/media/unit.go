// Package media is the vocabulary of the data path: access units, tracks, media
// time, and the one-method interface the stages are joined by.
//
// It does no input or output, starts no goroutine and knows no container.
package media

import "time"

// Ticks is a media time or duration in 1/90000 s, the clock of MPEG-TS. It is
// 64 bits wide and does not wrap; a door unwraps what its wire wraps.
type Ticks int64

// Clock is how many Ticks make a second.
const Clock = 90000

// TicksOf converts a duration, rounding toward zero.
func TicksOf(d time.Duration) Ticks { return Ticks(d)/1e5*9 + Ticks(d)%1e5*9/1e5 }

// Duration converts to a time.Duration, rounding toward zero.
func (t Ticks) Duration() time.Duration {
	return time.Duration(t/9)*1e5 + time.Duration(t%9)*1e5/9
}

// A Unit is one access unit: the coded bytes of one picture or one audio frame.
//
// A unit belongs to nobody once written: its bytes never change, anyone may keep
// them, nobody may write into them.
type Unit struct {
	Track *Track    // a different pointer than before: the codec parameters changed
	PTS   Ticks     // when to show it
	DTS   Ticks     // when to decode it; the order of units within a track
	Key   bool      // video: decoding can start here (IDR; HEVC: IRAP); audio: always true
	At    time.Time // when its last byte arrived

	// Data is, for H.264 and HEVC, NAL units each behind its length in 4 bytes, big-endian
	// (ISO/IEC 14496-15, 5.3.4.2); for AAC one raw access unit without ADTS;
	// for ID3 one tag (ID3v2.4); for AdMarker an AdBreak.
	Data []byte
}

// A Writer takes units, in decoding order within each track. WriteUnit does not
// block on anything slower than memory.
type Writer interface {
	WriteUnit(u Unit) error
}

// A WriterFunc is a function used as a Writer.
type WriterFunc func(Unit) error

// WriteUnit calls f.
func (f WriterFunc) WriteUnit(u Unit) error { return f(u) }

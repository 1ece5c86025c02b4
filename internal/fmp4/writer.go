// Package fmp4 writes fragmented MP4 (ISO/IEC 14496-12) of one video track, one AAC
// track and timed metadata, as HLS segments hold them (RFC 8216, 3.3).
//
// Where fragments begin and what is in them is decided elsewhere.
package fmp4

import (
	"openivs/internal/media"
)

// The tracks of a fragmented MP4.
const (
	videoID = 1
	audioID = 2
)

// Sample flags (ISO/IEC 14496-12, 8.8.3.1).
const (
	flagsKey   = 0x02000000 // depends on no other
	flagsOther = 0x01010000 // depends on others, and is no place to begin
)

// FrameSamples is how many samples an AAC-LC frame has.
const FrameSamples = 1024

const (
	// id3Scheme is how players know an event message that is an ID3 tag (AOM,
	// Carriage of ID3 Timed Metadata in CMAF).
	id3Scheme = "https://aomedia.org/emsg/ID3"

	// audioDrift is the part of a second that the times of audio samples may be
	// off their units' before they are set right again.
	audioDrift = 500
)

// A Writer appends fragments to the caller's buffer (ISO/IEC 14496-12, 8.8): each
// End writes one with the units since the one before. Until then it holds them,
// and does not copy them. The zero Writer is ready.
type Writer struct {
	number   uint32 // of the next fragment
	messages uint32 // event messages so far
	rate     int    // of the audio, Hz; 0: there is none

	pictures []picture
	sounds   []sound
	uneven   bool // not all sounds last as long as they have samples
	tags     []tag
	size     int // bytes of pictures and sounds

	heard int64 // where the first sound begins, in samples
	next  int64 // where the sound after the last one begins
}

type picture struct {
	dts, offset media.Ticks
	key         bool
	data        []byte
}

type sound struct {
	samples int64 // until the next
	data    []byte
}

type tag struct {
	at   media.Ticks
	data []byte
}

// SetTracks says what follows: an H.264 or HEVC and an AAC track, of which one may be nil.
// It returns the initialization section of both. What was held is gone.
func (w *Writer) SetTracks(video, audio *media.Track) []byte {
	w.Drop()
	w.rate, w.next = 0, 0
	if audio != nil {
		w.rate = audio.Sound.SampleRate
	}
	return initSection(video, audio)
}

// Video takes a picture.
func (w *Writer) Video(u media.Unit) {
	w.pictures = append(w.pictures, picture{dts: u.DTS, offset: u.PTS - u.DTS, key: u.Key, data: u.Data})
	w.size += len(u.Data)
}

// Audio takes an audio unit. Where some are missing before it, the one before that
// lasts longer, so that what is heard stays with the pictures.
func (w *Writer) Audio(u media.Unit) {
	at := (int64(u.PTS)*int64(w.rate) + media.Clock/2) / media.Clock
	off, n := at-w.next, len(w.sounds)
	switch {
	case n == 0:
		if off > int64(w.rate/audioDrift) || off < -int64(w.rate/audioDrift) {
			w.next = at
		}
		w.heard = w.next
	case off > FrameSamples/2:
		w.sounds[n-1].samples += off
		w.next, w.uneven = at, true
	}
	w.next += FrameSamples
	w.sounds = append(w.sounds, sound{FrameSamples, u.Data})
	w.size += len(u.Data)
}

// Data takes an ID3 tag that belongs to a time.
func (w *Writer) Data(at media.Ticks, t []byte) { w.tags = append(w.tags, tag{at, t}) }

// Held is about how many bytes are held.
func (w *Writer) Held() int { return w.size }

// Sizes of the boxes of a fragment, with their headers.
const (
	mfhdSize = 16
	tfdtSize = 20
	trunSize = 20 // without its samples

	videoTraf = boxHead + 16 + tfdtSize + trunSize
	audioTraf = boxHead + 24 + tfdtSize + trunSize

	pictureRun = 16 // bytes in trun for each picture
	evenRun    = 4
	unevenRun  = 8

	emsgSize = boxHead + 4 + 4 + 8 + 4 + 4 + len(id3Scheme) + 1 + 1 // without its message
)

// End appends the fragment, and the event messages that belong to it. The last
// picture is shown for a time.
func (w *Writer) End(b []byte, last media.Ticks) []byte {
	if len(w.pictures)+len(w.sounds) == 0 {
		return b
	}
	moof := boxHead + mfhdSize
	if len(w.pictures) > 0 {
		moof += videoTraf + pictureRun*len(w.pictures)
	}
	if len(w.sounds) > 0 {
		moof += audioTraf + w.soundRun()*len(w.sounds)
	}
	for _, t := range w.tags {
		b = w.message(b, t)
	}
	w.number++
	b = appendHead(b, moof, "moof")
	b = appendFull(b, mfhdSize, "mfhd", 0)
	b = be32(b, w.number)
	at := moof + boxHead // of the next sample, from the beginning of moof
	if len(w.pictures) > 0 {
		b = w.videoRun(b, at, last)
		for _, p := range w.pictures {
			at += len(p.data)
		}
	}
	if len(w.sounds) > 0 {
		b = w.audioRun(b, at)
	}
	b = appendHead(b, boxHead+w.size, "mdat")
	for _, p := range w.pictures {
		b = append(b, p.data...)
	}
	for _, s := range w.sounds {
		b = append(b, s.data...)
	}
	w.Drop()
	return b
}

// Drop lets go of all that is held.
func (w *Writer) Drop() {
	clear(w.pictures) // keeps nothing alive
	clear(w.sounds)
	clear(w.tags)
	w.pictures, w.sounds, w.tags, w.size, w.uneven = w.pictures[:0], w.sounds[:0], w.tags[:0], 0, false
}

// videoRun appends the traf of the pictures, whose data begins at a place.
func (w *Writer) videoRun(b []byte, at int, last media.Ticks) []byte {
	n := len(w.pictures)
	b = appendHead(b, videoTraf+pictureRun*n, "traf")
	b = appendFull(b, 16, "tfhd", 0x020000) // default-base-is-moof
	b = be32(b, videoID)
	b = appendFull(b, tfdtSize, "tfdt", 1<<24)
	b = be64(b, w.pictures[0].dts)
	b = appendFull(b, trunSize+pictureRun*n, "trun", 1<<24|0xf01) // offset; duration, size, flags, composition
	b = be32(b, n)
	b = be32(b, at)
	for i, p := range w.pictures {
		length := last
		if i+1 < n {
			length = w.pictures[i+1].dts - p.dts
		}
		flags := flagsOther
		if p.key {
			flags = flagsKey
		}
		b = be32(b, max(length, 1))
		b = be32(b, len(p.data))
		b = be32(b, flags)
		b = be32(b, p.offset)
	}
	return b
}

// soundRun is how many bytes each sound has in trun.
func (w *Writer) soundRun() int {
	if w.uneven {
		return unevenRun
	}
	return evenRun
}

// audioRun appends the traf of the audio, whose data begins at a place.
func (w *Writer) audioRun(b []byte, at int) []byte {
	n, flags := len(w.sounds), uint32(0x201) // offset; size
	if w.uneven {
		flags |= 0x100 // duration
	}
	b = appendHead(b, audioTraf+w.soundRun()*n, "traf")
	b = appendFull(b, 24, "tfhd", 0x020028) // default-base-is-moof; default duration and flags
	b = be32(b, audioID)
	b = be32(b, FrameSamples)
	b = be32(b, flagsKey)
	b = appendFull(b, tfdtSize, "tfdt", 1<<24)
	b = be64(b, w.heard)
	b = appendFull(b, trunSize+w.soundRun()*n, "trun", flags)
	b = be32(b, n)
	b = be32(b, at)
	for _, s := range w.sounds {
		if w.uneven {
			b = be32(b, s.samples)
		}
		b = be32(b, len(s.data))
	}
	return b
}

// message appends an ID3 tag as an event message (ISO/IEC 23009-1, 5.10.3.3).
func (w *Writer) message(b []byte, t tag) []byte {
	w.messages++
	b = appendFull(b, emsgSize+len(t.data), "emsg", 1<<24)
	b = be32(b, media.Clock)
	b = be64(b, t.at)
	b = be32(b, uint32(0xffffffff)) // it has no end
	b = be32(b, w.messages)
	b = append(b, id3Scheme...)
	b = append(b, 0, 0) // and no value
	return append(b, t.data...)
}

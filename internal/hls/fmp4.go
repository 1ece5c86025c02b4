package hls

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

const (
	// id3Scheme is how players know an event message that is an ID3 tag (AOM,
	// Carriage of ID3 Timed Metadata in CMAF).
	id3Scheme = "https://aomedia.org/emsg/ID3"

	// audioDrift is the part of a second that the times of audio samples may be
	// off their units' before they are set right again.
	audioDrift = 500
)

// fragments is the muxer of fragmented MP4 (ISO/IEC 14496-12, 8.8): each end
// writes one fragment with the units since the one before.
type fragments struct {
	number   uint32 // of the next fragment
	messages uint32 // event messages so far
	rate     int    // of the audio, Hz; 0: there is none

	pictures []picture
	sounds   [][]byte
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

type tag struct {
	at   media.Ticks
	data []byte
}

func (f *fragments) setTracks(video, audio *media.Track) ([]byte, error) {
	f.drop()
	f.rate, f.next = 0, 0
	if audio != nil {
		f.rate = audio.Sound.SampleRate
	}
	return initSection(video, audio), nil
}

func (f *fragments) begin(b []byte) []byte { return b }

func (f *fragments) video(b []byte, u media.Unit) []byte {
	f.pictures = append(f.pictures, picture{dts: u.DTS, offset: u.PTS - u.DTS, key: u.Key, data: u.Data})
	f.size += len(u.Data)
	return b
}

func (f *fragments) audio(b []byte, u media.Unit) []byte {
	if len(f.sounds) == 0 {
		at := (int64(u.PTS)*int64(f.rate) + media.Clock/2) / media.Clock
		if off := at - f.next; off > int64(f.rate/audioDrift) || off < -int64(f.rate/audioDrift) {
			f.next = at
		}
		f.heard = f.next
	}
	f.next += frameSamples
	f.sounds = append(f.sounds, u.Data)
	f.size += len(u.Data)
	return b
}

func (f *fragments) data(b []byte, at media.Ticks, t []byte) []byte {
	f.tags = append(f.tags, tag{at, t})
	return b
}

func (f *fragments) held() int { return f.size }

// Sizes of the boxes of a fragment, with their headers.
const (
	mfhdSize = 16
	tfdtSize = 20
	trunSize = 20 // without its samples

	videoTraf = boxHead + 16 + tfdtSize + trunSize
	audioTraf = boxHead + 24 + tfdtSize + trunSize

	pictureRun = 16 // bytes in trun for each picture
	soundRun   = 4

	emsgSize = boxHead + 4 + 4 + 8 + 4 + 4 + len(id3Scheme) + 1 + 1 // without its message
)

// end appends the fragment, and the event messages that belong to it.
func (f *fragments) end(b []byte, last media.Ticks) []byte {
	if len(f.pictures)+len(f.sounds) == 0 {
		return b
	}
	moof := boxHead + mfhdSize
	if len(f.pictures) > 0 {
		moof += videoTraf + pictureRun*len(f.pictures)
	}
	if len(f.sounds) > 0 {
		moof += audioTraf + soundRun*len(f.sounds)
	}
	for _, t := range f.tags {
		b = f.message(b, t)
	}
	f.number++
	b = appendHead(b, moof, "moof")
	b = appendFull(b, mfhdSize, "mfhd", 0)
	b = be32(b, f.number)
	at := moof + boxHead // of the next sample, from the beginning of moof
	if len(f.pictures) > 0 {
		b = f.videoRun(b, at, last)
		for _, p := range f.pictures {
			at += len(p.data)
		}
	}
	if len(f.sounds) > 0 {
		b = f.audioRun(b, at)
	}
	b = appendHead(b, boxHead+f.size, "mdat")
	for _, p := range f.pictures {
		b = append(b, p.data...)
	}
	for _, s := range f.sounds {
		b = append(b, s...)
	}
	f.drop()
	return b
}

// drop lets go of all that is held.
func (f *fragments) drop() {
	clear(f.pictures) // keeps nothing alive
	clear(f.sounds)
	clear(f.tags)
	f.pictures, f.sounds, f.tags, f.size = f.pictures[:0], f.sounds[:0], f.tags[:0], 0
}

// videoRun appends the traf of the pictures, whose data begins at a place.
func (f *fragments) videoRun(b []byte, at int, last media.Ticks) []byte {
	n := len(f.pictures)
	b = appendHead(b, videoTraf+pictureRun*n, "traf")
	b = appendFull(b, 16, "tfhd", 0x020000) // default-base-is-moof
	b = be32(b, videoID)
	b = appendFull(b, tfdtSize, "tfdt", 1<<24)
	b = be64(b, f.pictures[0].dts)
	b = appendFull(b, trunSize+pictureRun*n, "trun", 1<<24|0xf01) // offset; duration, size, flags, composition
	b = be32(b, n)
	b = be32(b, at)
	for i, p := range f.pictures {
		length := last
		if i+1 < n {
			length = f.pictures[i+1].dts - p.dts
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

// audioRun appends the traf of the audio, whose data begins at a place.
func (f *fragments) audioRun(b []byte, at int) []byte {
	n := len(f.sounds)
	b = appendHead(b, audioTraf+soundRun*n, "traf")
	b = appendFull(b, 24, "tfhd", 0x020028) // default-base-is-moof; default duration and flags
	b = be32(b, audioID)
	b = be32(b, frameSamples)
	b = be32(b, flagsKey)
	b = appendFull(b, tfdtSize, "tfdt", 1<<24)
	b = be64(b, f.heard)
	b = appendFull(b, trunSize+soundRun*n, "trun", 0x201) // offset; size
	b = be32(b, n)
	b = be32(b, at)
	for _, s := range f.sounds {
		b = be32(b, len(s))
	}
	return b
}

// message appends an ID3 tag as an event message (ISO/IEC 23009-1, 5.10.3.3).
func (f *fragments) message(b []byte, t tag) []byte {
	f.messages++
	b = appendFull(b, emsgSize+len(t.data), "emsg", 1<<24)
	b = be32(b, media.Clock)
	b = be64(b, t.at)
	b = be32(b, uint32(0xffffffff)) // it has no end
	b = be32(b, f.messages)
	b = append(b, id3Scheme...)
	b = append(b, 0, 0) // and no value
	return append(b, t.data...)
}

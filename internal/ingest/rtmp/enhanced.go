package rtmp

import (
	"errors"
	"fmt"
	"time"

	"openivs/internal/ingest/codec"
	"openivs/internal/ivs"
	"openivs/internal/media"
)

// maxTracks is how many tracks of a kind an encoder may send.
const maxTracks = 16

var errTooManyTracks = ivs.Errorf(ivs.Invalid, "the encoder sends more than %d tracks of a kind; lower their number", maxTracks)

// The types of packet that are not the same for video and audio, or modify what
// follows (Enhanced RTMP v2, VideoPacketType and AudioPacketType).
const (
	packetVideoMultitrack = 6
	packetAudioMultitrack = 5
	packetModEx           = 7
	packetVideoMetadata   = 4
)

// The forms of a tag with tracks (Enhanced RTMP v2, AvMultitrackType), and that of
// one without.
const (
	oneTrack = iota
	manyTracks
	manyTracksManyCodecs
	noTracks
)

// frameCommand is the type of a frame that is a message to the player.
const frameCommand = 5

// videoTagEx takes the body of a video tag of Enhanced RTMP.
func (d *demuxer) videoTagEx(body []byte, ts uint32, at time.Time) error {
	b, err := openBundle(body, packetVideoMultitrack)
	if err != nil {
		return d.malformed(err)
	}
	if body[0]>>4&7 == frameCommand && b.packet != packetVideoMetadata {
		return nil
	}
	for b.more() {
		id, fourCC, data, err := b.next()
		if err != nil {
			return d.malformed(err)
		}
		p, err := videoPacketEx(b.packet, fourCC, data)
		if err != nil {
			return d.malformed(err)
		}
		if p.codec == media.HEVC && p.kind != packetNothing && !d.out.Takes(media.HEVC) {
			return codec.UnsupportedVideo(fourCCName(string(fourCC)))
		}
		if err := d.videoUnit(id, p, ts, at); err != nil {
			return err
		}
	}
	return nil
}

// audioTagEx takes the body of an audio tag of Enhanced RTMP.
func (d *demuxer) audioTagEx(body []byte, ts uint32, at time.Time) error {
	b, err := openBundle(body, packetAudioMultitrack)
	if err != nil {
		return d.malformed(err)
	}
	for b.more() {
		id, fourCC, data, err := b.next()
		if err != nil {
			return d.malformed(err)
		}
		if string(fourCC) != "mp4a" {
			return codec.UnsupportedAudio(fourCCName(string(fourCC)))
		}
		kind := packetNothing // end of sequence, channel layout, what is yet to come
		switch b.packet {
		case 0:
			kind = packetHeader
		case 1:
			kind = packetMedia
		}
		if err := d.audioUnit(id, kind, data, ts, at); err != nil {
			return err
		}
	}
	return nil
}

// A packet is what a tag has of a video track.
type packet struct {
	kind  int
	codec media.Codec
	cts   int32 // composition time offset in milliseconds
	data  []byte
}

// videoPacketEx reads what a tag of Enhanced RTMP has of a track.
func videoPacketEx(typ byte, fourCC, data []byte) (packet, error) {
	p := packet{kind: packetNothing, codec: media.H264} // end of sequence, colour information, what is yet to come
	switch {
	case string(fourCC) == "hvc1":
		p.codec = media.HEVC
	case string(fourCC) != "avc1" && typ != packetVideoMetadata:
		return p, codec.UnsupportedVideo(fourCCName(string(fourCC)))
	}
	switch typ {
	case 0:
		p.kind, p.data = packetHeader, data
	case 1:
		if len(data) < 3 {
			return p, fmt.Errorf("enhanced video tag with %d bytes of media", len(data))
		}
		p.kind, p.cts, p.data = packetMedia, signed24(data), data[3:]
	case 3:
		p.kind, p.data = packetMedia, data
	}
	return p, nil
}

// A bundle is a tag of Enhanced RTMP, which has one track or several.
type bundle struct {
	packet byte   // the type of packet, of all tracks
	form   byte   // of the tag
	fourCC []byte // of all tracks, if the form has one for all
	rest   []byte
	tracks int // so far
}

var errCutOff = errors.New("enhanced tag is cut off")

// openBundle reads the head of a tag. multitrack is the type of packet that
// announces tracks.
func openBundle(body []byte, multitrack byte) (bundle, error) {
	typ, rest, err := withoutModEx(body)
	if err != nil {
		return bundle{}, err
	}
	b := bundle{packet: typ, form: noTracks, rest: rest[1:]}
	if typ == multitrack {
		if len(b.rest) < 1 {
			return b, errCutOff
		}
		b.form, b.packet, b.rest = b.rest[0]>>4, b.rest[0]&0x0f, b.rest[1:]
		if b.form > manyTracksManyCodecs || b.packet == multitrack {
			return b, fmt.Errorf("enhanced tag with tracks of form %d and packets of type %d", b.form, b.packet)
		}
	}
	if b.form == manyTracksManyCodecs {
		return b, nil
	}
	b.fourCC, b.rest, err = cutFourCC(b.rest)
	return b, err
}

func cutFourCC(b []byte) (fourCC, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errCutOff
	}
	return b[:4], b[4:], nil
}

// more reports whether there is another track. A tag without tracks has one.
func (b *bundle) more() bool {
	return b.tracks == 0 || len(b.rest) > 0 && (b.form == manyTracks || b.form == manyTracksManyCodecs)
}

// next returns the id of the next track, its codec and its data.
func (b *bundle) next() (id int, fourCC, data []byte, err error) {
	if b.tracks++; b.tracks > maxTracks {
		return 0, nil, nil, errTooManyTracks
	}
	fourCC = b.fourCC
	if b.form == noTracks {
		return 0, fourCC, b.rest, nil
	}
	if b.form == manyTracksManyCodecs {
		if fourCC, b.rest, err = cutFourCC(b.rest); err != nil {
			return 0, nil, nil, err
		}
	}
	if len(b.rest) < 1 {
		return 0, nil, nil, errCutOff
	}
	id, b.rest = int(b.rest[0]), b.rest[1:]
	size := len(b.rest)
	if b.form != oneTrack {
		if len(b.rest) < 3 || int(be24(b.rest)) > len(b.rest)-3 {
			return 0, nil, nil, errCutOff
		}
		size, b.rest = int(be24(b.rest)), b.rest[3:]
	}
	data, b.rest = b.rest[:size:size], b.rest[size:]
	return id, fourCC, data, nil
}

// withoutModEx leaves out what modifies a packet, such as nanoseconds of its time
// (Enhanced RTMP v2, ModEx). It returns the type of the packet, and what begins
// with the byte that has it.
func withoutModEx(body []byte) (packet byte, rest []byte, err error) {
	packet, rest = body[0]&0x0f, body
	for packet == packetModEx {
		size, head := 0, 2
		if len(rest) > 1 {
			size = int(rest[1]) + 1
		}
		if size == 256 && len(rest) > 3 {
			size, head = int(rest[2])<<8+int(rest[3])+1, 4
		}
		if size == 0 || len(rest) <= head+size {
			return 0, nil, fmt.Errorf("enhanced tag of %d bytes whose modifier is cut off", len(body))
		}
		rest = rest[head+size:]
		packet = rest[0] & 0x0f
	}
	return packet, rest, nil
}

// A trackSet is the tracks of a kind, by their ids.
type trackSet struct {
	first track // of id 0, the only one of most encoders
	more  []*track
}

// of returns the track of an id, which it adds if it is not there.
func (s *trackSet) of(id int) (*track, error) {
	if id == 0 {
		return &s.first, nil
	}
	at := len(s.more)
	for i, t := range s.more {
		if t.id == id {
			return t, nil
		}
		if t.id > id && at == len(s.more) {
			at = i
		}
	}
	if len(s.more)+1 >= maxTracks {
		return nil, errTooManyTracks
	}
	t := &track{id: id}
	s.more = append(s.more, nil)
	copy(s.more[at+1:], s.more[at:])
	s.more[at] = t
	return t, nil
}

// known appends the tracks whose header has come, in the order of their ids.
func (s *trackSet) known(list []*media.Track) []*media.Track {
	if s.first.now != nil {
		list = append(list, s.first.now)
	}
	for _, t := range s.more {
		if t.now != nil {
			list = append(list, t.now)
		}
	}
	return list
}

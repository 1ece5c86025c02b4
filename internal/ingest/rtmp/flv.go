package rtmp

import (
	"bytes"
	"fmt"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ingest/codec"
	"openivs/internal/ivs"
	"openivs/internal/media"
)

const (
	// maxBadTags is how many tags in a row may be malformed, about a second of
	// media. A publisher that goes on is sent away.
	maxBadTags = 60

	// maxAAC is the longest AAC access unit: what fits an ADTS frame.
	maxAAC = 1<<13 - 1 - 7
)

var errMultitrack = ivs.Errorf(ivs.Invalid, "multitrack media is not taken here; switch multitrack off in the encoder")

// A demuxer makes units of the bodies of FLV audio and video tags (Video File
// Format Specification 10.1, E.4; Enhanced RTMP v1 and v2), which are also the
// bodies of RTMP messages. It copies no media.
type demuxer struct {
	out ingest.Publication

	clock clock
	video track
	audio track

	heard   time.Time // when a unit was last passed on
	dropped int       // units that came before their codec header
	bad     int       // malformed tags
	badRun  int       // since the last good one
}

// A track is the state of the video or the audio.
type track struct {
	now    *media.Track // nil until the codec header
	header []byte       // H.264: the codec header, which now may not be of any more
	prefix int          // H.264: bytes of a NAL unit's length
	last   media.Ticks  // DTS of the last unit
	any    bool         // there was one
}

// The kinds of packet that both forms of tag come down to.
const (
	packetHeader = iota
	packetMedia
	packetNothing
)

// videoTag takes the body of a video tag.
func (d *demuxer) videoTag(body []byte, ts uint32, at time.Time) error {
	kind, cts, data, err := videoPacket(body)
	if err != nil {
		return d.malformed(err)
	}
	switch kind {
	case packetHeader:
		if d.video.now != nil && bytes.Equal(d.video.header, data) || len(data) == 0 {
			return nil
		}
		t, prefix, err := codec.H264(data)
		if err != nil {
			return err
		}
		d.video.now, d.video.prefix, d.video.header = t, prefix, data
		d.setTracks()
	case packetMedia:
		if d.video.now == nil {
			d.dropped++
			return nil
		}
		nalus, key, picture, err := codec.AccessUnit(data, d.video.prefix)
		if err != nil {
			return d.malformed(err)
		}
		d.badRun = 0
		if !picture {
			return nil
		}
		if key {
			if t := codec.InBand(d.video.now, nalus); t != nil {
				d.video.now = t
				d.setTracks()
			}
		}
		return d.write(&d.video, media.Unit{Key: key, At: at, Data: nalus}, ts, cts)
	}
	return nil
}

// audioTag takes the body of an audio tag.
func (d *demuxer) audioTag(body []byte, ts uint32, at time.Time) error {
	kind, data, err := audioPacket(body)
	if err != nil {
		return d.malformed(err)
	}
	if kind == packetNothing || len(data) == 0 {
		return nil
	}
	if kind == packetHeader {
		return d.audioHeader(data)
	}
	// No access unit begins as an ADTS header does, which some encoders leave on,
	// or send in the place of the codec header.
	if f, rest, whole, err := codec.ADTS(data); err == nil && whole && len(rest) == 0 {
		data = f.Data
		if d.audio.now == nil {
			if err := d.audioHeader(f.Config[:]); err != nil {
				return err
			}
		}
	}
	if d.audio.now == nil {
		d.dropped++
		return nil
	}
	if len(data) > maxAAC {
		return d.malformed(fmt.Errorf("AAC access unit of %d bytes, at most %d are possible", len(data), maxAAC))
	}
	d.badRun = 0
	return d.write(&d.audio, media.Unit{Key: true, At: at, Data: data}, ts, 0)
}

// audioHeader takes an AudioSpecificConfig.
func (d *demuxer) audioHeader(config []byte) error {
	if d.audio.now != nil && bytes.Equal(d.audio.now.Config, config) {
		return nil
	}
	t, err := codec.AAC(config)
	if err != nil {
		return err
	}
	d.audio.now = t
	d.setTracks()
	return nil
}

// write completes a unit and passes it on. cts is in milliseconds.
func (d *demuxer) write(t *track, u media.Unit, ts uint32, cts int32) error {
	dts := media.Ticks(d.clock.unwrap(ts)) * (media.Clock / 1000)
	if t.any && dts <= t.last {
		dts = t.last + 1
	}
	t.last, t.any = dts, true
	d.heard = u.At
	u.Track, u.DTS, u.PTS = t.now, dts, dts+media.Ticks(cts)*(media.Clock/1000)
	return d.out.WriteUnit(u)
}

func (d *demuxer) setTracks() {
	tracks := make([]*media.Track, 0, 2)
	for _, t := range [...]*track{&d.video, &d.audio} {
		if t.now != nil {
			tracks = append(tracks, t.now)
		}
	}
	d.out.SetTracks(tracks)
}

// malformed counts a tag that cannot be read. One is skipped, many in a row are
// an error; what IVS does not take is one at once.
func (d *demuxer) malformed(err error) error {
	if ivs.CodeOf(err) != ivs.Internal {
		return err
	}
	d.bad++
	if d.badRun++; d.badRun >= maxBadTags {
		return ivs.Errorf(ivs.Invalid, "the media cannot be read: %w; restart the encoder", err)
	}
	return nil
}

// videoPacket splits the body of a video tag. cts is the composition time
// offset in milliseconds.
func videoPacket(body []byte) (kind int, cts int32, data []byte, err error) {
	if len(body) == 0 {
		return packetNothing, 0, nil, nil
	}
	if body[0]&0x80 != 0 {
		return videoPacketEx(body)
	}
	if body[0]>>4 == 5 { // a message to the player, no picture
		return packetNothing, 0, nil, nil
	}
	if id := body[0] & 0x0f; id != 7 {
		return 0, 0, nil, codec.UnsupportedVideo(flvVideoName(id))
	}
	if len(body) < 5 {
		return 0, 0, nil, fmt.Errorf("video tag of %d bytes", len(body))
	}
	cts, data = signed24(body[2:]), body[5:]
	switch body[1] {
	case 0:
		return packetHeader, 0, data, nil
	case 1:
		return packetMedia, cts, data, nil
	case 2: // end of sequence
		return packetNothing, 0, nil, nil
	default:
		return 0, 0, nil, fmt.Errorf("AVC packet of type %d", body[1])
	}
}

// videoPacketEx is videoPacket for Enhanced RTMP.
func videoPacketEx(body []byte) (kind int, cts int32, data []byte, err error) {
	packet, body, err := withoutModEx(body)
	if err != nil {
		return 0, 0, nil, err
	}
	if packet == 6 {
		return 0, 0, nil, errMultitrack
	}
	if len(body) < 5 {
		return 0, 0, nil, fmt.Errorf("enhanced video tag of %d bytes", len(body))
	}
	if cc := string(body[1:5]); cc != "avc1" && packet != 4 {
		return 0, 0, nil, codec.UnsupportedVideo(fourCCName(cc))
	}
	data = body[5:]
	switch packet {
	case 0:
		return packetHeader, 0, data, nil
	case 1:
		if len(data) < 3 {
			return 0, 0, nil, fmt.Errorf("enhanced video tag of %d bytes", len(body))
		}
		return packetMedia, signed24(data), data[3:], nil
	case 3:
		return packetMedia, 0, data, nil
	default: // end of sequence, colour information, what is yet to come
		return packetNothing, 0, nil, nil
	}
}

// audioPacket splits the body of an audio tag.
func audioPacket(body []byte) (kind int, data []byte, err error) {
	if len(body) == 0 {
		return packetNothing, nil, nil
	}
	switch id := body[0] >> 4; id {
	case 10:
	case 9:
		return audioPacketEx(body)
	default:
		return 0, nil, codec.UnsupportedAudio(flvAudioName(id))
	}
	if len(body) < 2 {
		return 0, nil, fmt.Errorf("audio tag of %d byte", len(body))
	}
	switch body[1] {
	case 0:
		return packetHeader, body[2:], nil
	case 1:
		return packetMedia, body[2:], nil
	default:
		return 0, nil, fmt.Errorf("AAC packet of type %d", body[1])
	}
}

// audioPacketEx is audioPacket for Enhanced RTMP.
func audioPacketEx(body []byte) (kind int, data []byte, err error) {
	packet, body, err := withoutModEx(body)
	if err != nil {
		return 0, nil, err
	}
	if packet == 5 {
		return 0, nil, errMultitrack
	}
	if len(body) < 5 {
		return 0, nil, fmt.Errorf("enhanced audio tag of %d bytes", len(body))
	}
	if cc := string(body[1:5]); cc != "mp4a" {
		return 0, nil, codec.UnsupportedAudio(fourCCName(cc))
	}
	switch packet {
	case 0:
		return packetHeader, body[5:], nil
	case 1:
		return packetMedia, body[5:], nil
	default: // end of sequence, channel layout, what is yet to come
		return packetNothing, nil, nil
	}
}

// packetModEx is the type of a packet before which comes what modifies it, such as
// nanoseconds of its time (Enhanced RTMP v2, ModEx).
const packetModEx = 7

// withoutModEx leaves out what modifies a packet. It returns the type of the
// packet, and what begins with the byte before its FourCC.
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

func flvVideoName(id byte) string {
	switch id {
	case 2:
		return "Sorenson H.263"
	case 3, 6:
		return "screen video"
	case 4, 5:
		return "VP6"
	case 8:
		return "H.263"
	case 9:
		return "MPEG-4 part 2"
	case 12:
		return "HEVC (H.265)"
	case 13:
		return "AV1"
	default:
		return fmt.Sprintf("of FLV codec %d", id)
	}
}

func flvAudioName(id byte) string {
	switch id {
	case 0, 3:
		return "uncompressed PCM"
	case 1:
		return "ADPCM"
	case 2, 14:
		return "MP3"
	case 4, 5, 6:
		return "Nellymoser"
	case 7, 8:
		return "G.711"
	case 11:
		return "Speex"
	case 13:
		return "Opus"
	default:
		return fmt.Sprintf("of FLV format %d", id)
	}
}

func fourCCName(cc string) string {
	switch cc {
	case "hvc1":
		return "HEVC (H.265)"
	case "vvc1":
		return "VVC (H.266)"
	case "av01":
		return "AV1"
	case "vp08":
		return "VP8"
	case "vp09":
		return "VP9"
	case ".mp3":
		return "MP3"
	case "Opus":
		return "Opus"
	case "fLaC":
		return "FLAC"
	case "ac-3", "ec-3":
		return "Dolby Digital"
	default:
		return fmt.Sprintf("of codec %q", cc)
	}
}

// signed24 reads a signed 24-bit number.
func signed24(b []byte) int32 {
	return int32(uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8) >> 8
}

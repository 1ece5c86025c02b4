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

// A demuxer makes units of the bodies of FLV audio and video tags (Video File
// Format Specification 10.1, E.4; Enhanced RTMP v1 and v2), which are also the
// bodies of RTMP messages. It copies no media.
type demuxer struct {
	out ingest.Publication

	clock clock
	video trackSet
	audio trackSet

	heard   time.Time // when a unit was last passed on
	dropped int       // units that came before their codec header
	bad     int       // malformed tags
	badRun  int       // since the last good one
}

// A track is the state of one track.
type track struct {
	id     int
	now    *media.Track // nil until the codec header
	header []byte       // video: the codec header, which now may not be of any more
	prefix int          // video: bytes of a NAL unit's length
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
	if len(body) > 0 && body[0]&0x80 != 0 {
		return d.videoTagEx(body, ts, at)
	}
	p, err := videoPacket(body)
	if err != nil {
		return d.malformed(err)
	}
	return d.videoUnit(0, p, ts, at)
}

// videoUnit takes what a tag has of a video track.
func (d *demuxer) videoUnit(id int, p packet, ts uint32, at time.Time) error {
	if p.kind == packetNothing {
		return nil
	}
	t, err := d.video.of(id)
	if err != nil {
		return err
	}
	if p.kind == packetHeader {
		return d.videoHeader(t, p.codec, p.data)
	}
	if t.now == nil || t.now.Codec != p.codec {
		d.dropped++
		return nil
	}
	read := codec.AccessUnit
	if p.codec == media.HEVC {
		read = codec.HEVCUnit
	}
	nalus, key, picture, err := read(p.data, t.prefix)
	if err != nil {
		return d.malformed(err)
	}
	d.badRun = 0
	if !picture {
		return nil
	}
	if key && p.codec == media.H264 {
		if now := codec.InBand(t.now, nalus); now != nil {
			now.ID = t.id
			t.now = now
			d.setTracks()
		}
	}
	return d.write(t, media.Unit{Key: key, At: at, Data: nalus}, ts, p.cts)
}

// videoHeader takes the codec header of a video track.
func (d *demuxer) videoHeader(t *track, c media.Codec, header []byte) error {
	if t.now != nil && t.now.Codec == c && bytes.Equal(t.header, header) || len(header) == 0 {
		return nil
	}
	read := codec.H264
	if c == media.HEVC {
		read = codec.HEVC
	}
	now, prefix, err := read(header)
	if err != nil {
		return err
	}
	now.ID = t.id
	t.now, t.prefix, t.header = now, prefix, header
	d.setTracks()
	return nil
}

// audioTag takes the body of an audio tag.
func (d *demuxer) audioTag(body []byte, ts uint32, at time.Time) error {
	if len(body) > 0 && body[0]>>4 == 9 {
		return d.audioTagEx(body, ts, at)
	}
	kind, data, err := audioPacket(body)
	if err != nil {
		return d.malformed(err)
	}
	return d.audioUnit(0, kind, data, ts, at)
}

// audioUnit takes what a tag has of an audio track.
func (d *demuxer) audioUnit(id, kind int, data []byte, ts uint32, at time.Time) error {
	if kind == packetNothing || len(data) == 0 {
		return nil
	}
	t, err := d.audio.of(id)
	if err != nil {
		return err
	}
	if kind == packetHeader {
		return d.audioHeader(t, data)
	}
	// No access unit begins as an ADTS header does, which some encoders leave on,
	// or send in the place of the codec header.
	if f, rest, whole, err := codec.ADTS(data); err == nil && whole && len(rest) == 0 {
		data = f.Data
		if t.now == nil {
			if err := d.audioHeader(t, f.Config[:]); err != nil {
				return err
			}
		}
	}
	if t.now == nil {
		d.dropped++
		return nil
	}
	if len(data) > maxAAC {
		return d.malformed(fmt.Errorf("AAC access unit of %d bytes, at most %d are possible", len(data), maxAAC))
	}
	d.badRun = 0
	return d.write(t, media.Unit{Key: true, At: at, Data: data}, ts, 0)
}

// audioHeader takes an AudioSpecificConfig.
func (d *demuxer) audioHeader(t *track, config []byte) error {
	if t.now != nil && bytes.Equal(t.now.Config, config) {
		return nil
	}
	now, err := codec.AAC(config)
	if err != nil {
		return err
	}
	now.ID = t.id
	t.now = now
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
	tracks := make([]*media.Track, 0, 2+len(d.video.more)+len(d.audio.more))
	d.out.SetTracks(d.audio.known(d.video.known(tracks)))
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

// videoPacket reads the body of a video tag that is not of Enhanced RTMP.
func videoPacket(body []byte) (packet, error) {
	p := packet{kind: packetNothing, codec: media.H264}
	if len(body) == 0 || body[0]>>4 == frameCommand {
		return p, nil
	}
	if id := body[0] & 0x0f; id != 7 {
		return p, codec.UnsupportedVideo(flvVideoName(id))
	}
	if len(body) < 5 {
		return p, fmt.Errorf("video tag of %d bytes", len(body))
	}
	p.cts, p.data = signed24(body[2:]), body[5:]
	switch body[1] {
	case 0:
		p.kind = packetHeader
	case 1:
		p.kind = packetMedia
	case 2: // end of sequence
	default:
		return p, fmt.Errorf("AVC packet of type %d", body[1])
	}
	return p, nil
}

// audioPacket splits the body of an audio tag that is not of Enhanced RTMP.
func audioPacket(body []byte) (kind int, data []byte, err error) {
	if len(body) == 0 {
		return packetNothing, nil, nil
	}
	if id := body[0] >> 4; id != 10 {
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

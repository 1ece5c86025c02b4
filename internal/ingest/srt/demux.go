package srt

import (
	"bytes"
	"strings"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ingest/codec"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/mpegts"
)

const (
	// maxBad is how many PES packets in a row may be malformed, about a second of
	// media. A publisher that goes on is sent away.
	maxBad = 60

	// frameSamples is how many samples an AAC-LC access unit has.
	frameSamples = 1024
)

// A demuxer makes units of a transport stream: of its first H.264 and its first
// AAC stream.
type demuxer struct {
	out ingest.Publication

	reader mpegts.Reader
	clock  clock
	video  track
	audio  track
	part   []byte      // of an ADTS frame that goes on in the next packet
	next   media.Ticks // time of the next ADTS frame

	now     time.Time // of the bytes that are being read
	heard   time.Time // when a unit was last passed on
	dropped int       // pictures that came before their parameter sets
	bad     int       // malformed packets
	badRun  int       // since the last good one
}

// A track is the state of the video or the audio.
type track struct {
	pid    uint16 // 0: there is none
	now    *media.Track
	config [2]byte     // AAC: what now was made of
	last   media.Ticks // DTS of the last unit
	any    bool        // there was one
}

// feed takes what arrived at a time.
func (d *demuxer) feed(b []byte, at time.Time) error {
	d.now = at
	if d.reader.Packet == nil {
		d.reader.Packet, d.reader.Streams = d.packet, d.streams
	}
	return invalid(d.reader.Feed(b))
}

// invalid tells the streamer what cannot be read.
func invalid(err error) error {
	if err == nil || ivs.CodeOf(err) != ivs.Internal {
		return err
	}
	return ivs.Errorf(ivs.Invalid, "the media cannot be read: %w; set the encoder to MPEG-TS over SRT", err)
}

// streams chooses the streams to read, at first and whenever the program changes.
func (d *demuxer) streams(all []mpegts.Stream) (wanted []uint16, err error) {
	var video, audio uint16
	var otherVideo, otherAudio string
	for _, s := range all {
		switch kind, name := kindOf(s); {
		case kind == media.Video && name == "" && video == 0:
			video = s.PID
		case kind == media.Audio && name == "" && audio == 0:
			audio = s.PID
		case kind == media.Video && otherVideo == "":
			otherVideo = name
		case kind == media.Audio && otherAudio == "":
			otherAudio = name
		}
	}
	if video == 0 && otherVideo != "" {
		return nil, codec.UnsupportedVideo(otherVideo)
	}
	if audio == 0 && otherAudio != "" {
		return nil, codec.UnsupportedAudio(otherAudio)
	}
	if audio != d.audio.pid {
		d.part = nil
	}
	gone := d.video.pid != 0 && video == 0 || d.audio.pid != 0 && audio == 0
	d.video.pid, d.audio.pid = video, audio
	if video == 0 {
		d.video.now = nil
	}
	if audio == 0 {
		d.audio.now = nil
	}
	if gone {
		d.setTracks()
	}
	return []uint16{video, audio}, nil
}

// kindOf says what a stream is, and its name if it is of a coding that is not
// taken. What is neither video nor audio is media.Data.
func kindOf(s mpegts.Stream) (kind media.Kind, name string) {
	switch s.Type {
	case 0x1b:
		return media.Video, ""
	case 0x01, 0x02:
		return media.Video, "MPEG-2"
	case 0x10:
		return media.Video, "MPEG-4 part 2"
	case 0x24, 0x25:
		return media.Video, "HEVC (H.265)"
	case 0x33:
		return media.Video, "VVC (H.266)"
	case 0xea:
		return media.Video, "VC-1"
	case 0x0f:
		return media.Audio, ""
	case 0x03, 0x04:
		return media.Audio, "MP2 or MP3"
	case 0x11:
		return media.Audio, "AAC in LATM"
	case 0x81, 0x87:
		return media.Audio, "Dolby Digital"
	case 0x06: // private: a registration descriptor says what
		switch {
		case strings.Contains(s.Info, "\x05\x04Opus"):
			return media.Audio, "Opus"
		case strings.Contains(s.Info, "\x05\x04AV01"):
			return media.Video, "AV1"
		case strings.Contains(s.Info, "\x05\x04HEVC"):
			return media.Video, "HEVC (H.265)"
		case strings.Contains(s.Info, "\x05\x04AC-3"):
			return media.Audio, "Dolby Digital"
		}
	}
	return media.Data, ""
}

// packet takes a PES packet.
func (d *demuxer) packet(p mpegts.PES) error {
	if p.PID == d.video.pid {
		return d.picture(p)
	}
	return d.sounds(p)
}

// picture takes a PES packet of video, which has one access unit.
func (d *demuxer) picture(p mpegts.PES) error {
	pic := codec.AnnexB(p.Data)
	if pic.Key || d.video.now == nil {
		now, err := codec.WithSets(d.video.now, pic.SPS, pic.PPS)
		if err != nil && d.video.now == nil {
			return err
		}
		if now != d.video.now {
			d.video.now = now
			d.setTracks()
		}
	}
	if !pic.Coded {
		return nil
	}
	if !p.Timed {
		return d.malformed("a picture has no timestamp")
	}
	if d.video.now == nil {
		d.dropped++
		return nil
	}
	d.badRun = 0
	offset := difference(p.PTS, p.DTS)
	if offset < -maxOffset || offset > maxOffset {
		offset = 0
	}
	return d.write(&d.video, media.Unit{Key: pic.Key, Data: pic.Data}, d.clock.unwrap(p.DTS), offset)
}

// sounds takes a PES packet of audio, which has ADTS frames. One may have begun
// in the packet before; the timestamp is that of the first that begins here.
func (d *demuxer) sounds(p mpegts.PES) error {
	if p.Damaged {
		d.part = nil
	}
	b, carried := p.Data, len(d.part) > 0
	if carried {
		b = append(d.part, b...)
		d.part = nil
	}
	var begin media.Ticks
	if p.Timed {
		begin = d.clock.unwrap(p.PTS)
	}
	if p.Timed && !carried {
		d.next = begin
	}
	for len(b) > 0 {
		f, rest, whole, err := codec.ADTS(b)
		if err != nil {
			b = b[1+codec.ADTSSync(b[1:]):]
			if err := d.malformed(err.Error()); err != nil {
				return err
			}
			continue
		}
		if !whole {
			d.part = bytes.Clone(b)
			break
		}
		b = rest
		if err := d.sound(f); err != nil {
			return err
		}
		if carried && p.Timed {
			d.next = begin
		}
		carried = false
	}
	return nil
}

// sound takes an AAC access unit.
func (d *demuxer) sound(f codec.ADTSFrame) error {
	if d.audio.now == nil || d.audio.config != f.Config {
		t, err := codec.AAC(f.Config[:])
		if err != nil {
			return err
		}
		d.audio.now, d.audio.config = t, f.Config
		d.setTracks()
	}
	d.badRun = 0
	at := d.next
	d.next += frameSamples * media.Clock / media.Ticks(d.audio.now.Sound.SampleRate)
	return d.write(&d.audio, media.Unit{Key: true, Data: bytes.Clone(f.Data)}, at, 0)
}

// write completes a unit and passes it on.
func (d *demuxer) write(t *track, u media.Unit, dts, offset media.Ticks) error {
	if t.any && dts <= t.last {
		dts = t.last + 1
	}
	t.last, t.any = dts, true
	d.heard = d.now
	u.At, u.Track, u.DTS, u.PTS = d.now, t.now, dts, dts+offset
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

// malformed counts what cannot be read. One packet is skipped, many in a row are
// an error.
func (d *demuxer) malformed(what string) error {
	d.bad++
	if d.badRun++; d.badRun >= maxBad {
		return ivs.Errorf(ivs.Invalid, "the media cannot be read: %s; restart the encoder", what)
	}
	return nil
}

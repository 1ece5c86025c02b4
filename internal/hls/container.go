package hls

import (
	"openivs/internal/fmp4"
	"openivs/internal/media"
	"openivs/internal/mpegts"
)

// A Container is what segments are written in.
type Container uint8

// The containers.
const (
	TS  Container = iota // MPEG transport stream
	MP4                  // fragmented MP4
)

// Type is the media type of segments, parts and initialization sections.
func (c Container) Type() string {
	if c == MP4 {
		return "video/mp4"
	}
	return "video/mp2t"
}

// carries says why a track has no place in the container, or nil.
func (c Container) carries(t *media.Track) error {
	if c == MP4 && t.Codec == media.HEVC {
		return nil
	}
	return mpegts.Carries(t)
}

// ext is how their names end.
func (c Container) ext() string {
	if c == MP4 {
		return ".mp4"
	}
	return ".ts"
}

// A muxer writes units in a container. It appends to the caller's buffer, or
// holds units back until end; what it holds it does not copy.
type muxer interface {
	// setTracks says what follows. It returns what a player needs before that,
	// or nil if segments have it in them.
	setTracks(video, audio *media.Track) (init []byte, err error)

	// begin appends what a player needs to begin here.
	begin(b []byte) []byte

	video(b []byte, u media.Unit) []byte
	audio(b []byte, u media.Unit) []byte
	data(b []byte, at media.Ticks, tag []byte) []byte // an ID3 tag

	// end appends all that is held back. The last picture is shown for a time.
	end(b []byte, last media.Ticks) []byte

	// drop lets go of all that is held back.
	drop()

	// held is about how many bytes are held back.
	held() int
}

func (c Container) muxer() muxer {
	if c == MP4 {
		return new(fragments)
	}
	return new(packets)
}

// packets is the muxer of transport streams.
type packets struct{ w mpegts.Writer }

func (p *packets) setTracks(video, audio *media.Track) ([]byte, error) {
	return nil, p.w.SetTracks(video, audio)
}

func (p *packets) begin(b []byte) []byte { return p.w.AppendTables(b) }

func (p *packets) video(b []byte, u media.Unit) []byte { return p.w.AppendVideo(b, u) }

func (p *packets) audio(b []byte, u media.Unit) []byte { return p.w.AppendAudio(b, u.PTS, u.Data) }

func (p *packets) data(b []byte, at media.Ticks, tag []byte) []byte {
	return p.w.AppendData(b, at, tag)
}

func (p *packets) end(b []byte, _ media.Ticks) []byte { return p.w.Flush(b) }

func (p *packets) drop() { p.w.Drop() }

func (p *packets) held() int { return 0 }

// fragments is the muxer of fragmented MP4.
type fragments struct{ w fmp4.Writer }

func (f *fragments) setTracks(video, audio *media.Track) ([]byte, error) {
	return f.w.SetTracks(video, audio), nil
}

func (f *fragments) begin(b []byte) []byte { return b }

func (f *fragments) video(b []byte, u media.Unit) []byte {
	f.w.Video(u)
	return b
}

func (f *fragments) audio(b []byte, u media.Unit) []byte {
	f.w.Audio(u)
	return b
}

func (f *fragments) data(b []byte, at media.Ticks, tag []byte) []byte {
	f.w.Data(at, tag)
	return b
}

func (f *fragments) end(b []byte, last media.Ticks) []byte { return f.w.End(b, last) }

func (f *fragments) drop() { f.w.Drop() }

func (f *fragments) held() int { return f.w.Held() }

// An Init is what a player needs before segments of fragmented MP4.
type Init struct {
	First int64 // MSN of the first segment that needs it
	Data  []byte
}

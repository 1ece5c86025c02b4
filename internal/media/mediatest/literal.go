package mediatest

import (
	"encoding/binary"

	"openivs/internal/media"
)

// VideoTrack returns an H.264 track with an AVCDecoderConfigurationRecord
// (ISO/IEC 14496-15, 5.3.3.1), which must be whole, and the picture it describes.
func VideoTrack(config []byte, width, height int, framerate float64) *media.Track {
	t := &media.Track{Kind: media.Video, Codec: media.H264, Config: config}
	t.Picture = media.Picture{
		Profile: config[1], Constraints: config[2], Level: config[3],
		Width: width, Height: height, Framerate: framerate,
	}
	b := config[5:]
	for _, list := range []*[][]byte{&t.Picture.SPS, &t.Picture.PPS} {
		count := int(b[0] & 0x1f)
		b = b[1:]
		for range count {
			n := int(binary.BigEndian.Uint16(b))
			*list = append(*list, b[2:2+n])
			b = b[2+n:]
		}
	}
	return t
}

// AudioTrack returns an AAC track with an AudioSpecificConfig of at least two
// bytes (ISO/IEC 14496-3, 1.6.2.1) and one of the three usual rates.
func AudioTrack(config []byte) *media.Track {
	rate := map[byte]int{3: 48000, 4: 44100, 5: 32000}[config[0]&7<<1|config[1]>>7]
	return &media.Track{
		Kind: media.Audio, Codec: media.AAC, Config: config,
		Sound: media.Sound{
			ObjectType: int(config[0] >> 3),
			SampleRate: rate,
			Channels:   int(config[1] >> 3 & 15),
		},
	}
}

// Video returns a picture of a track that is shown when it is decoded. Its NAL
// units are given without their lengths.
func Video(t *media.Track, at media.Ticks, key bool, nals ...[]byte) media.Unit {
	return media.Unit{Track: t, PTS: at, DTS: at, Key: key, Data: Join(nals...), At: Epoch().Add(at.Duration())}
}

// Audio returns an audio unit of a track, of n bytes that mean nothing.
func Audio(t *media.Track, at media.Ticks, n int) media.Unit {
	return media.Unit{Track: t, PTS: at, DTS: at, Key: true, Data: make([]byte, n), At: Epoch().Add(at.Duration())}
}

// Join puts each NAL unit behind its length in 4 bytes.
func Join(nals ...[]byte) []byte {
	var b []byte
	for _, n := range nals {
		b = binary.BigEndian.AppendUint32(b, uint32(len(n)))
		b = append(b, n...)
	}
	return b
}

package fmp4

import (
	"bytes"

	"openivs/internal/media"
)

// initSection writes the initialization section (ISO/IEC 14496-12, 8.2) of a
// video and an AAC track, of which one may be nil.
func initSection(video, audio *media.Track) []byte {
	brands := []byte("isom\x00\x00\x02\x00isomiso6avc1mp41")
	var extends [][]byte
	var tracks []byte
	last := videoID
	if video != nil {
		extends = append(extends, trex(videoID))
		tracks = trak(videoID, video, media.Clock, videoEntry(video))
	}
	if audio != nil {
		extends = append(extends, trex(audioID))
		tracks = append(tracks, trak(audioID, audio, audio.Sound.SampleRate, audioEntry(audio))...)
		last = audioID
	}
	header := make([]byte, 0, 96)
	header = be64(header, 0) // created, modified
	header = be32(header, media.Clock)
	header = be32(header, 0)          // of no duration
	header = be32(header, 0x00010000) // rate
	header = be16(header, 0x0100)     // volume
	header = append(header, make([]byte, 10)...)
	header = append(header, matrix()...)
	header = append(header, make([]byte, 24)...)
	header = be32(header, last+1) // next track
	return append(box("ftyp", brands),
		box("moov", full("mvhd", 0, header), tracks, box("mvex", extends...))...)
}

// matrix is the transformation that changes nothing.
func matrix() []byte {
	m := make([]byte, 36)
	m[1], m[17], m[32] = 1, 1, 0x40
	return m
}

func trex(id int) []byte {
	b := be32(nil, id)
	b = be32(b, 1) // sample description
	return full("trex", 0, b, make([]byte, 12))
}

// trak describes a track whose times count in a scale.
func trak(id int, t *media.Track, scale int, entry []byte) []byte {
	handler, name, volume, media1 := "vide", "VideoHandler", 0, full("vmhd", 1, make([]byte, 8))
	if t.Kind == media.Audio {
		handler, name, volume, media1 = "soun", "SoundHandler", 0x0100, full("smhd", 0, make([]byte, 4))
	}
	head := be64(nil, 0) // created, modified
	head = be32(head, id)
	head = append(head, make([]byte, 4+4+8+4)...) // of no duration; layer and group
	head = be16(head, volume)
	head = be16(head, 0)
	head = append(head, matrix()...)
	head = be32(head, t.Picture.Width<<16)
	head = be32(head, t.Picture.Height<<16)

	mdhd := be64(nil, 0)
	mdhd = be32(mdhd, scale)
	mdhd = be32(mdhd, 0)
	mdhd = be32(mdhd, 0x55c40000) // language undetermined

	hdlr := append(make([]byte, 4), handler...)
	hdlr = append(append(hdlr, make([]byte, 12)...), name...)

	none := make([]byte, 8)
	table := box("stbl", full("stsd", 0, be32(nil, 1), entry),
		full("stts", 0, none[:4]), full("stsc", 0, none[:4]), full("stsz", 0, none), full("stco", 0, none[:4]))
	local := box("dinf", full("dref", 0, be32(nil, 1), full("url ", 1)))
	return box("trak", full("tkhd", 3, head),
		box("mdia", full("mdhd", 0, mdhd), full("hdlr", 0, hdlr, []byte{0}), box("minf", media1, local, table)))
}

// videoEntry describes H.264 or HEVC whose parameter sets are here (ISO/IEC
// 14496-15, 5.4.2 and 8.4.1).
func videoEntry(t *media.Track) []byte {
	b := append(make([]byte, 6), 0, 1) // data reference 1
	b = append(b, make([]byte, 16)...)
	b = be16(b, t.Picture.Width)
	b = be16(b, t.Picture.Height)
	b = be32(b, 0x00480000) // 72 dpi
	b = be32(b, 0x00480000)
	b = be32(b, 0)
	b = be16(b, 1) // frame a sample
	b = append(b, make([]byte, 32)...)
	b = be16(b, 24) // bits a pixel
	b = be16(b, 0xffff)
	config := bytes.Clone(t.Config)
	if t.Codec == media.HEVC {
		if len(config) > 21 {
			config[21] |= 3
		}
		return box("hvc1", b, box("hvcC", config))
	}
	if len(config) > 4 {
		config[4] |= 3 // units have lengths of 4 bytes, whatever the encoder's had
	}
	return box("avc1", b, box("avcC", config))
}

// audioEntry describes AAC (ISO/IEC 14496-14, 5.6).
func audioEntry(t *media.Track) []byte {
	b := append(make([]byte, 6), 0, 1)
	b = append(b, make([]byte, 8)...)
	b = be16(b, t.Sound.Channels)
	b = be16(b, 16) // bits a sample
	b = be32(b, 0)
	b = be32(b, t.Sound.SampleRate<<16)

	// Descriptors of ISO/IEC 14496-1, 7.2.6.
	specific := descriptor(5, t.Config)
	decoder := append([]byte{0x40, 0x15, 0, 0, 0}, make([]byte, 8)...) // audio; rates unknown
	stream := append([]byte{0, 0, 0}, descriptor(4, append(decoder, specific...))...)
	stream = append(stream, descriptor(6, []byte{2})...)
	return box("mp4a", b, full("esds", 0, descriptor(3, stream)))
}

// descriptor returns a descriptor of a tag, its length in four bytes.
func descriptor(tag byte, b []byte) []byte {
	n := len(b)
	head := []byte{tag, byte(n>>21) | 0x80, byte(n>>14) | 0x80, byte(n>>7) | 0x80, byte(n) & 0x7f}
	return append(head, b...)
}

package rtmptest

import (
	"encoding/binary"
)

// Headers that x264 and ffmpeg's AAC encoder made.
const (
	// AVC720p30 is an AVCDecoderConfigurationRecord: High, level 3.1, 1280×720,
	// 30 frames a second.
	AVC720p30 = "\x01\x64\x00\x1f\xff\xe1\x00\x1a\x67\x64\x00\x1f\xac\xd9\x40\x50\x05\xbb\x01\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\xc0\xf1\x83\x19\x60\x01\x00\x06\x68\xeb\xe3\xcb\x22\xc0\xfd\xf8\xf8\x00"

	// AVC1080p60 is one of Main, level 4.2, 1920×1080 with cropping, 60 frames a
	// second.
	AVC1080p60 = "\x01\x4d\x40\x2a\xff\xe1\x00\x1a\x67\x4d\x40\x2a\xec\xa0\x3c\x01\x13\xf2\xe0\x22\x00\x00\x03\x00\x02\x00\x00\x03\x00\xf0\x1e\x30\x63\x2c\x01\x00\x05\x68\xeb\xe3\xcb\x20"

	// HEVC360p30 is an HEVCDecoderConfigurationRecord that x265 made: Main, level
	// 2.1, 640×360, 30 frames a second.
	HEVC360p30 = "\x01\x01\x60\x00\x00\x00\x90\x00\x00\x00\x00\x00\x3f\xf0\x00\xfc\xfd\xf8\xf8\x00\x00\x0f\x03\xa0\x00\x01\x00\x18\x40\x01\x0c\x01\xff\xff\x01\x60\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x3f\xba\x02\x40\xa1\x00\x01\x00\x2b\x42\x01\x01\x01\x60\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x3f\xa0\x05\x02\x01\x71\xf2\xe5\xba\x4a\x4c\x2f\x01\x68\x08\x00\x00\x03\x00\x08\x00\x00\x03\x00\xf0\x40\xa2\x00\x01\x00\x06\x44\x01\xc0\x73\xc1\x89"

	// AAC48kStereo and AAC44kMono are AudioSpecificConfigs of AAC-LC.
	AAC48kStereo = "\x11\x90"
	AAC44kMono   = "\x12\x08"
)

// VideoHeader makes the body of a video message that holds a codec header.
func VideoHeader(avcc string) []byte { return append([]byte{0x17, 0, 0, 0, 0}, avcc...) }

// AudioHeader makes the body of an audio message that holds a codec header.
func AudioHeader(config string) []byte { return append([]byte{0xaf, 0}, config...) }

// Frame makes the body of a video message: a NAL unit of a type, with so many
// bytes. cts is the composition time offset in ms.
func Frame(nalu byte, size int, cts int32) []byte {
	kind := byte(0x27)
	if nalu == 5 {
		kind = 0x17
	}
	b := []byte{kind, 1, byte(cts >> 16), byte(cts >> 8), byte(cts)}
	b = binary.BigEndian.AppendUint32(b, uint32(size))
	b = append(b, nalu|0x60)
	for i := 1; i < size; i++ {
		b = append(b, byte(i)|1)
	}
	return b
}

// Sound makes the body of an audio message of so many bytes of AAC.
func Sound(size int) []byte {
	b := []byte{0xaf, 1, 0x21}
	for i := 1; i < size; i++ {
		b = append(b, byte(i*3))
	}
	return b
}

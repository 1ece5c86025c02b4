package transcode

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"openivs/internal/media"
)

// The FLV that goes to and comes from children (Video File Format Specification
// 10.1, annex E).
const (
	tagAudio = 8
	tagVideo = 9

	tagHead = 11 // bytes before a tag's body
	tagTail = 4  // and behind it

	// maxTag is the most bytes that a tag of a child may have: many times what
	// a rung has in a second.
	maxTag = 4 << 20
)

// flvHead begins a file that has a kind of tag.
func flvHead(tag byte) []byte {
	flags := byte(1)
	if tag == tagAudio {
		flags = 4
	}
	return []byte{'F', 'L', 'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0}
}

// appendTagHead appends the head of a tag whose body has so many bytes.
func appendTagHead(b []byte, tag byte, size int, ms int64) []byte {
	return append(b, tag, byte(size>>16), byte(size>>8), byte(size),
		byte(ms>>16), byte(ms>>8), byte(ms), byte(ms>>24), 0, 0, 0)
}

func appendTagTail(b []byte, size int) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(size+tagHead)) //nolint:gosec // a size of three bytes
}

// writeTag writes a tag whose body is in two pieces.
func writeTag(w *bufio.Writer, tag byte, ms int64, head, body []byte) error {
	size := len(head) + len(body)
	if size >= 1<<24 {
		return fmt.Errorf("a tag of %d bytes", size)
	}
	var room [tagHead + 8]byte
	_, _ = w.Write(append(appendTagHead(room[:0], tag, size, ms), head...)) // an error stays until Flush
	_, _ = w.Write(body)
	_, _ = w.Write(appendTagTail(room[:0], size))
	return w.Flush()
}

// avcHead is what goes before the data of a picture, or of a configuration.
func avcHead(key bool, packet byte, cts int64) []byte {
	kind := byte(0x27)
	if key {
		kind = 0x17
	}
	return []byte{kind, packet, byte(cts >> 16), byte(cts >> 8), byte(cts)}
}

// avcConfig is a track's configuration with the lengths of four bytes that units
// have, whatever the encoder's were.
func avcConfig(t *media.Track) []byte {
	c := append([]byte(nil), t.Config...)
	if len(c) > 4 {
		c[4] |= 3
	}
	return c
}

var errGarbage = errors.New("what came out is not what was asked for")

// A tag is one of a child's output. Its body is of nobody else.
type tag struct {
	kind byte
	ms   int64
	body []byte
}

// readTags calls take with each tag until the output ends, whose end is io.EOF.
func readTags(r io.Reader, take func(tag) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var head [13]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return cutOff(err)
	}
	if string(head[:4]) != "FLV\x01" || binary.BigEndian.Uint32(head[5:]) != 9 {
		return fmt.Errorf("%w: no FLV", errGarbage)
	}
	for {
		t, err := readTag(in)
		if err != nil {
			return err
		}
		if err := take(t); err != nil {
			return err
		}
	}
}

func readTag(in *bufio.Reader) (tag, error) {
	var head [tagHead]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return tag{}, cutOff(err)
	}
	size := int(head[1])<<16 | int(head[2])<<8 | int(head[3])
	if size > maxTag {
		return tag{}, fmt.Errorf("%w: a tag of %d bytes, at most %d are read", errGarbage, size, maxTag)
	}
	b := make([]byte, size+tagTail)
	if _, err := io.ReadFull(in, b); err != nil {
		return tag{}, cutOff(err)
	}
	if int(binary.BigEndian.Uint32(b[size:])) != size+tagHead {
		return tag{}, fmt.Errorf("%w: a tag's sizes differ", errGarbage)
	}
	ms := int64(head[7])<<24 | int64(head[4])<<16 | int64(head[5])<<8 | int64(head[6])
	return tag{kind: head[0], ms: ms, body: b[:size:size]}, nil
}

// cutOff makes one end of what is no whole tag and what is nothing at all.
func cutOff(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}

// readAVC takes the body of a video tag apart: a configuration, or a picture.
func readAVC(b []byte) (config bool, key bool, cts int64, data []byte, err error) {
	if len(b) < 5 || b[0]&0x0f != 7 || b[1] > 1 {
		return false, false, 0, nil, fmt.Errorf("%w: no H.264", errGarbage)
	}
	cts = int64(int32(uint32(b[2])<<24|uint32(b[3])<<16|uint32(b[4])<<8) >> 8)
	return b[1] == 0, b[0]>>4 == 1, cts, b[5:], nil
}

// pictures checks that data holds NAL units behind lengths of four bytes.
func pictures(data []byte) error {
	if len(data) == 0 {
		return fmt.Errorf("%w: an empty picture", errGarbage)
	}
	for len(data) > 0 {
		if len(data) < 5 {
			return fmt.Errorf("%w: a cut off picture", errGarbage)
		}
		n := int64(binary.BigEndian.Uint32(data))
		if n == 0 || n > int64(len(data)-4) {
			return fmt.Errorf("%w: a cut off picture", errGarbage)
		}
		data = data[4+n:]
	}
	return nil
}

// rungTrack makes the track of a rung of its configuration
// (AVCDecoderConfigurationRecord, ISO/IEC 14496-15, 5.3.3.1).
func rungTrack(config []byte, g Rung) (*media.Track, error) {
	bad := fmt.Errorf("%w: no H.264 configuration", errGarbage)
	if len(config) < 7 || config[0] != 1 || config[4]&3 != 3 {
		return nil, bad
	}
	pic := media.Picture{
		Profile: config[1], Constraints: config[2], Level: config[3],
		Width: g.Width, Height: g.Height, Framerate: g.Framerate,
	}
	var rest []byte
	var ok bool
	if pic.SPS, rest, ok = parameterSets(config[6:], int(config[5]&0x1f)); !ok || len(rest) == 0 {
		return nil, bad
	}
	if pic.PPS, _, ok = parameterSets(rest[1:], int(rest[0])); !ok || len(pic.SPS) == 0 || len(pic.PPS) == 0 {
		return nil, bad
	}
	return &media.Track{Kind: media.Video, Codec: media.H264, Config: config, Picture: pic}, nil
}

// parameterSets reads n NAL units, each behind its length in two bytes.
func parameterSets(b []byte, n int) (sets [][]byte, rest []byte, ok bool) {
	for range n {
		if len(b) < 2 {
			return nil, nil, false
		}
		size := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; size == 0 || size > len(b) {
			return nil, nil, false
		}
		sets, b = append(sets, b[:size:size]), b[size:]
	}
	return sets, b, true
}

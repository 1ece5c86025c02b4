package transcode

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"openivs/internal/media"
)

const (
	maxImage = 8 << 20          // the most bytes that an image may have
	imageIn  = 15 * time.Second // how long one may take: its input has ended before it has begun
)

// Thumbnail makes a JPEG of a keyframe, of a size, or of the picture's own if
// width is 0. It takes a child of its own for a moment, and decodes nothing but
// that picture: whoever wants one a minute calls it once a minute.
func Thumbnail(ctx context.Context, program string, u media.Unit, width, height int) ([]byte, error) {
	if !u.Key || u.Track == nil || u.Track.Codec != media.H264 && u.Track.Codec != media.HEVC {
		return nil, fmt.Errorf("make an image: the picture is no keyframe of H.264 or HEVC")
	}
	var image bytes.Buffer
	p := &process{program: program, args: thumbnailArgs("flv", width, height), grace: imageIn}
	p.in = func(_ context.Context, w io.Writer) error {
		out := bufio.NewWriterSize(w, 64<<10)
		_, _ = out.Write(flvHead(tagVideo)) // an error stays until Flush
		if err := writeTag(out, tagVideo, 0, avcHead(true, 0, 0), avcConfig(u.Track)); err != nil {
			return err
		}
		return writeTag(out, tagVideo, 0, avcHead(true, 1, 0), u.Data)
	}
	if u.Track.Codec == media.HEVC { // older ffmpegs know no FLV with it
		p.args = thumbnailArgs("hevc", width, height)
		stream, err := byteStream(u)
		if err != nil {
			return nil, fmt.Errorf("make an image: %w", err)
		}
		p.in = func(_ context.Context, w io.Writer) error {
			_, err := w.Write(stream)
			return err
		}
	}
	p.out = []func(io.Reader) error{func(r io.Reader) error {
		n, err := io.Copy(&image, io.LimitReader(r, maxImage+1))
		if err == nil && n > maxImage {
			err = fmt.Errorf("%w: an image of more than %d bytes", errGarbage, maxImage)
		}
		return err
	}}
	if err := p.run(ctx); err != nil {
		return nil, fmt.Errorf("make an image: %w", err)
	}
	b := image.Bytes()
	if !bytes.HasPrefix(b, []byte{0xff, 0xd8}) || !bytes.HasSuffix(b, []byte{0xff, 0xd9}) {
		return nil, fmt.Errorf("make an image: %w: no JPEG", errGarbage)
	}
	return b, nil
}

// hvccHead is how many bytes of an HEVCDecoderConfigurationRecord come before its
// arrays of parameter sets (ISO/IEC 14496-15, 8.3.3.1).
const hvccHead = 23

var errHVCC = errors.New("the HEVC header ends too early")

// byteStream is a keyframe of HEVC behind its parameter sets, with start codes (ITU-T
// H.265, annex B).
func byteStream(u media.Unit) (out []byte, err error) {
	b := u.Track.Config
	if len(b) < hvccHead {
		return nil, errHVCC
	}
	arrays := int(b[hvccHead-1])
	b = b[hvccHead:]
	for range arrays {
		if len(b) < 3 {
			return nil, errHVCC
		}
		n := int(binary.BigEndian.Uint16(b[1:]))
		b = b[3:]
		for range n {
			if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
				return nil, errHVCC
			}
			end := 2 + int(binary.BigEndian.Uint16(b))
			out = append(append(out, startCode...), b[2:end]...)
			b = b[end:]
		}
	}
	for b = u.Data; len(b) >= 4 && len(b)-4 >= int(binary.BigEndian.Uint32(b)); {
		end := 4 + int(binary.BigEndian.Uint32(b))
		out = append(append(out, startCode...), b[4:end]...)
		b = b[end:]
	}
	return out, nil
}

const startCode = "\x00\x00\x00\x01"

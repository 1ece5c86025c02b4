package transcode

import (
	"bufio"
	"bytes"
	"context"
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
	if !u.Key || u.Track == nil || u.Track.Codec != media.H264 {
		return nil, fmt.Errorf("make an image: the picture is no keyframe of H.264")
	}
	var image bytes.Buffer
	p := &process{program: program, args: thumbnailArgs(width, height), grace: imageIn}
	p.in = func(_ context.Context, w io.Writer) error {
		out := bufio.NewWriterSize(w, 64<<10)
		_, _ = out.Write(flvHead(tagVideo)) // an error stays until Flush
		if err := writeTag(out, tagVideo, 0, avcHead(true, 0, 0), avcConfig(u.Track)); err != nil {
			return err
		}
		return writeTag(out, tagVideo, 0, avcHead(true, 1, 0), u.Data)
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

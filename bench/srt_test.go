package bench

import (
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"
)

const (
	packet   = 188        // bytes of a packet of a transport stream
	datagram = 7 * packet // of SRT
)

// A datagramAt is a piece of a transport stream, and when it is due.
type datagramAt struct {
	due  time.Duration
	data []byte
}

// transportStream makes one of a clip, long enough to be sent once, by its own clock.
func transportStream(b *testing.B, clip string) []datagramAt {
	b.Helper()
	file := filepath.Join(b.TempDir(), "clip.ts")
	out, err := exec.Command("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-stream_loop", "5", "-i", clip, "-c", "copy", "-f", "mpegts", file).CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	stream, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	var all []datagramAt
	first, now := int64(-1), time.Duration(0)
	for len(stream) >= packet {
		d := stream[:min(datagram, len(stream))]
		for p := d; len(p) >= packet; p = p[packet:] {
			if p[3]&0x20 == 0 || p[4] < 7 || p[5]&0x10 == 0 { // it has no clock (ISO/IEC 13818-1, 2.4.3.5)
				continue
			}
			at := int64(binary.BigEndian.Uint32(p[6:]))<<1 | int64(p[10]>>7)
			if first < 0 {
				first = at
			}
			now = time.Duration(at-first) * time.Second / 90000
		}
		all = append(all, datagramAt{now, d})
		stream = stream[len(d):]
	}
	return all
}

// dialSRT connects a publisher of a transport stream.
func dialSRT(ctx context.Context, address, key, passphrase string, stream []datagramAt) (play func(ctx context.Context) error, err error) {
	c := gosrt.DefaultConfig()
	c.StreamId, c.Passphrase = key, passphrase
	var nc gosrt.Conn
	for range 5 { // the library sends each part of its handshake only once
		if nc, err = gosrt.Dial("srt", strings.TrimPrefix(address, "srt://"), c); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = nc.Close() })
	return func(ctx context.Context) error {
		start := time.Now()
		wait := time.NewTimer(0)
		defer wait.Stop()
		for _, d := range stream {
			wait.Reset(time.Until(start.Add(d.due)))
			select {
			case <-wait.C:
			case <-ctx.Done():
				return nil
			}
			if _, err := nc.Write(d.data); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

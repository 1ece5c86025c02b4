package codec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"openivs/internal/ingest/rtmp/rtmptest"
)

func TestAccessUnits(t *testing.T) {
	unit := func(prefix int, nalus ...string) (b []byte) {
		for _, n := range nalus {
			b = append(b, binary.BigEndian.AppendUint32(nil, uint32(len(n)))[4-prefix:]...)
			b = append(b, n...)
		}
		return b
	}
	for _, tc := range []struct {
		name         string
		b            []byte
		prefix       int
		want         []byte
		key, picture bool
		ok           bool
	}{
		{"a picture", unit(4, "\x41abc"), 4, unit(4, "\x41abc"), false, true, true},
		{"a keyframe behind its parameter sets", unit(4, "\x09\xf0", "\x67a", "\x68b", "\x06c", "\x65d"), 4, unit(4, "\x09\xf0", "\x67a", "\x68b", "\x06c", "\x65d"), true, true, true},
		{"parameter sets alone", unit(4, "\x67a", "\x68b"), 4, unit(4, "\x67a", "\x68b"), false, false, true},
		{"lengths of 1 byte", unit(1, "\x67a", "\x65d"), 1, unit(4, "\x67a", "\x65d"), true, true, true},
		{"lengths of 2 bytes", unit(2, "\x67a", "\x65d"), 2, unit(4, "\x67a", "\x65d"), true, true, true},
		{"lengths of 3 bytes", unit(3, "\x67a", "\x65d"), 3, unit(4, "\x67a", "\x65d"), true, true, true},
		{"nothing", nil, 4, nil, false, false, true},
		{"a length that is too long", append(unit(4, "\x41abc"), 0, 0, 0, 2, 1), 4, nil, false, false, false},
		{"a length of all ones", []byte{0xff, 0xff, 0xff, 0xff, 0x41}, 4, nil, false, false, false},
		{"a length cut off", append(unit(4, "\x41abc"), 0, 0), 4, nil, false, false, false},
		{"an empty unit alone", []byte{0, 0, 0, 0}, 4, nil, false, false, true},
		{"empty units between others", unit(4, "", "\x65a", "", "\x65b"), 4, unit(4, "\x65a", "\x65b"), true, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, key, picture, err := AccessUnit(tc.b, tc.prefix)
			if (err == nil) != tc.ok || err == nil && (!bytes.Equal(got, tc.want) || key != tc.key || picture != tc.picture) {
				t.Errorf("got %x, key %v, picture %v, %v", got, key, picture, err)
			}
			if tc.prefix == 4 && len(got) == len(tc.b) && len(got) > 0 && &got[0] != &tc.b[0] {
				t.Error("the bytes were copied")
			}
		})
	}
}

func TestH264Headers(t *testing.T) {
	ok := rtmptest.AVC720p30
	for _, tc := range []struct{ name, avcc, want string }{
		{"empty", "", "configuration of 0 bytes"},
		{"too long", ok + strings.Repeat("\x00", MaxConfig), "between 7 and 16384 are possible"},
		{"another version", "\x02" + ok[1:], "version 2"},
		{"an SPS cut off", ok[:20], "do not add up"},
		{"no SPS", ok[:5] + "\xe0" + ok[len(ok)-13:], "parameter set is missing"},
		{"no PPS", ok[:34] + "\x00", "parameter set is missing"},
		{"an SPS of length 0", ok[:6] + "\x00\x00" + ok[8:], "do not add up"},
		{"an SPS that is a PPS", ok[:8] + "\x68" + ok[9:], "not a SPS"},
		{"an SPS of all ones", ok[:9] + strings.Repeat("\xff", 25) + ok[34:], "sequence parameter set"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, _, err := H264([]byte(tc.avcc)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestAACHeaders(t *testing.T) {
	for _, tc := range []struct{ name, config, want string }{
		{"LC, 48 kHz, stereo", "\x11\x90", "mp4a.40.2 48000 2"},
		{"LC, 44.1 kHz, mono", "\x12\x08", "mp4a.40.2 44100 1"},
		{"LC, 5.1", "\x11\xb0", "mp4a.40.2 48000 6"},
		{"LC, 7.1", "\x11\xb8", "mp4a.40.2 48000 8"},
		{"LC that announces SBR behind it", "\x13\x10\x56\xe5\x98", "mp4a.40.2 24000 2"},
		{"SBR before LC: the core counts", "\x2b\x11\x88\x00", "mp4a.40.2 24000 2"},
		{"LC, a rate without index", "\x17\x80\x5d\xc0\x10", "mp4a.40.2 48000 2"},
		{"a rate of 1 Hz", "\x17\x80\x00\x00\x90", "sampling rate of 1 Hz"},
		{"channels by the stream", "\x11\x80", "channel layout"},
		{"AAC Main", "\x09\x90", "unsupported object type: 1"},
		{"cut off", "\x11", "not enough bits"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			track, err := AAC([]byte(tc.config))
			got := fmt.Sprint(err)
			if err == nil {
				got = fmt.Sprintf("%s %d %d", track.CodecString(), track.Sound.SampleRate, track.Sound.Channels)
			}
			if !strings.Contains(got, tc.want) {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func FuzzAVCC(f *testing.F) {
	f.Add([]byte(rtmptest.AVC720p30))
	f.Add([]byte(rtmptest.AVC1080p60))
	f.Add([]byte("\x01\x42\xc0\x0a\xfc\xe1\x00\x09\x67\x42\xc0\x0a\xda\x0f\x0a\x69\xa8\x01\x00\x04\x68\xce\x06\xe2"))
	f.Fuzz(func(t *testing.T, b []byte) {
		track, prefix, err := H264(b)
		if err != nil {
			return
		}
		p := track.Picture
		if prefix < 1 || prefix > 4 || p.Width <= 0 || p.Width > MaxSide || p.Height <= 0 || p.Height > 2*MaxSide || p.Framerate < 0 || p.Framerate > MaxFramerate {
			t.Fatalf("%+v with lengths of %d bytes", p, prefix)
		}
	})
}

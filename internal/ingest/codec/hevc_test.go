package codec

import (
	"strings"
	"testing"

	"openivs/internal/ingest/rtmp/rtmptest"
	"openivs/internal/ivs"
)

func TestHEVCHeaderIsRead(t *testing.T) {
	track, prefix, err := HEVC([]byte(rtmptest.HEVC360p30))
	if err != nil {
		t.Fatal(err)
	}
	p := track.Picture
	if prefix != 4 || p.Width != 640 || p.Height != 360 || p.Framerate != 30 || p.Profile != 1 || p.Level != 63 || p.Deep || p.HighChroma || len(p.SPS) != 1 || len(p.PPS) != 1 {
		t.Errorf("prefix %d, %+v", prefix, p)
	}
	if got := track.CodecString(); got != "hvc1.1.6.L63.90" {
		t.Errorf("codec %s", got)
	}
}

func TestHEVCHeadersThatCannotBe(t *testing.T) {
	good := rtmptest.HEVC360p30
	for name, b := range map[string]string{
		"empty":              "",
		"short":              good[:22],
		"another version":    "\x02" + good[1:],
		"no parameter sets":  good[:22] + "\x00",
		"sets cut off":       good[:60],
		"arrays cut off":     good[:23],
		"a million sets":     good[:22] + "\x01\x21\xff\xff\x00\x01\x42",
		"an unreadable SPS":  good[:22] + "\x02\x21\x00\x01\x00\x02\x42\x01\x22\x00\x01\x00\x01\x44",
		"longer than it may": good + strings.Repeat("x", MaxConfig),
	} {
		if _, _, err := HEVC([]byte(b)); ivs.CodeOf(err) != ivs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHEVCUnitsAreRead(t *testing.T) {
	for _, tc := range []struct {
		name         string
		b            string
		key, picture bool
	}{
		{"an IDR picture", "\x00\x00\x00\x03\x26\x01\x01", true, true},
		{"a clean random access", "\x00\x00\x00\x03\x2a\x01\x01", true, true},
		{"a trailing picture", "\x00\x00\x00\x03\x02\x01\x01", false, true},
		{"parameter sets alone", "\x00\x00\x00\x03\x40\x01\x01\x00\x00\x00\x03\x42\x01\x01", false, false},
		{"an SEI before a picture", "\x00\x00\x00\x03\x4e\x01\x01\x00\x00\x00\x03\x26\x01\x01", true, true},
	} {
		_, key, picture, err := HEVCUnit([]byte(tc.b), 4)
		if err != nil || key != tc.key || picture != tc.picture {
			t.Errorf("%s: key %t, picture %t, %v", tc.name, key, picture, err)
		}
	}
}

func FuzzHEVC(f *testing.F) {
	f.Add([]byte(rtmptest.HEVC360p30), []byte("\x00\x00\x00\x03\x26\x01\x01"))
	f.Add([]byte(rtmptest.HEVC360p30[:60]), []byte("\x00\x00\x00\x00"))
	f.Add([]byte(rtmptest.HEVC360p30[:22]+"\x01\x21\xff\xff\x00\x01\x42"), []byte("\x00"))
	f.Fuzz(func(t *testing.T, header, b []byte) {
		track, prefix, err := HEVC(header)
		if err != nil {
			return
		}
		if p := track.Picture; p.Width <= 0 || p.Height <= 0 || p.Width > MaxSide || p.Height > MaxSide || prefix < 1 || prefix > 4 {
			t.Fatalf("%dx%d, lengths of %d bytes", p.Width, p.Height, prefix)
		}
		if s := track.CodecString(); !strings.HasPrefix(s, "hvc1.") || strings.ContainsAny(s, "\",\n") {
			t.Fatalf("codec %q", s)
		}
		nalus, _, picture, err := HEVCUnit(b, prefix)
		if err != nil || !picture {
			return
		}
		if _, _, again, err := HEVCUnit(nalus, 4); err != nil || !again {
			t.Fatalf("unit %x: %v", nalus, err)
		}
	})
}

package codec

import (
	"bytes"
	"testing"
)

func TestPicturesOfByteStreams(t *testing.T) {
	const long, short = "\x00\x00\x00\x01", "\x00\x00\x01"
	for _, tc := range []struct {
		name, b, want string
		sps, pps      int
		key, coded    bool
	}{
		{"a picture", long + "\x41abc", "\x00\x00\x00\x04\x41abc", 0, 0, false, true},
		{"a keyframe behind all that a muxer adds", long + "\x09\xf0" + long + "\x67ab" + long + "\x68c" + short + "\x06d" + short + "\x65e" + short + "\x0c\xff", "\x00\x00\x00\x02\x06d\x00\x00\x00\x02\x65e", 1, 1, true, true},
		{"two slices", short + "\x41a" + short + "\x41b", "\x00\x00\x00\x02\x41a\x00\x00\x00\x02\x41b", 0, 0, false, true},
		{"zeros behind a unit", long + "\x41a\x00\x00\x00" + short + "\x41b", "\x00\x00\x00\x02\x41a\x00\x00\x00\x02\x41b", 0, 0, false, true},
		{"empty units", long + short + "\x41a" + long, "\x00\x00\x00\x02\x41a", 0, 0, false, true},
		{"what comes before a start code", "xyz" + long + "\x41a", "\x00\x00\x00\x02\x41a", 0, 0, false, true},
		{"parameter sets alone", long + "\x67a" + long + "\x68b", "", 1, 1, false, false},
		{"no start code", "\x41abc", "", 0, 0, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := AnnexB([]byte(tc.b))
			if string(p.Data) != tc.want || len(p.SPS) != tc.sps || len(p.PPS) != tc.pps || p.Key != tc.key || p.Coded != tc.coded {
				t.Errorf("got %x, %d and %d sets, key %t, coded %t", p.Data, len(p.SPS), len(p.PPS), p.Key, p.Coded)
			}
		})
	}
}

func TestADTSFrames(t *testing.T) {
	frame := "\xff\xf1\x4c\x80\x01\x7f\xfcabcd" // LC, 48 kHz, stereo, 11 bytes
	sum := "\xff\xf0\x4c\x80\x01\xbf\xfc\x12\x34abcd"
	f, rest, whole, err := ADTS([]byte(frame + "\xff"))
	if err != nil || !whole || string(f.Data) != "abcd" || string(rest) != "\xff" || string(f.Config[:]) != "\x11\x90" {
		t.Errorf("a frame is %x of %x, then %x; %v", f.Data, f.Config, rest, err)
	}
	if f, _, whole, err = ADTS([]byte(sum)); err != nil || !whole || string(f.Data) != "abcd" {
		t.Errorf("a frame with a checksum is %x, %v", f.Data, err)
	}
	for _, b := range []string{"", "\xff\xf1", frame[:10]} {
		if _, rest, whole, err := ADTS([]byte(b)); whole || err != nil || string(rest) != b {
			t.Errorf("of %x, whose end is yet to come: %t, %v", b, whole, err)
		}
	}
	for _, b := range []string{"abcdefghijk", "\xff\xf3" + frame[2:], frame[:3] + "\x80\x00\xff\xfcabcd", frame[:6] + "\xfdabcd"} {
		if _, _, whole, err := ADTS([]byte(b)); whole || err == nil {
			t.Errorf("%x is taken", b)
		}
	}
	if n := ADTSSync([]byte("ab\xff\x00cd" + frame)); n != 6 {
		t.Errorf("a frame begins at %d, want 6", n)
	}
}

func FuzzAnnexB(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01\x67\x42\xc0\x0a\xda\x0f\x0a\x69\xa8\x00\x00\x01\x68\xce\x06\xe2\x00\x00\x01\x65\x88"))
	f.Add([]byte("\x00\x00\x01\x00\x00\x01\x41"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := AnnexB(b)
		if !p.Coded {
			return
		}
		nalus, key, coded, err := AccessUnit(p.Data, 4)
		if err != nil || key != p.Key || !coded || !bytes.Equal(nalus, p.Data) {
			t.Fatalf("%x is no access unit: %v", p.Data, err)
		}
		if _, err := WithSets(nil, p.SPS, p.PPS); err != nil {
			return
		}
	})
}

func FuzzADTS(f *testing.F) {
	f.Add([]byte("\xff\xf1\x4c\x80\x01\x7f\xfcabcd\xff\xf1"))
	f.Add([]byte("\xff\xf0\x4c\x80\x01\xbf\xfc\x12\x34abcd"))
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, rest, whole, err := ADTS(b)
		switch {
		case err != nil || !whole:
			if len(rest) != len(b) {
				t.Fatal("something was read")
			}
			if err != nil && ADTSSync(b[1:]) > len(b)-1 {
				t.Fatal("beyond the end")
			}
			return
		case len(frame.Data) == 0 || len(frame.Data)+len(rest) >= len(b) || len(frame.Data) > MaxADTS:
			t.Fatalf("%d and %d bytes of %d", len(frame.Data), len(rest), len(b))
		}
		if track, err := AAC(frame.Config[:]); err == nil && track.Sound.SampleRate == 0 {
			t.Fatalf("%+v", track.Sound)
		}
	})
}

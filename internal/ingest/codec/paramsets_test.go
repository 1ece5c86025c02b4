package codec

import (
	"bytes"
	"encoding/binary"
	"testing"

	"openivs/internal/ingest/rtmp/rtmptest"
)

// joined are NAL units as a unit has them.
func joined(nalus ...[]byte) (b []byte) {
	for _, n := range nalus {
		b = binary.BigEndian.AppendUint32(b, uint32(len(n)))
		b = append(b, n...)
	}
	return b
}

func TestParameterSetsOfOtherIDsStay(t *testing.T) {
	track, _, err := H264([]byte(rtmptest.AVC720p30))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		set []byte
		id  uint32
		ok  bool
	}{{[]byte{0x68, 0x80}, 0, true}, {[]byte{0x68, 0x40}, 1, true}, {[]byte{0x68, 0x60}, 2, true}, {[]byte{0x68, 0, 0x80, 0x7f}, 255, true}, {[]byte{0x68, 0, 0}, 0, false}, {[]byte{0x68}, 0, false}} {
		if id, ok := setID(tc.set, 1); id != tc.id || ok != tc.ok {
			t.Errorf("the id of %x is %d, %t; want %d, %t", tc.set, id, ok, tc.id, tc.ok)
		}
	}
	other := []byte{0x68, 0x5e} // id 1
	got := InBand(track, joined(other, []byte{0x65, 1}))
	if got == nil || len(got.Picture.PPS) != 2 || !bytes.Equal(got.Picture.PPS[0], track.Picture.PPS[0]) || !bytes.Equal(got.Picture.PPS[1], other) {
		t.Fatalf("with a set of another id: %+v", got)
	}
}

func FuzzInBand(f *testing.F) {
	track, _, err := H264([]byte(rtmptest.AVC720p30))
	if err != nil {
		f.Fatal(err)
	}
	other, _, err := H264([]byte(rtmptest.AVC1080p60))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(joined(other.Picture.SPS[0], other.Picture.PPS[0], []byte{0x65, 1}))
	f.Add(joined([]byte{0x67, 1}, []byte{0x68}, []byte{0x65, 1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		nalus, _, _, err := AccessUnit(b, 4)
		if err != nil {
			return
		}
		if got := InBand(track, nalus); got != nil {
			if again := InBand(got, nalus); again != nil {
				t.Fatalf("the same sets made another track again: %x, then %x", got.Config, again.Config)
			}
		}
	})
}

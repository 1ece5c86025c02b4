package scte35_test

import (
	"encoding/hex"
	"strconv"
	"strings"
	"testing"
	"time"

	"openivs/internal/mpegts"
	"openivs/internal/scte35"
)

// TestTheChecksumIsThatOfTheStandard takes the sample of ANSI/SCTE 35, 14.2.
func TestTheChecksumIsThatOfTheStandard(t *testing.T) {
	sample, err := hex.DecodeString("FC302F000000000000FFFFF014054800008F7FEFFE7369C02EFE0052CCF500000000000A0008435545490000013562DBA30A")
	if err != nil || mpegts.CRC32(sample) != 0 {
		t.Errorf("the sample's checksum leaves %#x, %v", mpegts.CRC32(sample), err)
	}
}

func TestCommandsAreWholeSections(t *testing.T) {
	for _, tt := range []struct {
		name string
		got  []byte
		want string // without the checksum
	}{
		{"out for 20 s", scte35.Out(0x01020304, 20*time.Second), "fc302000000000000000fff00f05" + "010203047fff" + "fe001b7740" + "00000000" + "0000"},
		{"out for 26 h and more", scte35.Out(1, 200*time.Hour), "fc302000000000000000fff00f05" + "000000017fff" + "ffffffffff" + "00000000" + "0000"},
		{"in", scte35.In(0x01020304), "fc301b00000000000000fff00a05" + "010203047f5f" + "00000000" + "0000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := hex.EncodeToString(tt.got); !strings.HasPrefix(got, tt.want) || len(got) != len(tt.want)+8 {
				t.Errorf("got %s, want %s and a checksum", got, tt.want)
			}
			if int(tt.got[2]) != len(tt.got)-3 || mpegts.CRC32(tt.got) != 0 {
				t.Errorf("its length is %d of %d, its checksum leaves %#x", tt.got[2], len(tt.got), mpegts.CRC32(tt.got))
			}
		})
	}
}

func TestBreaksHaveNumbersOfTheirOwn(t *testing.T) {
	if a, b := scte35.EventID("aaaaaaaaaaaa"), scte35.EventID("aaaaaaaaaaab"); a == b || a != scte35.EventID("aaaaaaaaaaaa") {
		t.Errorf("%d and %d", a, b)
	}
}

func TestBreaksEndWhenTheyAreOver(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ad := scte35.Break{ID: "abcdefghijkl", Start: start, Length: 20 * time.Second}
	out := `#EXT-X-DATERANGE:ID="` + number(ad) + `",START-DATE="2026-01-02T03:04:05.000Z",PLANNED-DURATION=20.000,X-NET-LIVE-VIDEO-AD-AD-BREAK-ID="abcdefghijkl",SCTE35-OUT=0xFC30`
	in := `#EXT-X-DATERANGE:ID="` + number(ad) + `",START-DATE="2026-01-02T03:04:05.000Z",END-DATE="`
	for _, tt := range []struct {
		name  string
		after time.Duration
		all   bool
		want  string
	}{
		{"before it is over", 19 * time.Second, false, ""},
		{"when it is over", 20 * time.Second, false, in + `2026-01-02T03:04:25.000Z",DURATION=20.000,SCTE35-IN=0xFC30`},
		{"with its stream", 5 * time.Second, true, in + `2026-01-02T03:04:10.000Z",DURATION=5.000,SCTE35-IN=0xFC30`},
		{"with its stream, before it begins", -time.Second, true, in + `2026-01-02T03:04:05.000Z",DURATION=0.000,SCTE35-IN=0xFC30`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var m scte35.Marks
			if got := string(m.Begin(nil, ad)); !strings.HasPrefix(got, out) || !strings.HasSuffix(got, "\n") {
				t.Errorf("%q, want %q…", got, out)
			}
			if got := string(m.End(nil, start.Add(tt.after), tt.all)); !strings.HasPrefix(got, tt.want) || (got == "") != (tt.want == "") {
				t.Errorf("%q, want %q…", got, tt.want)
			}
			if got := string(m.End(nil, start.Add(time.Hour), true)); (got == "") != (tt.want != "") {
				t.Errorf("it ends again, or never: %q", got)
			}
		})
	}
}

func number(a scte35.Break) string { return strconv.FormatUint(uint64(scte35.EventID(a.ID)), 10) }

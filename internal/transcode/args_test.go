package transcode

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"openivs/internal/ivs"
)

// TestArguments holds the command lines to those in testdata. To change one,
// change the file by hand first.
func TestArguments(t *testing.T) {
	var b strings.Builder
	say := func(what string, args []string) { fmt.Fprintf(&b, "%s:\n  %s\n", what, strings.Join(args, "\n  ")) }
	in := Input{1920, 1080, 60}
	l := LadderOf(ivs.Standard, "", in)
	say("STANDARD of 1080p60", videoArgs(l.Rungs, l.KeyEvery))
	say("its audio", soundArgs(l.Sounds()))
	in = Input{1280, 720, 30000.0 / 1001}
	l = LadderOf(ivs.AdvancedSD, Constrained, in)
	say("ADVANCED_SD, constrained, of 720p29.97", videoArgs(l.Rungs, l.KeyEvery))
	say("its audio", soundArgs(l.Sounds()))
	say("thumbnail", thumbnailArgs("flv", 0, 0))
	say("thumbnail of 640x360", thumbnailArgs("flv", 640, 360))
	want, err := os.ReadFile("testdata/args.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		t.Errorf("got\n%s", got)
	}
}

func TestRatesAreWrittenExactly(t *testing.T) {
	for rate, want := range map[float64]string{
		60: "60/1", 25: "25/1", 30000.0 / 1001: "30000/1001", 59.94: "60000/1001", 24000.0 / 1001: "24000/1001", 22.5: "22500/1000",
	} {
		if got := fraction(rate); got != want {
			t.Errorf("%v is written %s, want %s", rate, got, want)
		}
	}
}

func TestVersionsBefore5_1AreNotFit(t *testing.T) {
	for version, fit := range map[string]bool{
		"ffmpeg version 5.1.9-0+deb12u1": true, "ffmpeg version 4.4.2": false, "ffmpeg version 5.0.1": false, "ffmpeg version n7.1": true,
		"ffmpeg version N-112-gabc": true, "ffmpeg version 8.0": true, "ffmpeg version 10.2": true,
	} {
		if err := suits(version); (err == nil) != fit {
			t.Errorf("%s: %v", version, err)
		}
	}
}

package transcode_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"openivs/internal/ivs"
	"openivs/internal/transcode"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs\n got:\n%s\nwant:\n%s", name, got, want)
	}
}

// describe writes a ladder as the tables of the specification do.
func describe(l transcode.Ladder) string {
	var parts []string
	if l.Source {
		parts = append(parts, "source")
	}
	for _, g := range l.Rungs {
		audio := "src"
		if g.Audio > 0 {
			audio = fmt.Sprint(g.Audio/1000, "k")
		}
		parts = append(parts, fmt.Sprintf("%s %dx%d@%.4g %.4g/%s", g.Name, g.Width, g.Height, g.Framerate, float64(g.Video)/1e6, audio))
	}
	if l.AudioOnly {
		parts = append(parts, fmt.Sprint("audio ", l.Sound/1000, "k"))
	}
	if l.KeyEvery > 0 {
		parts = append(parts, fmt.Sprint("key ", l.KeyEvery))
	}
	return strings.Join(parts, " · ")
}

var inputs = []transcode.Input{
	{Width: 1920, Height: 1080, Framerate: 60},
	{Width: 1920, Height: 1080, Framerate: 50},
	{Width: 1920, Height: 1080, Framerate: 48},
	{Width: 1920, Height: 1080, Framerate: 30},
	{Width: 1920, Height: 1080, Framerate: 30000.0 / 1001},
	{Width: 1920, Height: 1080, Framerate: 25},
	{Width: 1600, Height: 900, Framerate: 60},
	{Width: 1600, Height: 900, Framerate: 30},
	{Width: 1282, Height: 722, Framerate: 30},
	{Width: 1280, Height: 720, Framerate: 60},
	{Width: 1280, Height: 720, Framerate: 30},
	{Width: 1024, Height: 576, Framerate: 25},
	{Width: 1024, Height: 576, Framerate: 50},
	{Width: 960, Height: 540, Framerate: 60},
	{Width: 854, Height: 480, Framerate: 30},
	{Width: 852, Height: 480, Framerate: 30},
	{Width: 848, Height: 480, Framerate: 60},
	{Width: 640, Height: 480, Framerate: 30},
	{Width: 640, Height: 360, Framerate: 30},
	{Width: 426, Height: 240, Framerate: 30},
	{Width: 320, Height: 180, Framerate: 15},
	{Width: 160, Height: 90, Framerate: 30},
	{Width: 1080, Height: 1920, Framerate: 30},
	{Width: 720, Height: 1280, Framerate: 60},
	{Width: 480, Height: 852, Framerate: 30},
	{Width: 1440, Height: 1080, Framerate: 30},
	{Width: 1920, Height: 800, Framerate: 24},
	{Width: 1080, Height: 1080, Framerate: 30},
}

// TestLadders holds the renditions of every type and input to the table in
// testdata, which was compared with the specification line by line.
func TestLadders(t *testing.T) {
	for _, c := range []struct {
		name   string
		typ    ivs.ChannelType
		preset string
	}{
		{"standard", ivs.Standard, ""},
		{"basic", ivs.Basic, ""},
		{"advanced-hd-higher", ivs.AdvancedHD, "HIGHER_BANDWIDTH_DELIVERY"},
		{"advanced-hd-constrained", ivs.AdvancedHD, transcode.Constrained},
		{"advanced-sd-higher", ivs.AdvancedSD, "HIGHER_BANDWIDTH_DELIVERY"},
		{"advanced-sd-constrained", ivs.AdvancedSD, transcode.Constrained},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			for _, in := range inputs {
				fmt.Fprintf(&b, "%dx%d@%.4g: %s\n", in.Width, in.Height, in.Framerate, describe(transcode.LadderOf(c.typ, c.preset, in)))
			}
			golden(t, "ladder-"+c.name+".txt", b.String())
		})
	}
}

// TestNoRungIsLargerThanItsInput tries every size.
func TestNoRungIsLargerThanItsInput(t *testing.T) {
	for width := 16; width <= 1920; width += 14 {
		for height := 16; height <= 1920; height += 18 {
			for _, typ := range []ivs.ChannelType{ivs.Standard, ivs.AdvancedHD, ivs.AdvancedSD} {
				in := transcode.Input{Width: width, Height: height, Framerate: 60}
				l := transcode.LadderOf(typ, "", in)
				if len(l.Rungs) == 0 {
					t.Fatalf("%s %v: no rung", typ, in)
				}
				names := map[string]bool{}
				for _, g := range l.Rungs {
					if g.Width > width || g.Height > height || g.Width%2 != 0 || g.Height%2 != 0 || g.Width < 2 || g.Height < 2 {
						t.Errorf("%s %v: rung %+v", typ, in, g)
					}
					if names[g.Name] {
						t.Errorf("%s %v: two rungs %s", typ, in, g.Name)
					}
					names[g.Name] = true
				}
			}
		}
	}
}

func TestSoundIsMadeOnceForEachRate(t *testing.T) {
	in := transcode.Input{Width: 1280, Height: 720, Framerate: 30}
	for typ, want := range map[ivs.ChannelType]string{
		ivs.Standard:   "[64000 48000]",
		ivs.AdvancedHD: "[128000 64000 48000]",
		ivs.Basic:      "[]",
	} {
		if got := fmt.Sprint(transcode.LadderOf(typ, "", in).Sounds()); got != want {
			t.Errorf("%s: %s, want %s", typ, got, want)
		}
	}
}

package multitrack_test

import (
	"fmt"
	"strings"
	"testing"

	"openivs/internal/ivs"
	"openivs/internal/multitrack"
)

// brief writes tracks as WIDTHxHEIGHT@FRAMES:KBITS.
func brief(tracks []ivs.GrantedTrack) string {
	var out []string
	for _, t := range tracks {
		out = append(out, fmt.Sprintf("%dx%d@%d:%d", t.Width, t.Height, t.Framerate, t.Bitrate/1000))
	}
	return strings.Join(out, " ")
}

func TestLadderIsWhatFits(t *testing.T) {
	full, hd, sd := ivs.Multitrack{MaximumResolution: "FULL_HD"}, ivs.Multitrack{MaximumResolution: "HD"}, ivs.Multitrack{MaximumResolution: "SD"}
	for _, tc := range []struct {
		name string
		wish multitrack.Wish
		want string // or what the error says
	}{
		{
			"the largest",
			multitrack.Wish{Width: 1920, Height: 1080, Framerate: 60, Channel: full},
			"1920x1080@60:6000 1280x720@60:2700 852x480@30:900 640x360@30:400 284x160@30:200",
		},
		{
			"30 pictures a second",
			multitrack.Wish{Width: 1920, Height: 1080, Framerate: 30, Channel: full},
			"1920x1080@30:4500 1280x720@30:2200 852x480@30:900 640x360@30:400 284x160@30:200",
		},
		{"a channel of HD", multitrack.Wish{Width: 1920, Height: 1080, Framerate: 50, Channel: hd}, "1280x720@50:2700 852x480@25:900 640x360@25:400 284x160@25:200"},
		{"a channel of SD", multitrack.Wish{Width: 1920, Height: 1080, Framerate: 30, Channel: sd}, "852x480@30:900 640x360@30:400 284x160@30:200"},
		{"a small picture", multitrack.Wish{Width: 640, Height: 360, Framerate: 24, Channel: full}, "640x360@24:400 284x160@24:200"},
		{"between two sizes", multitrack.Wish{Width: 1600, Height: 900, Framerate: 30, Channel: full}, "1280x720@30:2200 852x480@30:900 640x360@30:400 284x160@30:200"},
		{"portrait", multitrack.Wish{Width: 1080, Height: 1920, Framerate: 30, Channel: hd}, "720x1280@30:2200 480x852@30:900 360x640@30:400 160x284@30:200"},
		{"wide, where 480p is too long for SD", multitrack.Wish{Width: 2560, Height: 1080, Framerate: 30, Channel: sd}, "852x360@30:400 378x160@30:200"},
		{"three tracks", multitrack.Wish{Width: 1280, Height: 720, Framerate: 30, Tracks: 3, Channel: full}, "1280x720@30:2200 852x480@30:900 640x360@30:400"},
		{"fewer bits", multitrack.Wish{Width: 1280, Height: 720, Framerate: 30, Bitrate: 3_000_000, Channel: full}, "1280x720@30:1688 852x480@30:690 640x360@30:307 284x160@30:153"},
		{"too few for the largest", multitrack.Wish{Width: 1280, Height: 720, Framerate: 30, Bitrate: 1_700_000, Channel: full}, "852x480@30:900 640x360@30:400 284x160@30:200"},
		{"HEVC", multitrack.Wish{Width: 640, Height: 360, Framerate: 30, HEVC: true, Channel: full}, "640x360@30:280 284x160@30:140"},
		{"hardly any bits", multitrack.Wish{Width: 1280, Height: 720, Framerate: 30, Bitrate: 100_000, Channel: full}, "too few"},
		{"hardly a picture", multitrack.Wish{Width: 100, Height: 80, Framerate: 30, Channel: full}, "at least"},
	} {
		tracks, err := multitrack.Ladder(tc.wish)
		got := brief(tracks)
		if err != nil {
			got = err.Error()
		}
		if got != tc.want && (err == nil || !strings.Contains(got, tc.want)) {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

// TestNoLadderIsBeyondTheLimits goes through all sizes, rates and limits.
func TestNoLadderIsBeyondTheLimits(t *testing.T) {
	const limit = 15_000_000
	for _, most := range []string{"SD", "HD", "FULL_HD"} {
		m := ivs.Multitrack{MaximumResolution: most}
		pixels, edge := m.Largest()
		for w := 64; w <= 4096; w += 62 {
			for h := 64; h <= 2160; h += 94 {
				for _, bits := range []int64{0, 500_000, 2_000_000, 9_000_000} {
					tracks, err := multitrack.Ladder(multitrack.Wish{Width: w, Height: h, Framerate: 60, Bitrate: bits, Channel: m})
					sum := int64(0)
					for _, g := range tracks {
						sum += g.Bitrate
						if g.Width > w || g.Height > h || max(g.Width, g.Height) > edge || g.Width*g.Height > pixels || g.Width%2+g.Height%2 > 0 || g.Bitrate <= 0 {
							t.Fatalf("%dx%d of %s with %d bit/s: %s", w, h, most, bits, brief(tracks))
						}
					}
					if (err == nil) == (len(tracks) == 0) || sum > limit || bits > 0 && sum > bits {
						t.Fatalf("%dx%d of %s with %d bit/s: %s, error %v", w, h, most, bits, brief(tracks), err)
					}
				}
			}
		}
	}
}

package session

import (
	"testing"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/media"
)

func TestDescribeVideo(t *testing.T) {
	picture := media.Picture{Profile: 0x42, Constraints: 0xC0, Level: 0x2A, Width: 1920, Height: 1080, Framerate: 59.94}
	base := ivs.VideoIngest{Codec: "avc1.42C02A", Profile: "Baseline", Level: "4.2", TargetFramerate: 60, Width: 1920, Height: 1080, Track: "Track0"}
	for _, tc := range []struct {
		name     string
		declared ingest.Declaration
		picture  func(p *media.Picture)
		measured int
		want     func(v *ivs.VideoIngest)
	}{
		{name: "nothing declared"},
		{
			name:     "all declared",
			declared: ingest.Declaration{Encoder: "Lavf58.45.100", VideoBitrate: 8789062, Framerate: 30, Width: 1920, Height: 1080},
			want:     func(v *ivs.VideoIngest) { v.Encoder, v.TargetBitrate, v.TargetFramerate = "Lavf58.45.100", 8789062, 30 },
		},
		{
			name:     "a declared size that the bitstream does not have",
			declared: ingest.Declaration{Width: 1280, Height: 720},
		},
		{
			name:     "a declared size where the bitstream has none",
			declared: ingest.Declaration{Width: 1280, Height: 720},
			picture:  func(p *media.Picture) { p.Width, p.Height = 0, 0 },
			want:     func(v *ivs.VideoIngest) { v.Width, v.Height = 1280, 720 },
		},
		{
			name:     "a fraction of a frame",
			declared: ingest.Declaration{Framerate: 29.97},
			want:     func(v *ivs.VideoIngest) { v.TargetFramerate = 30 },
		},
		{
			name:     "a frame rate that is none",
			declared: ingest.Declaration{Framerate: -1e300},
		},
		{
			name:     "a frame rate that only the pictures show",
			picture:  func(p *media.Picture) { p.Framerate = 0 },
			measured: 25,
			want:     func(v *ivs.VideoIngest) { v.TargetFramerate = 25 },
		},
		{
			name:    "main profile",
			picture: func(p *media.Picture) { p.Profile, p.Constraints, p.Level = 0x4D, 0x40, 0x1E },
			want:    func(v *ivs.VideoIngest) { v.Codec, v.Profile, v.Level = "avc1.4D401E", "Main", "3.0" },
		},
		{
			name:    "high profile",
			picture: func(p *media.Picture) { p.Profile, p.Constraints, p.Level = 0x64, 0, 0x28 },
			want:    func(v *ivs.VideoIngest) { v.Codec, v.Profile, v.Level = "avc1.640028", "High", "4.0" },
		},
		{
			name:    "a profile without a word",
			picture: func(p *media.Picture) { p.Profile, p.Constraints, p.Level = 1, 0, 0 },
			want:    func(v *ivs.VideoIngest) { v.Codec, v.Profile, v.Level = "avc1.010000", "", "" },
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			track := &media.Track{Kind: media.Video, Codec: media.H264, Picture: picture}
			if tc.picture != nil {
				tc.picture(&track.Picture)
			}
			want := base
			if tc.want != nil {
				tc.want(&want)
			}
			got := describe(tc.declared, []*media.Track{track}, tc.measured)
			if len(got.Video) != 1 || got.Video[0] != want {
				t.Errorf("describe = %+v, want %+v", got.Video, want)
			}
		})
	}
}

func TestDescribeAudio(t *testing.T) {
	for _, tc := range []struct {
		name     string
		declared ingest.Declaration
		sound    media.Sound
		want     ivs.AudioIngest
	}{
		{
			"the AudioSpecificConfig comes first",
			ingest.Declaration{AudioBitrate: 46875, SampleRate: 44100, Channels: 2},
			media.Sound{ObjectType: 2, SampleRate: 48000, Channels: 1},
			ivs.AudioIngest{Codec: "mp4a.40.2", TargetBitrate: 46875, SampleRate: 48000, Channels: 1, Track: "Track0"},
		},
		{
			"what it does not say is declared",
			ingest.Declaration{SampleRate: 44100, Channels: 2},
			media.Sound{ObjectType: 5},
			ivs.AudioIngest{Codec: "mp4a.40.5", SampleRate: 44100, Channels: 2, Track: "Track0"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			track := &media.Track{Kind: media.Audio, Codec: media.AAC, Sound: tc.sound}
			got := describe(tc.declared, []*media.Track{track}, 0)
			if len(got.Audio) != 1 || got.Audio[0] != tc.want || len(got.Video) != 0 {
				t.Errorf("describe = %+v, want %+v", got.Audio, tc.want)
			}
		})
	}
}

func TestDescribeNothing(t *testing.T) {
	if got := describe(ingest.Declaration{Encoder: "OBS", Width: 640, Height: 360}, nil, 0); got != nil {
		t.Errorf("a declaration without a track is %+v", got)
	}
}

func TestDescribeNumbersTracksByKind(t *testing.T) {
	tracks := []*media.Track{
		{ID: 0, Kind: media.Video, Codec: media.H264},
		{ID: 1, Kind: media.Video, Codec: media.H264},
		{ID: 0, Kind: media.Audio, Codec: media.AAC},
		{ID: 0, Kind: media.Data},
	}
	got := describe(ingest.Declaration{}, tracks, 0)
	if len(got.Video) != 2 || got.Video[0].Track != "Track0" || got.Video[1].Track != "Track1" || len(got.Audio) != 1 || got.Audio[0].Track != "Track0" {
		t.Errorf("describe = %+v", got)
	}
}

func FuzzClip(f *testing.F) {
	f.Add("OBS 30\x00", 5)
	f.Add("Lavf\xff\xfe", 256)
	f.Add("日本語", 4)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 0 {
			return
		}
		got := clip(s, n)
		if len(got) > n || len(got) > len(s) || clip(got, n) != got {
			t.Errorf("clip(%q, %d) = %q", s, n, got)
		}
	})
}

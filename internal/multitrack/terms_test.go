package multitrack_test

import (
	"errors"
	"testing"

	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/multitrack"
)

var (
	allow   = ivs.Multitrack{Enabled: true, Policy: "ALLOW", MaximumResolution: "FULL_HD"}
	require = ivs.Multitrack{Enabled: true, Policy: "REQUIRE", MaximumResolution: "FULL_HD"}
	off     = ivs.Multitrack{Policy: "ALLOW", MaximumResolution: "FULL_HD"}

	two = []ivs.GrantedTrack{
		{Width: 1280, Height: 720, Framerate: 30, Bitrate: 2_000_000, Codec: "h264"},
		{Width: 640, Height: 360, Framerate: 30, Bitrate: 400_000, Codec: "h264"},
	}
)

// sends are the tracks that two asks for.
func sends(change ...func(*media.Track)) (tracks []*media.Track) {
	for id, g := range two {
		t := &media.Track{ID: id, Kind: media.Video, Codec: media.H264, Picture: media.Picture{Width: g.Width, Height: g.Height, Framerate: 30}}
		for _, f := range change {
			f(t)
		}
		tracks = append(tracks, t)
	}
	return append(tracks, &media.Track{Kind: media.Audio, Codec: media.AAC})
}

// code is that of the end that an error means.
func code(err error) string {
	if e, ok := errors.AsType[*ivs.EndError](err); ok && ivs.CodeOf(err) == ivs.Invalid {
		return e.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestTracksAreAsAgreed(t *testing.T) {
	last := func(f func(*media.Track)) func(*media.Track) {
		return func(t *media.Track) {
			if t.ID == 1 {
				f(t)
			}
		}
	}
	for _, tc := range []struct {
		name    string
		channel ivs.Multitrack
		granted []ivs.GrantedTrack
		tracks  []*media.Track
		want    string
	}{
		{"as agreed", allow, two, sends(), ""},
		{"the first so far", allow, two, sends()[:1], ""},
		{"no rate in the header", allow, two, sends(func(t *media.Track) { t.Picture.Framerate = 0 }), ""},
		{"a plain key and one picture", allow, nil, sends()[:1], ""},
		{"a plain key and one picture, none of several taken", off, nil, sends()[:1], ""},
		{"none of several taken", off, nil, sends(), ivs.MultitrackNotAllowed},
		{"a plain key", allow, nil, sends(), ivs.MultitrackKeyRequired},
		{"a plain key where one is required", require, nil, sends(), ivs.MultitrackKeyRequired},
		{"one too many", allow, two, sends(last(func(t *media.Track) { t.ID = 2 })), ivs.MultitrackTrackCount},
		{"another size", allow, two, sends(last(func(t *media.Track) { t.Picture.Width = 642 })), ivs.MultitrackMediaProperties},
		{"another codec", allow, two, sends(last(func(t *media.Track) { t.Codec = media.HEVC })), ivs.MultitrackMediaProperties},
		{"another rate", allow, two, sends(last(func(t *media.Track) { t.Picture.Framerate = 60 })), ivs.MultitrackMediaProperties},
	} {
		terms := multitrack.Terms{Channel: tc.channel, Granted: tc.granted}
		if got := code(terms.Tracks(tc.tracks)); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// A scene is how an encoder sends its pictures, 30 a second.
type scene struct {
	seconds int
	tracks  int         // it sends
	bytes   [2]int      // of each picture of each track
	missing [2]int      // from which second on each track does not come; 0: never
	late    media.Ticks // of the keyframes of the second track
}

// sent writes a scene until that is not as agreed, and returns the code and after how
// many seconds.
func (s scene) sent(terms *multitrack.Terms) (string, int) {
	tracks := sends()
	for n := range s.seconds * 30 {
		for id := range s.tracks {
			if s.missing[id] > 0 && n >= 30*s.missing[id] {
				continue
			}
			u := media.Unit{Track: tracks[id], Key: n%60 == 0, DTS: media.Ticks(n) * 3000, Data: make([]byte, max(s.bytes[id], 1))}
			if id == 1 && u.Key {
				u.PTS = s.late
			}
			u.PTS += u.DTS
			if err := terms.Unit(u); err != nil {
				return code(err), n / 30
			}
		}
	}
	return "", s.seconds
}

func TestMediaIsAsAgreed(t *testing.T) {
	good := [2]int{2_000_000 / 8 / 30, 400_000 / 8 / 30}
	for _, tc := range []struct {
		name    string
		channel ivs.Multitrack
		granted []ivs.GrantedTrack
		scene   scene
		want    string
		within  int // seconds
	}{
		{"as agreed", allow, two, scene{seconds: 60, tracks: 2, bytes: good}, "", 60},
		{"one picture of a plain key", allow, nil, scene{seconds: 60, tracks: 1, bytes: good}, "", 60},
		{"one picture where several are required", require, nil, scene{seconds: 60, tracks: 1, bytes: good}, ivs.MultitrackRequired, 1},
		{"one picture of two", allow, two, scene{seconds: 60, tracks: 1, bytes: good}, ivs.MultitrackTrackCount, 2},
		{"a track that ends", allow, two, scene{seconds: 60, tracks: 2, bytes: good, missing: [2]int{0, 20}}, ivs.MultitrackTrackCount, 31},
		{"the first track ends", allow, two, scene{seconds: 60, tracks: 2, bytes: good, missing: [2]int{20, 0}}, ivs.MultitrackTrackCount, 31},
		{"a little too much", allow, two, scene{seconds: 60, tracks: 2, bytes: [2]int{good[0] * 6 / 5, good[1]}}, "", 60},
		{"too much of a track", allow, two, scene{seconds: 60, tracks: 2, bytes: [2]int{good[0], 2 * good[1]}}, ivs.MultitrackMediaProperties, 11},
		{"keyframes elsewhere", allow, two, scene{seconds: 60, tracks: 2, bytes: good, late: 3000}, ivs.MultitrackMediaProperties, 9},
		{"keyframes a rounding away", allow, two, scene{seconds: 60, tracks: 2, bytes: good, late: 90}, "", 60},
	} {
		got, after := tc.scene.sent(&multitrack.Terms{Channel: tc.channel, Granted: tc.granted})
		if got != tc.want || after > tc.within {
			t.Errorf("%s: %q after %d s, want %q within %d s", tc.name, got, after, tc.want, tc.within)
		}
	}
}

func TestMoreFramesThanAgreedAreNotTaken(t *testing.T) {
	terms := multitrack.Terms{Channel: allow, Granted: two[:1]}
	track := sends()[0]
	for n := range 60 * 60 {
		u := media.Unit{Track: track, Key: n%120 == 0, DTS: media.Ticks(n) * 1500, PTS: media.Ticks(n) * 1500, Data: make([]byte, 100)}
		if err := terms.Unit(u); err != nil {
			if code(err) != ivs.MultitrackMediaProperties || n > 11*60 {
				t.Errorf("picture %d: %v", n, err)
			}
			return
		}
	}
	t.Error("60 pictures a second were taken, 30 agreed")
}

func BenchmarkUnit(b *testing.B) {
	terms := multitrack.Terms{Channel: allow, Granted: two}
	tracks := sends()
	u := media.Unit{Data: make([]byte, 1000)}
	b.ReportAllocs()
	for b.Loop() {
		for id := range 2 {
			u.Track, u.Key = tracks[id], u.DTS%180_000 == 0
			if err := terms.Unit(u); err != nil {
				b.Fatal(err)
			}
		}
		u.DTS += 3000
		u.PTS = u.DTS
	}
}

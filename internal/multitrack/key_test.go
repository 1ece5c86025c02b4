package multitrack_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/multitrack"
)

const plain = ivs.Secret("sk_us-east-1_abcdEFGH1234_567890abcdefghijABCDEFGHIJ")

var (
	keys  = multitrack.Keys{Secret: []byte("a secret of the server")}
	noon  = time.Unix(1_790_000_000, 0)
	three = []ivs.GrantedTrack{
		{Width: 1280, Height: 720, Framerate: 60, Bitrate: 2_700_000, Codec: "h264"},
		{Width: 852, Height: 480, Framerate: 30, Bitrate: 900_000, Codec: "h264"},
		{Width: 640, Height: 360, Framerate: 30, Bitrate: 400_000, Codec: "hevc"},
	}
)

func signed(t testing.TB, tracks []ivs.GrantedTrack) ivs.Secret {
	t.Helper()
	key, err := keys.Sign(plain, tracks, noon)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestAKeySaysWhatItWasSignedFor(t *testing.T) {
	key := signed(t, three)
	got, tracks, err := keys.Open(key, noon.Add(multitrack.KeyLife))
	if err != nil || got != plain || !slices.Equal(tracks, three) {
		t.Errorf("Open: %v, %v, %v", got == plain, tracks, err)
	}
	if part := strings.SplitN(string(key), "_", 5); part[0] != "v1" || len(part[1]) != 64 || part[4] != string(plain) {
		t.Errorf("the key is not of the documented form: %d parts", len(part))
	}
	if got, tracks, err := keys.Open(plain, noon); got != plain || tracks != nil || err != nil {
		t.Errorf("a plain key: %v, %v", tracks, err)
	}
}

func TestTheLongestKeyFitsTheDoor(t *testing.T) {
	most := slices.Repeat([]ivs.GrantedTrack{{Width: 16384, Height: 16384, Framerate: 60, Bitrate: 99_000_000, Codec: "hevc"}}, multitrack.MaxTracks)
	key := signed(t, most)
	if _, tracks, err := keys.Open(key, noon); err != nil || len(tracks) != multitrack.MaxTracks {
		t.Errorf("a key of %d bytes: %v", len(key), err)
	}
}

func TestADamagedKeyIsNotGood(t *testing.T) {
	key := string(signed(t, three))
	other, err := multitrack.Keys{Secret: []byte("another")}.Sign(plain, three, noon)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		key   string
		at    time.Time
		plain ivs.Secret // that it is still known to be for
	}{
		"expired":           {key, noon.Add(multitrack.KeyLife + time.Second), plain},
		"from the future":   {key, noon.Add(-time.Hour), plain},
		"of another server": {string(other), noon, plain},
		"another MAC":       {"v1_" + strings.Repeat("0", 64) + key[67:], noon, plain},
		"no MAC":            {"v1__" + key[68:], noon, plain},
		"cut off":           {key[:80], noon, ""},
		"no parts":          {"v1_", noon, ""},
		"longer than any":   {key + strings.Repeat("x", 4096), noon, ""},
		"of another channel": {
			strings.Replace(key, "sk_us-east-1_abcd", "sk_us-east-1_abce", 1), noon,
			"sk_us-east-1_abceEFGH1234_567890abcdefghijABCDEFGHIJ",
		},
	} {
		got, tracks, err := keys.Open(ivs.Secret(tc.key), tc.at)
		if err == nil || tracks != nil || got != tc.plain {
			t.Errorf("%s: %v, error %v; its channel is known: %t", name, tracks, err, got != "")
		}
	}
}

// FuzzKey looks for a key that opens and was not signed.
func FuzzKey(f *testing.F) {
	good := string(signed(f, three))
	f.Add(good)
	f.Add(string(plain))
	f.Add(good[:100])
	f.Add("v1_" + strings.Repeat("0", 64) + "_6ab0_7b7d_sk_a_b_c")
	f.Add("v1____")
	f.Fuzz(func(t *testing.T, key string) {
		got, tracks, err := keys.Open(ivs.Secret(key), noon)
		if tracks != nil && (err != nil || key != good) {
			t.Fatalf("%q opened, for %d tracks and the error %v", key, len(tracks), err)
		}
		if !strings.HasPrefix(key, "v1_") && (string(got) != key || err != nil) {
			t.Fatalf("a plain key was changed, or refused: %v", err)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	key := signed(b, three)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := keys.Open(key, noon); err != nil {
			b.Fatal(err)
		}
	}
}

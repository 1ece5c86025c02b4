package srt

import (
	"strings"
	"testing"

	"openivs/internal/ivs"
)

func TestStreamIDs(t *testing.T) {
	const key = "sk_us-west-2_abcdABCDefgh_567890abcdef"
	for _, tc := range []struct{ name, id, key, priority string }{
		{"the key", key, key, ""},
		{"the key and a query", key + "?priority=5", key, "5"},
		{"a second question mark", key + "?keyframeInterval=2?priority=5", key, "5"},
		{"the application before it", "/app/" + key, key, ""},
		{"the standard form", "#!::u=" + key + ",priority=7", key, "7"},
		{"with its first sign escaped", "%23!::u=" + key + ",priority=7", key, "7"},
		{"with a mode", "#!::m=publish,priority=7,u=" + key, key, "7"},
		{"as a resource", "#!::r=app/" + key + ",m=publish", key, ""},
		{"a user and a resource", "#!::r=live,u=" + key, key, ""},
		{"empty fields", "#!::,,u=" + key + ",,priority=1,", key, "1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, values, err := parseStreamID(tc.id)
			if err != nil || string(got) != tc.key || values.Get("priority") != tc.priority {
				t.Errorf("got priority %q, %v; the key is right: %t", values.Get("priority"), err, string(got) == tc.key)
			}
		})
	}
	for _, tc := range []struct {
		name, id string
		code     ivs.Code
	}{
		{"nothing", "", ivs.Invalid},
		{"slashes", "//", ivs.Invalid},
		{"a query alone", "?priority=5", ivs.Invalid},
		{"no key in the standard form", "#!::m=publish", ivs.Invalid},
		{"who wants to play", "#!::m=request,u=" + key, ivs.Invalid},
		{"a key that is too long", strings.Repeat("k", maxKey+1), ivs.NotFound},
		{"one that is too long", strings.Repeat("k", maxStreamID+1), ivs.Invalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, _, err := parseStreamID(tc.id); ivs.CodeOf(err) != tc.code {
				t.Errorf("got %v, want one with the code %q", err, tc.code)
			}
		})
	}
}

func FuzzStreamID(f *testing.F) {
	for _, id := range []string{"sk_us-west-2_a_b", "k?priority=5", "#!::u=k,priority=5", "#!::m=publish,r=app/k", "#!::u=", "%23!::u=k"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		key, values, err := parseStreamID(id)
		if err != nil {
			if ivs.CodeOf(err) == ivs.Internal {
				t.Fatalf("%q: %v", id, err)
			}
			return
		}
		if key == "" || len(key) > maxKey || strings.Contains(string(key), "/") || len(values) > maxStreamID {
			t.Fatalf("%q: %d values", id, len(values))
		}
	})
}

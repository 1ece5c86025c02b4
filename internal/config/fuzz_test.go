package config

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzFile holds whatever is read from a file to this: known settings, each
// with a value, and the same for the same text.
func FuzzFile(f *testing.F) {
	example, err := os.ReadFile(filepath.Join("..", "..", "openivs.example.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Fuzz(func(t *testing.T, text []byte) {
		var first, second SettingErrors
		got, again := parseFile("f", text, &first), parseFile("f", text, &second)
		if len(first) != len(second) || len(got) != len(again) {
			t.Fatalf("%q is read in two ways: %v %v, then %v %v", text, got, first, again, second)
		}
		for name, g := range got {
			s, known := find(name)
			if !known || len(g.values) == 0 && !s.Repeats || len(g.values) > 1 && !s.Repeats {
				t.Errorf("%q gives %q = %q", text, name, g.values)
				continue
			}
			s.set(new(Config), g.values)
		}
	})
}

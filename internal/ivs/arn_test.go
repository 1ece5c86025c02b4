package ivs_test

import (
	"regexp"
	"testing"

	"openivs/internal/ivs"
)

var arnForm = regexp.MustCompile(`^arn:aws:([is]vs):([a-z0-9-]+):([0-9]+):([a-z-]+)/([a-zA-Z0-9-]+)$`)

// FuzzParseARN holds the parser to the API's own pattern.
func FuzzParseARN(f *testing.F) {
	for _, s := range []string{
		"", "arn:aws:ivs:us-east-1:000000000000:channel/abcdABCDefgh", "arn:aws:svs:eu-west-1:1:stream-key/-", "arn:aws:ivs:us-east-1:-1:channel/a",
		"arn:aws:ivs:us-east-1:1:channel/", "arn:aws:ivs:us-east-1:1:/a", "arn:aws:ivs:us-east-1:1:channel/a/b", "arn:aws:ivs:us-east-1:1:channel/a:b",
		"arn:aws:ivs::1:channel/a", "arn:aws-cn:ivs:cn-north-1:1:channel/a", "arn:aws:xvs:us-east-1:1:channel/a", "arn:aws:ivs:US:1:channel/a",
		"arn:aws:ivs:us-east-1:1:Channel/a", "arn:aws:ivs:us-east-1:1:channel/\u00e9", "arn:aws:ivs:us-east-1:1:channel/a\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ivs.ParseARN(s)
		m := arnForm.FindStringSubmatch(s)
		if want := m != nil && len(s) <= 128; (err == nil) != want {
			t.Fatalf("ParseARN(%q) = %v, %v; the pattern says %t", s, got, err, want)
		}
		if err != nil {
			return
		}
		if want := (ivs.ARN{Service: m[1], Region: m[2], Account: m[3], Kind: ivs.Kind(m[4]), ID: m[5]}); got != want || got.String() != s {
			t.Errorf("ParseARN(%q) = %+v, want %+v", s, got, want)
		}
	})
}

func BenchmarkParseARN(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ivs.ParseARN("arn:aws:ivs:us-east-1:000000000000:channel/abcdABCDefgh"); err != nil {
			b.Fatal(err)
		}
	}
}

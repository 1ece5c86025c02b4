package ivs_test

import (
	"strings"
	"testing"

	"openivs/internal/ivs"
)

func TestOrigins(t *testing.T) {
	label := strings.Repeat("a", ivs.MaxOriginLength-len("https://"))
	for origin, want := range map[string]bool{
		"*": true, "https://example.com": true, "http://example.com:8080": true, "https://*.example.com": true,
		"https://*.example.com:8443": true, "http://localhost": true, "http://127.0.0.1:3000": true, "capacitor://localhost": true,
		"https://EXAMPLE.com": true, "http://[::1]": true, "http://[2001:db8::1]:80": true, "https://a_b.example": true,
		"https://" + label: true, "https://" + label + "a": false,
		"": false, "example.com": false, "https://": false, "//example.com": false, "https:example.com": false, "null": false,
		"https://example.com/": false, "https://example.com/a": false, "https://example.com?": false, "https://example.com#": false,
		"https://*": false, "https://*.": false, "https://*example.com": false, "https://a.*.example.com": false, "https://**.example.com": false,
		"*://example.com": false, "https://*.*.example.com": false, "https://user@example.com": false, "https://example..com": false,
		"https://example.com.": false, "https://-a.com": false, "https://a-.com": false, "https://exa mple.com": false, "https://ex\nample.com": false,
		"https://example.com:": false, "https://example.com:0": false, "https://example.com:080": false, "https://example.com:65536": false,
		"https://example.com:+1": false, "https://[::1": false, "https://::1": false, "https://[1.2.3.4]": false, "https://[fe80::1%eth0]": false,
		"https://[::1]x": false, "https://[::1]:": false, "1https://example.com": false, "https://é.com": false,
	} {
		p := ivs.RestrictionPolicy{Origins: []string{origin}}
		if err := p.Validate(); (err == nil) != want {
			t.Errorf("%.60q: %v, want it taken: %t", origin, err, want)
		}
	}
}

func TestCountries(t *testing.T) {
	for country, want := range map[string]bool{
		"DE": true, "AD": true, "ZW": true, "GB": true, "XK": false, "UK": false, "EU": false, "AA": false,
		"de": false, "": false, "D": false, "DEU": false, "A ": false, " A": false, "D\x00": false, "É": false,
	} {
		p := ivs.RestrictionPolicy{Countries: []string{country}}
		if err := p.Validate(); (err == nil) != want {
			t.Errorf("%q: %v, want it taken: %t", country, err, want)
		}
	}
}

// FuzzOrigin looks that what is taken has nothing that an Origin header cannot have.
func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"*", "https://example.com:8443", "https://*.example.com", "http://[::1]:80", "https://a/b", "x://"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := ivs.RestrictionPolicy{Origins: []string{s}}
		err := p.Validate()
		if err == nil && s != "*" && (len(s) > ivs.MaxOriginLength || strings.Count(s, "://") != 1 || strings.ContainsAny(s, " \t\r\n,;\"'<>?#@\\\x00") ||
			strings.Count(s, "*") > 1 || strings.HasSuffix(s, "/")) {
			t.Errorf("taken: %q", s)
		}
		if err != nil && ivs.CodeOf(err) != ivs.Invalid {
			t.Errorf("code %q: %v", ivs.CodeOf(err), err)
		}
	})
}

package ivs_test

import (
	"testing"

	"openivs/internal/ivs"
)

func TestAnOriginIsAllowedByItsListOnly(t *testing.T) {
	for _, tc := range []struct {
		list   []string
		origin string
		want   bool
	}{
		{[]string{"*"}, "https://any.example", true},
		{[]string{"*"}, "", false},
		{[]string{"*"}, "null", true},
		{[]string{"https://a.example"}, "null", false},
		{nil, "https://a.example", false},
		{[]string{"https://a.example"}, "https://a.example", true},
		{[]string{"https://A.example"}, "https://a.EXAMPLE", true},
		{[]string{"https://a.example"}, "http://a.example", false},
		{[]string{"https://a.example"}, "https://b.a.example", false},
		{[]string{"https://a.example"}, "https://a.example.evil.example", false},
		{[]string{"https://a.example"}, "https://a.example:8443", false},
		{[]string{"https://a.example:443"}, "https://a.example", true},
		{[]string{"http://a.example:80"}, "http://a.example", true},
		{[]string{"https://a.example:80"}, "https://a.example", false},
		{[]string{"https://*.a.example"}, "https://b.a.example", true},
		{[]string{"https://*.a.example"}, "https://c.b.a.example", true},
		{[]string{"https://*.a.example"}, "https://a.example", false},
		{[]string{"https://*.a.example"}, "https://.a.example", false},
		{[]string{"https://*.a.example"}, "https://evila.example", false},
		{[]string{"https://*.a.example"}, "http://b.a.example", false},
		{[]string{"https://*.a.example:8443"}, "https://b.a.example:8443", true},
		{[]string{"https://*.a.example:8443"}, "https://b.a.example", false},
		{[]string{"https://*."}, "https://b.a.example", false},
		{[]string{"a.example"}, "https://a.example", false},
		{[]string{"https://x.example", "https://a.example"}, "https://a.example", true},
	} {
		if got := ivs.OriginAllowed(tc.list, tc.origin); got != tc.want {
			t.Errorf("OriginAllowed(%q, %q) = %v, want %v", tc.list, tc.origin, got, tc.want)
		}
	}
}

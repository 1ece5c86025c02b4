package e2e

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// countries writes a database of countries, by network, in place of a file.
func countries(t *testing.T, file string, where map[string]string) {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-Country", RecordSize: 24, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for network, code := range where {
		_, n, err := net.ParseCIDR(network)
		if err == nil {
			err = tree.Insert(n, mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(code)}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(file + ".part")
	if err != nil {
		t.Fatal(err)
	}
	_, err = tree.WriteTo(f)
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Rename(file+".part", file)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// policy makes a channel with a playback restriction policy and a stream.
func (s *running) policy(t *testing.T, in ivs.CreatePlaybackRestrictionPolicyInput, private bool) channel {
	t.Helper()
	out, err := s.ivs.CreatePlaybackRestrictionPolicy(t.Context(), &in)
	if err != nil {
		t.Fatal(err)
	}
	ch := s.channel(t, func(c *ivs.CreateChannelInput) {
		c.PlaybackRestrictionPolicyArn = out.PlaybackRestrictionPolicy.Arn
		c.Authorized = private
	})
	stream(t, encode(t, little, voice), ch.rtmp())
	ch.live()
	return ch
}

// TestCountriesAreAllowedByPolicies has viewers from everywhere, by a generated
// database and a trusted proxy.
func TestCountriesAreAllowedByPolicies(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "countries.mmdb")
	countries(t, file, map[string]string{"81.2.69.0/24": "GB", "89.160.20.0/24": "SE", "2001:218::/32": "JP"})
	s := serve(t, "--geoip", file, "--trusted-proxies", "127.0.0.1", "--trusted-proxies", "10.0.0.0/8")
	ch := s.policy(t, ivs.CreatePlaybackRestrictionPolicyInput{AllowedCountries: []string{"SE", "JP"}}, false)
	private := s.channel(t, func(c *ivs.CreateChannelInput) { c.Authorized = true })
	const blocked = "content_geoblocked"
	for _, tc := range []struct{ forwarded, code string }{
		{"", ""}, // the socket's, which is unknown
		{"89.160.20.112", ""},
		{"81.2.69.142", blocked},
		{"2001:218::1", ""},
		{"[2001:218::1]:4711", ""},
		{"::ffff:81.2.69.142", blocked},
		{"203.0.113.1", ""},                     // unknown
		{"89.160.20.112, 81.2.69.142", blocked}, // the first is only claimed
		{"89.160.20.112, 10.0.0.7", ""},
		{"81.2.69.142, 10.0.0.7, 127.0.0.1", blocked},
		{"nonsense", ""},
		{"81.2.69.142, nonsense", ""},
	} {
		header := []string{"X-Forwarded-For", tc.forwarded}
		status, h, body := ask(t, ch.playback, header...)
		if tc.code != "" {
			wantRefusal(t, tc.forwarded, status, h, body, 403, tc.code)
		} else if status != 200 {
			t.Errorf("%q: %d %s", tc.forwarded, status, body)
		}
	}
	status, h, body := ask(t, private.playback)
	wantRefusal(t, "a private channel", status, h, body, 403, "invalid_playback_auth_token")
	for source, want := range map[string]int{"81.2.69.142": 403, "89.160.20.112": 200, "203.0.113.1": 200} {
		if status := s.proxied(t, ch.playback, source); status != want {
			t.Errorf("by the PROXY protocol from %s: %d, want %d", source, status, want)
		}
	}

	watching := firstURI(t, ch.playback, body200(t, ch.playback, "X-Forwarded-For", "89.160.20.112"))
	if media := firstURI(t, watching, body200(t, watching)); !strings.Contains(media, "/segment/") {
		t.Errorf("media is at %s", media)
	} else {
		body200(t, media)
	}
	countries(t, file, map[string]string{"81.2.69.0/24": "SE", "89.160.20.0/24": "GB"})
	until(t, 10*time.Second, "the new database is in force", func() (bool, string) {
		status, _, body := ask(t, ch.playback, "X-Forwarded-For", "89.160.20.112")
		return status == 403, body
	})
	body200(t, ch.playback, "X-Forwarded-For", "81.2.69.142")
	if err := os.WriteFile(file, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, 10*time.Second, "a bad database is complained of", func() (bool, string) {
		log, err := os.ReadFile(s.Log)
		return err == nil && strings.Contains(string(log), "the old one stays in force"), "no complaint"
	})
	body200(t, ch.playback, "X-Forwarded-For", "81.2.69.142")
}

// proxied gets a URL as a proxy does that speaks the PROXY protocol, version 2, for
// an IPv4 address. It returns 0 if the connection ends without an answer.
func (s *running) proxied(t *testing.T, address, source string) int {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, to)
		if err != nil {
			return nil, err
		}
		head := append([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"), net.ParseIP(source).To4()...)
		_, err = c.Write(append(head, 127, 0, 0, 1, 0x30, 0x39, 0x11, 0x94))
		return c, err
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

// TestNobodyIsBelievedWithoutBeingTrusted has a viewer who claims to be elsewhere,
// and a server without a database.
func TestNobodyIsBelievedWithoutBeingTrusted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "countries.mmdb")
	countries(t, file, map[string]string{"127.0.0.0/8": "GB", "89.160.20.0/24": "SE"})
	s := serve(t, "--geoip", file)
	ch := s.policy(t, ivs.CreatePlaybackRestrictionPolicyInput{AllowedCountries: []string{"SE"}}, false)
	for _, forwarded := range []string{"", "89.160.20.112"} {
		status, h, body := ask(t, ch.playback, "X-Forwarded-For", forwarded, "Forwarded", "for=89.160.20.112", "X-Real-Ip", "89.160.20.112")
		wantRefusal(t, "claimed "+forwarded, status, h, body, 403, "content_geoblocked")
	}
	if status := s.proxied(t, ch.playback, "89.160.20.112"); status != 0 {
		t.Errorf("who is not trusted speaks the PROXY protocol and is answered %d", status)
	}
	s.end(os.Interrupt)
	s.args = nil
	s.start()
	log, err := os.ReadFile(s.Log)
	if err != nil || !strings.Contains(string(log), "no country is known without the setting geoip") {
		t.Errorf("no warning at the start: %v\n%s", err, log)
	}
}

// TestPoliciesKeepOtherSitesOut is about origins, strict and not, and about a
// private channel, which no policy is asked for.
func TestPoliciesKeepOtherSitesOut(t *testing.T) {
	t.Parallel()
	s := serve(t)
	key := s.pair(t)
	const site, foreign = "https://a.example.com", "https://evil.example"
	origins := []string{"https://*.example.com"}
	lax := s.policy(t, ivs.CreatePlaybackRestrictionPolicyInput{AllowedOrigins: origins}, false)
	strict := s.policy(t, ivs.CreatePlaybackRestrictionPolicyInput{AllowedOrigins: origins, EnableStrictOriginEnforcement: new(true)}, false)
	private := s.policy(t, ivs.CreatePlaybackRestrictionPolicyInput{AllowedOrigins: []string{"https://nowhere.example"}, AllowedCountries: []string{"AQ"}, EnableStrictOriginEnforcement: new(true)}, true)
	body200(t, private.with(openssl{}.token(t, key, es384, private.good())), "Origin", foreign)

	for _, ch := range []channel{lax, strict} {
		status, h, body := ask(t, ch.playback, "Origin", foreign)
		wantRefusal(t, "foreign", status, h, body, 403, "origin_not_allowed")
	}
	status, h, body := ask(t, strict.playback)
	wantRefusal(t, "strict without an origin", status, h, body, 403, "origin_not_allowed")
	body200(t, lax.playback)

	for _, ch := range []channel{lax, strict} {
		variant := firstURI(t, ch.playback, body200(t, ch.playback, "Origin", site))
		media := firstURI(t, variant, body200(t, variant, "Origin", site))
		body200(t, media, "Origin", site)
		for _, address := range []string{variant, media} {
			status, _, body := ask(t, address, "Origin", foreign)
			want := http.StatusOK
			if ch == strict {
				want = http.StatusForbidden
			}
			if status != want || want == 403 && body != "origin required" {
				t.Errorf("%s from elsewhere: %d %s, want %d", address, status, body, want)
			}
		}
	}
}

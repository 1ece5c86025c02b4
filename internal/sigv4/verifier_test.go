package sigv4_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"openivs/internal/sigv4"
)

const (
	keyID  = "AKIDEXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

func verifier() *sigv4.Verifier {
	return &sigv4.Verifier{
		Region:   "us-west-2",
		Services: []string{"ivs", "monitoring"},
		Lookup: func(_ context.Context, id string) (sigv4.Credential, error) {
			switch id {
			case keyID:
				return sigv4.Credential{SecretAccessKey: secret}, nil
			case "TEMPORARY":
				return sigv4.Credential{SecretAccessKey: secret, SessionToken: "token/1+2=="}, nil
			case "OVER":
				return sigv4.Credential{SecretAccessKey: secret, SessionToken: "t", Expires: time.Now()}, nil
			case "BROKEN":
				return sigv4.Credential{}, errors.New("database is away")
			default:
				return sigv4.Credential{}, sigv4.ErrUnknownKey
			}
		},
	}
}

// A signing is a request as a client makes it; zero members are the usual.
type signing struct {
	method, target, body string
	key, token           string
	secret               string
	region, service      string
	header               map[string]string // before signing
	at                   time.Time
}

// request signs with the AWS SDK's signer and passes the request over the wire.
func (s signing) request(tb testing.TB) (*http.Request, []byte) {
	tb.Helper()
	or := func(a, b string) string {
		if a != "" {
			return a
		}
		return b
	}
	body := or(s.body, `{"name":"x"}`)
	r, err := http.NewRequest(or(s.method, http.MethodPost), "http://ivs.example:4500"+or(s.target, "/CreateChannel"), strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	for k, v := range s.header {
		r.Header.Set(k, v)
	}
	if s.at.IsZero() {
		s.at = time.Now()
	}
	sum := sha256.Sum256([]byte(body))
	cred := aws.Credentials{AccessKeyID: or(s.key, keyID), SecretAccessKey: or(s.secret, secret), SessionToken: s.token}
	err = v4.NewSigner().SignHTTP(tb.Context(), cred, r, hex.EncodeToString(sum[:]), or(s.service, "ivs"), or(s.region, "us-west-2"), s.at)
	if err != nil {
		tb.Fatal(err)
	}
	return overWire(tb, r)
}

func overWire(tb testing.TB, r *http.Request) (*http.Request, []byte) {
	tb.Helper()
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		tb.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		tb.Fatal(err)
	}
	body, err := io.ReadAll(got.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return got, body
}

// reason returns why Verify refused, or fails the test.
func reason(t *testing.T, err error) *sigv4.Error {
	t.Helper()
	e, ok := errors.AsType[*sigv4.Error](err)
	if !ok {
		t.Fatalf("Verify returned %v, want a *sigv4.Error", err)
	}
	return e
}

func TestVerifyAccepts(t *testing.T) {
	cases := []struct {
		name string
		in   signing
		want sigv4.Identity
	}{
		{"a post", signing{}, sigv4.Identity{AccessKeyID: keyID, Service: "ivs"}},
		{"another service of ours", signing{service: "monitoring"}, sigv4.Identity{AccessKeyID: keyID, Service: "monitoring"}},
		{"the session token of the key", signing{key: "TEMPORARY", token: "token/1+2=="}, sigv4.Identity{AccessKeyID: "TEMPORARY", Service: "ivs"}},
		{"an encoded path", signing{target: "/tags/arn%3Aaws%3Aivs%3Aus-west-2%3A123456789012%3Achannel%2Fabc"}, sigv4.Identity{AccessKeyID: keyID, Service: "ivs"}},
		{"an encoded path in lower case", signing{target: "/tags/arn%3aaws%3aivs%2fabc"}, sigv4.Identity{AccessKeyID: keyID, Service: "ivs"}},
		{"no path", signing{target: "?"}, sigv4.Identity{AccessKeyID: keyID, Service: "ivs"}},
		{"repeated and odd parameters", signing{method: "DELETE", target: "/tags/x?tagKeys=b%20c&tagKeys=a&tagKeys=%C3%BC%2F&tagKeys=&tagKeys-2=x"}, sigv4.Identity{AccessKeyID: keyID, Service: "ivs"}},
		{"spaces in a header", signing{header: map[string]string{"X-Amz-Odd": "  a   b  "}}, sigv4.Identity{AccessKeyID: keyID, Service: "ivs"}},
		{"the body's hash in a header", signing{header: map[string]string{"X-Amz-Content-Sha256": hash(`{"name":"x"}`)}}, sigv4.Identity{AccessKeyID: keyID, Service: "ivs"}},
	}
	v := verifier()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, body := c.in.request(t)
			got, err := v.Verify(r, body)
			if err != nil {
				t.Fatalf("Verify(%s %s): %v", r.Method, r.RequestURI, err)
			}
			if got != c.want {
				t.Errorf("Verify returned %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	edit := func(old, new string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
		}
	}
	authorize := func(s string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", s) }
	}
	const whole = "AWS4-HMAC-SHA256 Credential=A/20260102/us-west-2/ivs/aws4_request, "
	cases := []struct {
		name   string
		in     signing
		tamper func(*http.Request)
		why    sigv4.Reason
		want   string // name, status and a piece of the message
	}{
		{"no authorization", signing{}, func(r *http.Request) { r.Header.Del("Authorization") }, sigv4.NoAuthorization, "MissingAuthenticationTokenException 403 Missing Authentication Token"},
		{"an empty authorization", signing{}, authorize(""), sigv4.NoAuthorization, "MissingAuthenticationTokenException 403 Missing Authentication Token"},
		{"two authorizations", signing{}, func(r *http.Request) { r.Header.Add("Authorization", "x") }, sigv4.Malformed, "IncompleteSignatureException 403 There must be one Authorization header"},
		{"another scheme", signing{}, authorize("Basic YTpi"), sigv4.Malformed, "IncompleteSignatureException 403 Unsupported AWS 'algorithm': 'Basic'"},
		{"another algorithm", signing{}, edit("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), sigv4.Malformed, "IncompleteSignatureException 403 Unsupported AWS 'algorithm'"},
		{"nothing after the algorithm", signing{}, authorize("AWS4-HMAC-SHA256"), sigv4.Malformed, "requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter."},
		{"no signature", signing{}, authorize(whole + "SignedHeaders=host"), sigv4.Malformed, "IncompleteSignatureException 403 Authorization header requires 'Signature' parameter."},
		{"no signed headers", signing{}, authorize(whole + "Signature=ab"), sigv4.Malformed, "Authorization header requires 'SignedHeaders' parameter."},
		{"no credential", signing{}, authorize("AWS4-HMAC-SHA256 SignedHeaders=host, Signature=ab"), sigv4.Malformed, "Authorization header requires 'Credential' parameter."},
		{"no equal sign", signing{}, authorize(whole + "Signature"), sigv4.Malformed, "missing equal-sign"},
		{"an unknown parameter", signing{}, authorize(whole + "Extra=1"), sigv4.Malformed, "unknown parameter 'Extra'"},
		{"a parameter twice", signing{}, authorize(whole + whole[17:]), sigv4.Malformed, "has 'Credential' twice"},
		{"a short credential", signing{}, edit("/aws4_request", ""), sigv4.Malformed, "Credential must have exactly 5 slash-delimited elements"},
		{"a long credential", signing{}, edit("/aws4_request", "/aws4_request/x"), sigv4.Malformed, "Credential must have exactly 5 slash-delimited elements"},
		{"a very long authorization", signing{}, authorize(strings.Repeat("x", 5000)), sigv4.Malformed, "5000 bytes, at most 4096 are accepted"},
		{"a very long region", signing{}, authorize("AWS4-HMAC-SHA256 Credential=A/20260102/" + strings.Repeat("r", 65) + "/ivs/aws4_request, SignedHeaders=host, Signature=ab"), sigv4.Malformed, "more than 64 characters"},
		{"many signed headers", signing{}, edit("SignedHeaders=", "SignedHeaders="+strings.Repeat("a;", 64)), sigv4.Malformed, "at most 64 are accepted"},
		{"a signed header twice", signing{}, edit("SignedHeaders=", "SignedHeaders=host;"), sigv4.Malformed, "has 'host' twice"},
		{"a signed header in upper case", signing{}, edit("=content-length", "=Content-Length"), sigv4.Malformed, "'Content-Length', which is not a lower-case header name"},
		{"host is not signed", signing{}, edit("host;", ""), sigv4.Unsigned, "InvalidSignatureException 403 'Host' or ':authority' must be a 'SignedHeader'"},
		{"another region", signing{region: "us-east-1"}, nil, sigv4.WrongScope, "InvalidSignatureException 403 Credential should be scoped to a valid region, not 'us-east-1'."},
		{"another service", signing{service: "s3"}, nil, sigv4.WrongScope, "InvalidSignatureException 403 Credential should be scoped to correct service: 'ivs' or 'monitoring'."},
		{"another terminator", signing{}, edit("aws4_request", "aws5_request"), sigv4.WrongScope, "valid terminator: 'aws4_request', not 'aws5_request'"},
		{"another day in the scope", signing{}, edit(time.Now().UTC().Format("20060102"), "20200101"), sigv4.WrongScope, "Date in Credential scope does not match YYYYMMDD"},
		{"no date", signing{}, func(r *http.Request) { r.Header.Del("X-Amz-Date") }, sigv4.BadDate, "IncompleteSignatureException 403 Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."},
		{"a date of another form", signing{}, func(r *http.Request) { r.Header.Set("X-Amz-Date", "2026-01-02T15:04:05Z") }, sigv4.BadDate, "Got '2026-01-02T15:04:05Z'"},
		{"a date with a fraction", signing{}, func(r *http.Request) { r.Header.Set("X-Amz-Date", "20260102T150405.5Z") }, sigv4.BadDate, "ISO-8601"},
		{"an unreadable Date", signing{}, func(r *http.Request) { r.Header.Del("X-Amz-Date"); r.Header.Set("Date", "today") }, sigv4.BadDate, "neither an HTTP date"},
		{"an unknown key", signing{key: "AKIDOTHER"}, nil, sigv4.UnknownKey, "UnrecognizedClientException 403 The security token included in the request is invalid."},
		{"a session token nobody knows", signing{token: "x"}, nil, sigv4.BadToken, "UnrecognizedClientException 403 The security token included in the request is invalid."},
		{"the wrong session token", signing{key: "TEMPORARY", token: "x"}, nil, sigv4.BadToken, "UnrecognizedClientException 403"},
		{"no session token where one belongs", signing{key: "TEMPORARY"}, nil, sigv4.BadToken, "UnrecognizedClientException 403"},
		{"an expired credential", signing{key: "OVER", token: "t"}, nil, sigv4.ExpiredToken, "ExpiredTokenException 403 The security token included in the request is expired"},
		{"the wrong secret", signing{secret: "other"}, nil, sigv4.BadSignature, "InvalidSignatureException 403 The request signature we calculated does not match"},
		{"another method", signing{}, func(r *http.Request) { r.Method = "PUT" }, sigv4.BadSignature, "InvalidSignatureException 403"},
		{"another path", signing{}, func(r *http.Request) { r.RequestURI = "/DeleteChannel" }, sigv4.BadSignature, "InvalidSignatureException 403"},
		{"another query", signing{target: "/tags/x?tagKeys=a"}, func(r *http.Request) { r.RequestURI = "/tags/x?tagKeys=b" }, sigv4.BadSignature, "InvalidSignatureException 403"},
		{"a signed header changed", signing{header: map[string]string{"X-Amz-Odd": "a"}}, func(r *http.Request) { r.Header.Set("X-Amz-Odd", "b") }, sigv4.BadSignature, "InvalidSignatureException 403"},
		{"a signed header gone", signing{header: map[string]string{"X-Amz-Odd": "a"}}, func(r *http.Request) { r.Header.Del("X-Amz-Odd") }, sigv4.BadSignature, "InvalidSignatureException 403"},
		{"another host", signing{}, func(r *http.Request) { r.Host = "other.example" }, sigv4.BadSignature, "InvalidSignatureException 403"},
		{"another body", signing{}, func(r *http.Request) { r.Header.Set("Test-Body", "{}") }, sigv4.BadSignature, "InvalidSignatureException 403"},
		{"a body that was not announced", signing{header: map[string]string{"X-Amz-Content-Sha256": hash("{}")}}, nil, sigv4.BodyMismatch, "InvalidSignatureException 403 The provided 'x-amz-content-sha256' header does not match"},
		{"an unsigned payload", signing{header: map[string]string{"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}}, nil, sigv4.BodyMismatch, "InvalidSignatureException 403"},
		{"a broken query", signing{}, func(r *http.Request) { r.RequestURI += "?a=%zz" }, sigv4.BadTarget, "MalformedHttpRequestException 400 The query has an invalid percent-encoding: '%zz'"},
		{"a very long path", signing{}, func(r *http.Request) { r.RequestURI += strings.Repeat("x", 100_000) }, sigv4.TooLarge, "RequestEntityTooLargeException 413 The request target has 100014 bytes"},
		{"many parameters", signing{}, func(r *http.Request) { r.RequestURI += "?" + strings.Repeat("&", 128) }, sigv4.TooLarge, "129 parameters, at most 128"},
		{"long headers", signing{header: map[string]string{"X-Amz-Odd": strings.Repeat("x", 65_536)}}, nil, sigv4.TooLarge, "RequestEntityTooLargeException 413 The signed headers have more than 65536 bytes."},
	}
	v := verifier()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, body := c.in.request(t)
			if c.tamper != nil {
				c.tamper(r)
			}
			if b := r.Header.Get("Test-Body"); b != "" {
				body = []byte(b)
			}
			_, err := v.Verify(r, body)
			e := reason(t, err)
			if e.Reason != c.why {
				t.Errorf("reason %d, want %d (%v)", e.Reason, c.why, e)
			}
			if got := fmt.Sprintf("%s %d %s", e.Name, e.Status, e.Message); !strings.Contains(got, c.want) {
				t.Errorf("refused with %q, want %q in it", got, c.want)
			}
			late := e.Reason == sigv4.BadSignature || e.Reason == sigv4.BodyMismatch || e.Reason == sigv4.BadTarget || e.Reason == sigv4.TooLarge
			if _, early := v.Claim(r); late != (early == nil) || !late && reason(t, early).Reason != c.why {
				t.Errorf("before the body: %v", early)
			}
		})
	}
}

func TestVerifyClock(t *testing.T) {
	cases := []struct {
		name string
		off  time.Duration
		want string // "" is accepted
	}{
		{"exactly 15 minutes late", -15 * time.Minute, ""},
		{"15 minutes and a second late", -15*time.Minute - time.Second, "Signature expired: 19991231T234459Z is now earlier than 19991231T234500Z (20000101T000000Z - 15 min.)"},
		{"exactly 15 minutes early", 15 * time.Minute, ""},
		{"15 minutes and a second early", 15*time.Minute + time.Second, "Signature not yet current: 20000101T001501Z is still later than 20000101T001500Z (20000101T000000Z + 15 min.)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, body := signing{at: time.Now().Add(c.off)}.request(t)
				_, err := verifier().Verify(r, body)
				if c.want == "" {
					if err != nil {
						t.Errorf("Verify: %v", err)
					}
					return
				}
				if e := reason(t, err); e.Reason != sigv4.Skewed || e.Name != "InvalidSignatureException" || e.Message != c.want {
					t.Errorf("refused with %v, want %q", e, c.want)
				}
			})
		})
	}
}

// The test vectors that AWS publishes for Signature Version 4; the last one is
// dated by its Date header.
func TestVerifyPublishedVectors(t *testing.T) {
	const head = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="
	cases := []struct {
		name, request, authorization string
	}{
		{
			"get-vanilla", "GET / HTTP/1.1\r\nHost: example.amazonaws.com\r\nX-Amz-Date: 20150830T123600Z\r\n\r\n",
			head + "host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
		},
		{
			"get-vanilla-query-order-key-case", "GET /?Param2=value2&Param1=value1 HTTP/1.1\r\nHost: example.amazonaws.com\r\nX-Amz-Date: 20150830T123600Z\r\n\r\n",
			head + "host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
		},
		{
			"post-vanilla", "POST / HTTP/1.1\r\nHost: example.amazonaws.com\r\nX-Amz-Date: 20150830T123600Z\r\n\r\n",
			head + "host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
		},
		{
			"post-x-www-form-urlencoded", "POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nHost: example.amazonaws.com\r\nX-Amz-Date: 20150830T123600Z\r\nContent-Length: 13\r\n\r\nParam1=value1",
			head + "content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
		},
		{
			"get-vanilla of 2011", "GET / HTTP/1.1\r\nDate: Mon, 09 Sep 2011 23:36:00 GMT\r\nHost: host.foo.com\r\n\r\n",
			"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20110909/us-east-1/host/aws4_request, SignedHeaders=date;host, Signature=b27ccfbfa7df52a200ff74193ca6e32d4b48b8856fab7ebf1c595d0670a7e470",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(c.request)))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			v := &sigv4.Verifier{
				Region: "us-east-1", Services: []string{"service", "host"}, Skew: 100 * 365 * 24 * time.Hour,
				Lookup: func(context.Context, string) (sigv4.Credential, error) {
					return sigv4.Credential{SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}, nil
				},
			}
			r.Header.Set("Authorization", c.authorization)
			if _, err := v.Verify(r, body); err != nil {
				t.Errorf("Verify: %v", err)
			}
		})
	}
}

func TestVerifyReturnsLookupErrors(t *testing.T) {
	r, body := signing{key: "BROKEN"}.request(t)
	_, err := verifier().Verify(r, body)
	if _, ok := errors.AsType[*sigv4.Error](err); ok || err == nil || !strings.Contains(err.Error(), "database is away") {
		t.Errorf("Verify returned %v, want the error of Lookup", err)
	}
}

// A key whose secret has changed is checked against the new one at once.
func TestVerifyAfterSecretChanged(t *testing.T) {
	now := sigv4.Secret("first")
	v := verifier()
	v.Lookup = func(context.Context, string) (sigv4.Credential, error) {
		return sigv4.Credential{SecretAccessKey: now}, nil
	}
	r, body := signing{secret: "first"}.request(t)
	for range 2 {
		if _, err := v.Verify(r, body); err != nil {
			t.Fatal(err)
		}
	}
	now = "second"
	if _, err := v.Verify(r, body); reason(t, err).Reason != sigv4.BadSignature {
		t.Errorf("the old secret: %v, want a bad signature", err)
	}
	r, body = signing{secret: "second"}.request(t)
	if _, err := v.Verify(r, body); err != nil {
		t.Errorf("the new secret: %v", err)
	}
}

func TestVerifyConcurrently(t *testing.T) {
	v := verifier()
	v.Lookup = func(context.Context, string) (sigv4.Credential, error) {
		return sigv4.Credential{SecretAccessKey: secret}, nil
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 300 { // more keys than are remembered
				r, body := signing{key: fmt.Sprintf("K%d-%d", i, j), target: fmt.Sprintf("/X%d", j)}.request(t)
				if _, err := v.Verify(r, body); err != nil {
					t.Errorf("key K%d-%d: %v", i, j, err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestSecretsDoNotPrint(t *testing.T) {
	c := sigv4.Credential{SecretAccessKey: secret, SessionToken: "token"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if got := fmt.Sprintf(verb, c); strings.Contains(got, "wJal") || strings.Contains(got, "token") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func BenchmarkVerify(b *testing.B) {
	v := verifier()
	r, body := signing{}.request(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(r, body); err != nil {
			b.Fatal(err)
		}
	}
}

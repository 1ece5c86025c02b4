package sigv4

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Whatever a stranger sends, Verify refuses it with an Error whose text is
// bounded, and never lets it in.
func FuzzVerify(f *testing.F) {
	const good = "AWS4-HMAC-SHA256 Credential=AK/20260102/us-east-1/ivs/aws4_request, SignedHeaders=host;x-amz-date, Signature=" +
		"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
	f.Add(good, "20260102T030405Z", "/tags/arn%3Aaws?tagKeys=a&tagKeys=b%20c", "")
	f.Add(strings.Replace(good, "host;", "", 1), "20260102T030405Z", "/", "x")
	f.Add("AWS4-HMAC-SHA256 Credential=////,Signature=,SignedHeaders=;;", "", "/?%", "")
	f.Add("AWS4-HMAC-SHA256 ,,,===", "Fri, 02 Jan 2026 03:04:05 GMT", "*", "")
	v := &Verifier{
		Region: "us-east-1", Services: []string{"ivs"}, Skew: 1 << 62,
		Lookup: func(context.Context, string) (Credential, error) {
			return Credential{SecretAccessKey: "not to be guessed"}, nil
		},
	}
	f.Fuzz(func(t *testing.T, authorization, date, target, token string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			u = &url.URL{Path: target}
		}
		r := &http.Request{Method: http.MethodPost, URL: u, RequestURI: target, Host: "h", Header: http.Header{
			"Authorization": {authorization}, "X-Amz-Date": {date}, "Date": {date}, "X-Amz-Security-Token": {token},
		}}
		_, err = v.Verify(r.WithContext(t.Context()), nil)
		e, ok := errors.AsType[*Error](err)
		if !ok {
			t.Fatalf("Verify returned %v, want an *Error", err)
		}
		if e.Name == "" || e.Status < 400 || e.Status >= 500 || len(e.Message) > 1000 {
			t.Errorf("refused with %+v", e)
		}
	})
}

// What is parsed from an Authorization header says the same when written again.
func FuzzAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AK/20260102/us-east-1/ivs/aws4_request,SignedHeaders=host,Signature=00")
	f.Add("AWS4-HMAC-SHA256 Signature=a=b , SignedHeaders=host;host,Credential=a/b/c/d/e/f")
	f.Fuzz(func(t *testing.T, header string) {
		a, err := parseAuthorization(header)
		if err != nil {
			return
		}
		again, err := parseAuthorization(algorithm + " Credential=" + a.accessKeyID + "/" + a.scope +
			", SignedHeaders=" + a.signedHeaders + ", Signature=" + a.signature)
		if err != nil || again != a {
			t.Errorf("parsed %+v, and when written again %+v, %v", a, again, err)
		}
	})
}

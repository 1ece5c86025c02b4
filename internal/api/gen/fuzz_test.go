package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzOperation sends any bytes to any operation. Whatever they are, the answer
// is one that the protocol knows, and the same bytes get the same answer.
func FuzzOperation(f *testing.F) {
	m := model(f)
	for i, name := range m.Operations.Names {
		op, _ := m.Operations.Get(name)
		b, err := json.Marshal(valid(m, op.Input))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), b)
	}
	f.Add(byte(0), []byte(`{"arns":["`))
	f.Add(byte(4), []byte(`{"name":"\ud83d\ude00","tags":{"a":null},"x":[[[{"y":-1.5e+7}]]]}`))
	h := serve(answers{full: true})
	f.Fuzz(func(t *testing.T, which byte, body []byte) {
		op, _ := m.Operations.Get(m.Operations.Names[int(which)%len(m.Operations.Names)])
		path := strings.ReplaceAll(op.Path, "{resourceArn}", "arn%3Aaws%3Aivs%3Aus-east-1%3A1%3Achannel%2Fa") + "?tagKeys=a"
		var answer string
		for range 2 {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(op.Method, path, bytes.NewReader(body)))
			if w.Code != op.Status && (w.Code != 400 || w.Header().Get("x-amzn-ErrorType") != "ValidationException") {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			if w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
				t.Fatalf("the answer is not JSON: %s", w.Body)
			}
			if w.Code == op.Status && op.Method == http.MethodPost && len(bytes.TrimSpace(body)) > 0 && !json.Valid(body) {
				t.Fatalf("accepted what is not JSON: %q", body)
			}
			if answer != "" && answer != w.Body.String() {
				t.Fatalf("answered %s, then %s", answer, w.Body)
			}
			answer = w.Body.String()
		}
	})
}

// FuzzResourceARN sends any path and query to the tag operations. What is
// accepted is an ARN, however it was encoded.
func FuzzResourceARN(f *testing.F) {
	const arn = "arn:aws:ivs:us-east-1:123456789012:channel/abcdABCDefgh"
	f.Add(url.QueryEscape(arn), "tagKeys=a&tagKeys=b%20c")
	f.Add(arn, "tagKeys=")
	f.Add("arn%3Aaws%3aivs%3aus-east-1%3A1%3Achannel%252Fa", "tagKeys=%zz")
	f.Add("%", "tagKeys=a;b")
	f.Add("%ff", "tagKeys=%ff")
	f.Add("..%2f..", "")
	h := serve(answers{})
	pattern := whole(model(f).shape("ResourceArn").Pattern)
	f.Fuzz(func(t *testing.T, label, query string) {
		r := httptest.NewRequest(http.MethodDelete, "/tags/x", http.NoBody)
		u, err := url.Parse("/tags/" + label)
		if err != nil || u.Host != "" || u.EscapedPath() != "/tags/"+label {
			t.Skip("not what a server would see")
		}
		u.RawQuery = query
		r.URL = u
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		decoded, err := url.PathUnescape(label)
		switch {
		case label == "" && w.Code == 404:
		case w.Code == 400 && w.Header().Get("x-amzn-ErrorType") == "ValidationException":
		case w.Code == 200 && err == nil && pattern.MatchString(decoded) && len(decoded) <= 128:
		default:
			t.Fatalf("%q?%s: status %d: %s", label, query, w.Code, w.Body)
		}
	})
}

package restjson_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
)

func TestRoutes(t *testing.T) {
	tagPath := "/tags/" + strings.ReplaceAll(url.QueryEscape(channelARN), "+", "%20")
	for _, tt := range []struct {
		name, method, target, body string
		status                     int
		want                       any // the input, or the kind of fault
	}{
		{"an operation", "POST", "/GetChannel", `{"arn":"` + channelARN + `"}`, 200, &ivsapi.GetChannelInput{ARN: channelARN}},
		{"one that answers nothing", "POST", "/DeleteChannel", `{"arn":"` + channelARN + `"}`, 204, &ivsapi.DeleteChannelInput{ARN: channelARN}},
		{"one that answers an empty object", "POST", "/StopStream", `{"channelArn":"` + channelARN + `"}`, 200, &ivsapi.StopStreamInput{ChannelARN: channelARN}},
		{"a label", "GET", tagPath, "", 200, &ivsapi.ListTagsForResourceInput{ResourceARN: channelARN}},
		{"a label that is not encoded", "GET", "/tags/" + channelARN, "", 200, &ivsapi.ListTagsForResourceInput{ResourceARN: channelARN}},
		{"a label and a body", "POST", tagPath, `{"tags":{"a":"b"}}`, 200, &ivsapi.TagResourceInput{ResourceARN: channelARN, Tags: map[string]string{"a": "b"}}},
		{
			"a label and a query", "DELETE", tagPath + "?tagKeys=a&tagKeys=b%20c&tagKeys=%C3%A9", "", 200,
			&ivsapi.UntagResourceInput{ResourceARN: channelARN, TagKeys: []string{"a", "b c", "é"}},
		},
		{"a body where none belongs", "GET", tagPath, "\xff{", 200, &ivsapi.ListTagsForResourceInput{ResourceARN: channelARN}},
		{"a query where none belongs", "POST", "/ListChannels?x=%zz", "{}", 200, &ivsapi.ListChannelsInput{}},
		{"another method", "GET", "/GetChannel", "", 404, "UnknownOperationException"},
		{"another method of a label", "PUT", tagPath, "", 404, "UnknownOperationException"},
		{"an unknown path", "POST", "/GetChannels", "{}", 404, "UnknownOperationException"},
		{"a path that goes on", "POST", "/GetChannel/", "{}", 404, "UnknownOperationException"},
		{"other capitals", "POST", "/getchannel", "{}", 404, "UnknownOperationException"},
		{"an encoded letter", "POST", "/%47etChannel", "{}", 404, "UnknownOperationException"},
		{"the root", "GET", "/", "", 404, "UnknownOperationException"},
		{"a label without a value", "GET", "/tags/", "", 404, "UnknownOperationException"},
		{"a label that is encoded twice", "GET", "/tags/" + url.QueryEscape(url.QueryEscape(channelARN)), "", 400, "ValidationException"},
		{"a label that is no ARN", "GET", "/tags/..%2f..%2fetc", "", 400, "ValidationException"},
		{"a query that is not encoded", "DELETE", tagPath + "?tagKeys=%zz", "", 400, "ValidationException"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := new(service)
			w := call(handler(s), tt.method, tt.target, tt.body)
			if w.Code != tt.status {
				t.Fatalf("status %d, want %d: %s", w.Code, tt.status, w.Body)
			}
			if kind, failed := tt.want.(string); failed {
				if got := w.Header().Get("X-Amzn-ErrorType"); got != kind {
					t.Errorf("error type %q, want %q", got, kind)
				}
			} else if !reflect.DeepEqual(s.asked, tt.want) {
				t.Errorf("the operation was asked %+v, want %+v", s.asked, tt.want)
			}
		})
	}
}

func TestBodies(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       any // the input, or the message
	}{
		{"an empty body", "", &ivsapi.CreateChannelInput{}},
		{"white space", " \r\n\t", &ivsapi.CreateChannelInput{}},
		{"an empty object", " {} ", &ivsapi.CreateChannelInput{}},
		{"absent by null", `{"name":null,"tags":null,"authorized":null,"multitrackInputConfiguration":null}`, &ivsapi.CreateChannelInput{}},
		{
			"empty, false and none, but there",
			`{"name":"","authorized":false,"tags":{},"multitrackInputConfiguration":{},"recordingConfigurationArn":""}`,
			&ivsapi.CreateChannelInput{
				Name: new(""), Authorized: new(false), Tags: map[string]string{}, RecordingConfigurationARN: new(""),
				MultitrackInputConfiguration: &ivsapi.MultitrackInputConfiguration{},
			},
		},
		{
			"unknown members of every type",
			`{"a":{"b":[1,{"c":null}]},"name":"n","x":"\u0041\n","y":-1.5E3,"z":true,"Name":"other"}`,
			&ivsapi.CreateChannelInput{Name: new("n")},
		},
		{"escapes in names and values", `{"n\u0061me":"\u0061\u0062"}`, &ivsapi.CreateChannelInput{Name: new("ab")}},
		{"a member twice", `{"name":"a","name":"b"}`, &ivsapi.CreateChannelInput{Name: new("b")}},
		{"a member twice, then null", `{"name":"a","name":null}`, &ivsapi.CreateChannelInput{}},
		{"a member twice, the first of them wrong", `{"name":"!","name":"b"}`, &ivsapi.CreateChannelInput{Name: new("b")}},
		{"a member twice, the first of another type", `{"name":1,"name":"b"}`, &ivsapi.CreateChannelInput{Name: new("b")}},
		{"a member of another type, then null", `{"authorized":"x", "n\u0061me":[{}], "authorized":null , "name":"b" }`, &ivsapi.CreateChannelInput{Name: new("b")}},
		{
			"an object twice, the first of them wrong inside", `{"multitrackInputConfiguration":{"enabled":1},"multitrackInputConfiguration":{"enabled":2,"enabled":true}}`,
			&ivsapi.CreateChannelInput{MultitrackInputConfiguration: &ivsapi.MultitrackInputConfiguration{Enabled: new(true)}},
		},
		{
			"an object twice", `{"multitrackInputConfiguration":{"enabled":true},"multitrackInputConfiguration":{"policy":"ALLOW"}}`,
			&ivsapi.CreateChannelInput{MultitrackInputConfiguration: &ivsapi.MultitrackInputConfiguration{Policy: new(ivsapi.MultitrackPolicyAllow)}},
		},
		{"a map entry twice", `{"tags":{"a":"1","a":"2"}}`, &ivsapi.CreateChannelInput{Tags: map[string]string{"a": "2"}}},
		{
			"any letters in tags", `{"tags":{"clé 日本":"\u00e9 +-=._:/@","b":""}}`,
			&ivsapi.CreateChannelInput{Tags: map[string]string{"clé 日本": "é +-=._:/@", "b": ""}},
		},
		{"128 characters", `{"name":"` + strings.Repeat("n", 128) + `"}`, &ivsapi.CreateChannelInput{Name: new(strings.Repeat("n", 128))}},

		{"129 characters", `{"name":"` + strings.Repeat("n", 129) + `"}`, "CreateChannel.name has 129 characters, at most 128 are allowed"},
		{"a number for a string", `{"name":1}`, "CreateChannel.name must be a string"},
		{"a string, and then a number for it", `{"name":"b","name":1}`, "CreateChannel.name must be a string"},
		{"a string for a boolean", `{"authorized":"true"}`, "CreateChannel.authorized must be a boolean"},
		{"a list for a map", `{"tags":[]}`, "CreateChannel.tags must be an object"},
		{"a number in a map", `{"tags":{"a":1}}`, `CreateChannel.tags["a"] must be a string`},
		{"null in a map", `{"tags":{"a":null}}`, `CreateChannel.tags["a"] must not be null`},
		{"a key that does not match", `{"tags":{"b":"","a\u0000":""}}`, `CreateChannel.tags key "a\x00" must match ([\p{L}\p{Z}\p{N}_.:/=+\-@]+)`},
		{
			"the first of two wrong entries", `{"tags":{"c":"<","b":"<","d":"<"}}`,
			`CreateChannel.tags["b"] must match ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)`,
		},
		{
			"a key too long to repeat", `{"tags":{"` + strings.Repeat("é", 129) + `":""}}`,
			`CreateChannel.tags key "` + strings.Repeat("é", 32) + `…" has 129 characters, at most 128 are allowed`,
		},
		{"an enum", `{"type":"standard"}`, "CreateChannel.type must be one of BASIC, STANDARD, ADVANCED_SD, ADVANCED_HD"},
		{"within a structure", `{"multitrackInputConfiguration":{"policy":"NO"}}`, "CreateChannel.multitrackInputConfiguration.policy must be one of ALLOW, REQUIRE"},
		{"a wrong type within a structure", `{"multitrackInputConfiguration":{"enabled":1}}`, "CreateChannel.multitrackInputConfiguration.enabled must be a boolean"},
		{"a pattern", `{"name":"a b"}`, "CreateChannel.name must match [a-zA-Z0-9-_]*"},
		{"null", "null", "CreateChannel must be an object"},
		{"a list", "[]", "CreateChannel must be an object"},
		{"a string", `"{}"`, "CreateChannel must be an object"},
		{"cut", `{"name":"a`, "The body of CreateChannel is not JSON: a string does not end, at byte 10"},
		{"cut after a comma", `{"name":"a",`, "The body of CreateChannel is not JSON: the name of a member is missing, at byte 12"},
		{"twice", "{}{}", "The body of CreateChannel is not JSON: something follows the object, at byte 2"},
		{"a form", "name=a", "The body of CreateChannel is not JSON: a word other than true, false and null, at byte 0"},
		{"half a word for a string", `{"name":nul}`, "The body of CreateChannel is not JSON: a word other than true, false and null, at byte 8"},
		{"XML", "<a/>", "The body of CreateChannel is not JSON: a value is missing, at byte 0"},
		{"not UTF-8", "{\"x\":\"\xff\"}", "The body of CreateChannel is not JSON: it is not UTF-8, at byte 0"},
		{"a byte order mark", "\ufeff{}", "The body of CreateChannel is not JSON: a value is missing, at byte 0"},
		{
			"10,000 levels", `{"x":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + "}",
			"The body of CreateChannel is not JSON: it nests deeper than 64 levels, at byte 69",
		},
		{"10,000 levels of a known member", strings.Repeat(`{"multitrackInputConfiguration":`, 10000), "The body of CreateChannel is not JSON: it nests deeper than 64 levels, at byte 2112"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := new(service)
			w := call(handler(s), "POST", "/CreateChannel", tt.body)
			if want, failed := tt.want.(string); failed {
				if got := message(t, w.Body.Bytes()); w.Code != 400 || got != want {
					t.Errorf("status %d, message %q, want 400, %q", w.Code, got, want)
				}
			} else if w.Code != 200 || !reflect.DeepEqual(s.asked, tt.want) {
				t.Errorf("status %d, %s; the operation was asked %+v, want %+v", w.Code, w.Body, s.asked, tt.want)
			}
		})
	}
}

func TestRequiredMembers(t *testing.T) {
	for _, tt := range []struct{ target, body, want string }{
		{"/PutMetadata", `{"metadata":"x"}`, "PutMetadata.channelArn is a required attribute"},
		{"/PutMetadata", `{"channelArn":null,"metadata":"x"}`, "PutMetadata.channelArn is a required attribute"},
		{"/PutMetadata", `{"channelArn":"a","channelArn":null}`, "PutMetadata.channelArn is a required attribute"},
		{"/PutMetadata", "", "PutMetadata.channelArn is a required attribute"},
		{"/BatchGetChannel", "{}", "BatchGetChannel.arns is a required attribute"},
		{"/BatchGetChannel", `{"arns":[]}`, "BatchGetChannel.arns has 0 elements, at least 1 are needed"},
		{"/BatchGetChannel", `{"arns":["blah"]}`, "BatchGetChannel.arns[0] must match arn:aws:[is]vs:[a-z0-9-]+:[0-9]+:channel/[a-zA-Z0-9-]+"},
		{
			"/CreateRecordingConfiguration", `{"destinationConfiguration":{"s3":{}}}`,
			"CreateRecordingConfiguration.destinationConfiguration.s3.bucketName is a required attribute",
		},
		{
			"/BatchStartViewerSessionRevocation", `{"viewerSessions":[{"channelArn":"` + channelARN + `","viewerId":"a"},{"viewerId":"b"}]}`,
			"BatchStartViewerSessionRevocation.viewerSessions[1].channelArn is a required attribute",
		},
	} {
		if got := message(t, call(handler(new(service)), "POST", tt.target, tt.body).Body.Bytes()); got != tt.want {
			t.Errorf("%s %s: message %q, want %q", tt.target, tt.body, got, tt.want)
		}
	}
	if got := message(t, call(handler(new(service)), "DELETE", "/tags/"+channelARN, "").Body.Bytes()); got != "UntagResource.tagKeys is a required attribute" {
		t.Errorf("UntagResource without keys: message %q", got)
	}
}

func TestAnswers(t *testing.T) {
	for _, tt := range []struct{ target, body, want string }{
		{
			"/GetChannel", `{"arn":"` + channelARN + `"}`,
			`{"channel":{"arn":"` + channelARN + `","name":"","authorized":false,"tags":{},"preset":"","srt":{"endpoint":"host","passphrase":"pass"}}}`,
		},
		{"/ListChannels", `{"nextToken":""}`, `{"channels":[]}`},
		{"/BatchGetChannel", `{"arns":["` + channelARN + `"]}`, `{"channels":[],"errors":[]}`},
		{"/StopStream", `{"channelArn":"` + channelARN + `"}`, `{}`},
	} {
		w := call(handler(new(service)), "POST", tt.target, tt.body)
		if got := w.Body.String(); w.Code != 200 || got != tt.want {
			t.Errorf("%s: status %d, %s, want %s", tt.target, w.Code, got, tt.want)
		}
		if got := w.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("%s: Content-Type %q", tt.target, got)
		}
		if got := w.Header().Get("Content-Length"); got != fmt.Sprint(len(tt.want)) {
			t.Errorf("%s: Content-Length %q, want %d", tt.target, got, len(tt.want))
		}
	}
}

func TestFaultOnTheWire(t *testing.T) {
	s := &service{err: restjson.Fault{Name: "ChannelNotBroadcasting", Status: 404, Message: `Channel: "a" is offline`}}
	w := call(handler(s), "POST", "/StopStream", `{"channelArn":"`+channelARN+`"}`)
	want := `{"exceptionMessage":"Channel: \"a\" is offline","message":"Channel: \"a\" is offline"}`
	if w.Code != 404 || w.Body.String() != want {
		t.Errorf("status %d, %s, want 404, %s", w.Code, w.Body, want)
	}
	for name, want := range map[string]string{
		"Content-Type":                  "application/json",
		"X-Amzn-ErrorType":              "ChannelNotBroadcasting",
		"X-Amzn-RequestId":              s.request,
		"Access-Control-Allow-Origin":   "*",
		"Access-Control-Expose-Headers": "x-amzn-RequestId,x-amzn-ErrorType,Date",
		"Cache-Control":                 "no-store, no-cache",
		"Content-Security-Policy":       "default-src 'self'; upgrade-insecure-requests;",
		"Strict-Transport-Security":     "max-age=47304000; includeSubDomains",
		"X-Content-Type-Options":        "nosniff",
		"X-Frame-Options":               "SAMEORIGIN",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestUnknownOperationOnTheWire(t *testing.T) {
	w := call(handler(new(service)), "POST", "/Nothing", "{}")
	if w.Code != 404 || w.Body.String() != "{}" || w.Header().Get("X-Amzn-ErrorType") != "UnknownOperationException" {
		t.Errorf("status %d, %s, %v", w.Code, w.Body, w.Header())
	}
}

func TestRequestIDs(t *testing.T) {
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := make(map[string]bool)
	h := handler(new(service))
	for _, target := range []string{"/ListChannels", "/Nothing", "/GetChannel", "/DeleteChannel"} {
		id := call(h, "POST", target, `{"arn":"`+channelARN+`"}`).Header().Get("X-Amzn-RequestId")
		if !uuid.MatchString(id) || seen[id] {
			t.Errorf("%s: request id %q is not a new UUID", target, id)
		}
		seen[id] = true
	}
}

// TestOrderOfChecks sends a request that everything is wrong with, and mends
// one thing at a time.
func TestOrderOfChecks(t *testing.T) {
	s := &service{err: ivsapi.ResourceNotFoundException("existence")}
	h := handler(s)
	target, body := "/Nowhere", `{"arn":`
	var unsigned, denied error = restjson.Fault{Name: "MissingAuthenticationTokenException", Status: 403, Message: "auth"}, ivsapi.AccessDeniedException("rights")
	h.Authenticate = func(_ *http.Request, got []byte) (restjson.Identity, error) {
		if string(got) != body {
			t.Errorf("authenticated with body %q, want %q", got, body)
		}
		return restjson.Identity{}, unsigned
	}
	var against error = ivsapi.ValidationException("rules")
	h.Check = func(_ context.Context, operation string, in any) error {
		if got := in.(*ivsapi.GetChannelInput).ARN; operation != "GetChannel" || got != channelARN {
			t.Errorf("checked %s %s", operation, got)
		}
		return against
	}
	h.Admit = func(_ context.Context, operation string, in any) error {
		if got := in.(*ivsapi.GetChannelInput).ARN; operation != "GetChannel" || got != channelARN {
			t.Errorf("admitted %s %s", operation, got)
		}
		return denied
	}
	for _, step := range []struct {
		want string
		mend func()
	}{
		{"UnknownOperationException", func() { target = "/GetChannel" }},
		{"MissingAuthenticationTokenException", func() { unsigned = nil }},
		{"ValidationException", func() { body = `{"arn":"x"}` }},
		{"ValidationException", func() { body = `{"arn":"` + channelARN + `"}` }},
		{"ValidationException", func() { against = nil }},
		{"AccessDeniedException", func() { denied = nil }},
		{"ResourceNotFoundException", func() { s.err = nil }},
		{"", func() {}},
	} {
		if got := call(h, "POST", target, body).Header().Get("X-Amzn-ErrorType"); got != step.want {
			t.Fatalf("error type %q, want %q", got, step.want)
		}
		step.mend()
	}
}

func TestCallerReachesTheOperation(t *testing.T) {
	s := new(service)
	w := call(handler(s), "POST", "/ListChannels", "")
	want := restjson.Identity{AccessKey: "AKIA", Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/alice"}
	if s.caller != want || s.request == "" || s.request != w.Header().Get("X-Amzn-RequestId") {
		t.Errorf("caller %+v, request %q, want %+v and the id of the answer", s.caller, s.request, want)
	}
	if got := restjson.Caller(t.Context()); got != (restjson.Identity{}) {
		t.Errorf("outside a request the caller is %+v", got)
	}
}

func TestErrorsOfOurOwn(t *testing.T) {
	conflict := errors.New("conflict")
	fault := func(err error) restjson.Fault {
		if errors.Is(err, conflict) {
			return ivsapi.ConflictException("translated")
		}
		return ivsapi.InternalServerException("internal error")
	}
	for _, tt := range []struct {
		name   string
		err    error
		do     func(context.Context)
		fault  func(error) restjson.Fault
		target string
		kind   string
		status int
		want   string
		logged string
	}{
		{name: "a fault within an error", err: fmt.Errorf("get: %w", ivsapi.ValidationException("as it stands")), kind: "ValidationException", status: 400, want: "as it stands"},
		{name: "an error that is translated", err: fmt.Errorf("get: %w", conflict), fault: fault, kind: "ConflictException", status: 409, want: "translated"},
		{name: "an error that is not", err: errors.New("disk on fire"), fault: fault, kind: "InternalFailure", status: 500, want: "internal error", logged: "disk on fire"},
		{name: "an error and nobody to translate it", err: errors.New("disk on fire"), kind: "InternalFailure", status: 500, want: "internal error", logged: "disk on fire"},
		{
			name: "an operation that models internal errors", err: errors.New("disk on fire"), target: "/tags/" + channelARN,
			kind: "InternalServerException", status: 500, want: "internal error", logged: "disk on fire",
		},
		{name: "unavailable for now", err: ivsapi.ServiceUnavailable("later"), kind: "ServiceUnavailable", status: 503, want: "later", logged: "later"},
		{
			name: "a panic", do: func(context.Context) { panic("out of luck") }, fault: fault,
			kind: "InternalFailure", status: 500, want: "internal error", logged: "out of luck",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			h := handler(&service{err: tt.err, do: tt.do})
			h.Fault, h.Log = tt.fault, slog.New(slog.NewTextHandler(&log, nil))
			method, target := "POST", "/ListChannels"
			if tt.target != "" {
				method, target = "GET", tt.target
			}
			w := call(h, method, target, "")
			if got := message(t, w.Body.Bytes()); w.Code != tt.status || w.Header().Get("X-Amzn-ErrorType") != tt.kind || got != tt.want {
				t.Errorf("status %d, %s, %q, want %d, %s, %q", w.Code, w.Header().Get("X-Amzn-ErrorType"), got, tt.status, tt.kind, tt.want)
			}
			id := "request=" + w.Header().Get("X-Amzn-RequestId")
			if text := log.String(); (text != "") != (tt.logged != "") || !strings.Contains(text, tt.logged) || text != "" && !strings.Contains(text, id) {
				t.Errorf("logged %q, want %q with %s", text, tt.logged, id)
			}
		})
	}
}

func TestNobodyWaitsAnyMore(t *testing.T) {
	var log bytes.Buffer
	ctx, leave := context.WithCancel(t.Context())
	s := &service{do: func(context.Context) { leave() }, err: fmt.Errorf("query: %w", context.Canceled)}
	h := handler(s)
	h.Log = slog.New(slog.NewTextHandler(&log, nil))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "POST", "/ListChannels", http.NoBody))
	if w.Code != 400 || w.Header().Get("X-Amzn-ErrorType") != "RequestAbortedException" || log.Len() > 0 {
		t.Errorf("status %d, %s, logged %q", w.Code, w.Body, log.String())
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	k := restjson.Secret("sk_us-east-1_a_b")
	text, err := k.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "key", k, "in", struct{ K restjson.Secret }{k})
	for _, got := range []string{fmt.Sprint(k), fmt.Sprintf("%s %q %v %+v %x", k, k, k, struct{ K restjson.Secret }{k}, k), string(text), log.String()} {
		if strings.Contains(got, "sk_") || strings.Contains(got, "736b5f") {
			t.Errorf("the secret shows in %s", got)
		}
	}
}

func TestWhoCannotBeServedNowIsTurnedAway(t *testing.T) {
	h := handler(new(service))
	h.Claim = func(*http.Request) (restjson.Identity, error) {
		return restjson.Identity{AccessKey: "AKIACLAIM"}, errors.New("not believed")
	}
	var records []restjson.Record
	h.Audit = func(r *restjson.Record) { records = append(records, *r) }
	away := func(target string) *httptest.ResponseRecorder {
		return call(h.TurnAway("later"), "POST", target, getChannel)
	}
	w := away("/GetChannel")
	got := w.Header()
	for name, want := range map[string]string{
		"X-Amzn-ErrorType": "ServiceUnavailable", "Retry-After": "2", "Connection": "close", "Cache-Control": "no-store, no-cache", "Content-Type": "application/json",
	} {
		if got.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Get(name), want)
		}
	}
	if w.Code != 503 || got.Get("X-Amzn-RequestId") == "" || message(t, w.Body.Bytes()) != "later" {
		t.Errorf("%d %v %s, want 503 with an id and a message", w.Code, got, w.Body)
	}
	if len(records) != 1 || records[0].Operation.Name != "GetChannel" || records[0].Fault.Name != "ServiceUnavailable" ||
		records[0].Caller.AccessKey != "AKIACLAIM" || records[0].RequestID != got.Get("X-Amzn-RequestId") {
		t.Errorf("records %+v, want one of the request", records)
	}
	if w := away("/Nothing"); w.Code != 503 || w.Header().Get("X-Amzn-ErrorType") != "ServiceUnavailable" || len(records) != 1 {
		t.Errorf("an unknown path: %d %v, %d records", w.Code, w.Header(), len(records))
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
)

// serve answers for a service, and lets everyone in.
func serve(s ivsapi.Service) *restjson.Handler {
	return &restjson.Handler{
		Operations:   ivsapi.Operations(s),
		Authenticate: func(*http.Request, []byte) (restjson.Identity, error) { return restjson.Identity{}, nil },
	}
}

// send calls an operation with the members of an input where they belong.
func send(tb testing.TB, h http.Handler, m *Model, op Operation, input object) *httptest.ResponseRecorder {
	tb.Helper()
	path, query, body := op.Path, url.Values{}, object{}
	for name, v := range input {
		member, _ := m.shape(op.Input).Members.Get(name)
		switch member.In {
		case "uri":
			path = strings.ReplaceAll(path, "{"+name+"}", strings.ReplaceAll(url.QueryEscape(v.(string)), "+", "%20"))
		case "querystring":
			for _, e := range v.([]any) {
				query.Add(name, e.(string))
			}
		default:
			body[name] = v
		}
	}
	b, err := json.Marshal(body)
	if err != nil {
		tb.Fatal(err)
	}
	r := httptest.NewRequest(op.Method, path+"?"+query.Encode(), bytes.NewReader(b))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// sendable reports whether a value can be written where the member belongs.
func sendable(member Member, v any) bool {
	switch member.In {
	case "uri":
		s, ok := v.(string)
		return ok && s != "" // an empty label is another path
	case "querystring":
		list, ok := v.([]any)
		return ok && len(list) > 0 && !slices.ContainsFunc(list, func(e any) bool {
			_, ok := e.(string)
			return !ok
		})
	default:
		return true
	}
}

func TestEveryOperationFollowsTheModel(t *testing.T) {
	m, h := model(t), serve(answers{})
	for _, name := range m.Operations.Names {
		op, _ := m.Operations.Get(name)
		t.Run(name, func(t *testing.T) {
			in := m.shape(op.Input)
			whole := valid(m, op.Input).(object)
			if w := send(t, h, m, op, whole); w.Code != op.Status {
				t.Fatalf("the whole input: status %d, want %d: %s", w.Code, op.Status, w.Body)
			}
			for _, n := range in.Members.Names {
				member, _ := in.Members.Get(n)
				required := slices.Contains(in.Required, n)
				for _, v := range append(values(m, member.Shape), value{"null", null, !required}) {
					if sendable(member, v.json) {
						expect(t, send(t, h, m, op, with(whole, n, v.json)), op, name+"."+n, v)
					}
				}
				if member.In != "uri" {
					without := with(whole, n, nil)
					delete(without, n)
					expect(t, send(t, h, m, op, without), op, name+"."+n, value{"absent", nil, !required})
				}
			}
		})
	}
}

// expect holds an answer to whether the value was allowed.
func expect(t *testing.T, w *httptest.ResponseRecorder, op Operation, member string, v value) {
	t.Helper()
	if v.ok {
		if w.Code != op.Status {
			t.Errorf("%s is %s: status %d, want %d: %.300s", member, v.name, w.Code, op.Status, w.Body)
		}
		return
	}
	var answer struct{ Message, ExceptionMessage string }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Errorf("%s is %s: answer %q: %v", member, v.name, w.Body, err)
	}
	kind := w.Header().Get("x-amzn-ErrorType")
	if w.Code != 400 || kind != "ValidationException" || !strings.HasPrefix(answer.Message, member) || answer.ExceptionMessage != answer.Message {
		t.Errorf("%s is %s: status %d, %s, %.300s; want 400, ValidationException and a message about it", member, v.name, w.Code, kind, w.Body)
	}
	if v.name == "absent" && answer.Message != member+" is a required attribute" {
		t.Errorf("%s is absent: message %q", member, answer.Message)
	}
}

func TestEveryOperationThatHasNoHandlerSaysSo(t *testing.T) {
	m, h := model(t), serve(ivsapi.Unimplemented{})
	for _, name := range m.Operations.Names {
		op, _ := m.Operations.Get(name)
		w := send(t, h, m, op, valid(m, op.Input).(object))
		want := fmt.Sprintf(`{"exceptionMessage":"%s is not available in this version of openivs","message":"%[1]s is not available in this version of openivs"}`, name)
		if got := w.Body.String(); w.Code != 400 || w.Header().Get("x-amzn-ErrorType") != "ValidationException" || got != want {
			t.Errorf("%s: status %d, %v, %s", name, w.Code, w.Header(), got)
		}
		if !slices.Contains(op.Errors, "ValidationException") {
			t.Errorf("%s does not model ValidationException", name)
		}
	}
}

func TestEveryAnswerHasTheMembersOfTheModel(t *testing.T) {
	m := model(t)
	for _, tt := range []struct {
		name string
		full bool
	}{{"all that there is", true}, {"only what is required", false}} {
		h := serve(answers{full: tt.full})
		for _, name := range m.Operations.Names {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				op, _ := m.Operations.Get(name)
				w := send(t, h, m, op, valid(m, op.Input).(object))
				if w.Code != op.Status {
					t.Fatalf("status %d, want %d: %s", w.Code, op.Status, w.Body)
				}
				if op.Status == http.StatusNoContent {
					if w.Body.Len() > 0 || w.Header().Get("Content-Type") != "" {
						t.Errorf("body %q, Content-Type %q, want neither", w.Body, w.Header().Get("Content-Type"))
					}
					return
				}
				var got any
				if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
					t.Fatalf("%s: %v", w.Body, err)
				}
				sameMembers(t, m, name, op.Output, got, tt.full)
				checkHeaders(t, m.shape(op.Output), w.Header())
			})
		}
	}
}

// sameMembers holds JSON to a shape: all members if full, else the required ones.
func sameMembers(t *testing.T, m *Model, at, shape string, got any, full bool) {
	t.Helper()
	s := m.shape(shape)
	switch s.Type {
	case "structure":
		o, ok := got.(object)
		if !ok {
			t.Errorf("%s is %T, want an object", at, got)
			return
		}
		count := 0
		for _, n := range s.Members.Names {
			member, _ := s.Members.Get(n)
			v, there := o[n]
			if want := member.In == "" && (full || slices.Contains(s.Required, n)); there != want {
				t.Errorf("%s.%s is there: %t, want %t", at, n, there, want)
			} else if there {
				count++
				sameMembers(t, m, at+"."+n, member.Shape, v, full)
			}
		}
		if count != len(o) {
			t.Errorf("%s has members that the model lacks: %v", at, o)
		}
	case "list":
		for i, e := range got.([]any) {
			sameMembers(t, m, fmt.Sprintf("%s[%d]", at, i), s.Member, e, full)
		}
	case "timestamp":
		if full && got != "2026-11-23T00:02:03Z" {
			t.Errorf("%s is %v, want whole seconds of UTC", at, got)
		}
	default:
		want := map[string]string{"string": "string", "boolean": "bool", "integer": "float64", "long": "float64", "map": "map[string]interface {}"}[s.Type]
		if g := fmt.Sprintf("%T", got); g != want {
			t.Errorf("%s is %s, want %s", at, g, want)
		}
	}
}

// checkHeaders looks for the headers that an output models.
func checkHeaders(t *testing.T, s Shape, h http.Header) {
	t.Helper()
	for _, n := range s.Members.Names {
		member, _ := s.Members.Get(n)
		if member.In == "header" && h.Get(member.Name) == "" {
			t.Errorf("header %s is missing", member.Name)
		}
	}
}

func TestFaultsAreThoseOfTheModel(t *testing.T) {
	for _, f := range []restjson.Fault{
		ivsapi.ValidationException("m"), ivsapi.ResourceNotFoundException("m"), ivsapi.ChannelNotBroadcasting("m"),
		ivsapi.ConflictException("m"), ivsapi.ServiceQuotaExceededException("m"), ivsapi.ThrottlingException("m"),
		ivsapi.AccessDeniedException("m"), ivsapi.PendingVerification("m"), ivsapi.InternalServerException("m"),
		ivsapi.ServiceUnavailable("m"), ivsapi.StreamUnavailable("m"),
	} {
		s := model(t).shape(f.Name)
		if s.Error == nil || s.Error.Status != f.Status || f.Message != "m" {
			t.Errorf("%+v: the model has %+v", f, s.Error)
		}
	}
}

// TestPatterns holds the generated matchers, through the handler, to what a
// regular expression engine says of the model's patterns.
func TestPatterns(t *testing.T) {
	m, h := model(t), serve(answers{})
	begin := time.Now()
	tries := 0
	for _, name := range m.Operations.Names {
		op, _ := m.Operations.Get(name)
		input := valid(m, op.Input).(object)
		for _, n := range m.shape(op.Input).Members.Names {
			member, _ := m.shape(op.Input).Members.Get(n)
			s := m.shape(member.Shape)
			if s.Type != "string" || s.Pattern == "" || member.In != "" {
				continue
			}
			re := whole(s.Pattern)
			for _, v := range mutations(text(s, max(1, least(s)))) {
				tries++
				n2 := len([]rune(v))
				want := re.MatchString(v) && n2 >= least(s) && (s.Max == nil || n2 <= int(*s.Max))
				w := send(t, h, m, op, with(input, n, v))
				if got := w.Code == op.Status; got != want {
					t.Errorf("%s.%s = %q: accepted %t, want %t: %s", name, n, v, got, want, w.Body)
				}
			}
		}
	}
	t.Logf("%d strings in %v", tries, time.Since(begin))
}

// mutations are strings near s.
func mutations(s string) []string {
	out := []string{s, s + s, ""}
	for i := range len(s) {
		out = append(out, s[:i], s[i:], s[:i]+s[i+1:], s[:i]+s[i:i+1]+s[i:])
		for _, c := range "aZ9-_./:@ é\x00" {
			out = append(out, s[:i]+string(c)+s[i+1:])
		}
	}
	return out
}

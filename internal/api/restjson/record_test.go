package restjson_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
)

func TestEveryAnswerIsRecorded(t *testing.T) {
	stranger := restjson.Fault{Name: "UnrecognizedClientException", Status: 403}
	for _, tt := range []struct {
		name, op, body      string
		stranger            bool
		err                 error
		do                  func(context.Context)
		input, output, code string // JSON; "null" if there is none
	}{
		{
			name: "done", op: "CreateChannel", body: `{"name":"n","unknown":{"secret":1}}`,
			input:  `{"name":"n"}`,
			output: `{"channel":{"arn":"` + channelARN + `","name":"n"},"streamKey":{"arn":"` + channelARN + `","value":"[secret]"}}`,
		},
		{name: "refused by the operation", op: "GetChannel", body: getChannel, err: ivsapi.ConflictException("no"), input: getChannel, output: "null", code: "ConflictException"},
		{name: "of a stranger", op: "GetChannel", body: getChannel, stranger: true, input: "null", output: "null", code: "UnrecognizedClientException"},
		{name: "not JSON", op: "GetChannel", body: "{", input: "null", output: "null", code: "ValidationException"},
		{name: "not valid", op: "GetChannel", body: `{"arn":"x"}`, input: `{"arn":"x"}`, output: "null", code: "ValidationException"},
		{name: "a panic", op: "GetChannel", body: getChannel, do: func(context.Context) { panic("x") }, input: getChannel, output: "null", code: "InternalFailure"},
		{name: "an error of ours", op: "GetChannel", body: getChannel, err: errors.New("x"), input: getChannel, output: "null", code: "InternalFailure"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := handler(&service{err: tt.err, do: tt.do})
			if tt.stranger {
				h.Authenticate = func(*http.Request, []byte) (restjson.Identity, error) {
					return restjson.Identity{AccessKey: "AKIAMALLORY"}, stranger
				}
			}
			var got []restjson.Record
			h.Audit = func(r *restjson.Record) { got = append(got, *r) }
			before := time.Now()
			w := call(h, "POST", "/"+tt.op, tt.body)
			if len(got) != 1 {
				t.Fatalf("%d records, want 1", len(got))
			}
			r := got[0]
			if r.Operation.Name != tt.op || r.RequestID != w.Header().Get("X-Amzn-Requestid") || r.Fault.Name != tt.code || r.At.Before(before) {
				t.Errorf("record %+v, want operation %s, request %s, code %q", r, tt.op, w.Header().Get("X-Amzn-Requestid"), tt.code)
			}
			if who := map[bool]string{true: "AKIAMALLORY", false: "AKIA"}[tt.stranger]; r.Caller.AccessKey != who {
				t.Errorf("the caller is %q, want %q", r.Caller.AccessKey, who)
			}
			if got := asJSON(t, r.Input); got != tt.input {
				t.Errorf("input %s, want %s", got, tt.input)
			}
			if got := asJSON(t, r.Output); got != tt.output {
				t.Errorf("output %s, want %s", got, tt.output)
			}
		})
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWhatIsNoOperationIsNotRecorded(t *testing.T) {
	h := handler(new(service))
	h.Audit = func(r *restjson.Record) { t.Errorf("recorded %+v", r) }
	call(h, "GET", "/favicon.ico", "")
	call(h, "PUT", "/CreateChannel", strings.Repeat("x", 10))
}

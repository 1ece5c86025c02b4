package audit_test

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
	"openivs/internal/audit"
)

const channelARN = "arn:aws:ivs:us-west-2:123456789012:channel/abcdABCDefgh"

var alice = restjson.Identity{AccessKey: "AKIAALICE", Account: "123456789012", Name: "alice", ARN: "arn:aws:iam::123456789012:user/alice"}

// record returns what is written of a request.
func record(t *testing.T, r restjson.Record) map[string]any {
	t.Helper()
	d := &disk{}
	l := &audit.Log{To: d, Errors: slog.New(slog.DiscardHandler)}
	trail := &audit.Trail{Region: "us-west-2", Account: "123456789012", Log: l, Errors: slog.New(slog.DiscardHandler)}
	stop := run(l)
	r.Request = httptest.NewRequest("POST", "/", nil)
	r.Request.RemoteAddr = "192.0.2.7:4711"
	r.Request.Header.Set("User-Agent", "aws-cli/2.9.19")
	r.At = time.Date(2026, 11, 23, 1, 2, 3, 999, time.FixedZone("", 3600))
	r.RequestID = "11111111-2222-4333-8444-555555555555"
	trail.Record(&r)
	stop()
	var out map[string]any
	if err := json.Unmarshal([]byte(d.text()), &out); err != nil {
		t.Fatalf("%q: %v", d.text(), err)
	}
	return out
}

func TestARecordIsCloudTrails(t *testing.T) {
	got := record(t, restjson.Record{
		Operation: &restjson.Operation{Name: "CreateChannel"}, Caller: alice,
		Input: &ivsapi.CreateChannelInput{Name: new("n"), Authorized: new(false)},
		Output: &ivsapi.CreateChannelOutput{
			Channel:   &ivsapi.Channel{ARN: new(channelARN), SRT: &ivsapi.SRT{Passphrase: new(restjson.Secret("hunter2"))}},
			StreamKey: &ivsapi.StreamKey{Value: new(restjson.Secret("sk_hunter3"))},
		},
	})
	id, ok := got["eventID"].(string)
	if delete(got, "eventID"); !ok || len(id) != 36 {
		t.Errorf("eventID %q", id)
	}
	want := map[string]any{
		"eventVersion": "1.11", "eventSource": "ivs.amazonaws.com", "eventName": "CreateChannel", "eventTime": "2026-11-23T00:02:03Z",
		"awsRegion": "us-west-2", "recipientAccountId": "123456789012", "sourceIPAddress": "192.0.2.7", "userAgent": "aws-cli/2.9.19",
		"requestID": "11111111-2222-4333-8444-555555555555", "readOnly": false, "eventType": "AwsApiCall", "managementEvent": true, "eventCategory": "Management",
		"userIdentity": map[string]any{
			"type": "IAMUser", "principalId": "AKIAALICE", "accessKeyId": "AKIAALICE", "accountId": "123456789012", "userName": "alice",
			"arn": "arn:aws:iam::123456789012:user/alice",
		},
		"requestParameters": map[string]any{"name": "n", "authorized": false},
		"responseElements": map[string]any{
			"channel":   map[string]any{"arn": channelARN, "srt": map[string]any{"passphrase": "[secret]"}},
			"streamKey": map[string]any{"value": "[secret]"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("record\n got %v\nwant %v", got, want)
	}
}

func TestWhatARecordHas(t *testing.T) {
	channel := &ivsapi.Channel{ARN: new(channelARN)}
	for _, tt := range []struct {
		name   string
		record restjson.Record
		want   map[string]any // among others
	}{
		{
			"answers of what only reads are left out",
			restjson.Record{Operation: &restjson.Operation{Name: "GetChannel"}, Caller: alice, Input: &ivsapi.GetChannelInput{ARN: channelARN}, Output: &ivsapi.GetChannelOutput{Channel: channel}},
			map[string]any{"readOnly": true, "requestParameters": map[string]any{"arn": channelARN}, "responseElements": nil},
		},
		{
			"batches may only read",
			restjson.Record{Operation: &restjson.Operation{Name: "BatchGetStreamKey"}, Caller: alice},
			map[string]any{"readOnly": true, "requestParameters": nil, "responseElements": nil},
		},
		{
			"or write",
			restjson.Record{Operation: &restjson.Operation{Name: "BatchStartViewerSessionRevocation"}, Caller: alice},
			map[string]any{"readOnly": false},
		},
		{
			"metadata is hidden",
			restjson.Record{Operation: &restjson.Operation{Name: "PutMetadata"}, Caller: alice, Input: &ivsapi.PutMetadataInput{ChannelARN: channelARN, Metadata: "hunter2"}, Output: &ivsapi.PutMetadataOutput{}},
			map[string]any{"requestParameters": map[string]any{"channelArn": channelARN, "metadata": "[secret]"}, "responseElements": nil},
		},
		{
			"an error",
			restjson.Record{
				Operation: &restjson.Operation{Name: "GetChannel"}, Caller: alice,
				Fault: restjson.Fault{Name: "ResourceNotFoundException", Status: 404, Message: "ResourceNotFoundException: Resource: x not found"},
			},
			map[string]any{"errorCode": "ResourceNotFoundException", "errorMessage": "ResourceNotFoundException: Resource: x not found"},
		},
		{
			"a stranger",
			restjson.Record{
				Operation: &restjson.Operation{Name: "GetChannel"}, Caller: restjson.Identity{AccessKey: "AKIA" + strings.Repeat("x", 5000)},
				Fault: restjson.Fault{Name: "UnrecognizedClientException", Status: 403, Message: "no"},
			},
			map[string]any{"userIdentity": map[string]any{"type": "Unknown", "accessKeyId": "AKIA" + strings.Repeat("x", 1020)}, "requestParameters": nil},
		},
		{
			"a request too long to repeat",
			restjson.Record{Operation: &restjson.Operation{Name: "BatchGetChannel"}, Caller: alice, Input: &ivsapi.BatchGetChannelInput{ARNs: []string{strings.Repeat("x", 1<<20)}}},
			map[string]any{"requestParameters": map[string]any{"omitted": true}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := record(t, tt.record)
			for k, want := range tt.want {
				if v, ok := got[k]; !ok || !reflect.DeepEqual(v, want) {
					t.Errorf("%s is %v, want %v", k, v, want)
				}
			}
		})
	}
}

func BenchmarkRecord(b *testing.B) {
	l := &audit.Log{To: new(disk), Errors: slog.New(slog.DiscardHandler), MaxPending: 1}
	trail := &audit.Trail{Region: "us-west-2", Account: "123456789012", Log: l, Errors: slog.New(slog.DiscardHandler)}
	r := &restjson.Record{
		Operation: &restjson.Operation{Name: "GetChannel"}, Caller: alice, Input: &ivsapi.GetChannelInput{ARN: channelARN},
		Request: httptest.NewRequest("POST", "/", nil), At: time.Now(),
	}
	b.ReportAllocs()
	for b.Loop() {
		trail.Record(r)
	}
}

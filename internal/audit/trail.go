// Package audit keeps a trail of what was asked of the API, by whom and with
// what outcome: a record for each request, in the shape of AWS CloudTrail.
//
// It decides nothing about a request, and nobody waits for it: a trail that
// cannot be written in time loses records and says how many.
package audit

import (
	"encoding/json"
	"log/slog"
	"net"
	"strings"
	"time"

	"openivs/internal/api/restjson"
)

const (
	maxMember = 100 << 10 // bytes of requestParameters and of responseElements, as CloudTrail has them
	maxText   = 1 << 10   // bytes of a text that the client chose
)

// A Trail makes records of requests. Its fields are set before the first.
type Trail struct {
	Region, Account string
	Log             *Log
	Errors          *slog.Logger // gets what keeps a record from being made
}

// Record adds a request to the trail. It does not wait.
func (t *Trail) Record(r *restjson.Record) {
	line, err := json.Marshal(t.event(r))
	if err != nil {
		t.Errors.Error("an audit record could not be made", "op", r.Operation.Name, "request", r.RequestID, "err", err)
		return
	}
	t.Log.Add(line)
}

// An event is a record as CloudTrail writes it ("CloudTrail record contents").
type event struct {
	EventVersion       string          `json:"eventVersion"`
	UserIdentity       identity        `json:"userIdentity"`
	EventTime          time.Time       `json:"eventTime"`
	EventSource        string          `json:"eventSource"`
	EventName          string          `json:"eventName"`
	AWSRegion          string          `json:"awsRegion"`
	SourceIPAddress    string          `json:"sourceIPAddress"`
	UserAgent          string          `json:"userAgent"`
	ErrorCode          string          `json:"errorCode,omitempty"`
	ErrorMessage       string          `json:"errorMessage,omitempty"`
	RequestParameters  json.RawMessage `json:"requestParameters"`
	ResponseElements   json.RawMessage `json:"responseElements"`
	RequestID          string          `json:"requestID"`
	EventID            string          `json:"eventID"`
	ReadOnly           bool            `json:"readOnly"`
	EventType          string          `json:"eventType"`
	ManagementEvent    bool            `json:"managementEvent"`
	RecipientAccountID string          `json:"recipientAccountId"`
	EventCategory      string          `json:"eventCategory"`
}

type identity struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId,omitempty"`
	ARN         string `json:"arn,omitempty"`
	AccountID   string `json:"accountId,omitempty"`
	AccessKeyID string `json:"accessKeyId,omitempty"`
	UserName    string `json:"userName,omitempty"`
}

func (t *Trail) event(r *restjson.Record) *event {
	e := &event{
		EventVersion: "1.11", EventSource: "ivs.amazonaws.com", EventType: "AwsApiCall", EventCategory: "Management", ManagementEvent: true,
		UserIdentity: who(r.Caller), EventTime: r.At.UTC().Truncate(time.Second), EventName: r.Operation.Name,
		AWSRegion: t.Region, RecipientAccountID: t.Account, RequestID: r.RequestID, EventID: restjson.NewID(),
		SourceIPAddress: host(r.Request.RemoteAddr), UserAgent: clip(r.Request.UserAgent()),
		ErrorCode: r.Fault.Name, ErrorMessage: clip(r.Fault.Message), ReadOnly: readOnly(r.Operation.Name),
	}
	e.RequestParameters = member(r.Input)
	if !e.ReadOnly { // what is only read is not repeated
		e.ResponseElements = member(r.Output)
	}
	return e
}

// who is the caller, or what it claimed to be where it was not believed.
func who(c restjson.Identity) identity {
	if c.ARN == "" {
		return identity{Type: "Unknown", AccessKeyID: clip(c.AccessKey)}
	}
	return identity{Type: "IAMUser", PrincipalID: c.AccessKey, ARN: c.ARN, AccountID: c.Account, AccessKeyID: c.AccessKey, UserName: c.Name}
}

// readOnly reports whether an operation changes nothing (Service Authorization
// Reference, access levels).
func readOnly(operation string) bool {
	return strings.HasPrefix(operation, "Get") || strings.HasPrefix(operation, "List") || strings.HasPrefix(operation, "BatchGet")
}

func host(remote string) string {
	h, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	return h
}

func clip(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return strings.ToValidUTF8(s, "?")
}

// member is an input or output in JSON, its secrets hidden by their type. What
// is too long is left out, as CloudTrail does.
func member(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	switch {
	case err != nil:
		return json.RawMessage(`{"omitted":true}`)
	case len(b) > maxMember:
		return json.RawMessage(`{"omitted":true}`)
	case string(b) == "{}":
		return nil
	default:
		return b
	}
}

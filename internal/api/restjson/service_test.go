package restjson_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
)

const channelARN = "arn:aws:ivs:us-east-1:123456789012:channel/abcdABCDefgh"

// A service has a few operations, one of each sort, and keeps what it was asked.
type service struct {
	ivsapi.Unimplemented
	mu      sync.Mutex            // guards asked, caller and request
	err     error                 // what every operation answers, if it is one
	asked   any                   // the last input
	caller  restjson.Identity     // of the last request
	request string                // its id
	do      func(context.Context) // what an operation does, if not nothing
}

func (s *service) take(ctx context.Context, in any) error {
	s.mu.Lock()
	s.asked, s.caller, s.request = in, restjson.Caller(ctx), restjson.RequestID(ctx)
	s.mu.Unlock()
	if s.do != nil {
		s.do(ctx)
	}
	return s.err
}

func (s *service) GetChannel(ctx context.Context, in *ivsapi.GetChannelInput) (*ivsapi.GetChannelOutput, error) {
	return &ivsapi.GetChannelOutput{Channel: &ivsapi.Channel{
		ARN: &in.ARN, Name: new(""), Authorized: new(false), Preset: new(ivsapi.TranscodePreset("")), Tags: map[string]string{},
		SRT: &ivsapi.SRT{Endpoint: new("host"), Passphrase: new(restjson.Secret("pass"))},
	}}, s.take(ctx, in)
}

func (s *service) CreateChannel(ctx context.Context, in *ivsapi.CreateChannelInput) (*ivsapi.CreateChannelOutput, error) {
	return &ivsapi.CreateChannelOutput{
		Channel:   &ivsapi.Channel{ARN: new(channelARN), Name: in.Name, Tags: in.Tags, Type: in.Type},
		StreamKey: &ivsapi.StreamKey{ARN: new(channelARN), Value: new(restjson.Secret("sk_us-east-1_a_b")), Tags: map[string]string{}},
	}, s.take(ctx, in)
}

func (s *service) ListChannels(ctx context.Context, in *ivsapi.ListChannelsInput) (*ivsapi.ListChannelsOutput, error) {
	return &ivsapi.ListChannelsOutput{}, s.take(ctx, in)
}

func (s *service) DeleteChannel(ctx context.Context, in *ivsapi.DeleteChannelInput) (*ivsapi.DeleteChannelOutput, error) {
	return nil, s.take(ctx, in)
}

func (s *service) StopStream(ctx context.Context, in *ivsapi.StopStreamInput) (*ivsapi.StopStreamOutput, error) {
	return nil, s.take(ctx, in)
}

func (s *service) BatchGetChannel(ctx context.Context, in *ivsapi.BatchGetChannelInput) (*ivsapi.BatchGetChannelOutput, error) {
	return &ivsapi.BatchGetChannelOutput{Channels: []ivsapi.Channel{}, Errors: []ivsapi.BatchError{}}, s.take(ctx, in)
}

func (s *service) GetStreamSession(ctx context.Context, in *ivsapi.GetStreamSessionInput) (*ivsapi.GetStreamSessionOutput, error) {
	at := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	event := ivsapi.StreamEvent{Name: new("Stream Start"), Type: new("IVS Stream State Change"), EventTime: &at}
	return &ivsapi.GetStreamSessionOutput{StreamSession: &ivsapi.StreamSession{
		StreamID: new("st-1abcdefghijklmnopqrstuv"), StartTime: &at, EndTime: &at,
		Channel: &ivsapi.Channel{ARN: &in.ChannelARN, Name: new("name"), Tags: map[string]string{"a": "b"}},
		IngestConfiguration: &ivsapi.IngestConfiguration{
			Video: &ivsapi.VideoConfiguration{Codec: new("avc1.4D401F"), TargetBitrate: new(int64(2500000)), VideoHeight: new(int64(720)), VideoWidth: new(int64(1280))},
			Audio: &ivsapi.AudioConfiguration{Codec: new("mp4a.40.2"), SampleRate: new(int64(48000)), Channels: new(int64(2))},
		},
		TruncatedEvents: []ivsapi.StreamEvent{event, event, event, event},
	}}, s.take(ctx, in)
}

func (s *service) TagResource(ctx context.Context, in *ivsapi.TagResourceInput) (*ivsapi.TagResourceOutput, error) {
	return nil, s.take(ctx, in)
}

func (s *service) UntagResource(ctx context.Context, in *ivsapi.UntagResourceInput) (*ivsapi.UntagResourceOutput, error) {
	return nil, s.take(ctx, in)
}

func (s *service) ListTagsForResource(ctx context.Context, in *ivsapi.ListTagsForResourceInput) (*ivsapi.ListTagsForResourceOutput, error) {
	return &ivsapi.ListTagsForResourceOutput{}, s.take(ctx, in)
}

// handler serves s and takes everyone for alice.
func handler(s ivsapi.Service) *restjson.Handler {
	return &restjson.Handler{
		Operations: ivsapi.Operations(s),
		Authenticate: func(*http.Request, []byte) (restjson.Identity, error) {
			return restjson.Identity{AccessKey: "AKIA", Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/alice"}, nil
		},
	}
}

// call sends one request.
func call(h http.Handler, method, target, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(body)))
	return w
}

// message is the message of an answer, which must have it twice.
func message(t *testing.T, body []byte) string {
	t.Helper()
	var m struct {
		Message          string `json:"message"`
		ExceptionMessage string `json:"exceptionMessage"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if m.Message != m.ExceptionMessage {
		t.Errorf("message %q, exceptionMessage %q, want the same", m.Message, m.ExceptionMessage)
	}
	return m.Message
}

package access_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"openivs/internal/access"
	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
	"openivs/internal/ivs"
)

const (
	prefix  = "arn:aws:ivs:us-west-2:123456789012:"
	news    = prefix + "channel/newsNEWSnews"
	sports  = prefix + "channel/sportsSPORTS"
	key     = prefix + "stream-key/keyKEYkeyKEY"
	foreign = "arn:aws:ivs:us-west-2:210987654321:channel/newsNEWSnews"
)

// A door is a handler behind a guard, with operations that do nothing.
type door struct {
	guard   *access.Guard
	handler *restjson.Handler
	asked   []ivs.ARN // whose tags were asked for
}

// open returns a door for a caller with policies.
func open(policies ...string) *door {
	d := &door{}
	d.guard = &access.Guard{
		Region: "us-west-2", Account: "123456789012", Rates: access.NoRates(),
		Policies: func(_ context.Context, accessKey string) ([]string, error) {
			if accessKey != "AKIAALICE" {
				return nil, fmt.Errorf("who is %s", accessKey)
			}
			return policies, nil
		},
		Tags: func(_ context.Context, arn ivs.ARN) (ivs.Tags, error) {
			d.asked = append(d.asked, arn)
			if arn.String() != news {
				return nil, ivs.Errorf(ivs.NotFound, "none")
			}
			return ivs.Tags{"Team": "live", "cost": "1"}, nil
		},
	}
	d.handler = &restjson.Handler{
		Operations: ivsapi.Operations(ivsapi.Unimplemented{}),
		Authenticate: func(*http.Request, []byte) (restjson.Identity, error) {
			return restjson.Identity{AccessKey: "AKIAALICE", ARN: "arn:aws:iam::123456789012:user/alice"}, nil
		},
		Admit: d.guard.Admit,
		Fault: func(err error) restjson.Fault {
			switch ivs.CodeOf(err) {
			case ivs.Denied:
				return restjson.Fault{Name: "AccessDeniedException", Status: 403, Message: err.Error()}
			case ivs.Throttled:
				return restjson.Fault{Name: "ThrottlingException", Status: 429, Message: err.Error()}
			default:
				return restjson.Fault{Name: "InternalServerException", Status: 500, Message: err.Error()}
			}
		},
	}
	return d
}

// call returns why a request is refused, "" if it gets to the operation.
func (d *door) call(t *testing.T, method, path, body string) string {
	t.Helper()
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	var m struct{ Message string }
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(m.Message, "is not available in this version") {
		return ""
	}
	return m.Message
}

func denied(action, resource string) string {
	return "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: ivs:" + action + " on resource: " + resource
}

func allow(action, resource, condition string) string {
	return statement("Allow", action, resource, condition)
}

func deny(action, resource, condition string) string {
	return statement("Deny", action, resource, condition)
}

func statement(effect, action, resource, condition string) string {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":%q,"Action":%q,"Resource":%q%s}}`, effect, action, resource, condition)
}

func TestAdmit(t *testing.T) {
	escaped := func(arn string) string {
		return "/tags/" + strings.ReplaceAll(strings.ReplaceAll(arn, ":", "%3A"), "/", "%2F")
	}
	for _, tt := range []struct {
		name     string
		policies []string
		call     [3]string
		want     string
	}{
		{"full access", []string{"IVSFullAccess"}, [3]string{"POST", "/DeleteChannel", `{"arn":"` + news + `"}`}, ""},
		{"reading", []string{"IVSReadOnlyAccess"}, [3]string{"POST", "/GetChannel", `{"arn":"` + news + `"}`}, ""},
		{"reading does not write", []string{"IVSReadOnlyAccess"}, [3]string{"POST", "/DeleteChannel", `{"arn":"` + news + `"}`}, denied("DeleteChannel", news)},
		{"reading has no stream keys", []string{"IVSReadOnlyAccess"}, [3]string{"POST", "/GetStreamKey", `{"arn":"` + key + `"}`}, denied("GetStreamKey", key)},
		{
			"policies add up",
			[]string{"IVSReadOnlyAccess", allow("ivs:GetStreamKey", "*", "")},
			[3]string{"POST", "/GetStreamKey", `{"arn":"` + key + `"}`},
			"",
		},
		{
			"a denial beats full access",
			[]string{"IVSFullAccess", deny("ivs:DeleteChannel", news, "")},
			[3]string{"POST", "/DeleteChannel", `{"arn":"` + news + `"}`},
			denied("DeleteChannel", news),
		},
		{"one channel", []string{allow("ivs:*", news, "")}, [3]string{"POST", "/StopStream", `{"channelArn":"` + news + `"}`}, ""},
		{"not another", []string{allow("ivs:*", news, "")}, [3]string{"POST", "/StopStream", `{"channelArn":"` + sports + `"}`}, denied("StopStream", sports)},
		{"another account", []string{allow("ivs:*", prefix+"*", "")}, [3]string{"POST", "/GetChannel", `{"arn":"` + foreign + `"}`}, denied("GetChannel", foreign)},
		{"one channel is no list", []string{allow("ivs:*", news, "")}, [3]string{"POST", "/ListChannels", `{}`}, denied("ListChannels", prefix+"channel/*")},
		{"a list", []string{allow("ivs:List*", "arn:aws:ivs:*:*:channel/*", "")}, [3]string{"POST", "/ListChannels", `{}`}, ""},
		{
			"a list of what belongs to a channel",
			[]string{allow("ivs:ListStreamSessions", news, "")},
			[3]string{"POST", "/ListStreamSessions", `{"channelArn":"` + news + `"}`},
			"",
		},
		{"creation", []string{allow("ivs:Create*", prefix+"channel/*", "")}, [3]string{"POST", "/CreateChannel", `{}`}, ""},
		{
			"creation of another kind",
			[]string{allow("ivs:*", prefix+"channel/*", "")},
			[3]string{"POST", "/CreateRecordingConfiguration", `{"destinationConfiguration":{}}`},
			denied("CreateRecordingConfiguration", prefix+"recording-configuration/*"),
		},
		{
			"a stream key needs channel and key",
			[]string{allow("ivs:*", prefix+"channel/*", "")},
			[3]string{"POST", "/CreateStreamKey", `{"channelArn":"` + news + `"}`},
			denied("CreateStreamKey", prefix+"stream-key/*"),
		},
		{
			"a stream key with both",
			[]string{allow("ivs:*", prefix+"channel/*", ""), allow("ivs:*", prefix+"stream-key/*", "")},
			[3]string{"POST", "/CreateStreamKey", `{"channelArn":"` + news + `"}`},
			"",
		},
		{
			"a tag of the resource",
			[]string{allow("ivs:*", "*", `{"StringEquals":{"aws:ResourceTag/team":"live"}}`)},
			[3]string{"POST", "/GetChannel", `{"arn":"` + news + `"}`},
			"",
		},
		{
			"a resource without the tag",
			[]string{allow("ivs:*", "*", `{"StringEquals":{"aws:ResourceTag/team":"live"}}`)},
			[3]string{"POST", "/GetChannel", `{"arn":"` + sports + `"}`},
			denied("GetChannel", sports),
		},
		{
			"a tag that creation has to have",
			[]string{allow("ivs:*", "*", `{"StringEquals":{"aws:RequestTag/Team":"live"},"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}`)},
			[3]string{"POST", "/CreateChannel", `{"tags":{"TEAM":"live"}}`},
			"",
		},
		{
			"creation without it",
			[]string{allow("ivs:*", "*", `{"StringEquals":{"aws:RequestTag/Team":"live"}}`)},
			[3]string{"POST", "/CreateChannel", `{"tags":{"TEAM":"other"}}`},
			denied("CreateChannel", prefix+"channel/*"),
		},
		{
			"a tag that must not be set",
			[]string{"IVSFullAccess", deny("ivs:TagResource", "*", `{"ForAnyValue:StringEquals":{"aws:TagKeys":["Owner"]}}`)},
			[3]string{"POST", escaped(news), `{"tags":{"owner":"me"}}`},
			denied("TagResource", news),
		},
		{
			"a tag that must not be taken away",
			[]string{"IVSFullAccess", deny("ivs:UntagResource", "*", `{"ForAnyValue:StringEquals":{"aws:TagKeys":["Owner"]}}`)},
			[3]string{"DELETE", escaped(news) + "?tagKeys=a&tagKeys=OWNER", ""},
			denied("UntagResource", news),
		},
		{
			"tags are looked at by tag operations",
			[]string{allow("ivs:ListTagsForResource", "*", `{"StringLike":{"aws:ResourceTag/team":"l*"}}`)},
			[3]string{"GET", escaped(news), ""},
			"",
		},
		{"batches are judged item by item", []string{allow("ivs:*", news, "")}, [3]string{"POST", "/BatchGetChannel", `{"arns":["` + sports + `"]}`}, ""},
		{"a policy that was not read", []string{"NoSuchPolicy"}, [3]string{"POST", "/ListChannels", `{}`}, "internal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := open(tt.policies...).call(t, tt.call[0], tt.call[1], tt.call[2])
			if tt.want == "internal" {
				if got == "" || strings.HasPrefix(got, "User:") {
					t.Errorf("%s %s: %q, want an error of ours", tt.call[0], tt.call[1], got)
				}
			} else if got != tt.want {
				t.Errorf("%s %s\n got %q\nwant %q", tt.call[0], tt.call[1], got, tt.want)
			}
		})
	}
}

func TestTagsAreAskedForOnlyWhereAPolicyDependsOnThem(t *testing.T) {
	for _, tt := range []struct {
		name     string
		policies []string
		want     int
	}{
		{"full access", []string{"IVSFullAccess"}, 0},
		{"no conditions", []string{"IVSReadOnlyAccess"}, 0},
		{"conditions on the request", []string{allow("*", "*", `{"Null":{"aws:RequestTag/x":"true"}}`)}, 0},
		{"conditions on the resource", []string{allow("*", "*", `{"Null":{"aws:ResourceTag/x":"true"}}`)}, 1},
	} {
		d := open(tt.policies...)
		if got := d.call(t, "POST", "/GetChannel", `{"arn":"`+news+`"}`); got != "" {
			t.Errorf("%s: %s", tt.name, got)
		}
		if len(d.asked) != tt.want {
			t.Errorf("%s: tags of %v were asked for, want %d", tt.name, d.asked, tt.want)
		}
	}
}

func TestATagLookupThatFailsAdmitsNobody(t *testing.T) {
	d := open(allow("*", "*", `{"Null":{"aws:ResourceTag/x":"true"}}`))
	d.guard.Tags = func(context.Context, ivs.ARN) (ivs.Tags, error) { return nil, errors.New("the database is away") }
	if got := d.call(t, "POST", "/GetChannel", `{"arn":"`+news+`"}`); !strings.Contains(got, "away") {
		t.Errorf("GetChannel: %q, want the error", got)
	}
}

// TestEveryOperationHasARightAndARate has a caller who may do nothing at all
// call every operation of the API.
func TestEveryOperationHasARightAndARate(t *testing.T) {
	rates, err := access.NewRates("123456789012", nil)
	if err != nil {
		t.Fatal(err)
	}
	nobody := open(allow("s3:*", "*", ""))
	somebody := open("IVSFullAccess")
	somebody.guard.Rates = rates
	for name, op := range model(t) {
		path, body := request(name, op.Path)
		if got := nobody.call(t, op.Method, path, body); !strings.HasPrefix(got, "User: ") && !strings.HasPrefix(name, "Batch") {
			t.Errorf("%s without a right: %q", name, got)
		}
		throttled := false
		for range 400 {
			if got := somebody.call(t, op.Method, path, body); strings.HasPrefix(got, "Operation: ivs:"+name+" exceeded call rate: ") {
				throttled = true
				break
			} else if got != "" {
				t.Fatalf("%s: %s", name, got)
			}
		}
		if !throttled {
			t.Errorf("%s may be called 400 times at once", name)
		}
	}
}

type operation struct{ Method, Path string }

// model returns the operations of the API by name.
func model(t *testing.T) map[string]operation {
	t.Helper()
	b, err := os.ReadFile("../api/model/ivs-api.json")
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Operations map[string]operation }
	if err := json.Unmarshal(b, &m); err != nil || len(m.Operations) == 0 {
		t.Fatalf("%d operations, %v", len(m.Operations), err)
	}
	return m.Operations
}

// request is one that passes validation, with an ARN of the right kind.
func request(name, path string) (target, body string) {
	kind := "channel"
	for part, k := range map[string]string{
		"StreamKey": "stream-key", "PlaybackKeyPair": "playback-key", "RecordingConfiguration": "recording-configuration",
		"PlaybackRestrictionPolicy": "playback-restriction-policy", "AdConfiguration": "ad-configuration",
	} {
		if strings.HasSuffix(name, part) {
			kind = k
		}
	}
	arn := prefix + kind + "/abcdABCDefgh"
	target = strings.ReplaceAll(path, "{resourceArn}", strings.ReplaceAll(arn, "/", "%2F"))
	if name == "UntagResource" {
		target += "?tagKeys=a"
	}
	return target, `{"arn":"` + arn + `","channelArn":"` + news + `","arns":["` + arn + `"],"metadata":"x","durationSeconds":1,"viewerId":"v",` +
		`"tags":{},"destinationConfiguration":{},"publicKeyMaterial":"x","viewerSessions":[{"channelArn":"` + news + `","viewerId":"v"}],` +
		`"mediaTailorPlaybackConfigurations":[{"playbackConfigurationArn":"arn:aws:mediatailor:us-west-2:123456789012:playbackConfiguration/x"}]}`
}

func TestPermitJudgesTheItemsOfABatch(t *testing.T) {
	d := open(allow("ivs:BatchGet*", news, ""))
	s := &batch{guard: d.guard}
	d.handler.Operations = ivsapi.Operations(s)
	d.call(t, "POST", "/BatchGetChannel", `{"arns":["`+news+`","`+sports+`"]}`)
	if want := []string{"", denied("BatchGetChannel", sports)}; fmt.Sprint(s.said) != fmt.Sprint(want) {
		t.Errorf("Permit said %q, want %q", s.said, want)
	}
	s.said = nil
	d = open(allow("ivs:GetChannel", news, ""))
	d.handler.Operations = ivsapi.Operations(s)
	d.call(t, "POST", "/GetChannel", `{"arn":"`+news+`"}`)
	if want := []string{""}; fmt.Sprint(s.said) != fmt.Sprint(want) {
		t.Errorf("Permit said %q of what Admit has judged, want %q", s.said, want)
	}
}

type batch struct {
	ivsapi.Unimplemented
	guard *access.Guard
	said  []string
}

func (s *batch) permit(ctx context.Context, arns ...string) {
	for _, a := range arns {
		arn, err := ivs.ParseARN(a)
		if err == nil {
			err = s.guard.Permit(ctx, arn)
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		s.said = append(s.said, text)
	}
}

func (s *batch) BatchGetChannel(ctx context.Context, in *ivsapi.BatchGetChannelInput) (*ivsapi.BatchGetChannelOutput, error) {
	s.permit(ctx, in.ARNs...)
	return nil, nil
}

func (s *batch) GetChannel(ctx context.Context, _ *ivsapi.GetChannelInput) (*ivsapi.GetChannelOutput, error) {
	s.permit(ctx, sports)
	return nil, nil
}

func TestAChangeOfPoliciesCountsAtOnce(t *testing.T) {
	d := open()
	policies := []string{"IVSReadOnlyAccess"}
	d.guard.Policies = func(context.Context, string) ([]string, error) { return policies, nil }
	for range 2 {
		if got := d.call(t, "POST", "/CreateChannel", "{}"); got == "" {
			t.Fatal("reading creates")
		}
	}
	policies = []string{"IVSFullAccess"}
	if got := d.call(t, "POST", "/CreateChannel", "{}"); got != "" {
		t.Errorf("with full access: %s", got)
	}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name     string
		policies []string
		ok       bool
	}{
		{"a managed one", []string{"IVSReadOnlyAccess"}, true},
		{"several", []string{"IVSReadOnlyAccess", allow("ivs:StopStream", "*", "")}, true},
		{"a document with space before it", []string{" \n" + allow("*", "*", "")}, true},
		{"conditions on tags", []string{allow("*", "*", `{"StringEquals":{"aws:ResourceTag/x":"y","aws:requesttag/z":"y","aws:TagKeys":"z"}}`)}, true},
		{"none", nil, false},
		{"too many", make([]string, access.MaxPolicies+1), false},
		{"an unknown name", []string{"AdministratorAccess"}, false},
		{"no document", []string{"{"}, false},
		{"a condition that has no value here", []string{deny("*", "*", `{"StringNotEquals":{"aws:SourceVpc":"x"}}`)}, false},
	} {
		if err := access.Check(tt.policies); (err == nil) != tt.ok {
			t.Errorf("%s: Check = %v, want ok %t", tt.name, err, tt.ok)
		}
	}
}

func BenchmarkAdmit(b *testing.B) {
	rates, err := access.NewRates("123456789012", map[string]int{"GetChannel": 1_000_000})
	if err != nil {
		b.Fatal(err)
	}
	for name, policies := range map[string][]string{
		"full access": {"IVSFullAccess"}, "reading": {"IVSReadOnlyAccess"},
		"by tag": {allow("ivs:*", "*", `{"StringEquals":{"aws:ResourceTag/team":"live"}}`)},
	} {
		b.Run(name, func(b *testing.B) {
			d := open(policies...)
			d.guard.Policies = func(context.Context, string) ([]string, error) { return policies, nil }
			d.guard.Rates = rates
			in := &ivsapi.GetChannelInput{ARN: news}
			b.ReportAllocs()
			for b.Loop() {
				if err := d.guard.Admit(b.Context(), "GetChannel", in); err != nil && ivs.CodeOf(err) != ivs.Throttled {
					b.Fatal(err)
				}
			}
		})
	}
}

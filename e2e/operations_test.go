package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
)

// A step is one call of sdk/scenario.json. $name stands for what an earlier step
// saved.
type step struct {
	Op    string
	Input map[string]any
	Error string            // that is wanted; "" is success
	Save  map[string]string // name: path in the output
	Want  map[string]any    // path: value; null is absent
	Until map[string]any    // as Want, asked for again and again
	Items string            // the list that pages are collected of
	Least int               // how many items there are at least
}

// apiModel is what these tests read of the model.
type apiModel struct {
	Operations map[string]struct {
		Input, Output string
		Errors        []string
	}
	Shapes map[string]struct {
		Members map[string]json.RawMessage
		Member  string // of a list
		Error   any
	}
}

func readModel(t *testing.T) apiModel {
	t.Helper()
	return readJSON[apiModel](t, "../internal/api/model/ivs-api.json")
}

func readJSON[T any](t *testing.T, file string) T {
	t.Helper()
	var v T
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return v
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// TestEveryOperation has each client go through the scenario: every operation with
// success, paging to the end, tags, and every error that it models and that a
// client can provoke.
func TestEveryOperation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		open func(t *testing.T, s *running) client
	}{
		{"AWS SDK for Go", func(_ *testing.T, s *running) client { return goSDK{s.ivs} }},
		{"AWS SDK for JavaScript", func(t *testing.T, s *running) client { t.Helper(); return pipe(t, s, nil, "node", "sdk/run.mjs") }},
		{"boto3 of Debian", func(t *testing.T, s *running) client {
			t.Helper()
			return pipe(t, s, know(t, botocoreModel), "/usr/bin/python3", "sdk/run.py")
		}},
		{"AWS CLI of Debian", func(t *testing.T, s *running) client {
			t.Helper()
			return pipe(t, s, know(t, awscliModel), "/usr/bin/python3", "sdk/cli.py")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "--quota-channels", "6", "--quota-playback-key-pairs", "2", "--quota-recording-configurations", "3",
				"--quota-playback-restriction-policies", "2", "--quota-ad-configurations", "2")
			p := &acting{t: t, client: c.open(t, s), vars: s.stage(t), inputs: map[string]map[string]any{}, seen: map[string]bool{}, shown: map[string]bool{}}
			for i, st := range readJSON[[]step](t, "sdk/scenario.json") {
				p.step(i, st)
			}
			p.refusals()
			p.complete()
		})
	}
}

// stage prepares what the scenario begins with, and names it.
func (s *running) stage(t *testing.T) map[string]string {
	t.Helper()
	prefix := "arn:aws:ivs:" + s.At.Region + ":" + s.At.Account + ":"
	vars := map[string]string{
		"missing": prefix + "channel/missingmissi", "missingkey": prefix + "stream-key/missingmissi",
		"missingrecording": prefix + "recording-configuration/missingmissi", "pem": publicKey(t), "pem2": publicKey(t), "pem3": publicKey(t),
	}
	ads, err := s.ivs.CreateAdConfiguration(t.Context(), &ivs.CreateAdConfigurationInput{
		MediaTailorPlaybackConfigurations: []types.MediaTailorPlaybackConfiguration{{
			PlaybackConfigurationArn: new("arn:aws:mediatailor:us-east-1:000000000000:playbackConfiguration/live"),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	withAds := func(in *ivs.CreateChannelInput) { in.AdConfigurationArn = ads.AdConfiguration.Arn }
	recording, err := s.ivs.CreateRecordingConfiguration(t.Context(), &ivs.CreateRecordingConfigurationInput{
		DestinationConfiguration: &types.DestinationConfiguration{S3: &types.S3DestinationConfiguration{BucketName: new("staged")}},
		RenditionConfiguration: &types.RenditionConfiguration{
			RenditionSelection: types.RenditionConfigurationRenditionSelectionCustom,
			Renditions:         []types.RenditionConfigurationRendition{types.RenditionConfigurationRenditionHd},
		},
		ThumbnailConfiguration: &types.ThumbnailConfiguration{
			RecordingMode: types.RecordingModeInterval, TargetIntervalSeconds: new(int64(10)),
			Resolution: types.ThumbnailConfigurationResolutionSd, Storage: []types.ThumbnailConfigurationStorage{types.ThumbnailConfigurationStorageLatest},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	until(t, readyIn, "the recording configuration is ACTIVE", func() (bool, string) {
		r, err := s.ivs.GetRecordingConfiguration(t.Context(), &ivs.GetRecordingConfigurationInput{Arn: recording.RecordingConfiguration.Arn})
		if err != nil {
			t.Fatal(err)
		}
		return r.RecordingConfiguration.State == types.RecordingConfigurationStateActive, string(r.RecordingConfiguration.State)
	})
	live, offline, other := s.channel(t, withAds, func(in *ivs.CreateChannelInput) {
		in.RecordingConfigurationArn = recording.RecordingConfiguration.Arn
	}), s.channel(t, withAds), s.channel(t)
	c := encode(t, small, voice)
	past := stream(t, c, live.rtmp())
	vars["past"] = str(live.live().StreamId)
	live.stop()
	if err := past.left(liveIn); err == nil {
		t.Error("the encoder did not notice StopStream")
	}
	stream(t, c, live.rtmp())
	stream(t, c, other.rtmp())
	other.live()
	vars["live"], vars["offlineads"], vars["liveads"] = live.arn, offline.arn, str(ads.AdConfiguration.Arn)
	vars["stream"] = str(live.live().StreamId)
	return vars
}

// publicKey is the public half of a new pair, as ImportPlaybackKeyPair takes it.
func publicKey(t *testing.T) string {
	t.Helper()
	pair, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&pair.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// An acting is a scenario on its way.
type acting struct {
	t      *testing.T
	client client
	vars   map[string]string
	inputs map[string]map[string]any // a good one of each operation
	seen   map[string]bool           // "Operation Error" that came as wanted, "Operation .path" that was sent with success
	shown  map[string]bool           // "operation .path" that had a value in an answer, in small letters
}

func (p *acting) step(i int, st step) {
	p.t.Helper()
	name := fmt.Sprintf("step %d, %s", i+1, st.Op)
	input, _ := p.fill(st.Input).(map[string]any)
	r := p.client.call(p.t, st.Op, input)
	if r.Unknown {
		return
	}
	if r.Error != st.Error {
		p.t.Fatalf("%s: error %q (%s), want %q", name, r.Error, r.Message, st.Error)
	}
	if st.Error != "" {
		p.refused(name, st.Op, r)
		return
	}
	if p.inputs[st.Op] == nil {
		p.inputs[st.Op] = input
	}
	p.sent(st.Op+" ", input)
	p.showed(strings.ToLower(st.Op)+" ", r.Output)
	if st.Items != "" {
		p.pages(name, st, input, r)
	}
	if st.Until != nil {
		until(p.t, readyIn, name, func() (bool, string) {
			r = p.client.call(p.t, st.Op, input)
			p.showed(strings.ToLower(st.Op)+" ", r.Output)
			return p.differs(r, st.Until) == "", p.differs(r, st.Until)
		})
	}
	if d := p.differs(r, st.Want); d != "" {
		p.t.Errorf("%s: %s", name, d)
	}
	for v, path := range st.Save {
		value, ok := lookup(r.Output, path).(string)
		if !ok {
			p.t.Fatalf("%s: no %s in %v", name, path, r.Output)
		}
		p.vars[v] = value
	}
}

// sent notes the members of an input, at any depth.
func (p *acting) sent(path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			p.seen[path+"."+name] = true
			p.sent(path+"."+name, v[name])
		}
	case []any:
		for _, e := range v {
			p.sent(path, e)
		}
	}
}

// showed notes the members of an output that have a value, at any depth.
func (p *acting) showed(path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			at := path + "." + strings.ToLower(name)
			p.shown[at] = p.shown[at] || v[name] != nil
			p.showed(at, v[name])
		}
	case []any:
		for _, e := range v {
			p.showed(path, e)
		}
	}
}

// hidden returns the members of a shape that no answer had, though the client
// knows them.
func (p *acting) hidden(m apiModel, path, shape string) (missing []string) {
	s := m.Shapes[shape]
	if s.Member != "" {
		return p.hidden(m, path, s.Member)
	}
	for _, name := range sorted(s.Members) {
		var member struct{ Shape string }
		if err := json.Unmarshal(s.Members[name], &member); err != nil {
			p.t.Fatal(err)
		}
		at := path + "." + name
		switch {
		case !p.finds(shape, name) || slices.Contains(unshown, at):
		case !p.shown[strings.ToLower(at)]:
			missing = append(missing, at)
		default:
			missing = append(missing, p.hidden(m, at, member.Shape)...)
		}
	}
	return missing
}

// unshown are members that no answer has here: a channel has one key; a session
// keeps no secret and says what it received once (ingestConfigurations leaves out
// what only ingestConfiguration has); no event of these sessions has a code.
var unshown = []string{
	"ListStreamKeys .nextToken",
	"GetStreamSession .streamSession.channel.srt.passphrase",
	"GetStreamSession .streamSession.ingestConfigurations.videoConfigurations.avcLevel",
	"GetStreamSession .streamSession.ingestConfigurations.videoConfigurations.avcProfile",
	"GetStreamSession .streamSession.truncatedEvents.code",
}

// finds reports whether the client has a member of a shape.
func (p *acting) finds(shape, member string) bool {
	switch c := p.client.(type) {
	case goSDK:
		return member != "postRollConfiguration" // which its version does not have
	case spoken:
		if c.knows != nil {
			_, ok := c.knows.Shapes[shape].Members[member]
			return ok
		}
	}
	return true
}

// unsent returns the members of a shape that were not sent, though the client
// knows them.
func (p *acting) unsent(m apiModel, path, shape string) (missing []string) {
	s := m.Shapes[shape]
	if s.Member != "" {
		return p.unsent(m, path, s.Member)
	}
	for _, name := range sorted(s.Members) {
		var member struct{ Shape string }
		if err := json.Unmarshal(s.Members[name], &member); err != nil {
			p.t.Fatal(err)
		}
		at := path + "." + name
		if !p.knows(name) {
			continue
		}
		if !p.seen[at] && !slices.Contains(onePage, at) {
			missing = append(missing, at)
		}
		missing = append(missing, p.unsent(m, at, member.Shape)...)
	}
	return missing
}

// onePage are the tokens of lists that have one page here: a channel has one key.
var onePage = []string{"ListStreamKeys .nextToken"}

// refused notes an error that was wanted, which must have a text.
func (p *acting) refused(name, op string, r reply) {
	p.t.Helper()
	p.seen[op+" "+r.Error] = true
	if r.Message == "" {
		p.t.Errorf("%s: %s without a message", name, r.Error)
	}
}

// pages follows a list to its end.
func (p *acting) pages(name string, st step, input map[string]any, r reply) {
	p.t.Helper()
	input = maps.Clone(input)
	items, _ := lookup(r.Output, st.Items).([]any)
	for page := 2; ; page++ {
		token, more := lookup(r.Output, "nextToken").(string)
		if !more || token == "" {
			break
		}
		input["nextToken"] = token
		if r = p.client.call(p.t, st.Op, input); r.Error != "" || page > 100 {
			p.t.Fatalf("%s: page %d: %s %s", name, page, r.Error, r.Message)
		}
		p.sent(st.Op+" ", input)
		p.showed(strings.ToLower(st.Op)+" ", r.Output)
		next, _ := lookup(r.Output, st.Items).([]any)
		items = append(items, next...)
	}
	seen := make(map[string]bool)
	for _, item := range items {
		seen[fmt.Sprint(item)] = true
	}
	if len(items) < st.Least || len(seen) != len(items) {
		p.t.Errorf("%s: %d items, %d different, want %d at least", name, len(items), len(seen), st.Least)
	}
}

// fill puts what was saved in the place of its name.
func (p *acting) fill(v any) any {
	switch v := v.(type) {
	case string:
		if name, ok := strings.CutPrefix(v, "$"); ok {
			return p.vars[name]
		}
		return v
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = p.fill(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = p.fill(v[k])
		}
		return out
	default:
		return v
	}
}

// differs says what in a reply is not as wanted, "" if nothing. What the client
// does not know is passed over.
func (p *acting) differs(r reply, want map[string]any) string {
	for path, w := range want {
		got := lookup(r.Output, path)
		if got == nil && w != nil && !p.knows(path) {
			continue
		}
		if w = p.fill(w); fmt.Sprint(got) != fmt.Sprint(w) {
			return fmt.Sprintf("%s is %v, want %v", path, got, w)
		}
	}
	return ""
}

// knows reports whether the client has a member of the path's last name at all.
func (p *acting) knows(path string) bool {
	c, ok := p.client.(spoken)
	if !ok || c.knows == nil {
		return true
	}
	last := path[strings.LastIndex(path, ".")+1:]
	for _, s := range c.knows.Shapes {
		if _, ok := s.Members[last]; ok {
			return true
		}
	}
	_, err := strconv.Atoi(last)
	return err == nil
}

// lookup follows a path of members and indices. Capitals do not count, for the
// SDK for Go has its own.
func lookup(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		switch t := v.(type) {
		case map[string]any:
			v = nil
			for k := range t {
				if strings.EqualFold(k, name) {
					v = t[k]
				}
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(t) {
				return nil
			}
			v = t[i]
		default:
			return nil
		}
	}
	return v
}

// refusals repeats each call with what does not exist and with what is no input.
func (p *acting) refusals() {
	p.t.Helper()
	for _, op := range sorted(p.inputs) {
		if in := p.without(op); in != nil {
			p.refuse(op, in, "ResourceNotFoundException")
		}
		p.refuse(op, p.broken(op), "ValidationException")
	}
}

func (p *acting) refuse(op string, input map[string]any, want string) {
	p.t.Helper()
	r := p.client.call(p.t, op, input)
	if r.Error != want {
		p.t.Errorf("%s(%v): error %q (%s), want %q", op, input, r.Error, r.Message, want)
		return
	}
	p.refused(op, op, r)
}

// without is the good input of an operation, but for a resource that is not
// there; nil if the operation does not mind.
func (p *acting) without(op string) map[string]any {
	for _, member := range []string{"arn", "channelArn", "resourceArn"} {
		if arn, ok := p.inputs[op][member].(string); ok {
			in := maps.Clone(p.inputs[op])
			in[member] = arn[:strings.LastIndex(arn, "/")+1] + "missingmissi"
			return in
		}
	}
	return nil
}

// broken is the good input of an operation with one member that breaks a rule
// which no client knows.
func (p *acting) broken(op string) map[string]any {
	in := maps.Clone(p.inputs[op])
	for _, member := range []string{"arn", "channelArn", "resourceArn"} {
		if _, ok := in[member]; ok {
			in[member] = "blah"
			return in
		}
	}
	switch {
	case strings.HasPrefix(op, "BatchGet"):
		in["arns"] = []any{"blah"}
	case strings.HasPrefix(op, "Batch"):
		in["viewerSessions"] = []any{map[string]any{"channelArn": "blah", "viewerId": "v"}}
	case strings.HasPrefix(op, "List"):
		in["nextToken"] = "blah"
	default:
		in["name"] = "not a name"
	}
	return in
}

// Errors that no client can provoke here: a server of one's own does not ask for
// verification, and nothing is away. Rights and rates have tests of their own.
var unprovoked = []string{
	"AccessDeniedException", "InternalServerException", "PendingVerification", "ServiceUnavailable", "StreamUnavailable", "ThrottlingException",
}

// Errors that an operation models and that nothing can cause.
var uncaused = []string{
	"CreateAdConfiguration ConflictException", // no two of them are in each other's way
	"CreateAdConfiguration ResourceNotFoundException",
	"CreateRecordingConfiguration ConflictException",
	"ListPlaybackRestrictionPolicies ConflictException",
	"UpdateAdConfiguration ConflictException",
	"UpdateAdConfiguration ServiceQuotaExceededException",
	"UpdatePlaybackRestrictionPolicy ConflictException",
}

// complete fails the test for every operation that had no success and every
// error that was not seen.
func (p *acting) complete() {
	p.t.Helper()
	m := readModel(p.t)
	for _, op := range sorted(m.Operations) {
		if p.inputs[op] == nil {
			if p.client.call(p.t, op, map[string]any{}).Unknown {
				continue
			}
			p.t.Errorf("%s is not in the scenario", op)
		}
		if missing := p.unsent(m, op+" ", m.Operations[op].Input); len(missing) > 0 {
			p.t.Errorf("never sent: %q", missing)
		}
		if missing := p.hidden(m, op+" ", m.Operations[op].Output); len(missing) > 0 {
			p.t.Errorf("never answered: %q", missing)
		}
		for _, e := range m.Operations[op].Errors {
			seen, expected := p.seen[op+" "+e], !slices.Contains(unprovoked, e) && !slices.Contains(uncaused, op+" "+e)
			if seen != expected {
				p.t.Errorf("%s %s: seen %t, want %t", op, e, seen, expected)
			}
		}
	}
}

// A gap is what a client does not know of the API.
type gap struct {
	Operations []string `json:"operations"`
	Members    []string `json:"members"` // Shape.member
}

// TestWhatDebiansClientsLack holds the list in the documents to the clients that
// are installed.
func TestWhatDebiansClientsLack(t *testing.T) {
	t.Parallel()
	got := map[string]gap{}
	for name, file := range map[string]string{"AWS CLI": awscliModel, "boto3": botocoreModel} {
		operations, members := know(t, file).missing(t)
		got[name] = gap{operations, members}
	}
	want := readJSON[map[string]gap](t, "../internal/api/model/clients.json")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("internal/api/model/clients.json is not about Debian's clients; run make gen with this in it:\n%s", show(t, got))
	}
}

// TestEveryOperationWithoutTheRight has a key that may do nothing call everything.
func TestEveryOperationWithoutTheRight(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	nobody := s.as(t, "nobody", `{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`)
	p := &acting{t: t, client: goSDK{nobody}, vars: map[string]string{"pem": publicKey(t)}, seen: map[string]bool{}}
	for _, kind := range []string{"missing", "missingkey", "missingrecording", "channel", "other", "third", "whole", "live", "offlineads", "key", "pair", "recording", "policy", "ads", "liveads"} {
		p.vars[kind] = ch.arn[:strings.LastIndex(ch.arn, ":")+1] + kindOf(kind) + "/missingmissi"
	}
	p.vars["stream"], p.vars["past"] = "st-"+strings.Repeat("a", 23), "st-"+strings.Repeat("b", 23)
	done := map[string]bool{}
	for _, st := range readJSON[[]step](t, "sdk/scenario.json") {
		if done[st.Op] || st.Error != "" {
			continue
		}
		done[st.Op] = true
		input, _ := p.fill(st.Input).(map[string]any)
		r := p.client.call(t, st.Op, input)
		want := "AccessDeniedException"
		if strings.HasPrefix(st.Op, "Batch") {
			want = "" // item by item
			if codes := fmt.Sprint(r.Output); !strings.Contains(codes, "403") || strings.Contains(codes, "404") {
				t.Errorf("%s: %v, want 403 for each item", st.Op, r.Output)
			}
		}
		if !r.Unknown && (r.Error != want || want != "" && !strings.Contains(r.Message, "user/nobody is not authorized to perform: ivs:"+st.Op+" on resource: arn:aws:ivs:")) {
			t.Errorf("%s: %q, %q; want %q", st.Op, r.Error, r.Message, want)
		}
	}
}

func kindOf(name string) string {
	switch name {
	case "key", "missingkey":
		return "stream-key"
	case "pair":
		return "playback-key"
	case "recording", "missingrecording":
		return "recording-configuration"
	case "policy":
		return "playback-restriction-policy"
	case "ads", "liveads":
		return "ad-configuration"
	default:
		return "channel"
	}
}

// as makes an access key with a policy, beside the running server, and returns
// a client with it.
func (s *running) as(t *testing.T, name, policy string, flags ...string) *ivs.Client {
	t.Helper()
	c, err := s.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o := c.Options()
	o.Credentials = s.grant(t, name, policy, flags...)
	c = ivs.New(o)
	until(t, 10*time.Second, "the server knows the new key", func() (bool, string) {
		r := goSDK{c}.call(t, "ListChannels", map[string]any{})
		return r.Error != "UnrecognizedClientException", r.Error
	})
	return c
}

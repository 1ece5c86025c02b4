package control_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"openivs/internal/ivs"
	"openivs/internal/recent"
)

// newRemembering is a server whose database is remembered, as the program has it.
func newRemembering(store backend) *server {
	s := newServer(store)
	db, ok := store.(database)
	if !ok {
		return s // memory is as quick
	}
	remembered := recent.New(store, recent.NewHistory(db))
	t := store.tables()
	s.plane.Store = remembered
	s.plane.Recordings = recent.Recordings(remembered, t.recordings)
	s.plane.Restrictions = recent.Restrictions(remembered, t.restrictions)
	s.plane.Ads = recent.Ads(remembered, t.ads)
	s.plane.KeyPairs = recent.KeyPairs(remembered, t.pairs)
	s.plane.Destinations.Store = s.plane.Recordings
	return s
}

// A kind is how a sort of resource is made and read.
type kind struct {
	create, get string // operations
	input       string
	member      string // of the answers
}

var kinds = []kind{
	{"CreateChannel", "GetChannel", `{}`, "channel"},
	{"CreateRecordingConfiguration", "GetRecordingConfiguration", `{"destinationConfiguration": {"s3": {"bucketName": "bucket"}}}`, "recordingConfiguration"},
	{
		"CreateAdConfiguration", "GetAdConfiguration",
		`{"mediaTailorPlaybackConfigurations": [{"playbackConfigurationArn": "arn:aws:mediatailor:us-west-2:123456789012:playbackConfiguration/a"}]}`, "adConfiguration",
	},
	{"CreatePlaybackRestrictionPolicy", "GetPlaybackRestrictionPolicy", `{}`, "playbackRestrictionPolicy"},
	{"ImportPlaybackKeyPair", "GetPlaybackKeyPair", fmt.Sprintf(`{"publicKeyMaterial": %q}`, publicKey), "keyPair"},
}

// A resource is what the answers have of one.
type resource struct {
	ARN  string            `json:"arn"`
	Name string            `json:"name"`
	Tags map[string]string `json:"tags"`
}

// call sends a request and returns the status, and the resource in a member of the answer.
func (s *server) call(t *testing.T, op, body, member string) (int, resource) {
	t.Helper()
	r := s.do(http.MethodPost, "/"+op, body)
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	var answer map[string]json.RawMessage
	var out resource
	if r.StatusCode == http.StatusOK {
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Errorf("%s answered %s: %v", op, text, err)
		} else if err := json.Unmarshal(answer[member], &out); err != nil {
			t.Errorf("%s answered %s: %v", op, text, err)
		}
	}
	return r.StatusCode, out
}

// kindCallers has sixteen callers make resources of a kind, of which there may be
// three, and each read what it has just written to them.
func kindCallers(t *testing.T, s *server, k kind) {
	t.Helper()
	const callers, most = 16, 3
	s.plane.Quotas = ivs.Quotas{Channels: most, RecordingConfigurations: most, AdConfigurations: most, PlaybackRestrictionPolicies: most, PlaybackKeyPairs: most}
	allowed, refused := most, http.StatusPaymentRequired
	if k.create == "ImportPlaybackKeyPair" { // all have the same key
		allowed, refused = 1, http.StatusConflict
	}
	var mu sync.Mutex
	var made []resource
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			status, r := s.call(t, k.create, k.input, k.member)
			mu.Lock()
			defer mu.Unlock()
			if status == http.StatusOK {
				made = append(made, r)
			} else if status != refused {
				t.Errorf("%s answered %d, want 200 or %d", k.create, status, refused)
			}
		})
	}
	all.Wait()
	if len(made) != allowed {
		t.Fatalf("%s made %d at once, want %d", k.create, len(made), allowed)
	}
	for i := range callers {
		all.Go(func() { s.tagAndRead(t, k, made[0].ARN, fmt.Sprint("caller", i)) })
	}
	all.Wait()
	if _, r := s.call(t, k.get, fmt.Sprintf(`{"arn": %q}`, made[0].ARN), k.member); len(r.Tags) != callers {
		t.Errorf("%s has tags %v, want one of each of the %d callers", k.get, r.Tags, callers)
	}
}

// tagAndRead reads what it has written, each time.
func (s *server) tagAndRead(t *testing.T, k kind, arn, key string) {
	t.Helper()
	for round := range 5 {
		want := fmt.Sprint(round)
		if r := s.do(http.MethodPost, "/tags/"+url.QueryEscape(arn), fmt.Sprintf(`{"tags": {%q: %q}}`, key, want)); r.StatusCode != http.StatusOK {
			t.Errorf("TagResource answered %d", r.StatusCode)
		}
		if status, r := s.call(t, k.get, fmt.Sprintf(`{"arn": %q}`, arn), k.member); status != http.StatusOK || r.Tags[key] != want {
			t.Errorf("%s answered %d, tag %q, after %q was set", k.get, status, r.Tags[key], want)
		}
	}
}

// ownCallers has sixteen callers change and delete channels of their own, and read
// them each time.
func ownCallers(t *testing.T, s *server) {
	t.Helper()
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for round := range 3 {
				s.own(t, fmt.Sprint("caller", i, "-", round))
			}
		})
	}
	all.Wait()
}

func (s *server) own(t *testing.T, name string) {
	t.Helper()
	_, c := s.call(t, "CreateChannel", `{}`, "channel")
	arn := fmt.Sprintf(`{"arn": %q}`, c.ARN)
	s.call(t, "GetChannel", arn, "channel") // it is remembered now
	if status, _ := s.call(t, "UpdateChannel", fmt.Sprintf(`{"arn": %q, "name": %q}`, c.ARN, name), "channel"); status != http.StatusOK {
		t.Errorf("UpdateChannel answered %d", status)
	}
	if status, r := s.call(t, "GetChannel", arn, "channel"); status != http.StatusOK || r.Name != name {
		t.Errorf("GetChannel answered %d, %q, after the name became %q", status, r.Name, name)
	}
	r := s.do(http.MethodPost, "/ListStreamKeys", fmt.Sprintf(`{"channelArn": %q}`, c.ARN))
	var list struct{ StreamKeys []resource }
	if err := json.NewDecoder(r.Body).Decode(&list); err != nil || len(list.StreamKeys) != 1 {
		t.Errorf("ListStreamKeys: %v, %v, want one key", list, err)
		return
	}
	key := fmt.Sprintf(`{"arn": %q}`, list.StreamKeys[0].ARN)
	s.call(t, "GetStreamKey", key, "streamKey") // it is remembered now
	if r := s.do(http.MethodPost, "/DeleteChannel", arn); r.StatusCode != http.StatusNoContent {
		t.Errorf("DeleteChannel answered %d", r.StatusCode)
	}
	for op, body := range map[string]string{"GetChannel": arn, "GetStreamKey": key} {
		if status, _ := s.call(t, op, body, strings.ToLower(op[3:4])+op[4:]); status != http.StatusNotFound {
			t.Errorf("%s answered %d once the channel is gone, want 404", op, status)
		}
	}
}

package e2e

import (
	"crypto/elliptic"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"

	own "openivs/internal/ivs"
	"openivs/internal/seal"
	"openivs/internal/store"
)

// A visitor goes through the console; see browser/console.mjs.
type visitor struct {
	t *testing.T
	s *running
	b *browser
}

// visit opens the console of a server, signed out.
func visit(t *testing.T, s *running) *visitor {
	t.Helper()
	if _, _, text := fetch(t, s.At.Console); !strings.Contains(text, `id="app"`) {
		t.Fatal("the program was built without the console: tools/console")
	}
	return &visitor{t: t, s: s, b: drive(t, "browser/console.mjs")}
}

// do takes a step and returns what it answers.
func (v *visitor) do(what string, pairs ...any) string {
	v.t.Helper()
	command := map[string]any{"do": what}
	for pair := range slices.Chunk(pairs, 2) {
		name, _ := pair[0].(string)
		command[name] = pair[1]
	}
	a, err := v.b.ask(command)
	if err != nil {
		v.t.Fatal(err)
	}
	return a.Text
}

// clean fails the test if the page complained, fetched from elsewhere or had a
// secret in an address.
func (v *visitor) clean() {
	v.t.Helper()
	var seen struct{ Errors, Foreign, Secrets []string }
	if err := json.Unmarshal([]byte(v.do("report")), &seen); err != nil {
		v.t.Fatal(err)
	}
	if len(seen.Errors)+len(seen.Foreign)+len(seen.Secrets) > 0 {
		v.t.Errorf("errors %q, requests elsewhere %q, secrets in addresses %q", seen.Errors, seen.Foreign, seen.Secrets)
	}
}

func keysOf(t *testing.T, p aws.CredentialsProvider) []string {
	t.Helper()
	c, err := p.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return []string{c.AccessKeyID, c.SecretAccessKey}
}

// root is the key of the first start.
func (s *running) root(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Data, "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?s)aws_access_key_id = (\S+)\s+aws_secret_access_key = (\S+)`).FindStringSubmatch(string(b))
	if m == nil {
		t.Fatal("there is no key in the credentials file")
	}
	return m[1:]
}

// TestTheConsoleTellsTheWholeStory goes the way of somebody new: sign in, create a
// channel, publish, watch, send metadata, insert an ad break, stop, read what the
// session was, and what went wrong with another.
func TestTheConsoleTellsTheWholeStory(t *testing.T) {
	t.Parallel()
	s := serve(t)
	_, err := s.ivs.CreateAdConfiguration(t.Context(), &ivs.CreateAdConfigurationInput{
		Name: aws.String("ads"),
		MediaTailorPlaybackConfigurations: []types.MediaTailorPlaybackConfiguration{
			{PlaybackConfigurationArn: aws.String("arn:aws:mediatailor:" + s.At.Region + ":" + s.At.Account + ":playbackConfiguration/ads")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	v := visit(t, s)
	v.do("open", "url", s.At.Console)
	v.do("signIn", "keys", s.root(t))
	v.do("create", "name", "story")
	command := v.do("copy")
	url := regexp.MustCompile(`rtmps://[^"]+`).FindString(command)
	if !strings.HasPrefix(url, s.At.RTMPS+"/sk_") {
		t.Fatalf("the copied command publishes to %q", url)
	}
	c := encode(t, small, voice)
	enc := stream(t, c, url)
	latency, err := strconv.ParseFloat(strings.TrimSuffix(v.do("watch"), " s"), 64)
	if err != nil || latency <= 0 {
		t.Errorf("the console says that the picture is %v behind live (%v)", latency, err)
	}
	v.do("metadata", "text", `{"question": 7}`)
	v.do("press", "name", "Insert ad break")
	v.do("has", "text", "The ad break was inserted.")
	v.do("stop")
	enc.left(overIn)
	text := v.do("session", "text", "Session Ended", "also", "One point for each") // which comes last
	for _, want := range []string{
		"320 × 180", "Session Created", "Stream Start", "The stream is live: there are segments that viewers can play.",
		"Ad Break Inserted", "mp4a.40.2", "studio=one", "Frame rate", "Keyframe interval", "One point for each",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page of the session does not say %q", want)
		}
	}

	var saved struct {
		StreamID string `json:"streamId"`
		Channel  struct{ Name string }
	}
	if err := json.Unmarshal([]byte(v.do("saved")), &saved); err != nil || !strings.Contains(text, saved.StreamID) || saved.Channel.Name != "story" {
		t.Errorf("the saved session is %+v, %v", saved, err)
	}

	ch := s.channel(t)
	large := ffmpeg(t, "-re", "-f", "lavfi", "-i", "testsrc2=rate=5:size=2048x1152", "-c:v", "libx264", "-preset", "ultrafast", "-g", "5", "-pix_fmt", "yuv420p", "-f", "flv", ch.rtmp())
	large.left(liveIn)
	ch.over(str(ch.appears().StreamId))
	v.do("goto", "place", "#/channels/"+ch.arn[strings.LastIndexByte(ch.arn, '/')+1:])
	text = v.do("session", "text", "Over, had an error", "also", "One point for each")
	if !strings.Contains(text, "The picture is larger than the channel type takes") || !strings.Contains(text, "Send a smaller picture") {
		t.Errorf("the page does not explain the error:\n%s", text)
	}
	v.clean()
}

// TestTheConsoleKeepsToTheRightsOfItsKey signs in with a key that does not exist,
// with one that may read only, and by a link.
func TestTheConsoleKeepsToTheRightsOfItsKey(t *testing.T) {
	t.Parallel()
	s := serve(t)
	reader := keysOf(t, s.grant(t, "reader", "", "--managed", "IVSReadOnlyAccess"))
	ch := s.channel(t)
	v := visit(t, s)

	v.do("open", "url", s.At.Console)
	v.do("signIn", "keys", []string{"AKIAAAAAAAAAAAAAAAAA", reader[1]})
	v.do("has", "text", "The server does not know this access key")
	v.do("signIn", "keys", []string{reader[0], "wrong"})
	v.do("has", "text", "The secret access key is wrong")

	v.do("signIn", "keys", reader)
	v.do("disabled", "name", "Create channel")
	v.do("goto", "place", "#/channels/"+ch.arn[strings.LastIndexByte(ch.arn, '/')+1:])
	v.do("disabled", "name", "Delete")
	v.do("disabled", "name", "Show stream key")
	if n, err := strconv.Atoi(v.do("count", "ms", 5000)); err != nil || n > 10 {
		t.Errorf("an open page asks %d times in 5 seconds (%v), want 2 a second at most", n, err)
	}
	v.clean()

	link := strings.TrimSpace(string(command(t, built.command, "console", "--data", s.Data, "--no-open")))
	v.do("open", "url", link)
	v.do("has", "text", "Create channel")
	v.clean()
	v.do("open", "url", link) // in a browser that has no keys yet
	v.do("has", "text", "the link was used before")
}

// TestTheConsoleKeepsHouse makes, changes and deletes things in the console, and
// asks the API what became of them.
func TestTheConsoleKeepsHouse(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	v := visit(t, s)
	v.do("open", "url", s.At.Console+"#/restriction-policies") // a deep link survives the signing in
	v.do("signIn", "keys", s.root(t))
	v.do("press", "name", "Create restriction policy")
	v.do("fill", "form", true, "label", "Name", "text", "here")
	v.do("fill", "form", true, "label", "Countries", "text", "de, us")
	v.do("press", "form", true, "name", "Create")
	v.do("press", "role", "link", "name", "here")
	v.do("press", "name", "Edit")
	v.do("fill", "form", true, "label", "Origins", "text", "https://example.com")
	v.do("press", "form", true, "name", "Save")
	v.do("has", "text", "https://example.com")
	v.do("reload") // keys live as long as the tab
	v.do("has", "text", "DE, US")
	policies, err := s.ivs.ListPlaybackRestrictionPolicies(t.Context(), &ivs.ListPlaybackRestrictionPoliciesInput{})
	if err != nil || len(policies.PlaybackRestrictionPolicies) != 1 {
		t.Fatalf("policies %s, %v", show(t, policies), err)
	}
	policy := policies.PlaybackRestrictionPolicies[0]
	if !slices.Equal(policy.AllowedCountries, []string{"DE", "US"}) || !slices.Equal(policy.AllowedOrigins, []string{"https://example.com"}) || str(policy.Name) != "here" {
		t.Errorf("the policy is %s", show(t, policy))
	}

	v.do("goto", "place", "#/recording-configurations")
	v.do("press", "name", "Create recording configuration")
	v.do("fill", "form", true, "label", "Bucket", "text", "no-such-bucket")
	v.do("press", "form", true, "name", "Create")
	v.do("has", "text", "no-such-bucket")

	v.do("goto", "place", "#/channels/"+ch.arn[strings.LastIndexByte(ch.arn, '/')+1:])
	v.do("press", "name", "Edit")
	v.do("fill", "form", true, "label", "Name", "text", "not a name")
	v.do("has", "text", "letters, digits, hyphens and underscores only")
	v.do("fill", "form", true, "label", "Name", "text", "renamed")
	v.do("choose", "form", true, "role", "radio", "name", "Basic")
	v.do("press", "form", true, "name", "Save")
	v.do("has", "text", "The channel was saved.")
	got, err := s.ivs.GetChannel(t.Context(), &ivs.GetChannelInput{Arn: &ch.arn})
	if err != nil || str(got.Channel.Name) != "renamed" || got.Channel.Type != types.ChannelTypeBasicChannelType || !got.Channel.InsecureIngest {
		t.Errorf("the channel is %s, %v", show(t, got), err)
	}
	v.do("press", "name", "Delete")
	v.do("press", "form", true, "name", "Delete channel")
	v.do("has", "text", "The channel was deleted.")
	v.do("has", "text", "No channels")
	list, err := s.ivs.ListChannels(t.Context(), &ivs.ListChannelsInput{})
	if err != nil || len(list.Channels) != 0 {
		t.Errorf("channels %s, %v", show(t, list), err)
	}
	v.clean()
}

// TestTheConsoleOutlivesItsServer imports a playback key, watches a private channel
// with a token, deletes and makes its stream key, and goes on, without a reload, once
// a server that was killed is back.
func TestTheConsoleOutlivesItsServer(t *testing.T) {
	t.Parallel()
	s := serve(t, "--transcode", "off")
	ch := s.channel(t, func(in *ivs.CreateChannelInput) { in.Authorized = true })
	v := visit(t, s)
	v.do("open", "url", s.At.Console+"#/playback-keys")
	v.do("signIn", "keys", s.root(t))
	pair := newPair(t, elliptic.P384())
	v.do("press", "name", "Import playback key")
	v.do("fill", "form", true, "label", "Name", "text", "tokens")
	v.do("fill", "form", true, "label", "Public key", "text", pair.public)
	v.do("press", "form", true, "name", "Import")
	v.do("has", "text", "The playback key was created.")
	keys, err := s.ivs.ListPlaybackKeyPairs(t.Context(), &ivs.ListPlaybackKeyPairsInput{})
	if err != nil || len(keys.KeyPairs) != 1 || str(keys.KeyPairs[0].Name) != "tokens" {
		t.Errorf("playback keys %s, %v", show(t, keys), err)
	}

	c := encode(t, small, voice)
	enc := stream(t, c, ch.rtmp())
	ch.live()
	v.do("goto", "place", "#/channels/"+ch.arn[strings.LastIndexByte(ch.arn, '/')+1:])
	v.do("fill", "label", "Playback token", "text", "wrong")
	v.do("press", "name", "Watch")
	v.do("has", "text", "Refused: the token")
	v.do("press", "name", "Another token")
	v.do("fill", "label", "Playback token", "text", strings.TrimSpace(string(command(t, built.command, "token", "--key", pair.file, "--channel", ch.arn))))
	v.do("press", "name", "Watch")
	v.do("watch")

	v.do("press", "name", "Delete stream key")
	v.do("press", "form", true, "name", "Delete stream key")
	v.do("has", "text", "The channel has no stream key")
	v.do("press", "name", "Create stream key")
	v.do("has", "text", "The stream key was made.")
	key, err := s.ivs.ListStreamKeys(t.Context(), &ivs.ListStreamKeysInput{ChannelArn: &ch.arn})
	if err != nil || len(key.StreamKeys) != 1 {
		t.Fatalf("stream keys %s, %v", show(t, key), err)
	}
	made, err := s.ivs.GetStreamKey(t.Context(), &ivs.GetStreamKeyInput{Arn: key.StreamKeys[0].Arn})
	if err != nil || str(made.StreamKey.Value) == ch.key {
		t.Fatalf("the stream key is the one that was deleted, or %v", err)
	}

	s.kill()
	enc.left(overIn)
	v.do("has", "text", "Connection lost, trying again")
	s.args = append(s.args, "--listen", strings.TrimPrefix(s.At.Playback, "http://"))
	s.start()
	v.do("has", "text", "Live: changes appear by themselves")
	ch.key = str(made.StreamKey.Value)
	stream(t, c, ch.rtmp())
	v.do("watch")
	v.clean()
}

// TestEachScreenOfTheConsoleCanBeUsed holds every screen to the rules of axe, in
// both themes and on a small screen; in a short run, in one of these.
func TestEachScreenOfTheConsoleCanBeUsed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch := s.channel(t)
	id := ch.arn[strings.LastIndexByte(ch.arn, '/')+1:]
	enc := stream(t, encode(t, small, voice), ch.rtmp())
	session := str(ch.live().StreamId)
	v := visit(t, s)
	places := [][2]string{
		{"#/channels", "Channels"},
		{"#/channels/" + id, id},
		{"#/channels/" + id + "/sessions", "Stream sessions"},
		{"#/channels/" + id + "/sessions/" + session, "Stream session"},
		{"#/recordings", "Recordings"},
		{"#/playback-keys", "Playback keys"},
		{"#/restriction-policies", "Restriction policies"},
		{"#/recording-configurations", "Recording configurations"},
		{"#/ad-configurations", "Ad configurations"},
		{"#/access-keys", "Access keys"},
		{"#/system", "System"},
	}
	shots := os.Getenv("CONSOLE_SCREENSHOTS")
	for i, screen := range []struct {
		name  string
		dark  bool
		width int
	}{{"light", false, 1280}, {"dark", true, 1280}, {"small", false, 400}} {
		if !*soak && shots == "" && int64(i) != built.seed%3 {
			continue
		}
		v.do("open", "url", s.At.Console, "dark", screen.dark, "width", screen.width)
		look := func(pairs ...any) {
			t.Helper()
			if wrong := v.do("look", pairs...); wrong != "" {
				t.Errorf("%s: %s", screen.name, wrong)
			}
		}
		look("heading", "Sign in to openivs")
		v.do("signIn", "keys", s.root(t))
		v.do("press", "name", "Create channel")
		look("heading", "Create a channel")
		v.do("press", "form", true, "name", "Cancel")
		for _, p := range places {
			look("place", p[0], "heading", p[1])
			if shots != "" {
				name := strings.NewReplacer("#/", "", "/"+id, "-one", "/"+session, "-one", "/", "-").Replace(p[0])
				v.do("shoot", "path", filepath.Join(shots, name+"-"+screen.name+".png"))
			}
		}
	}
	v.clean()
	enc.quit()
}

// sessions puts ended sessions of a channel into the database of a server, which is
// restarted.
func (s *running) sessions(t *testing.T, ch channel, n int) {
	t.Helper()
	s.end(syscall.SIGTERM)
	key, err := seal.Load(filepath.Join(s.Data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{URL: filepath.Join(s.Data, "openivs.db"), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	arn, err := own.ParseARN(ch.arn)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now().UTC().Add(-time.Duration(n) * time.Second)
	for i := range n {
		v := own.Session{StreamID: own.NewStreamID(), Created: begun.Add(time.Duration(i) * time.Second)}
		v.Channel.Channel.ARN = arn
		if err := db.OpenSession(t.Context(), v, own.NewEvent(v, own.StreamStateChange, own.SessionCreated, v.Created)); err != nil {
			t.Fatal(err)
		}
		v.IngestEnded = v.Created.Add(time.Second / 2)
		v.Ended = v.IngestEnded
		if err := db.SaveSession(t.Context(), v, own.NewEvent(v, own.StreamStateChange, own.SessionEnded, v.Ended)); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s.start()
}

// TestTheConsoleComesAPageAtATime lists many channels and many sessions of one: what
// it asks for does not grow with them.
func TestTheConsoleComesAPageAtATime(t *testing.T) {
	t.Parallel()
	many, quota, sessions := 230, "5000", 230
	if *soak {
		many, quota, sessions = 10_000, "20000", 100_000
	}
	s := serve(t, "--quota-channels", quota)
	for i := range many {
		if _, err := s.ivs.CreateChannel(t.Context(), &ivs.CreateChannelInput{Name: aws.String(fmt.Sprintf("c-%05d", i))}); err != nil {
			t.Fatal(err)
		}
	}
	busy := s.channel(t, named("busy"))
	s.sessions(t, busy, sessions)
	v := visit(t, s)
	v.do("open", "url", s.At.Console)
	v.do("signIn", "keys", s.root(t))
	v.do("has", "text", "(100+)")
	v.do("press", "name", "Next page")
	v.do("has", "text", "(100+)")
	last := fmt.Sprintf("c-%05d", many-1)
	v.do("fill", "label", "Find channels", "text", last)
	v.do("press", "name", "Look for the name “"+last+"” among all channels")
	if n := v.do("rows", "text", last); n != "1" {
		t.Errorf("%s channels have the name %s", n, last)
	}
	v.do("goto", "place", "#/channels/"+busy.arn[strings.LastIndexByte(busy.arn, '/')+1:]+"/sessions")
	for range 2 {
		v.do("has", "text", "(100+)")
		v.do("press", "name", "Next page")
	}
	v.do("press", "role", "link", "name", v.do("first"))
	v.do("has", "text", "Session Ended")
	var seen struct{ Requests int }
	if err := json.Unmarshal([]byte(v.do("report")), &seen); err != nil || seen.Requests > 60 {
		t.Errorf("%d requests were sent, %v", seen.Requests, err)
	}
	v.clean()
}

// TestTheConsoleIsSmall holds the first page to its size.
func TestTheConsoleIsSmall(t *testing.T) {
	t.Parallel()
	s := serve(t)
	_, _, page := fetch(t, s.At.Console)
	const most = 1 << 20
	total := 0
	for _, m := range regexp.MustCompile(`(?:src|href)="(/console/[^"]+)"`).FindAllStringSubmatch(page, -1) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(s.At.Console, "/console/")+m[1], nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", "gzip")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK || answer.ContentLength <= 0 {
			t.Errorf("%s: %s, %d bytes", m[1], answer.Status, answer.ContentLength)
		}
		total += int(answer.ContentLength)
	}
	if total == 0 || total > most {
		t.Errorf("the first page has %d bytes compressed, want 1 to %d", total, most)
	}
}

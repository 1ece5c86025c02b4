package operator_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"openivs/internal/api/restjson"
	"openivs/internal/event"
	"openivs/internal/inject"
	"openivs/internal/ivs"
	"openivs/internal/operator"
	"openivs/internal/seal"
	"openivs/internal/store"
)

// A desk is a handler on a database of its own, with one sink.
type desk struct {
	*operator.Handler
	db   *store.DB
	who  restjson.Identity
	deny []string // "ACTION RESOURCE" that are refused
	sent []string
	stop chan struct{}
}

// sinks are those of a dispatcher that does not run.
type sinks struct {
	*store.DB
	d *desk
}

func (sinks) Statuses() []event.Status {
	return []event.Status{{Name: "crm", Kind: "webhook", Cursor: 2, Oldest: noon(), Delivered: 7, Retried: 1, Trouble: "it is away", TroubleAt: noon()}}
}

func (s sinks) Replay(ctx context.Context, sink string, position int64) error {
	return s.MoveSink(ctx, sink, position)
}

func (s sinks) Resend(_ context.Context, l ivs.DeadLetter) error {
	if l.Reason == "for ever" {
		return errors.New("no")
	}
	s.d.sent = append(s.d.sent, l.EventID)
	return nil
}

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func newDesk(t *testing.T) *desk {
	t.Helper()
	key, err := seal.New(make([]byte, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{URL: filepath.Join(t.TempDir(), "openivs.db"), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &desk{db: db, who: restjson.Identity{AccessKey: "AKIA"}, stop: make(chan struct{})}
	d.Handler = &operator.Handler{
		Authenticate: func(r *http.Request, _ []byte) (restjson.Identity, error) {
			if r.Header.Get("Authorization") == "" {
				return restjson.Identity{}, restjson.Fault{Name: "MissingAuthenticationTokenException", Status: 403, Message: "sign it"}
			}
			return d.who, nil
		},
		Authorize: func(_ context.Context, who restjson.Identity, action, resource string) error {
			if who != d.who || slices.Contains(d.deny, action+" "+resource) {
				return ivs.Errorf(ivs.Denied, "not %s on %s", action, resource)
			}
			return nil
		},
		Region: "us-east-1", Account: "123456789012",
		Events: db, Sinks: sinks{db, d}, Log: slog.New(slog.DiscardHandler), Stopping: d.stop,
	}
	return d
}

// channel stores a channel on which a stream came and went.
func (d *desk) channel(t *testing.T, id string) ivs.ARN {
	t.Helper()
	arn := ivs.ARN{Service: "ivs", Region: "us-east-1", Account: "123456789012", Kind: ivs.KindChannel, ID: id}
	ch := ivs.Channel{ARN: arn, Tags: ivs.Tags{}, SRTPassphrase: ivs.NewPassphrase()}
	err := d.db.CreateChannel(t.Context(), ch, ivs.NewStreamKey(arn, ivs.Tags{}), 100)
	if err != nil {
		t.Fatal(err)
	}
	s := ivs.Session{StreamID: ivs.NewStreamID(), Channel: ivs.Addresses{}.Snapshot(ch), Created: noon()}
	err = d.db.OpenSession(t.Context(), s, ivs.NewEvent(s, ivs.StreamStateChange, ivs.SessionCreated, noon()))
	if err != nil {
		t.Fatal(err)
	}
	s.Ended = noon().Add(time.Minute)
	err = d.db.SaveSession(t.Context(), s, ivs.NewEvent(s, ivs.StreamHealthChange, ivs.StarvationStart, noon()), ivs.NewEvent(s, ivs.StreamStateChange, ivs.SessionEnded, s.Ended))
	if err != nil {
		t.Fatal(err)
	}
	return arn
}

// ask sends a request that is signed, and reads the answer.
func (d *desk) ask(t *testing.T, method, target, body string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(method, "/openivs/v1/"+target, strings.NewReader(body))
	r.Header.Set("Authorization", "signed")
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return w.Code, out
}

func (d *desk) want(t *testing.T, method, target, body string, status int, want string) {
	t.Helper()
	code, out := d.ask(t, method, target, body)
	got, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	if code != status || !strings.Contains(string(got), want) {
		t.Errorf("%s %s: %d %s\nwant %d with %s", method, target, code, got, status, want)
	}
}

func TestEventsArePaged(t *testing.T) {
	d := newDesk(t)
	d.channel(t, "aaaa")
	d.channel(t, "bbbb")
	for _, tt := range []struct {
		query string
		want  []string // position and name
	}{
		{"", []string{"1 Session Created", "2 Starvation Start", "3 Session Ended", "4 Session Created", "5 Starvation Start", "6 Session Ended"}},
		{"?channel=bbbb", []string{"4 Session Created", "5 Starvation Start", "6 Session Ended"}},
		{"?channel=arn:aws:ivs:us-east-1:123456789012:channel/aaaa&type=stream-state", []string{"1 Session Created", "3 Session Ended"}},
		{"?type=IVS+Stream+Health+Change", []string{"2 Starvation Start", "5 Starvation Start"}},
		{"?after=4", []string{"5 Starvation Start", "6 Session Ended"}},
		{"?since=2026-03-01T12:00:30Z", []string{"3 Session Ended", "4 Session Created", "5 Starvation Start", "6 Session Ended"}},
		{"?since=1s", nil},
	} {
		var got []string
		glue := "?"
		if tt.query != "" {
			glue = "&"
		}
		for next := tt.query + glue + "maxResults=2"; ; {
			code, out := d.ask(t, "GET", "events"+next, "")
			if code != 200 {
				t.Fatalf("%s: %d %v", next, code, out)
			}
			items := out["events"].([]any)
			if len(items) > 2 {
				t.Errorf("%s: a page has %d events", tt.query, len(items))
			}
			for _, i := range items {
				e := i.(map[string]any)
				got = append(got, fmt.Sprint(e["position"], " ", e["event"].(map[string]any)["detail"].(map[string]any)["event_name"]))
			}
			if out["next"] == nil {
				break
			}
			q := strings.NewReplacer("since", "unused", "after", "unused").Replace(tt.query)
			next = q + glue + "maxResults=2&after=" + fmt.Sprint(out["next"])
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.query, got, tt.want)
		}
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	d := newDesk(t)
	arn := d.channel(t, "aaaa").String()
	d.deny = []string{"openivs:ListEvents arn:aws:ivs:us-east-1:123456789012:channel/*", "openivs:ListSinks *"}
	d.want(t, "GET", "events?channel=aaaa", "", 200, `"position":1`)
	d.want(t, "GET", "events", "", 403, "not openivs:ListEvents")
	d.deny = append(d.deny, "openivs:ListEvents "+arn, "openivs:ReplayEvents *", "openivs:ResendDeadLetters *", "openivs:ListDeadLetters *")
	d.want(t, "GET", "events?channel=aaaa", "", 403, "Denied")
	d.want(t, "GET", "sinks", "", 403, "Denied")
	d.want(t, "POST", "sinks/crm/replay", `{"after":0}`, 403, "Denied")
	d.want(t, "POST", "sinks/crm/resend", ``, 403, "Denied")
	d.want(t, "GET", "sinks/crm/dead-letters", ``, 403, "Denied")
	d.deny = nil
	d.want(t, "GET", "events?type=x", "", 400, `type is \"x\"`)
	d.want(t, "GET", "events?since=yesterday", "", 400, "since")
	d.want(t, "GET", "events?after=-1", "", 400, "after")
	d.want(t, "GET", "events?maxResults=1001", "", 400, "maxResults")
	d.want(t, "GET", "events?channel=a%20b", "", 400, "not an IVS ARN")
	d.want(t, "POST", "sinks/none/replay", `{"after":0}`, 404, "no sink")
	d.want(t, "POST", "sinks/crm/replay", `{}`, 400, "give since")
	d.want(t, "POST", "sinks/crm/replay", `{"after":99}`, 400, "from 0 to 3")
	d.want(t, "POST", "sinks/crm/replay", `{"afther":9}`, 400, "cannot be read")
	d.want(t, "POST", "sinks/crm/replay", strings.Repeat(" ", 100_000), 400, "more than")
	d.want(t, "GET", "nothing", "", 404, "openapi.json")
	r := httptest.NewRequest("GET", "/openivs/v1/events", nil)
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if w.Code != 403 || !strings.Contains(w.Body.String(), "MissingAuthenticationTokenException") {
		t.Errorf("unsigned: %d %s", w.Code, w.Body)
	}
}

func TestSinksAreLookedAfter(t *testing.T) {
	d := newDesk(t)
	d.channel(t, "aaaa")
	if _, err := d.db.SetSinks(t.Context(), []string{"crm"}); err != nil {
		t.Fatal(err)
	}
	letter := ivs.DeadLetter{Sink: "crm", Position: 1, EventID: "id1", Channel: "arn", Body: []byte(`{"id":"id1"}`), Reason: "no", Tries: 2, At: noon()}
	if err := d.db.BuryEvent(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	d.want(t, "GET", "sinks", "", 200, `{"newest":3,"sinks":[{"behind":1,"deadLetters":1,"delivered":7,"kind":"webhook","name":"crm",`+
		`"oldest":"2026-03-01T12:00:00Z","position":2,"retried":1,"trouble":"it is away","troubleAt":"2026-03-01T12:00:00Z"}]}`)
	d.want(t, "GET", "sinks/crm/dead-letters", "", 200, `{"deadLetters":[{"at":"2026-03-01T12:00:00Z","event":{"id":"id1"},"position":1,"reason":"no","tries":2}]}`)
	letter.Position, letter.EventID, letter.Reason = 2, "id2", "for ever"
	if err := d.db.BuryEvent(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	d.want(t, "POST", "sinks/crm/resend", "", 409, "1 events were delivered")
	if !slices.Equal(d.sent, []string{"id1"}) {
		t.Errorf("resent %v", d.sent)
	}
	d.want(t, "GET", "sinks/crm/dead-letters", "", 200, `"position":2`)
	d.want(t, "POST", "sinks/crm/replay", `{"since":"2026-03-01T12:00:30Z"}`, 200, `{"after":2,"newest":3,"sink":"crm"}`)
	if at, err := d.db.SetSinks(t.Context(), []string{"crm"}); err != nil || at["crm"] != 2 {
		t.Errorf("the sink is at %v, %v", at, err)
	}
}

// faults notes what is to go wrong.
type faults []string

func (f *faults) Inject(_ context.Context, channel ivs.ARN, v inject.Fault) error {
	*f = append(*f, fmt.Sprint(channel.ID, " ", v.Kind, " ", v.For, " ", v.Limit))
	if v.Kind == inject.Disconnect {
		return ivs.Errorf(ivs.NotLive, "not live")
	}
	return nil
}

func TestFaultsAreInjectedWhereThatIsAllowed(t *testing.T) {
	d := newDesk(t)
	arn := d.channel(t, "aaaa").String()
	d.want(t, "POST", "channels/aaaa/faults", `{"fault":"starvation"}`, 403, "set fault-injection to on")
	var f faults
	d.Faults = &f
	d.want(t, "POST", "channels/aaaa/faults", `{"fault":"starvation","for":"20s"}`, 200, `{"channel":"`+arn+`","fault":"starvation"}`)
	d.want(t, "POST", "channels/aaaa/faults", `{"fault":"limit-breach","limit":"concurrent-viewers"}`, 200, "limit-breach")
	d.want(t, "POST", "channels/aaaa/faults", `{"fault":"disconnect"}`, 404, "not live")
	if want := []string{"aaaa starvation 20s ", "aaaa limit-breach 0s concurrent-viewers", "aaaa disconnect 0s "}; !slices.Equal(f, want) {
		t.Errorf("injected %q, want %q", f, want)
	}
	d.want(t, "POST", "channels/aaaa/faults", `{"fault":"starvation","for":"soon"}`, 400, "length of time")
	d.want(t, "POST", "channels/aaaa/faults", `{"fault":"starvation","for":"-1s"}`, 400, "length of time")
	d.want(t, "POST", "channels/a%20b/faults", `{"fault":"starvation"}`, 400, "not an IVS ARN")
	d.deny = []string{"openivs:InjectFault " + arn}
	d.want(t, "POST", "channels/aaaa/faults", `{"fault":"starvation"}`, 403, "openivs:InjectFault")
}

// flow opens a stream of events and returns what reads its next block.
func (d *desk) flow(t *testing.T, server *httptest.Server, query, last string) func() string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/openivs/v1/events"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "signed")
	r.Header.Set("Accept", "text/event-stream")
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s %v", answer.Status, answer.Header)
	}
	in := bufio.NewReader(answer.Body)
	return func() string {
		t.Helper()
		var block strings.Builder
		for {
			line, err := in.ReadString('\n')
			if errors.Is(err, io.EOF) {
				return "over"
			}
			if err != nil {
				t.Fatal(err)
			}
			if line == "\n" {
				return block.String()
			}
			block.WriteString(line)
		}
	}
}

func TestAStreamOfEventsGoesOnAndEndsWithTheServer(t *testing.T) {
	d := newDesk(t)
	server := httptest.NewServer(d)
	defer server.Close()
	d.channel(t, "aaaa")
	next := d.flow(t, server, "?type=stream-state", "")
	again := d.flow(t, server, "?type=stream-state&since=2026-01-01T00:00:00Z", "1")
	if got := next(); got != "retry: 2000\nid: 3\n" {
		t.Errorf("it begins with %q", got)
	}
	if got := again(); got != "retry: 2000\nid: 1\n" {
		t.Errorf("one that goes on begins with %q", got)
	}
	if got := again(); !strings.HasPrefix(got, "id: 3\nevent: stream-state\ndata: {\"version\":\"0\"") || !strings.Contains(got, "Session Ended") {
		t.Errorf("its first event is %q", got)
	}
	d.channel(t, "bbbb")
	for i, want := range []string{"Session Created", "Session Ended"} {
		if got := next(); !strings.Contains(got, want) || !strings.HasPrefix(got, fmt.Sprintf("id: %d\n", 4+2*i)) {
			t.Errorf("event %d is %q", i, got)
		}
	}
	close(d.stop)
	if got := next(); got != "over" {
		t.Errorf("after the end: %q", got)
	}
}

// The description says what there is, no more and no less.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]struct {
			ID         string `json:"operationId"`
			Action     string `json:"x-iam-action"`
			Summary    string
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(operator.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	described := map[string]string{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			described[strings.ToUpper(method)+" "+path] = op.ID
			if op.Action != "openivs:"+op.ID || op.Summary == "" {
				t.Errorf("%s is described as %+v", path, op)
			}
			for _, p := range op.Parameters {
				if p.In == "path" && !strings.Contains(path, "{"+p.Name+"}") {
					t.Errorf("%s has no %s", path, p.Name)
				}
			}
		}
	}
	for _, r := range operator.Routes() {
		if described[r.Method+" "+r.Path] != r.Action {
			t.Errorf("%s %s is %s, described as %q", r.Method, r.Path, r.Action, described[r.Method+" "+r.Path])
		}
		delete(described, r.Method+" "+r.Path)
	}
	for what := range described {
		t.Errorf("%s is described and not there", what)
	}
}

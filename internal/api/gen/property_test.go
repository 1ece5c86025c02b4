package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"openivs/internal/app"
	"openivs/internal/config"
)

// A live server is the whole program, with its database, behind its ports.
type live struct {
	m       *Model
	where   app.Endpoints
	key     aws.Credentials
	clients []*http.Client // HTTP/1.1 and HTTP/2
	calls   int
	arns    map[string]string // an existing resource of each kind, as the path of its ARN names it
}

// start runs a server without limits until the test ends.
func start(t *testing.T) *live {
	t.Helper()
	data := t.TempDir()
	flags := map[string][]string{"data": {data}, "listen": {"127.0.0.1:0"}, "srt": {"127.0.0.1:0"}, "api-rates": {"off"}}
	for _, s := range config.Settings() {
		if strings.HasPrefix(s.Name, "quota-") {
			flags[s.Name] = []string{"1000000"}
		}
	}
	cfg, err := config.Load(config.Source{Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Log(err) // how it stops is tested in package app
		}
	})
	<-a.Ready()
	id, secret, err := app.ReadCredentials(data)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(app.AuthorityFile(data))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	l := &live{m: model(t), where: a.Endpoints(), key: aws.Credentials{AccessKeyID: id, SecretAccessKey: string(secret)}, arns: map[string]string{}}
	for _, http2 := range []bool{false, true} {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: http2}
		t.Cleanup(tr.CloseIdleConnections)
		l.clients = append(l.clients, &http.Client{Transport: tr})
	}
	return l
}

// An outcome is what the server answered.
type outcome struct {
	status int
	kind   string // of the error
	body   []byte
}

// call sends the members of an input where they belong, signed.
func (l *live) call(t *testing.T, op Operation, input object) outcome {
	t.Helper()
	path, query, body := op.Path, url.Values{}, object{}
	for name, v := range input {
		member, _ := l.m.shape(op.Input).Members.Get(name)
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
		t.Fatal(err)
	}
	target := l.where.API + path
	if len(query) > 0 {
		target += "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
	}
	r, err := http.NewRequestWithContext(t.Context(), op.Method, target, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	if err := v4.NewSigner().SignHTTP(t.Context(), l.key, r, hex.EncodeToString(sum[:]), "ivs", l.where.Region, time.Now()); err != nil {
		t.Fatal(err)
	}
	l.calls++
	resp, err := l.clients[l.calls%len(l.clients)].Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out := outcome{status: resp.StatusCode, kind: resp.Header.Get("X-Amzn-Errortype")}
	if out.body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return out
}

// create makes a resource and returns its ARN.
func (l *live) create(t *testing.T, name string, input object, member string) string {
	t.Helper()
	op, _ := l.m.Operations.Get(name)
	r := l.call(t, op, input)
	var answer map[string]struct {
		ARN string `json:"arn"`
	}
	if err := json.Unmarshal(r.body, &answer); err != nil || answer[member].ARN == "" {
		t.Fatalf("%s: %d %s: %v", name, r.status, r.body, err)
	}
	return answer[member].ARN
}

// populate makes a resource of each kind.
func (l *live) populate(t *testing.T) {
	t.Helper()
	l.arns["channel"] = l.create(t, "CreateChannel", object{}, "channel")
	keyless := l.create(t, "CreateChannel", object{}, "channel")
	l.arns["stream-key"] = l.create(t, "CreateStreamKey", object{"channelArn": keyless}, "streamKey")
	l.arns["playback-restriction-policy"] = l.create(t, "CreatePlaybackRestrictionPolicy", object{}, "playbackRestrictionPolicy")
	l.arns["recording-configuration"] = l.create(t, "CreateRecordingConfiguration",
		object{"destinationConfiguration": object{"s3": object{"bucketName": "bucket"}}}, "recordingConfiguration")
	l.arns["ad-configuration"] = l.create(t, "CreateAdConfiguration", object{"mediaTailorPlaybackConfigurations": []any{
		object{"playbackConfigurationArn": "arn:aws:mediatailor:us-east-1:000000000000:playbackConfiguration/x"},
	}}, "adConfiguration")
}

// real puts an existing resource in the place of every ARN in a valid value.
func (l *live) real(v any) any {
	switch v := v.(type) {
	case string:
		for kind, arn := range l.arns {
			if strings.HasPrefix(v, "arn:") && strings.Contains(v, ":"+kind+"/") && strings.Contains(v, "vs:") {
				return arn
			}
		}
		return v
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = l.real(v[i])
		}
		return out
	case object:
		out := object{}
		for k := range v {
			out[k] = l.real(v[k])
		}
		return out
	default:
		return v
	}
}

// TestNoInputFailsTheServer sends values at and beyond every limit of the model,
// and random mixtures of them, to the whole server: what breaks a rule is
// refused for that, everything else is done or refused as the model says, and
// nothing is ever an error of the server's own.
func TestNoInputFailsTheServer(t *testing.T) {
	l := start(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const mixtures = 25 // of each operation
	begin := time.Now()
	for _, name := range l.m.Operations.Names {
		op, _ := l.m.Operations.Get(name)
		in := l.m.shape(op.Input)
		l.populate(t) // the operation before may have deleted something
		whole, _ := l.real(valid(l.m, op.Input)).(object)
		l.expect(t, name, op, whole, true)
		all := make(map[string][]value) // by member
		for _, n := range in.Members.Names {
			member, _ := in.Members.Get(n)
			required := slices.Contains(in.Required, n)
			for _, v := range append(values(l.m, member.Shape), value{"null", null, !required}) {
				if sendable(member, v.json) {
					all[n] = append(all[n], v)
					l.expect(t, name+"."+n+" is "+v.name, op, with(whole, n, v.json), v.ok)
				}
			}
			if member.In != "uri" {
				without := maps.Clone(whole)
				delete(without, n)
				l.expect(t, name+"."+n+" is absent", op, without, !required)
			}
		}
		for range mixtures {
			mixed, ok := maps.Clone(whole), true
			for _, n := range in.Members.Names {
				member, _ := in.Members.Get(n)
				switch choice := random.IntN(4); {
				case choice == 0 && len(all[n]) > 0:
					v := all[n][random.IntN(len(all[n]))]
					mixed[n], ok = v.json, ok && v.ok
				case choice == 1 && member.In != "uri":
					delete(mixed, n)
					ok = ok && !slices.Contains(in.Required, n)
				}
			}
			l.expect(t, name+" of a mixture", op, mixed, ok)
		}
	}
	t.Logf("%d requests in %v", l.calls, time.Since(begin))
}

// expect sends an input and holds the answer to the model. ok says whether the
// input keeps the model's rules.
func (l *live) expect(t *testing.T, what string, op Operation, input object, ok bool) {
	t.Helper()
	r := l.call(t, op, input)
	fail := func(why string) {
		t.Helper()
		t.Errorf("%s: %s: status %d %s: %.300s", what, why, r.status, r.kind, r.body)
	}
	switch {
	case r.status >= http.StatusInternalServerError:
		fail("the server failed")
	case r.kind == "" && (r.status != op.Status || !ok):
		fail(fmt.Sprintf("done, want status %d and an input that keeps the rules: %t", op.Status, ok))
	case r.kind != "" && !ok && r.kind != "ValidationException":
		fail("want a ValidationException")
	case r.kind != "":
		l.checkError(fail, op, r)
	case r.status != http.StatusNoContent:
		var v any
		if err := json.Unmarshal(r.body, &v); err != nil {
			fail(err.Error())
			return
		}
		if wrong := l.conforms(op.Output, v); wrong != "" {
			fail(wrong)
		}
	}
}

func (l *live) checkError(fail func(string), op Operation, r outcome) {
	var m struct{ Message, ExceptionMessage string }
	if err := json.Unmarshal(r.body, &m); err != nil || m.Message == "" || m.Message != m.ExceptionMessage {
		fail("the error has not two texts that are the same")
	}
	if !slices.Contains(op.Errors, r.kind) {
		fail("the operation does not model the error")
	} else if s := l.m.shape(r.kind); s.Error == nil || s.Error.Status != r.status {
		fail("the error has another status in the model")
	}
}

// conforms says what is wrong with an answer by its shape, "" if nothing.
func (l *live) conforms(shape string, v any) string {
	s := l.m.shape(shape)
	switch v := v.(type) {
	case object:
		if s.Type == "map" {
			return ""
		}
		for _, n := range s.Required {
			if _, there := v[n]; !there {
				return shape + "." + n + " is missing"
			}
		}
		for n, value := range v {
			member, known := s.Members.Get(n)
			if !known || s.Type != "structure" {
				return shape + " has no " + n
			}
			if wrong := l.conforms(member.Shape, value); wrong != "" {
				return wrong
			}
		}
		return ""
	case []any:
		for _, e := range v {
			if wrong := l.conforms(s.Member, e); wrong != "" {
				return wrong
			}
		}
		return map[bool]string{false: shape + " is a list"}[s.Type == "list"]
	default:
		want := map[string]string{"string": "string", "timestamp": "string", "boolean": "bool", "integer": "float64", "long": "float64"}[s.Type]
		if got := fmt.Sprintf("%T", v); got != want {
			return fmt.Sprintf("%s is %s, want %s", shape, got, want)
		}
		return ""
	}
}

package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"

	"openivs/e2e/publisher"
	"openivs/e2e/server"
	"openivs/internal/sigv4"
)

// beBare makes the test binary be the ceiling: a bare net/http server that checks
// signatures and then answers what it holds ready.
const beBare = "BE_BARE_SERVER"

const bareSecret = "secret"

// bare serves until it is killed. Its answer is as long as GetChannel's.
func bare() error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(os.Stdout, ln.Addr()); err != nil {
		return err
	}
	v := &sigv4.Verifier{
		Region: "us-east-1", Services: []string{"ivs"},
		Lookup: func(context.Context, string) (sigv4.Credential, error) {
			return sigv4.Credential{SecretAccessKey: bareSecret}, nil
		},
	}
	answer, err := json.Marshal(map[string]string{"channel": strings.Repeat("x", 850)})
	if err != nil {
		return err
	}
	return http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:gosec // a peer of our own
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = v.Verify(r, body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		_, _ = w.Write(answer)
	}))
}

// startBare starts the ceiling and returns its address and process.
func startBare(b *testing.B) (address string, pid int) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), beBare+"=1")
	cmd.SysProcAttr = server.Background()
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line), cmd.Process.Pid
}

// signed is a request as it goes over the wire, good for a quarter of an hour.
func signed(b *testing.B, host, path, body string, key aws.Credentials) []byte {
	b.Helper()
	return signedAs(b, http.MethodPost, host, path, body, key)
}

func signedAs(b *testing.B, method, host, path, body string, key aws.Credentials) []byte {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, "http://"+host+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "aws-sdk-go-v2/1.47.7 os/linux lang/go#1.26")
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(b.Context(), key, r, hex.EncodeToString(sum[:]), "ivs", "us-east-1", time.Now()); err != nil {
		b.Fatal(err)
	}
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		b.Fatal(err)
	}
	return wire.Bytes()
}

const (
	connections = 8
	perMeasure  = 40_000 // requests: processor time is counted in ticks of 10 ms
)

// ask sends requests on a few connections, each in turn from those given, and
// reports what they cost the process that answers.
func ask(b *testing.B, address string, pid, n int, requests [][]byte) (each time.Duration) {
	b.Helper()
	errs := make(chan error, connections)
	var asking sync.WaitGroup
	before, begin := used(b, pid), time.Now()
	for i := range connections {
		asking.Go(func() {
			errs <- converse(address, n/connections, func(j int) []byte { return requests[(i+j*connections)%len(requests)] })
		})
	}
	asking.Wait()
	took, cost := time.Since(begin), used(b, pid)-before
	for range connections {
		if err := <-errs; err != nil {
			b.Fatal(err)
		}
	}
	each = cost / time.Duration(n)
	b.ReportMetric(float64(cost.Microseconds())/float64(n), "server-cpu-us/op")
	b.ReportMetric(float64(n)/took.Seconds(), "requests/s")
	b.ReportMetric(0, "ns/op") // the machine is shared with whoever asks
	return each
}

// converse sends n requests on one connection, one after the other.
func converse(address string, n int, request func(i int) []byte) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for i := range n {
		if _, err := c.Write(request(i)); err != nil {
			return err
		}
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return err
		}
		if r.StatusCode/100 != 2 {
			return errors.New(r.Status)
		}
	}
	return nil
}

// BenchmarkAPI asks over HTTP, signed, with few and with many channels: every Get
// operation and one of each other sort. It holds what each costs to a bare server
// with the same check of signatures.
func BenchmarkAPI(b *testing.B) {
	address, pid := startBare(b)
	ready := [][]byte{signed(b, address, "/GetChannel", `{"arn":"arn:aws:ivs:us-east-1:000000000000:channel/abcdABCDefgh"}`,
		aws.Credentials{AccessKeyID: "AKIABARE", SecretAccessKey: bareSecret})}
	b.Run("bare", func(b *testing.B) {
		ask(b, address, pid, perMeasure/4, ready) // warm
		for b.Loop() {
			ask(b, address, pid, perMeasure, ready)
		}
	})
	for _, channels := range []int{1, 5000} {
		f := furnish(b, channels)
		for _, op := range f.operations() {
			b.Run(fmt.Sprintf("%s of %d", op.name, channels), func(b *testing.B) {
				if op.prepare != nil {
					defer op.prepare(b)()
				}
				requests := func(n int) [][]byte {
					if op.fresh != nil { // each is good once
						return f.requests(b, n, op.fresh(b, n))
					}
					return f.requests(b, min(channels, 1000), op.request)
				}
				again := requests(op.n / 4)
				ask(b, f.host, f.pid, op.n/4, again) // warm
				for b.Loop() {
					// The machine's speed drifts, so the ceiling is measured in turn.
					var ceiling, each time.Duration
					for range 4 {
						ceiling += ask(b, address, pid, perMeasure/4, ready)
						if op.fresh != nil {
							again = requests(op.n / 4)
						}
						each += ask(b, f.host, f.pid, op.n/4, again)
					}
					b.ReportMetric(float64(ceiling)/float64(each), "of-ceiling")
				}
			})
		}
	}
}

// A furnished is a server with resources of all kinds.
type furnished struct {
	server *server.Server
	api    *ivs.Client
	creds  aws.Credentials
	host   string
	pid    int

	channels, keys []string // ARNs

	policy, ads, pair, recording, streamed string // ARNs; the last is a channel that has had a stream
}

// furnish starts a server with so many channels.
func furnish(b *testing.B, channels int) *furnished {
	b.Helper()
	s := serve(b, b.TempDir(), "--quota-channels", "100000")
	api, err := s.Client(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	f := &furnished{server: s, api: api, pid: s.PID(), host: strings.TrimPrefix(s.At.Playback, "http://")}
	if f.creds, err = api.Options().Credentials.Retrieve(b.Context()); err != nil {
		b.Fatal(err)
	}
	f.channels, f.keys = fillChannels(b, api, channels)
	f.policy, f.streamed = policyAndSession(b, s, api)
	f.ads, f.pair, f.recording = others(b, api)
	return f
}

// A call is an operation to measure.
type call struct {
	name    string
	n       int // requests of a measurement
	request func(i int) (method, path, body string)

	fresh   func(b *testing.B, n int) func(i int) (method, path, body string) // nil: the same requests again
	prepare func(b *testing.B) (undo func())                                  // nil: nothing is needed
}

func (f *furnished) operations() []call {
	post := func(path string, body func(i int) string) func(int) (string, string, string) {
		return func(i int) (string, string, string) { return http.MethodPost, path, body(i) }
	}
	of := func(arn string) func(int) string { return func(int) string { return `{"arn":"` + arn + `"}` } }
	channel := func(i int) string { return `{"arn":"` + f.channels[i] + `"}` }
	return []call{
		{name: "GetChannel", n: perMeasure, request: post("/GetChannel", channel)},
		{name: "GetStreamKey", n: perMeasure, request: post("/GetStreamKey", func(i int) string { return `{"arn":"` + f.keys[i] + `"}` })},
		{name: "GetPlaybackRestrictionPolicy", n: perMeasure, request: post("/GetPlaybackRestrictionPolicy", of(f.policy))},
		{name: "GetAdConfiguration", n: perMeasure, request: post("/GetAdConfiguration", of(f.ads))},
		{name: "GetPlaybackKeyPair", n: perMeasure, request: post("/GetPlaybackKeyPair", of(f.pair))},
		{name: "GetRecordingConfiguration", n: perMeasure, request: post("/GetRecordingConfiguration", of(f.recording))},
		{name: "GetStream", n: perMeasure, prepare: f.live, request: post("/GetStream", func(int) string { return `{"channelArn":"` + f.streamed + `"}` })},
		{name: "GetStreamSession", n: perMeasure / 4, request: post("/GetStreamSession", func(int) string { return `{"channelArn":"` + f.streamed + `"}` })},
		{name: "ListChannels", n: perMeasure / 10, request: post("/ListChannels", func(int) string { return `{"maxResults":50}` })},
		{name: "BatchGetChannel", n: perMeasure / 10, request: post("/BatchGetChannel", func(i int) string {
			return `{"arns":["` + f.channels[i] + `","` + f.channels[len(f.channels)-1-i] + `"]}`
		})},
		{name: "ListTagsForResource", n: perMeasure, request: func(i int) (string, string, string) {
			return http.MethodGet, "/tags/" + url.QueryEscape(f.channels[i]), ""
		}},
		{name: "TagResource", n: perMeasure / 20, request: func(i int) (string, string, string) {
			return http.MethodPost, "/tags/" + url.QueryEscape(f.channels[i]), `{"tags":{"team":"sports"}}`
		}},
		{name: "UpdateChannel", n: perMeasure / 20, request: post("/UpdateChannel", func(i int) string { return `{"arn":"` + f.channels[i] + `","name":"n"}` })},
		{name: "CreateChannel", n: perMeasure / 20, request: post("/CreateChannel", func(int) string { return `{"name":"new"}` })},
		{name: "DeleteChannel", n: perMeasure / 20, fresh: func(b *testing.B, n int) func(int) (string, string, string) {
			b.Helper()
			doomed, _ := fillChannels(b, f.api, n)
			return post("/DeleteChannel", func(i int) string { return `{"arn":"` + doomed[i] + `"}` })
		}},
	}
}

// requests signs so many.
func (f *furnished) requests(b *testing.B, n int, request func(i int) (method, path, body string)) [][]byte {
	b.Helper()
	all := make([][]byte, n)
	for i := range all {
		method, path, body := request(i)
		all[i] = signedAs(b, method, f.host, path, body, f.creds)
	}
	return all
}

// live has a stream on the channel that has had one.
func (f *furnished) live(b *testing.B) (undo func()) {
	b.Helper()
	_, clip := encode(b)
	list, err := f.api.ListStreamKeys(b.Context(), &ivs.ListStreamKeysInput{ChannelArn: &f.streamed})
	if err != nil {
		b.Fatal(err)
	}
	key, err := f.api.GetStreamKey(b.Context(), &ivs.GetStreamKeyInput{Arn: list.StreamKeys[0].Arn})
	if err != nil {
		b.Fatal(err)
	}
	conn, err := publisher.Dial(b.Context(), f.server.At.RTMP)
	if err == nil {
		err = conn.Publish(b.Context(), aws.ToString(key.StreamKey.Value))
	}
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var playing sync.WaitGroup
	playing.Go(func() { _, _ = conn.Play(ctx, clip) }) // ends with ctx
	again, limit := time.NewTicker(200*time.Millisecond), time.After(time.Minute)
	defer again.Stop()
	for {
		if _, err := f.api.GetStream(b.Context(), &ivs.GetStreamInput{ChannelArn: &f.streamed}); err == nil {
			break
		}
		select {
		case <-again.C:
		case <-limit:
			b.Fatal("the stream does not begin")
		}
	}
	return func() {
		cancel()
		playing.Wait()
		_ = conn.Close() // the server ends the stream
	}
}

// others makes an ad configuration, a playback key pair and a recording configuration.
func others(b *testing.B, api *ivs.Client) (ads, pair, recording string) {
	b.Helper()
	a, err := api.CreateAdConfiguration(b.Context(), &ivs.CreateAdConfigurationInput{MediaTailorPlaybackConfigurations: []types.MediaTailorPlaybackConfiguration{
		{PlaybackConfigurationArn: aws.String("arn:aws:mediatailor:us-east-1:000000000000:playbackConfiguration/x")},
	}})
	if err != nil {
		b.Fatal(err)
	}
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		b.Fatal(err)
	}
	k, err := api.ImportPlaybackKeyPair(b.Context(), &ivs.ImportPlaybackKeyPairInput{
		PublicKeyMaterial: aws.String(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))),
	})
	if err != nil {
		b.Fatal(err)
	}
	r, err := api.CreateRecordingConfiguration(b.Context(), &ivs.CreateRecordingConfigurationInput{
		DestinationConfiguration: &types.DestinationConfiguration{S3: &types.S3DestinationConfiguration{BucketName: aws.String("recordings")}},
	})
	if err != nil {
		b.Fatal(err)
	}
	return aws.ToString(a.AdConfiguration.Arn), aws.ToString(k.KeyPair.Arn), aws.ToString(r.RecordingConfiguration.Arn)
}

// fillChannels makes channels through the API, many at once.
func fillChannels(b *testing.B, api *ivs.Client, n int) (arns, keys []string) {
	b.Helper()
	arns, keys = make([]string, n), make([]string, n)
	var making sync.WaitGroup
	for w := range connections {
		making.Go(func() {
			for i := w; i < n; i += connections {
				out, err := api.CreateChannel(b.Context(), &ivs.CreateChannelInput{Name: aws.String(fmt.Sprintf("channel-%d", i)), Tags: map[string]string{"team": "news"}})
				if err != nil {
					b.Error(err)
					return
				}
				arns[i], keys[i] = aws.ToString(out.Channel.Arn), aws.ToString(out.StreamKey.Arn)
			}
		})
	}
	making.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return arns, keys
}

// policyAndSession makes a playback restriction policy, and a channel that has had
// a stream.
func policyAndSession(b *testing.B, s *server.Server, api *ivs.Client) (policy, channel string) {
	b.Helper()
	p, err := api.CreatePlaybackRestrictionPolicy(b.Context(), &ivs.CreatePlaybackRestrictionPolicyInput{AllowedCountries: []string{"DE"}})
	if err != nil {
		b.Fatal(err)
	}
	c, err := api.CreateChannel(b.Context(), &ivs.CreateChannelInput{InsecureIngest: true})
	if err != nil {
		b.Fatal(err)
	}
	key := aws.ToString(c.StreamKey.Value)
	conn, err := publisher.Dial(b.Context(), s.At.RTMP)
	if err == nil {
		err = conn.Publish(b.Context(), key)
	}
	if err == nil {
		err = conn.Unpublish(key)
	}
	if err != nil {
		b.Fatal(err)
	}
	<-conn.Ended()
	return aws.ToString(p.PlaybackRestrictionPolicy.Arn), aws.ToString(c.Channel.Arn)
}

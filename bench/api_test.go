package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://"+host+path, strings.NewReader(body))
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
		if r.StatusCode != http.StatusOK {
			return errors.New(r.Status)
		}
	}
	return nil
}

// BenchmarkAPI asks over HTTP, signed, with few and with many channels, and holds
// what GetChannel costs to a bare server with the same check of signatures.
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
		s := serve(b, b.TempDir(), "--quota-channels", "10000")
		api, err := s.Client(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		arns, keys := fillChannels(b, api, channels)
		policy, streamed := policyAndSession(b, s, api)
		creds, err := api.Options().Credentials.Retrieve(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		host := strings.TrimPrefix(s.At.Playback, "http://")
		for _, op := range []struct {
			path string
			n    int
			body func(i int) string
		}{
			{"/GetChannel", perMeasure, func(i int) string { return `{"arn":"` + arns[i] + `"}` }},
			{"/GetStreamKey", perMeasure, func(i int) string { return `{"arn":"` + keys[i] + `"}` }},
			{"/GetPlaybackRestrictionPolicy", perMeasure, func(int) string { return `{"arn":"` + policy + `"}` }},
			{"/GetStreamSession", perMeasure / 4, func(int) string { return `{"channelArn":"` + streamed + `"}` }},
			{"/ListChannels", perMeasure / 10, func(int) string { return `{"maxResults":50}` }},
			{"/UpdateChannel", perMeasure / 20, func(i int) string { return `{"arn":"` + arns[i] + `","name":"n"}` }},
		} {
			b.Run(fmt.Sprintf("%s of %d", op.path[1:], channels), func(b *testing.B) {
				var requests [][]byte
				for i := range min(channels, 1000) {
					requests = append(requests, signed(b, host, op.path, op.body(i), creds))
				}
				ask(b, host, s.PID(), op.n/4, requests) // warm
				for b.Loop() {
					// The machine's speed drifts, so the ceiling is measured in turn.
					var ceiling, each time.Duration
					for range 4 {
						ceiling += ask(b, address, pid, op.n/4, ready)
						each += ask(b, host, s.PID(), op.n/4, requests)
					}
					b.ReportMetric(float64(ceiling)/float64(each), "of-ceiling")
				}
			})
		}
	}
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

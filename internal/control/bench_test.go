package control_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"openivs/internal/api/restjson"
	"openivs/internal/ivs"
	"openivs/internal/sigv4"
)

// A discard is a response that nobody reads.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

// benchmark sends one signed request over and over.
func (s *server) benchmark(b *testing.B, path, body string) {
	b.Helper()
	signatures := &sigv4.Verifier{
		Region: "us-west-2", Services: []string{"ivs"}, Skew: 24 * time.Hour,
		Lookup: func(context.Context, string) (sigv4.Credential, error) {
			return sigv4.Credential{SecretAccessKey: "secret"}, nil
		},
	}
	s.handler.Authenticate = func(r *http.Request, body []byte) (restjson.Identity, error) {
		who, err := signatures.Verify(r, body)
		return restjson.Identity{AccessKey: who.AccessKeyID}, err
	}
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	sum := sha256.Sum256([]byte(body))
	err := v4.NewSigner().SignHTTP(b.Context(), aws.Credentials{AccessKeyID: "AK", SecretAccessKey: "secret"}, r,
		hex.EncodeToString(sum[:]), "ivs", "us-west-2", time.Now())
	if err != nil {
		b.Fatal(err)
	}
	text := strings.NewReader(body)
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		text.Reset(body)
		r.Body = io.NopCloser(text)
		s.handler.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			b.Fatalf("%s answered %d", path, w.status)
		}
	}
}

// The cost of a call through SigV4, protocol and operation.
func BenchmarkOperations(b *testing.B) {
	for _, backend := range backends {
		s, v := fixed(b, backend.open(b))
		s.start(b, &v, v.Created.Add(6*time.Second))
		s.save(b, v,
			ivs.NewEvent(v, ivs.StreamHealthChange, ivs.StarvationStart, v.Created),
			ivs.NewEvent(v, ivs.StreamHealthChange, ivs.StarvationEnd, v.Created))
		for _, op := range []struct{ name, body string }{
			{"GetChannel", fmt.Sprintf(`{"arn": %q}`, fixedChannel)},
			{"GetStream", fmt.Sprintf(`{"channelArn": %q}`, fixedChannel)},
			{"GetStreamSession", fmt.Sprintf(`{"channelArn": %q, "streamId": %q}`, fixedChannel, fixedStream)},
			{"ListStreamSessions", fmt.Sprintf(`{"channelArn": %q}`, fixedChannel)},
		} {
			b.Run(op.name+"/"+backend.name, func(b *testing.B) { s.benchmark(b, "/"+op.name, op.body) })
		}
	}
}

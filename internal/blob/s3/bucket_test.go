package s3_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"openivs/internal/blob/s3"
	"openivs/internal/blob/s3/s3test"
	"openivs/internal/record/buckettest"
)

// become makes the test's AWS credentials those of an account.
func become(t *testing.T, a s3test.Account) {
	t.Helper()
	for _, kv := range a.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(name, "/dev/null")
	}
}

func open(t *testing.T, endpoint, region string) *s3.Store {
	t.Helper()
	s, err := s3.Open(t.Context(), s3.Options{Region: region, Endpoint: endpoint, PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBucket(t *testing.T) {
	become(t, s3test.Root())
	server := s3test.Start(t)
	client := server.Client(s3test.Root())
	buckettest.Run(t, func(t *testing.T) buckettest.Store {
		t.Helper()
		name := "bucket-" + strings.ToLower(strings.Map(alphanumeric, t.Name()))
		name = strings.Trim(name[:min(len(name), 63)], "-")
		server.Bucket(t, s3test.Root(), name)
		return buckettest.Store{
			Bucket: open(t, server.Endpoint, s3test.Region).Bucket(name),
			Read: func(t testing.TB, key string) ([]byte, bool) {
				t.Helper()
				out, err := client.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: &name, Key: &key})
				if _, missing := errors.AsType[*types.NoSuchKey](err); missing {
					return nil, false
				}
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(out.Body)
				if err = errors.Join(err, out.Body.Close()); err != nil {
					t.Error(err)
				}
				return body, true
			},
			Keys: func(t testing.TB) []string {
				t.Helper()
				out, err := client.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: &name})
				if err != nil {
					t.Fatal(err)
				}
				var keys []string
				for _, o := range out.Contents {
					if !strings.HasSuffix(*o.Key, "/") { // the server shows directories too
						keys = append(keys, *o.Key)
					}
				}
				return keys
			},
		}
	})
}

func alphanumeric(r rune) rune {
	if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
		return r
	}
	return '-'
}

func TestProbeSaysWhy(t *testing.T) {
	server := s3test.Start(t)
	mine, theirs := server.Account(t, "mine"), server.Account(t, "theirs")
	server.Bucket(t, mine, "my-bucket")
	server.Bucket(t, theirs, "their-bucket")
	for _, tt := range []struct {
		name, region, bucket string
		as                   s3test.Account
		want                 error
	}{
		{"mine", s3test.Region, "my-bucket", mine, nil},
		{"nobody's", s3test.Region, "missing-bucket", mine, fs.ErrNotExist},
		{"another account's", s3test.Region, "their-bucket", mine, fs.ErrPermission},
		{"a wrong secret", s3test.Region, "my-bucket", s3test.Account{AccessKey: "mine", SecretKey: "wrong"}, fs.ErrPermission},
		{"an account that is none", s3test.Region, "my-bucket", s3test.Account{AccessKey: "nobody", SecretKey: "x"}, fs.ErrPermission},
	} {
		t.Run(tt.name, func(t *testing.T) {
			become(t, tt.as)
			err := open(t, server.Endpoint, tt.region).Bucket(tt.bucket).Probe(t.Context())
			if !errors.Is(err, tt.want) {
				t.Errorf("Probe: %v, want %v beneath", err, tt.want)
			}
		})
	}
}

// What Amazon S3 and others answer that this server does not.
func TestProbeReadsAnswers(t *testing.T) {
	become(t, s3test.Root())
	const region = "eu-west-1"
	answer := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(status)
			if r.Method != http.MethodHead && status != http.StatusOK {
				_, _ = io.WriteString(w, `<Error><Code>`+code+`</Code><Message>m</Message></Error>`)
			}
		}
	}
	by := func(head, put, del http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			map[string]http.HandlerFunc{http.MethodHead: head, http.MethodPut: put, http.MethodDelete: del}[r.Method](w, r)
		}
	}
	ok, denied := answer(http.StatusOK, ""), answer(http.StatusForbidden, "AccessDenied")
	elsewhere := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amz-Bucket-Region", "us-east-2")
		ok(w, r)
	}
	for _, tt := range []struct {
		name   string
		server http.HandlerFunc
		want   error // nil: all is well
	}{
		{"all allowed", by(ok, ok, ok), nil},
		{"only writing is allowed", by(denied, ok, denied), nil},
		{"nothing is allowed", by(denied, denied, denied), fs.ErrPermission},
		{"writing is not allowed", by(ok, denied, ok), fs.ErrPermission},
		{"it is in another region", by(elsewhere, ok, ok), fs.ErrNotExist},
		{"another region redirects", by(answer(http.StatusMovedPermanently, "PermanentRedirect"), ok, ok), fs.ErrNotExist},
		{"another region knows the signature's", by(denied, answer(http.StatusBadRequest, "AuthorizationHeaderMalformed"), ok), fs.ErrNotExist},
		{"it was deleted just now", by(ok, answer(http.StatusNotFound, "NoSuchBucket"), ok), fs.ErrNotExist},
		{"its key is disabled", by(ok, answer(http.StatusBadRequest, "KMS.DisabledException"), ok), fs.ErrPermission},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(tt.server)
			defer server.Close()
			err := open(t, server.URL, region).Bucket("demo-bucket").Probe(t.Context())
			if !errors.Is(err, tt.want) {
				t.Errorf("Probe: %v, want %v beneath", err, tt.want)
			}
			reason, ok := errors.AsType[interface {
				error
				Reason() string
			}](err)
			if ofKey := strings.Contains(tt.name, "key"); ok != ofKey || ok && !strings.Contains(reason.Reason(), "KMS") {
				t.Errorf("Probe: %v, which tells a reason: %t, want that: %t", err, ok, ofKey)
			}
		})
	}
}

// A store that does not answer well is neither missing nor forbidden, and a
// probe ends with its context.
func TestHostileStores(t *testing.T) {
	become(t, s3test.Root())
	for name, handle := range map[string]func(net.Conn){
		"hangs up":        func(net.Conn) {},
		"speaks nonsense": func(c net.Conn) { _, _ = io.WriteString(c, "220 welcome\r\n") },
		"says nothing":    func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"an endless head": func(c net.Conn) { endless(c, "HTTP/1.1 200 OK\r\n", "X: "+strings.Repeat("x", 1000)+"\r\n") },
		"an endless error": func(c net.Conn) {
			endless(c, "HTTP/1.1 500 No\r\nConnection: close\r\nContent-Type: application/xml\r\n\r\n", "<a>")
		},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			go func() {
				for {
					c, err := ln.Accept()
					if err != nil {
						return
					}
					go func() {
						handle(c)
						_ = c.Close()
					}()
				}
			}()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			begin := time.Now()
			err = open(t, "http://"+ln.Addr().String(), "eu-west-1").Bucket("demo-bucket").Probe(ctx)
			if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				t.Errorf("Probe: %v, want another error", err)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func endless(c net.Conn, head, more string) {
	_, err := io.WriteString(c, head)
	for err == nil {
		_, err = io.WriteString(c, more)
	}
}

func TestEncryptedObjectsAreTaken(t *testing.T) {
	become(t, s3test.Root())
	server := s3test.Start(t)
	server.Bucket(t, s3test.Root(), "demo-bucket")
	store, err := s3.Open(t.Context(), s3.Options{Region: s3test.Region, Endpoint: server.Endpoint, PathStyle: true, Encrypt: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Bucket("demo-bucket").Put(t.Context(), "a/b", strings.NewReader("text"), 4); err != nil {
		t.Error(err)
	}
}

func TestEncryptionIsAskedForWithEachObject(t *testing.T) {
	become(t, s3test.Root())
	for encrypt, want := range map[bool]string{false: "", true: "AES256"} {
		var got []string
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				got = append(got, r.Header.Get("X-Amz-Server-Side-Encryption"))
			}
		}))
		defer server.Close()
		store, err := s3.Open(t.Context(), s3.Options{Region: s3test.Region, Endpoint: server.URL, PathStyle: true, Encrypt: encrypt})
		if err != nil {
			t.Fatal(err)
		}
		bucket := store.Bucket("demo-bucket")
		if err := errors.Join(bucket.Probe(t.Context()), bucket.Put(t.Context(), "a/b", strings.NewReader("text"), 4)); err != nil {
			t.Fatal(err)
		}
		if len(got) != 2 || got[0] != want || got[1] != want {
			t.Errorf("encryption %t: asked for %q with the probe and an object, want %q", encrypt, got, want)
		}
	}
}

// TestAStoreCanTellWhetherAnObjectArrived has the environment ask for no checksums.
func TestAStoreCanTellWhetherAnObjectArrived(t *testing.T) {
	become(t, s3test.Root())
	t.Setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("X-Amz-Checksum-Crc32"))
	}))
	defer server.Close()
	if err := open(t, server.URL, s3test.Region).Bucket("demo-bucket").Put(t.Context(), "a/b", strings.NewReader("text"), 4); err != nil {
		t.Fatal(err)
	}
	want := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte("text"))))
	if len(got) != 1 || got[0] != want {
		t.Errorf("checksums %q came with an object, want %q", got, want)
	}
}

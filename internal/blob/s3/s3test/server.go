// Package s3test starts a private S3 server for tests, versitygw on a directory,
// and takes it away again.
//
// What the buckets are used for is up to the tests.
package s3test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	startTime = 30 * time.Second
	stopTime  = 10 * time.Second
	lookAgain = 20 * time.Millisecond
)

// Region is the one that a Server stands for.
const Region = "eu-west-1"

// A Server is an S3 server that one test started.
type Server struct {
	Endpoint string

	program string
	dir     string
}

// An Account may ask a Server for things.
type Account struct{ AccessKey, SecretKey string }

// Root returns the account that may do everything.
func Root() Account { return Account{"openivs-root", "openivs-root-secret"} }

// Environ is what an AWS client reads an account from.
func (a Account) Environ() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + a.AccessKey, "AWS_SECRET_ACCESS_KEY=" + a.SecretKey, "AWS_EC2_METADATA_DISABLED=true"}
}

// Start starts a server and stops it when the test ends. It fails the test if
// the program was not built.
func Start(t testing.TB) *Server {
	t.Helper()
	program, err := find()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{program: program, dir: t.TempDir()}
	address := freeAddress(t)
	s.Endpoint = "http://" + address
	for _, dir := range []string{"iam", "meta", "data"} {
		if err := os.Mkdir(filepath.Join(s.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var said bytes.Buffer
	server := exec.Command(program, "--port", address, "--region", Region, "--quiet", "--iam-dir", filepath.Join(s.dir, "iam"),
		"posix", "--sidecar", filepath.Join(s.dir, "meta"), filepath.Join(s.dir, "data"))
	server.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+Root().AccessKey, "ROOT_SECRET_KEY="+Root().SecretKey)
	server.Stdout, server.Stderr = &said, &said
	if err := server.Start(); err != nil {
		t.Fatalf("start versitygw: %v", err)
	}
	ended := make(chan struct{})
	go func() { // the cleanup waits for it
		_ = server.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt) // an error means that it has ended
		select {
		case <-ended:
		case <-time.After(stopTime):
			_ = server.Process.Kill()
			<-ended
		}
	})
	if err := ready(t.Context(), address, ended); err != nil {
		t.Fatalf("start versitygw: %v", err)
	}
	return s
}

// find looks for the program where make setup puts it.
func find() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		program := filepath.Join(dir, ".cache", "bin", "versitygw")
		if _, err := os.Stat(program); err == nil {
			return program, nil
		}
	}
	return "", errors.New("versitygw is needed by this test and was not found: run make setup")
}

// freeAddress returns one that nobody listened on a moment ago.
func freeAddress(t testing.TB) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func ready(ctx context.Context, address string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-again.C:
		case <-ended:
			return errors.New("it ended")
		case <-ctx.Done():
			return err
		}
	}
}

// Client is one of an account.
func (s *Server) Client(a Account) *s3.Client {
	return s3.New(s3.Options{
		Region: Region, BaseEndpoint: &s.Endpoint, UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: a.AccessKey, SecretAccessKey: a.SecretKey}, nil
		}),
	})
}

// Bucket makes a bucket that belongs to an account.
func (s *Server) Bucket(t testing.TB, a Account, name string) {
	t.Helper()
	if _, err := s.Client(a).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
}

// Account makes an account that may make buckets and use its own.
func (s *Server) Account(t testing.TB, name string) Account {
	t.Helper()
	a := Account{name, name + "-secret"}
	admin := exec.CommandContext(t.Context(), s.program, "admin", "--region", Region, "--endpoint-url", s.Endpoint,
		"--access", Root().AccessKey, "--secret", Root().SecretKey,
		"create-user", "--access", a.AccessKey, "--secret", a.SecretKey, "--role", "userplus")
	if out, err := admin.CombinedOutput(); err != nil {
		t.Fatalf("make an account: %v\n%s", err, out)
	}
	return a
}

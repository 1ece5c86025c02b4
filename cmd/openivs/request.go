package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"openivs/internal/app"
	"openivs/internal/config"
	"openivs/internal/operator"
)

// A server is one that runs, as a command reaches it.
type server struct {
	where  app.Endpoints
	key    aws.Credentials
	client *http.Client
}

// maxAnswer is more than any answer of the operator's API has, in bytes.
const maxAnswer = 16 << 20

// running finds the server of a data directory.
func running(cfg *config.Config) (*server, error) {
	where, err := app.ReadEndpoints(cfg.Data)
	if errors.Is(err, app.ErrNotRunning) {
		return nil, fmt.Errorf(`%w (%s): start one with "openivs serve", or name the directory with --data`, err, cfg.Data)
	}
	if err != nil {
		return nil, err
	}
	id, secret, err := app.ReadCredentials(cfg.Data)
	if err != nil {
		return nil, err
	}
	s := &server{where: where, key: aws.Credentials{AccessKeyID: id, SecretAccessKey: string(secret)}}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	authority, err := os.ReadFile(app.AuthorityFile(cfg.Data))
	switch {
	case err == nil:
		trust.RootCAs = x509.NewCertPool()
		trust.RootCAs.AppendCertsFromPEM(authority)
	case !errors.Is(err, fs.ErrNotExist): // an operator's certificate needs none
		return nil, err
	}
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
	return s, nil
}

// send sends a signed request to the operator's API. The caller closes the
// answer's body, which is that of a success.
func (s *server) send(ctx context.Context, method, path string, query url.Values, body []byte, accept string) (*http.Response, error) {
	target := s.where.API + operator.Root + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	return s.signed(ctx, method, target, operator.SigningName, body, accept)
}

// signed sends a request that is signed for a service.
func (s *server) signed(ctx context.Context, method, target, service string, body []byte, accept string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", accept)
	sum := sha256.Sum256(body)
	err = v4.NewSigner().SignHTTP(ctx, s.key, r, hex.EncodeToString(sum[:]), service, s.where.Region, time.Now())
	if err != nil {
		return nil, err
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusOK {
		return answer, nil
	}
	defer answer.Body.Close()
	var said struct{ Code, Message string }
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(&said); err != nil || said.Message == "" {
		return nil, fmt.Errorf("the server answered %s", answer.Status)
	}
	return nil, errors.New(said.Message)
}

// ask sends a request and reads the JSON of its answer.
func (s *server) ask(ctx context.Context, method, path string, query url.Values, in, into any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	answer, err := s.send(ctx, method, path, query, body, "application/json")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(into)
}

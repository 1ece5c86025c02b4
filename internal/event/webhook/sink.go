// Package webhook posts events to a URL, signed as Standard Webhooks has it
// (standardwebhooks.com), so that receivers can use its libraries.
//
// When a message is tried again, and when it is given up, is up to package event.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"openivs/internal/event"
)

// The headers of a request.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp" // seconds since 1970
	headerSignature = "Webhook-Signature" // one or more of v1,BASE64, with spaces between
	headerSequence  = "Openivs-Sequence"  // place among the channel's events
	headerPosition  = "Openivs-Position"  // place among all events
	agent           = "openivs"

	secretPrefix = "whsec_" // base64 follows
	minSecret    = 16       // bytes
	maxAnswer    = 64 << 10 // bytes of an answer that are read, so that the connection can be used again
	maxQuote     = 200      // bytes of an answer that an error tells
)

// A Sink posts to one URL. Set the fields before the first Send and leave them
// alone afterwards.
type Sink struct {
	URL    string
	Secret Secret
	Client *http.Client // required; see NewClient
}

// Secret signs messages. It does not print.
type Secret []byte

// Format keeps it out of every fmt verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// ParseSecret reads a secret: whsec_ and base64, or any text, which is taken as
// it is.
func ParseSecret(text string) (Secret, error) {
	text = strings.TrimSpace(text)
	s := Secret(text)
	if coded, ok := strings.CutPrefix(text, secretPrefix); ok {
		var err error
		if s, err = base64.StdEncoding.DecodeString(coded); err != nil {
			return nil, errors.New("what follows " + secretPrefix + " is not base64")
		}
	}
	if len(s) < minSecret {
		return nil, fmt.Errorf("a secret has at least %d bytes, this one has %d", minSecret, len(s))
	}
	return s, nil
}

// Sign returns the signature of a message that is sent at a time.
func (s Secret) Sign(id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, s)
	fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// NewClient returns a client that follows no redirection: the URL that was set
// is the one that gets events.
func NewClient() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Send posts messages, one after the other. After one that was not taken none is
// sent.
func (s *Sink) Send(ctx context.Context, messages []event.Message) []error {
	errs := make([]error, len(messages))
	for i, m := range messages {
		if errs[i] = s.post(ctx, m); errs[i] != nil {
			for j := i + 1; j < len(errs); j++ {
				errs[j] = errs[i]
			}
			return errs
		}
	}
	return nil
}

func (s *Sink) post(ctx context.Context, m event.Message) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(m.Body))
	if err != nil {
		return &event.RefusedError{Err: err, Final: true}
	}
	at := time.Now()
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", agent)
	r.Header.Set(headerID, m.ID)
	r.Header.Set(headerTimestamp, strconv.FormatInt(at.Unix(), 10))
	r.Header.Set(headerSignature, s.Secret.Sign(m.ID, at, m.Body))
	r.Header.Set(headerSequence, strconv.FormatInt(m.Seq, 10))
	r.Header.Set(headerPosition, strconv.FormatInt(m.Position, 10))
	answer, err := s.Client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if answer.StatusCode/100 == 2 {
		return nil // it was taken, whatever became of the answer
	}
	if err != nil {
		return err
	}
	return refused(answer, text, at)
}

// refused says what an answer other than "taken" means.
func refused(answer *http.Response, text []byte, now time.Time) error {
	said := strings.TrimSpace(string(text[:min(len(text), maxQuote)]))
	r := &event.RefusedError{Err: fmt.Errorf("it answered %s: %q", answer.Status, said)}
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusGone, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		r.Final = true // of this message: the same one would be refused again
	default:
		r.After = after(answer.Header.Get("Retry-After"), now)
	}
	return r
}

// after reads a Retry-After header: seconds or a date.
func after(v string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// Close lets connections go.
func (s *Sink) Close() error {
	s.Client.CloseIdleConnections()
	return nil
}

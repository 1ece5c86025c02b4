// Package sigv4 proves who signed an HTTP request: AWS Signature Version 4 in
// the Authorization header, as every AWS SDK and the AWS CLI send it.
//
// It does not know which keys exist (Lookup says so), what a caller may do, or
// how a refusal is written to the wire: an Error carries AWS's name, status and
// text for whoever answers. Signatures in the query string are not accepted.
package sigv4

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	dateForm   = "20060102T150405Z" // X-Amz-Date, always UTC
	dayForm    = "20060102"         // the credential's date

	defaultSkew = 15 * time.Minute
)

// A Verifier checks signatures made for one region. Its fields are set before
// the first Verify; it may be used by many goroutines at a time.
type Verifier struct {
	Region   string   // the only region a credential may be scoped to
	Services []string // the signing names a credential may be scoped to

	// Lookup returns what belongs to an access key, or ErrUnknownKey. Any
	// other error is returned by Verify as it is, wrapped.
	Lookup func(ctx context.Context, accessKeyID string) (Credential, error)

	// Skew is how far a request's time may be from ours, either way; 0: 15 minutes.
	Skew time.Duration

	keys    keyCache
	buffers bufferPool
}

// An Identity is who signed a request.
type Identity struct {
	AccessKeyID string
	Service     string // the signing name the credential was scoped to
}

// Verify checks the signature of r, whose body was body. The error is an *Error
// if the request is at fault; beside an error stands what r claims, if it can be
// read.
func (v *Verifier) Verify(r *http.Request, body []byte) (Identity, error) {
	c, err := v.claim(r)
	if err != nil {
		return c.identity(), err
	}
	return c.identity(), v.checkSignature(r, body, c.auth, c.at, c.cred.SecretAccessKey)
}

// Claim does of Verify what needs no body: all but the signature.
func (v *Verifier) Claim(r *http.Request) (Identity, error) {
	c, err := v.claim(r)
	return c.identity(), err
}

// A claim is what a request says of who signed it, and what we know of them.
type claim struct {
	auth authorization
	at   time.Time
	cred Credential
}

func (c *claim) identity() Identity {
	return Identity{AccessKeyID: c.auth.accessKeyID, Service: c.auth.service}
}

func (v *Verifier) claim(r *http.Request) (c claim, err error) {
	auth, err := readAuthorization(r)
	if err != nil {
		return c, err
	}
	c.auth = auth
	if err := v.checkScope(auth); err != nil {
		return c, err
	}
	if c.at, err = requestTime(r); err != nil {
		return c, err
	}
	if err := v.checkTime(auth, c.at, time.Now()); err != nil {
		return c, err
	}
	c.cred, err = v.credential(r, auth.accessKeyID)
	return c, err
}

// checkScope holds the credential to the place this server serves.
func (v *Verifier) checkScope(a authorization) error {
	switch {
	case a.terminator != terminator:
		return refuse(WrongScope, "Credential should be scoped with a valid terminator: '%s', not '%s'.", terminator, clip(a.terminator))
	case a.region != v.Region:
		return refuse(WrongScope, "Credential should be scoped to a valid region, not '%s'. This server serves '%s'.", clip(a.region), v.Region)
	case !slices.Contains(v.Services, a.service):
		return refuse(WrongScope, "Credential should be scoped to correct service: '%s'.", strings.Join(v.Services, "' or '"))
	default:
		return nil
	}
}

// requestTime reads X-Amz-Date, or Date where that is absent.
func requestTime(r *http.Request) (time.Time, error) {
	if s := r.Header.Get("X-Amz-Date"); s != "" {
		t, err := time.Parse(dateForm, s)
		if err != nil || len(s) != len(dateForm) {
			return time.Time{}, refuse(BadDate, "Date must be in ISO-8601 'basic format'. Got '%s'.", clip(s))
		}
		return t, nil
	}
	s := r.Header.Get("Date")
	if s == "" {
		return time.Time{}, refuse(BadDate, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if t, err := time.Parse(dateForm, s); err == nil && len(s) == len(dateForm) {
		return t, nil
	}
	t, err := http.ParseTime(s)
	if err != nil {
		return time.Time{}, refuse(BadDate, "Date header is neither an HTTP date nor in ISO-8601 'basic format'. Got '%s'.", clip(s))
	}
	return t.UTC(), nil
}

// checkTime holds the request's time to the credential's date and to ours.
func (v *Verifier) checkTime(a authorization, at, now time.Time) error {
	if day := at.Format(dayForm); day != a.date {
		return refuse(WrongScope, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			clip(a.date), day, at.Format(dateForm))
	}
	skew := cmp.Or(v.Skew, defaultSkew)
	now = now.UTC().Truncate(time.Second)
	if limit := now.Add(-skew); at.Before(limit) {
		return refuse(Skewed, "Signature expired: %s is now earlier than %s (%s - %d min.)",
			at.Format(dateForm), limit.Format(dateForm), now.Format(dateForm), skew/time.Minute)
	}
	if limit := now.Add(skew); at.After(limit) {
		return refuse(Skewed, "Signature not yet current: %s is still later than %s (%s + %d min.)",
			at.Format(dateForm), limit.Format(dateForm), now.Format(dateForm), skew/time.Minute)
	}
	return nil
}

// credential finds the caller's secret and checks the session token, which must
// be exactly the one that belongs to the key, or absent if none does.
func (v *Verifier) credential(r *http.Request, id string) (Credential, error) {
	cred, err := v.Lookup(r.Context(), id)
	if errors.Is(err, ErrUnknownKey) {
		return Credential{}, refuse(UnknownKey, invalidToken)
	}
	if err != nil {
		return Credential{}, fmt.Errorf("look up access key: %w", err)
	}
	token := strings.Join(r.Header.Values("X-Amz-Security-Token"), ",")
	if subtle.ConstantTimeCompare([]byte(token), []byte(cred.SessionToken)) != 1 {
		return Credential{}, refuse(BadToken, invalidToken)
	}
	if !cred.Expires.IsZero() && !time.Now().Before(cred.Expires) {
		return Credential{}, refuse(ExpiredToken, "The security token included in the request is expired")
	}
	return cred, nil
}

// checkSignature compares the signature with the one we would have made.
func (v *Verifier) checkSignature(r *http.Request, body []byte, a authorization, at time.Time, secret Secret) error {
	var bodyHash, want [2 * sha256.Size]byte // hexadecimal
	sum := sha256.Sum256(body)
	hex.Encode(bodyHash[:], sum[:])
	if said := r.Header.Get("X-Amz-Content-Sha256"); said != "" && !strings.EqualFold(said, string(bodyHash[:])) {
		return refuse(BodyMismatch, "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}

	buf := v.buffers.get()
	defer v.buffers.put(buf)
	request, err := appendRequest((*buf)[:0], r, a.signedHeaders, bodyHash[:])
	*buf = request // grown or not, it goes back
	if err != nil {
		return err
	}
	sum = sha256.Sum256(request)

	toSign := append(request[:0], algorithm+"\n"...)
	toSign = at.AppendFormat(toSign, dateForm)
	toSign = append(toSign, '\n')
	toSign = append(toSign, a.scope...)
	toSign = append(toSign, '\n')
	toSign = hex.AppendEncode(toSign, sum[:])

	key := v.keys.signing(a, secret)
	mac := hmac.New(sha256.New, key[:])
	mac.Write(toSign)
	hex.Encode(want[:], mac.Sum(sum[:0]))
	if subtle.ConstantTimeCompare(want[:], []byte(a.signature)) != 1 {
		return refuse(BadSignature, "The request signature we calculated does not match the signature you provided. "+
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return nil
}

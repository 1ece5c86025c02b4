package e2e

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ivs"

	"openivs/e2e/server"
)

// A pair is a key pair whose public half the server may know.
type pair struct {
	private *ecdsa.PrivateKey
	arn     string // once imported
	public  string // PEM
	file    string // of the private half, PEM
}

// newPair makes a key pair.
func newPair(t *testing.T, c elliptic.Curve) *pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{private: key, file: filepath.Join(t.TempDir(), "private.pem")}
	p.public = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	if err := os.WriteFile(p.file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// pair makes a key pair and imports its public half.
func (s *running) pair(t *testing.T) *pair {
	t.Helper()
	p := newPair(t, elliptic.P384())
	out, err := s.ivs.ImportPlaybackKeyPair(t.Context(), &ivs.ImportPlaybackKeyPairInput{PublicKeyMaterial: &p.public})
	if err != nil {
		t.Fatal(err)
	}
	p.arn = str(out.KeyPair.Arn)
	return p
}

// claims are what a token says; more claims overrule them, nil takes one away.
type claims map[string]any

func (c claims) with(more claims) claims {
	out := maps.Clone(c)
	for k, v := range more {
		if out[k] = v; v == nil {
			delete(out, k)
		}
	}
	return out
}

// es384 is the header that tokens have.
var es384 = map[string]any{"alg": "ES384", "typ": "JWT"}

// A maker signs tokens.
type maker interface {
	token(t *testing.T, key *pair, header map[string]any, c claims) string
}

// A library is a program that signs tokens with a JWT library.
type library struct {
	in  io.Writer
	out *bufio.Scanner
}

func newLibrary(t *testing.T, name string, args ...string) library {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = server.Background()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	return library{in, bufio.NewScanner(out)}
}

func (l library) token(t *testing.T, key *pair, header map[string]any, c claims) string {
	t.Helper()
	text, err := os.ReadFile(key.file)
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(map[string]any{"key": string(text), "header": header, "claims": c})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	if !l.out.Scan() {
		t.Fatalf("the library has gone: %v", l.out.Err())
	}
	var answer struct{ Token string }
	if err := json.Unmarshal(l.out.Bytes(), &answer); err != nil || answer.Token == "" {
		t.Fatalf("%s: %v", l.out.Bytes(), err)
	}
	return answer.Token
}

// openssl signs tokens with the program of that name.
type openssl struct{}

func (openssl) token(t *testing.T, key *pair, header map[string]any, c claims) string {
	t.Helper()
	signed := unsigned(t, header, c)
	cmd := exec.CommandContext(t.Context(), "openssl", "dgst", "-sha384", "-sign", key.file)
	cmd.Stdin = strings.NewReader(signed)
	der, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + encoded(raw(t, der, 48))
}

// unsigned is a token without its signature.
func unsigned(t *testing.T, header, c any) string {
	t.Helper()
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return encoded(h) + "." + encoded(b)
}

func encoded(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// raw makes r and s of a signature in DER, each in a number of bytes.
func raw(t *testing.T, der []byte, size int) []byte {
	t.Helper()
	var v struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &v); err != nil || len(rest) > 0 {
		t.Fatal(err)
	}
	return append(v.R.FillBytes(make([]byte, size)), v.S.FillBytes(make([]byte, size))...)
}

// sign signs text that no library would write.
func sign(t *testing.T, key *pair, hash crypto.Hash, text string) string {
	t.Helper()
	h := hash.New()
	h.Write([]byte(text))
	der, err := key.private.Sign(rand.Reader, h.Sum(nil), hash)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encoded(raw(t, der, (key.private.Params().BitSize+7)/8))
}

// hostile are tokens that no honest maker makes.
func hostile(t *testing.T, key *pair, good string, c claims) map[string]string {
	t.Helper()
	signed, signature := good[:strings.LastIndexByte(good, '.')], good[strings.LastIndexByte(good, '.')+1:]
	body, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	mac := func(header map[string]any, secret string) string {
		text := unsigned(t, header, c)
		m := hmac.New(sha256.New, []byte(secret))
		m.Write([]byte(text))
		return text + "." + encoded(m.Sum(nil))
	}
	with := func(header, claims string) string {
		return sign(t, key, crypto.SHA384, encoded([]byte(header))+"."+encoded([]byte(claims)))
	}
	const head = `{"alg":"ES384","typ":"JWT"}`
	stranger := newPair(t, elliptic.P384())
	other := strings.Replace(string(body), `"aws:channel-arn":"`, `"aws:channel-arn":"x`, 1)
	return map[string]string{
		"alg none":                    unsigned(t, map[string]any{"alg": "none"}, c) + ".",
		"alg None and a signature":    unsigned(t, map[string]any{"alg": "None"}, c) + "." + signature,
		"HS256 with the public key":   mac(map[string]any{"alg": "HS256", "typ": "JWT"}, key.public),
		"HS384 said, HS256 done":      mac(map[string]any{"alg": "HS384"}, key.public),
		"ES384 said, HMAC done":       mac(es384, key.public),
		"ES256 on another curve":      sign(t, newPair(t, elliptic.P256()), crypto.SHA256, unsigned(t, map[string]any{"alg": "ES256"}, c)),
		"ES384 said, P-256 done":      sign(t, newPair(t, elliptic.P256()), crypto.SHA384, unsigned(t, es384, c)),
		"ES512 on another curve":      sign(t, newPair(t, elliptic.P521()), crypto.SHA512, unsigned(t, map[string]any{"alg": "ES512"}, c)),
		"alg in lower case":           with(`{"alg":"es384"}`, string(body)),
		"alg twice":                   with(`{"alg":"none","alg":"ES384"}`, string(body)),
		"no alg":                      with(`{"typ":"JWT"}`, string(body)),
		"a critical extension":        with(`{"alg":"ES384","crit":["x"],"x":1}`, string(body)),
		"a stranger's key":            sign(t, stranger, crypto.SHA384, unsigned(t, es384, c)),
		"a stranger's key, embedded":  sign(t, stranger, crypto.SHA384, unsigned(t, map[string]any{"alg": "ES384", "jwk": jwk(stranger), "kid": "x"}, c)),
		"kid is a path":               sign(t, stranger, crypto.SHA384, unsigned(t, map[string]any{"alg": "ES384", "kid": "../../../../dev/null"}, c)),
		"kid is SQL":                  sign(t, stranger, crypto.SHA384, unsigned(t, map[string]any{"alg": "ES384", "kid": "x' UNION SELECT 'k"}, c)),
		"keys from elsewhere":         sign(t, stranger, crypto.SHA384, unsigned(t, map[string]any{"alg": "ES384", "jku": "http://127.0.0.1/jwks", "x5u": "http://127.0.0.1/"}, c)),
		"a claim twice":               with(head, strings.TrimSuffix(string(body), "}")+`,"exp":9999999999}`),
		"the channel twice":           with(head, strings.Replace(other, `{`, `{"aws:channel-arn":"`+c["aws:channel-arn"].(string)+`",`, 1)),
		"something behind the claims": with(head, string(body)+`{}`),
		"claims are a list":           with(head, `[`+string(body)+`]`),
		"oversized":                   with(head, strings.TrimSuffix(string(body), "}")+`,"x":"`+strings.Repeat("x", 2048)+`"}`),
		"another's signature":         unsigned(t, es384, c.with(claims{"exp": 9_999_999_999})) + "." + signature,
		"the signature is zero":       signed + "." + encoded(make([]byte, 96)),
		"the signature is cut":        signed + "." + encoded(make([]byte, 95)),
		"the signature is DER":        signed + "." + encoded(bytes.Repeat([]byte{0x30}, 104)),
		"no signature":                signed + ".",
		"two segments":                signed,
		"four segments":               good + ".e30",
		"five segments, as if sealed": good + ".e30.e30",
		"padded":                      good + "=",
		"bits behind the signature":   good[:len(good)-1] + string(good[len(good)-1]+1),
		"not base64url":               strings.Replace(good, ".", ".+/", 1),
		"nothing but dots":            "..",
		"a word":                      "token",
	}
}

func jwk(p *pair) map[string]any {
	b, _ := p.private.PublicKey.Bytes() // a key on a curve of the library has them
	const half = 48
	return map[string]any{"kty": "EC", "crv": "P-384", "x": encoded(b[1 : 1+half]), "y": encoded(b[1+half:])}
}

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"openivs/internal/token"
)

func TestTokenSignsWhatItIsAskedFor(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "private.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.NewKeys([][]byte{public})
	if err != nil {
		t.Fatal(err)
	}
	const arn = "arn:aws:ivs:us-east-1:000000000000:channel/abcdefghijkl"
	code, out, errs := try(t, environ(), "token", "--key", file, "--channel", arn, "--origin", "https://a.example", "--origin", "https://*.b.example",
		"--strict", "--single-use", "--viewer-id", "ada", "--viewer-version", "7", "--max-resolution", "HD", "--expires", "5m")
	if code != 0 {
		t.Fatalf("%d %s", code, errs)
	}
	var v token.Verifier
	c, err := v.Verify(t.Context(), strings.TrimSpace(out), arn, keys, netip.Addr{})
	if err != nil || !c.Strict || len(c.Origins) != 2 || c.Viewer != "ada" || c.Version != 7 || c.MaxResolution != token.HD || c.SingleUse == "" {
		t.Errorf("it says %+v, %v", c, err)
	}
	code, out, _ = try(t, environ(), "token", "--key", file, "--channel", arn)
	body, err := base64.RawURLEncoding.DecodeString(strings.Split(out+"..", ".")[1])
	var plain map[string]any
	if err != nil || json.Unmarshal(body, &plain) != nil || len(plain) != 2 || code != 0 {
		t.Errorf("a plain one says %v, %v", plain, err)
	}
	for _, args := range [][]string{
		{"--key", file},
		{"--channel", arn},
		{"--key", file + "x", "--channel", arn},
		{"--key", "token_test.go", "--channel", arn},
		{"--key", file, "--channel", arn, "--single-use", "--expires", "1h"},
		{"--key", file, "--channel", arn, "--viewer-id", "ada", "--expires", "11m"},
		{"--key", file, "--channel", arn, "--origin", strings.Repeat("x", 2000)},
	} {
		if code, out, errs := try(t, environ(), append([]string{"token"}, args...)...); code == 0 || errs == "" || strings.Contains(out, "ey") {
			t.Errorf("%v: %d %q %q", args, code, out, errs)
		}
	}
}

package ivs_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"openivs/internal/ivs"
)

// A key, and its fingerprint as "openssl ec -pubin -outform DER | md5sum" says it.
const (
	publicKey = `-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEJ+JP9KxUlYkr0oQvkLTi7d6DIDX0Uoyw
PcPAf1mHUicVzRoZSNTIZPZPsbwVk0HgFKzqHsYK2+T8TyFc4brM1KJmdUC+52l8
C/pq4SJzcYamwNS1o3ITgwFDCcFh+hyE
-----END PUBLIC KEY-----`
	fingerprint = "24:6b:b2:36:4c:5d:0a:88:cc:35:54:73:0d:34:bf:08"
)

func TestParsePublicKey(t *testing.T) {
	for _, tt := range []struct{ name, text string }{
		{"as it is", publicKey},
		{"with an end of line", publicKey + "\n"},
		{"with other ends of lines", strings.ReplaceAll(publicKey, "\n", "\r\n") + "\r\n"},
		{"with blanks around it", "\n  " + publicKey + " \n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			der, got, err := ivs.ParsePublicKey(tt.text)
			if err != nil || got != fingerprint {
				t.Errorf("fingerprint %q, %v, want %q", got, err, fingerprint)
			}
			if _, err := x509.ParsePKIXPublicKey(der); err != nil {
				t.Errorf("the key: %v", err)
			}
		})
	}
}

// FuzzParsePublicKey looks that whatever is taken is one P-384 key, whose forms
// have one fingerprint.
func FuzzParsePublicKey(f *testing.F) {
	f.Add(publicKey)
	f.Add(strings.Replace(publicKey, "\n", "\nProc-Type: 4,ENCRYPTED\n\n", 1))
	f.Add(publicKey + publicKey)
	f.Add("-----BEGIN PUBLIC KEY-----")
	f.Add("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----")
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			f.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
		f.Add(string(pem.EncodeToMemory(&pem.Block{Type: "EC PUBLIC KEY", Bytes: der})))
		f.Add(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: append(der, 0)})))
	}
	f.Fuzz(func(t *testing.T, text string) {
		der, print, err := ivs.ParsePublicKey(text)
		if err != nil {
			if ivs.CodeOf(err) != ivs.Invalid {
				t.Errorf("code %q: %v", ivs.CodeOf(err), err)
			}
			return
		}
		key, err := x509.ParsePKIXPublicKey(der)
		if ec, ok := key.(*ecdsa.PublicKey); err != nil || !ok || ec.Curve != elliptic.P384() {
			t.Fatalf("taken: %T, %v", key, err)
		}
		again, same, err := ivs.ParsePublicKey(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
		if err != nil || same != print || !bytes.Equal(again, der) || len(print) != 16*3-1 {
			t.Errorf("its own form has fingerprint %q, %v, want %q", same, err, print)
		}
	})
}

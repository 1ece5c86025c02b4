package srt

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/trace"
)

const hidden = "correct-horse-battery-staple"

// A witness is a gate that lets everybody in and keeps the account.
type witness struct {
	pubs chan *publication
	log  *trace.Log
}

func (w *witness) Admit(_ context.Context, r ingest.Request) (ingest.Publication, error) {
	if r.Unlock != nil {
		if err := r.Unlock(hidden); err != nil {
			return nil, ivs.Errorf(ivs.Denied, "the passphrase is wrong")
		}
	}
	r.Trace.Join(w.log) // without a word of what is secret
	p := &publication{done: make(chan struct{}), came: make(chan struct{}), ended: make(chan error, 1)}
	w.pubs <- p
	return p, nil
}

// TestTheAccountTellsWhatWasSaidWithoutTheKey puts a key and a passphrase wherever a
// stream id has room for them.
func TestTheAccountTellsWhatWasSaidWithoutTheKey(t *testing.T) {
	const key = "sk_us-east-1_AbCdEfGhIjKl_0123456789abcdef"
	for _, tc := range []struct{ name, id, passphrase, want string }{
		{"a key", key, hidden, "encrypted with a passphrase"},
		{"a query", key + "?" + key + "&priority=7&passphrase=" + hidden, "", "arguments: priority=7, 2 others"},
		{"the standard form", "#!::u=" + key + ",priority=3,m=publish,passphrase=" + hidden + "," + key + "=1", "", "in the form #!::; a key of 42 characters; arguments: priority=3, 2 others"},
		{"a path", "live/" + key + "/" + key, "", "without a passphrase"},
		{"a key as priority", "#!::r=" + key + ",priority=" + key, "", "arguments: priority=42 characters"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := &witness{make(chan *publication, 1), trace.New()}
			ln, err := Listen("127.0.0.1:0", 0)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			served := make(chan error, 1)
			s := &Server{Gate: w, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
			go func() { served <- s.Serve(ctx, ln) }()
			defer func() {
				cancel()
				if err := <-served; err != nil {
					t.Error(err)
				}
			}()
			c, err := dial(t, ln.Addr().String(), tc.id, tc.passphrase)
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			if err := end(t, <-w.pubs); err != nil {
				t.Fatal(err)
			}
			a, _ := w.log.Account()
			var b strings.Builder
			for _, e := range a.Entries {
				fmt.Fprintf(&b, "%s: %s\n", e.What, e.Text)
			}
			got := b.String()
			for _, secret := range []string{key, hidden} {
				for i := 0; i+10 <= len(secret); i++ {
					if strings.Contains(got, secret[i:i+10]) {
						t.Fatalf("%q is in the account:\n%s", secret[i:i+10], got)
					}
				}
			}
			for _, want := range []string{tc.want, "connected: from 127.0.0.1:", "accepted: packets are held back for 120 ms", "disconnected: the encoder ended the stream; "} {
				if !strings.Contains(got, want) {
					t.Errorf("it does not tell %q:\n%s", want, got)
				}
			}
		})
	}
}

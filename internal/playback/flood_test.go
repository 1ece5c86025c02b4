package playback_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A besieged is a private channel behind a socket. Who asks says where from.
type besieged struct {
	*club
	http    *httptest.Server
	good    string       // a path with a token that others are forged from
	forged  atomic.Int64 // tokens so far
	refused atomic.Int64 // of them, that were verified and found to be bad
}

func newBesieged(t *testing.T) *besieged {
	t.Helper()
	b := &besieged{club: newClub(t, true, nil)}
	b.open(t, "st-1")
	b.good = b.token(t, nil)
	b.server.From = func(r *http.Request) netip.Addr {
		from, _ := netip.ParseAddr(r.Header.Get("X-From"))
		return from
	}
	b.http = httptest.NewServer(b.server)
	t.Cleanup(b.http.Close)
	return b
}

// get asks over a connection of a client's own.
func (b *besieged) get(ctx context.Context, client *http.Client, from, path string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.http.URL+path, nil)
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("X-From", from)
	resp, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// forge sends bad tokens from an address, each once the one before is answered.
// It calls found when the first was verified.
func (b *besieged) forge(ctx context.Context, from string, found func()) {
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	for tell := sync.OnceFunc(found); ctx.Err() == nil; {
		path := b.good[:len(b.good)-12] + fmt.Sprintf("%08dAAAA", b.forged.Add(1))
		if _, body, _ := b.get(ctx, client, from, path); strings.Contains(body, "signature is invalid") {
			b.refused.Add(1)
			tell()
		}
	}
}

// TestAFloodOfBadTokensKeepsNobodyOut has bad tokens come from many addresses.
// Viewers who are in notice nothing, and those with new tokens are verified before
// the bad ones that wait already.
func TestAFloodOfBadTokensKeepsNobodyOut(t *testing.T) {
	const forgers, newcomers = 60, 9
	b := newBesieged(t)
	ctx, stop := context.WithCancel(t.Context())
	var all, begun sync.WaitGroup
	defer all.Wait()
	defer stop()
	for i := range 2 {
		path := b.follow(t, b.token(t, map[string]any{"n": i}))
		all.Go(func() {
			polls := 0
			for ; ctx.Err() == nil; polls++ {
				status, body, err := b.get(ctx, b.http.Client(), "192.0.2.1", path)
				if ctx.Err() == nil && (err != nil || status != http.StatusOK) {
					t.Errorf("poll %d of a viewer who is in: %d %s, %v", polls, status, body, err)
				}
			}
			if polls < newcomers {
				t.Errorf("a viewer who is in was answered %d times", polls)
			}
		})
	}
	begun.Add(forgers)
	for i := range forgers {
		all.Go(func() { b.forge(ctx, fmt.Sprintf("10.0.0.%d", i), begun.Done) })
	}
	begun.Wait()
	var before []int64 // of each newcomer: the bad tokens that were verified first
	for i := range newcomers {
		path, count := b.token(t, map[string]any{"new": i}), b.refused.Load()
		status, body, err := b.get(ctx, b.http.Client(), fmt.Sprintf("203.0.113.%d", i), path)
		if err != nil || status != http.StatusOK {
			t.Errorf("newcomer %d: %d %s, %v", i, status, body, err)
		}
		before = append(before, b.refused.Load()-count)
	}
	slices.Sort(before)
	t.Logf("bad tokens that went before newcomers, of %d: %v", forgers, before)
	if typical := before[newcomers/2]; typical > forgers/3 {
		t.Errorf("%d bad tokens of the %d that were waiting went before a newcomer", typical, forgers)
	}
}

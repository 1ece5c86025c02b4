package operator

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"openivs/internal/api/restjson"
	"openivs/internal/ivs"
)

const (
	maxLinks = 16 // that wait to be used
	linkFor  = time.Minute
	// signedInFor is how long the keys of a link work.
	signedInFor = 12 * time.Hour
)

// Temporary makes keys for who uses a link: they may do what the access key may
// that made the link.
type Temporary interface {
	TemporaryKey(ctx context.Context, accessKey string, last time.Duration) (Keys, error)
}

// Keys are what requests are signed with.
type Keys struct {
	ID      string
	Secret  ivs.Secret
	Token   ivs.Secret
	Expires time.Time
}

// links are those that nobody has used yet, by the hash of their codes.
type links struct {
	mu      sync.Mutex
	waiting map[[sha256.Size]byte]link
}

type link struct {
	by    restjson.Identity
	until time.Time
}

// add returns the code of a new link.
func (l *links) add(by restjson.Identity, now time.Time) (string, time.Time, error) {
	code, until := rand.Text(), now.Add(linkFor)
	l.mu.Lock()
	defer l.mu.Unlock()
	for sum, w := range l.waiting {
		if !now.Before(w.until) {
			delete(l.waiting, sum)
		}
	}
	if len(l.waiting) >= maxLinks {
		return "", until, ivs.Errorf(ivs.Unavailable, "%d links to sign in wait to be used, and no more are allowed: try again in a minute", maxLinks)
	}
	if l.waiting == nil {
		l.waiting = make(map[[sha256.Size]byte]link)
	}
	l.waiting[sha256.Sum256([]byte(code))] = link{by, until}
	return code, until, nil
}

// take returns who made a link. It is gone then.
func (l *links) take(code string, now time.Time) (restjson.Identity, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sum := sha256.Sum256([]byte(code))
	w, ok := l.waiting[sum]
	delete(l.waiting, sum)
	return w.by, ok && now.Before(w.until)
}

// createLink makes a link by which a browser on this machine signs in once.
func (h *Handler) createLink(x *exchange) (any, error) {
	if err := h.may(x, everything); err != nil {
		return nil, err
	}
	if err := fromHere(x.r); err != nil {
		return nil, err
	}
	code, until, err := h.links.add(x.caller, time.Now())
	if err != nil {
		return nil, err
	}
	return map[string]any{"code": code, "expires": until.UTC()}, nil
}

// useLink exchanges the code of a link for keys.
func (h *Handler) useLink(x *exchange) (any, error) {
	if err := fromHere(x.r); err != nil {
		return nil, err
	}
	var in struct {
		Code string `json:"code"`
	}
	if err := x.input(&in); err != nil {
		return nil, err
	}
	by, ok := h.links.take(in.Code, time.Now())
	if !ok {
		return nil, ivs.Errorf(ivs.Denied, "the link was used before, or is older than %v: run openivs console again", linkFor)
	}
	k, err := h.Temporary.TemporaryKey(x.r.Context(), by.AccessKey, signedInFor)
	if err != nil {
		return nil, err
	}
	return map[string]any{"accessKeyId": k.ID, "secretAccessKey": string(k.Secret), "sessionToken": string(k.Token), "expires": k.Expires}, nil
}

// fromHere refuses who is on another machine, or may be: a proxy on this one
// speaks for others.
func fromHere(r *http.Request) error {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || !addr.Unmap().IsLoopback() || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
		return ivs.Errorf(ivs.Denied, "links to sign in are for browsers on the server's own machine: sign in with an access key")
	}
	return nil
}

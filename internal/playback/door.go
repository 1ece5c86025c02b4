package playback

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/token"
)

// Rules are what the API holds about who may watch.
type Rules interface {
	// KeyPairs returns the keys whose tokens are good.
	KeyPairs(ctx context.Context) ([]ivs.PlaybackKeyPair, error)

	// Restriction returns a playback restriction policy.
	Restriction(ctx context.Context, arn ivs.ARN) (ivs.RestrictionPolicy, error)

	// UseToken notes that a token for one use, which runs out at a time, was
	// used on a channel, and reports whether that was the first time.
	UseToken(ctx context.Context, channel ivs.ARN, id string, until time.Time) (bool, error)
}

// A pass is what somebody is let in with at a channel's playback URL.
type pass struct {
	rights rights
	once   string    // id of a token for one use; "": none
	until  time.Time // when that runs out
}

// enter decides who is let in at a channel's playback URL.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, ch *ivs.Channel) (pass, failure) {
	switch {
	case ch.Authorized:
		return s.byToken(w, r, ch.ARN)
	case ch.Restricted():
		return s.byPolicy(w, r, ch.Restriction)
	default:
		return pass{}, 0
	}
}

// byToken lets in who has a token for a private channel.
func (s *Server) byToken(w http.ResponseWriter, r *http.Request, channel ivs.ARN) (pass, failure) {
	text := tokenOf(r.URL.RawQuery)
	if text == "" {
		return pass{}, badToken
	}
	keys, err := s.keys.current(r.Context(), s.Rules)
	if err != nil {
		return pass{}, s.trouble(r, channel, err)
	}
	c, err := s.tokens.Verify(r.Context(), text, channel.String(), keys, s.from(r))
	if err != nil {
		return pass{}, faultOf(err)
	}
	p := pass{once: c.SingleUse, until: time.Unix(c.Expires, 0)}
	p.rights = rights{private: true, viewer: strings.ReplaceAll(c.Viewer, "\x00", ""), version: c.Version, most: edgeOf(c.MaxResolution)}
	return p, s.restrict(w, r, &p.rights, c.Origins, c.Strict)
}

// byPolicy lets in who a restriction policy does. A country that is not known
// is allowed.
func (s *Server) byPolicy(w http.ResponseWriter, r *http.Request, arn ivs.ARN) (pass, failure) {
	policy, err := s.Rules.Restriction(r.Context(), arn)
	if err != nil {
		return pass{}, s.trouble(r, arn, err)
	}
	if len(policy.Countries) > 0 && s.Country != nil {
		if country := s.Country(s.from(r)); country != "" && !slices.Contains(policy.Countries, country) {
			return pass{}, geoblocked
		}
	}
	p := pass{rights: rights{policed: true}}
	return p, s.restrict(w, r, &p.rights, policy.Origins, policy.Strict)
}

// restrict looks whether a request comes from one of some origins, none for
// any. If not strict, only browsers need to say where they come from.
func (s *Server) restrict(w http.ResponseWriter, r *http.Request, to *rights, origins []string, strict bool) failure {
	if strict {
		to.strict, to.origins = true, origins
	}
	if !to.fit() {
		return tokenClaims
	}
	if len(origins) == 0 && !strict || !strict && r.Header.Get("Origin") == "" {
		return 0
	}
	if !s.fromOrigin(w, r, origins) {
		return badOrigin
	}
	return 0
}

// use takes the one use of a token, if it has only one.
func (s *Server) use(r *http.Request, channel ivs.ARN, p pass) failure {
	if p.once == "" || r.Method != http.MethodGet {
		return 0
	}
	first, err := s.Rules.UseToken(r.Context(), channel, p.once, p.until)
	switch {
	case err != nil:
		return s.trouble(r, channel, err)
	case !first:
		return tokenUsed
	}
	return 0
}

// trouble logs why the rules about a resource could not be asked.
func (s *Server) trouble(r *http.Request, resource ivs.ARN, err error) failure {
	if r.Context().Err() == nil {
		s.Log.ErrorContext(r.Context(), "the rules about a viewer could not be looked up", "resource", resource, "err", err)
	}
	return unavailable
}

// from returns the address of who sent a request.
func (s *Server) from(r *http.Request) netip.Addr {
	if s.From != nil {
		return s.From(r)
	}
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // of a test
	}
	return a.Addr()
}

// tokenOf returns the token of a query. Players add their own query before and
// after it, with a second question mark too, and people paste white space.
func tokenOf(query string) string {
	if len(query) > maxQuery {
		return ""
	}
	for field := range strings.FieldsFuncSeq(query, func(c rune) bool { return c == '&' || c == '?' }) {
		name, value, _ := strings.Cut(field, "=")
		if unescape(name) != "token" {
			continue
		}
		if text := unescape(value); text != "" {
			return text
		}
	}
	return ""
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		s = plain
	}
	return strings.TrimSpace(s)
}

// edgeOf is the shorter edge of the largest picture of a token's resolution.
func edgeOf(resolution string) int {
	switch resolution {
	case token.SD:
		return 480
	case token.HD:
		return 720
	case token.FullHD:
		return 1080
	default:
		return 0
	}
}

// faultOf is the failure that a token's verification ends in.
func faultOf(err error) failure {
	if errors.Is(err, token.ErrTooMany) {
		return tooManyBad
	}
	fault, _ := errors.AsType[token.FaultError](err)
	for f := range originRequired {
		if fault != "" && tokenFault(f) == fault {
			return f
		}
	}
	return unavailable
}

// A keyring keeps public keys in the form that tokens are verified with.
type keyring struct{ last atomic.Pointer[ring] }

type ring struct {
	names string // fingerprints
	keys  *token.Keys
}

// current returns the keys that are good now.
func (k *keyring) current(ctx context.Context, rules Rules) (*token.Keys, error) {
	pairs, err := rules.KeyPairs(ctx)
	if err != nil {
		return nil, err
	}
	var names strings.Builder
	list := make([][]byte, len(pairs))
	for i, p := range pairs {
		names.WriteString(p.Fingerprint)
		list[i] = p.PublicKey
	}
	if r := k.last.Load(); r != nil && r.names == names.String() {
		return r.keys, nil
	}
	keys, err := token.NewKeys(list)
	if err != nil {
		return nil, err
	}
	k.last.Store(&ring{names: names.String(), keys: keys})
	return keys, nil
}

package token

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxStrictOrigins = 5
	maxViewer        = 40   // characters of a viewer's id
	maxAdParameters  = 1000 // bytes

	// A token for one use, or of a viewer who can be shut out, is good for
	// shortLife at most. clockSkew is how far ahead the clock of its maker may be.
	shortLife = 10 * time.Minute
	clockSkew = 30 * time.Second
)

// The resolutions that a token can limit a viewer to.
const (
	SD     = "SD"
	HD     = "HD"
	FullHD = "FULL_HD"
)

// Claims are what a token says. Those about ads are checked and left alone.
type Claims struct {
	Channel       string   // ARN
	Expires       int64    // seconds since 1970, perhaps very far away
	Origins       []string // from where it may be watched; none: from everywhere
	Strict        bool     // every request needs one of the origins
	SingleUse     string   // UUID in lower case; "": it may be used again
	Viewer        string   // "": it cannot be revoked
	Version       int64    // of the viewer's session
	MaxResolution string   // "": no limit

	notBefore int64
}

// readClaims reads the claims of a token and checks each by itself.
func readClaims(raw []byte) (Claims, error) {
	m, err := object(raw)
	if err != nil {
		return Claims{}, err
	}
	c := Claims{notBefore: -maxSeconds}
	var origins string
	expires, isTime := m.seconds("exp", &c.Expires)
	_, isStart := m.seconds("nbf", &c.notBefore)
	ok := m.text("aws:channel-arn", &c.Channel) && c.Channel != "" && expires && isTime && isStart &&
		m.text("aws:access-control-allow-origin", &origins) &&
		m.truth("aws:strict-origin-enforcement", &c.Strict) &&
		m.text("aws:single-use-uuid", &c.SingleUse) &&
		m.text("aws:viewer-id", &c.Viewer) && utf8.RuneCountInString(c.Viewer) <= maxViewer &&
		m.whole("aws:viewer-session-version", &c.Version) &&
		m.text("aws:maximum-resolution", &c.MaxResolution) &&
		slices.Contains([]string{"", SD, HD, FullHD}, c.MaxResolution) && m.checkAds()
	if !ok {
		return Claims{}, ErrBadClaims
	}
	for o := range strings.SplitSeq(origins, ",") {
		if o = strings.TrimSpace(o); o != "" {
			c.Origins = append(c.Origins, o)
		}
	}
	if c.Strict && len(c.Origins) > maxStrictOrigins {
		return Claims{}, ErrBadClaims
	}
	if _, single := m["aws:single-use-uuid"]; single {
		if c.SingleUse = strings.ToLower(c.SingleUse); !isUUID(c.SingleUse) {
			return Claims{}, ErrBadClaims
		}
	}
	return c, nil
}

// checkAds checks the claims that are about ads.
func (m members) checkAds() bool {
	var out bool
	var config, reporting string
	if !m.truth("aws:ads-opt-out", &out) || !m.text("aws:ads-playback-config-name", &config) || !m.text("aws:ads-reporting-mode", &reporting) {
		return false
	}
	if p, there := m["aws:ads-player-params"]; there && (len(p) > maxAdParameters || p[0] != '{') {
		return false
	}
	return slices.Contains([]string{"", "CLIENT", "SERVER"}, reporting)
}

// isUUID reports whether s is a UUID in lower case (RFC 9562, 4), of any version.
func isUUID(s string) bool {
	const form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	if len(s) != len(form) {
		return false
	}
	for i := range len(s) {
		hex := s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'f'
		if (form[i] == 'x') != hex || form[i] == '-' && s[i] != '-' {
			return false
		}
	}
	return true
}

// check looks whether a token with these claims begins a session on a channel
// now. Milliseconds for exp are a time far ahead.
func (c *Claims) check(channel string, now time.Time) error {
	at := now.Unix()
	switch {
	case c.Channel != channel:
		return ErrOtherPlace
	case at >= c.Expires:
		return ErrExpired
	case at+int64(clockSkew/time.Second) < c.notBefore:
		return ErrNotYet
	case (c.SingleUse != "" || c.Viewer != "") && c.Expires > at+int64((shortLife+clockSkew)/time.Second):
		return ErrTooLongGood
	}
	return nil
}

package sigv4

import (
	"net/http"
	"slices"
	"strings"
)

// Limits on what is read before the caller is known.
const (
	maxAuthorization = 4 << 10  // bytes of the Authorization header
	maxSignedHeaders = 64       // names in SignedHeaders
	maxSignedValues  = 64 << 10 // bytes of all signed header values; session tokens are the long ones
	maxTarget        = 96 << 10 // bytes of path and query: 50 tag keys of 128 characters, percent-encoded
	maxParameters    = 128      // parameters of a query
	maxEcho          = 64       // bytes of the request repeated in a message
)

// An authorization is what an Authorization header says. Its strings are parts
// of the header.
type authorization struct {
	accessKeyID string
	scope       string // date/region/service/terminator
	date        string // YYYYMMDD
	region      string
	service     string
	terminator  string

	signedHeaders string // lower case, separated by semicolons
	signature     string // hexadecimal
}

// readAuthorization reads the one Authorization header of r.
func readAuthorization(r *http.Request) (authorization, error) {
	values := r.Header["Authorization"]
	switch {
	case len(values) == 0 || values[0] == "":
		return authorization{}, refuse(NoAuthorization, "Missing Authentication Token")
	case len(values) > 1:
		return authorization{}, refuse(Malformed, "There must be one Authorization header, not %d.", len(values))
	}
	return parseAuthorization(values[0])
}

func parseAuthorization(header string) (authorization, error) {
	if len(header) > maxAuthorization {
		return authorization{}, refuse(Malformed, "Authorization header has %d bytes, at most %d are accepted.", len(header), maxAuthorization)
	}
	name, rest, _ := strings.Cut(header, " ")
	if name != algorithm {
		return authorization{}, refuse(Malformed, "Unsupported AWS 'algorithm': '%s', only '%s' is accepted.", clip(name), algorithm)
	}
	var a authorization
	var credential string
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, ",")
		part = strings.TrimSpace(part)
		key, value, ok := strings.Cut(part, "=")
		if !ok {
			return authorization{}, refuse(Malformed, "Invalid key=value pair (missing equal-sign) in Authorization header: '%s'.", clip(part))
		}
		var into *string
		switch key {
		case "Credential":
			into = &credential
		case "SignedHeaders":
			into = &a.signedHeaders
		case "Signature":
			into = &a.signature
		default:
			return authorization{}, refuse(Malformed, "Authorization header has an unknown parameter '%s'.", clip(key))
		}
		if *into != "" {
			return authorization{}, refuse(Malformed, "Authorization header has '%s' twice.", key)
		}
		*into = value
	}
	if err := a.complete(credential); err != nil {
		return authorization{}, err
	}
	return a, a.checkHeaders()
}

// complete names what is missing, and takes the credential apart.
func (a *authorization) complete(credential string) error {
	var missing []string
	for _, p := range [...]struct{ name, value string }{
		{"Credential", credential}, {"Signature", a.signature}, {"SignedHeaders", a.signedHeaders},
	} {
		if p.value == "" {
			missing = append(missing, "Authorization header requires '"+p.name+"' parameter.")
		}
	}
	if missing != nil {
		return refuse(Malformed, "%s", strings.Join(missing, " "))
	}

	var ok bool
	if a.accessKeyID, a.scope, ok = strings.Cut(credential, "/"); ok && strings.Count(a.scope, "/") == 3 {
		rest := a.scope
		a.date, rest, _ = strings.Cut(rest, "/")
		a.region, rest, _ = strings.Cut(rest, "/")
		a.service, a.terminator, _ = strings.Cut(rest, "/")
	}
	if a.accessKeyID == "" || a.date == "" || a.region == "" || a.service == "" || a.terminator == "" {
		return refuse(Malformed, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'.", clip(credential))
	}
	if len(a.region) > maxEcho || len(a.service) > maxEcho || len(a.terminator) > maxEcho || len(a.date) > maxEcho {
		return refuse(Malformed, "An element of the Credential has more than %d characters.", maxEcho)
	}
	return nil
}

// checkHeaders holds SignedHeaders to its form: lower-case names, host among them.
func (a *authorization) checkHeaders() error {
	if n := strings.Count(a.signedHeaders, ";") + 1; n > maxSignedHeaders {
		return refuse(Malformed, "SignedHeaders names %d headers, at most %d are accepted.", n, maxSignedHeaders)
	}
	var seen [maxSignedHeaders]string
	names := seen[:0]
	for name := range strings.SplitSeq(a.signedHeaders, ";") {
		if !headerName(name) {
			return refuse(Malformed, "SignedHeaders has '%s', which is not a lower-case header name.", clip(name))
		}
		if slices.Contains(names, name) {
			return refuse(Malformed, "SignedHeaders has '%s' twice.", clip(name))
		}
		names = append(names, name)
	}
	if !slices.Contains(names, "host") {
		return refuse(Unsigned, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	return nil
}

// headerName reports whether s is a field name (RFC 9110, 5.1) in lower case.
func headerName(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~"
	for i := range len(s) {
		if strings.IndexByte(letters, s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// clip shortens what is repeated to the caller.
func clip(s string) string {
	if len(s) <= maxEcho {
		return strings.ToValidUTF8(s, "?")
	}
	return strings.ToValidUTF8(s[:maxEcho], "?") + "..."
}

package sigv4

import (
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// appendRequest appends the canonical form of r to b: the text whose hash is
// signed (Signature Version 4, "Create a canonical request"). bodyHash is
// hexadecimal.
func appendRequest(b []byte, r *http.Request, signedHeaders string, bodyHash []byte) ([]byte, error) {
	path, query := target(r)
	if n := len(path) + len(query); n > maxTarget {
		return b, refuse(TooLarge, "The request target has %d bytes, at most %d are accepted.", n, maxTarget)
	}
	b = append(b, r.Method...)
	b = append(b, '\n')
	// The path is encoded once more as it came: %3A becomes %253A.
	b = appendEscaped(b, path, true)
	b = append(b, '\n')
	b, err := appendQuery(b, query)
	if err != nil {
		return b, err
	}
	b = append(b, '\n')
	b, err = appendHeaders(b, r, signedHeaders)
	if err != nil {
		return b, err
	}
	b = append(b, '\n')
	b = append(b, signedHeaders...)
	b = append(b, '\n')
	return append(b, bodyHash...), nil
}

// target returns path and query as they were on the request line, not decoded.
func target(r *http.Request) (path, query string) {
	path, query = r.URL.EscapedPath(), r.URL.RawQuery
	if strings.HasPrefix(r.RequestURI, "/") {
		path, query, _ = strings.Cut(r.RequestURI, "?")
	}
	if path == "" {
		path = "/"
	}
	return path, query
}

type parameter struct{ name, value string } // encoded

// appendQuery appends the parameters of a query, encoded anew and sorted by
// name, then by value.
func appendQuery(b []byte, raw string) ([]byte, error) {
	if raw == "" {
		return b, nil
	}
	if n := strings.Count(raw, "&") + 1; n > maxParameters {
		return b, refuse(TooLarge, "The query has %d parameters, at most %d are accepted.", n, maxParameters)
	}
	var some [8]parameter
	params := some[:0]
	var scratch []byte
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		var p parameter
		var err error
		if p.name, err = reencode(&scratch, name); err != nil {
			return b, err
		}
		if p.value, err = reencode(&scratch, value); err != nil {
			return b, err
		}
		params = append(params, p)
	}
	slices.SortFunc(params, func(x, y parameter) int {
		if x.name != y.name {
			return strings.Compare(x.name, y.name)
		}
		return strings.Compare(x.value, y.value)
	})
	for i, p := range params {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, p.name...)
		b = append(b, '=')
		b = append(b, p.value...)
	}
	return b, nil
}

// reencode undoes one percent-encoding and applies ours.
func reencode(scratch *[]byte, s string) (string, error) {
	plain, err := url.QueryUnescape(s)
	if err != nil {
		return "", refuse(BadTarget, "The query has an invalid percent-encoding: '%s'.", clip(s))
	}
	*scratch = appendEscaped((*scratch)[:0], plain, false)
	return string(*scratch), nil
}

// appendHeaders appends "name:value\n" for each signed header.
func appendHeaders(b []byte, r *http.Request, signedHeaders string) ([]byte, error) {
	room := maxSignedValues
	for name := range strings.SplitSeq(signedHeaders, ";") {
		b = append(b, name...)
		b = append(b, ':')
		for i, value := range headerValues(r, name) {
			if room -= len(value); room < 0 {
				return b, refuse(TooLarge, "The signed headers have more than %d bytes.", maxSignedValues)
			}
			if i > 0 {
				b = append(b, ',')
			}
			b = appendTrimmed(b, value)
		}
		b = append(b, '\n')
	}
	return b, nil
}

// headerValues returns the values of a header by its lower-case name, also of
// the two that net/http keeps elsewhere.
func headerValues(r *http.Request, name string) []string {
	switch name {
	case "host":
		return []string{r.Host}
	case "content-length":
		if v := r.Header["Content-Length"]; v != nil {
			return v
		}
		return []string{strconv.FormatInt(max(r.ContentLength, 0), 10)}
	default:
		return r.Header[textproto.CanonicalMIMEHeaderKey(name)]
	}
}

// appendTrimmed appends s without spaces at its ends, and with one where there
// were several.
func appendTrimmed(b []byte, s string) []byte {
	start, gap := len(b), false
	for i := range len(s) {
		if s[i] == ' ' || s[i] == '\t' {
			gap = true
			continue
		}
		if gap && len(b) > start {
			b = append(b, ' ')
		}
		gap = false
		b = append(b, s[i])
	}
	return b
}

// appendEscaped appends s with everything but unreserved characters
// (RFC 3986, 2.3) percent-encoded, and slashes too unless they are kept.
func appendEscaped(b []byte, s string, keepSlash bool) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~', c == '/' && keepSlash:
			b = append(b, c)
		default:
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}

// A bufferPool lends scratch space for canonical requests. Its zero value is
// ready for use.
type bufferPool struct{ pool sync.Pool }

const (
	newBuffer  = 1 << 10 // bytes; most canonical requests are shorter
	keepBuffer = 8 << 10 // bytes; a longer buffer is not kept
)

func (p *bufferPool) get() *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, newBuffer)
	return &b
}

func (p *bufferPool) put(b *[]byte) {
	if cap(*b) <= keepBuffer {
		p.pool.Put(b)
	}
}

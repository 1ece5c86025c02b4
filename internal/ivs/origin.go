package ivs

import "strings"

// OriginAllowed reports whether an origin, as browsers send it, is one of a list
// in which * stands for any, and https://*.example.com for all hosts below
// example.com, at any depth, but not for example.com itself. The port of a
// scheme that is written out is the same as none.
func OriginAllowed(list []string, origin string) bool {
	if origin == "" {
		return false
	}
	scheme, host := splitOrigin(origin)
	for _, pattern := range list {
		if pattern == "*" {
			return true
		}
		s, h := splitOrigin(pattern)
		if s != scheme {
			continue
		}
		below, wild := strings.CutPrefix(h, "*.")
		if h == host || wild && below != "" && strings.HasSuffix(host, "."+below) && len(host) > len(below)+1 {
			return true
		}
	}
	return false
}

// splitOrigin returns the parts of an origin, fit to be compared.
func splitOrigin(s string) (scheme, host string) {
	scheme, host, _ = strings.Cut(strings.ToLower(s), "://")
	switch scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return scheme, strings.TrimSuffix(host, "/")
}

package trace

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

const (
	// maxWord is the longest word from outside that is shown where a key may
	// stand by mistake: keys are longer.
	maxWord = 10

	// maxSaid is the longest that is shown of what an encoder says of itself.
	maxSaid = 100
)

// Word shows a word from outside, where an encoder that is set wrongly may have
// put a key: only if it is too short for one.
func Word(s string) string {
	if s == "" {
		return "nothing"
	}
	if len(s) > maxWord || strings.Trim(s, letters+"-_.") != "" {
		return fmt.Sprintf("%d characters", len(s))
	}
	return s
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// Said shows what an encoder says of itself, such as its name. What does not
// print, and what could hide a secret from being found, becomes a question mark.
func Said(s string) string {
	if s == "" {
		return "nothing"
	}
	if len(s) > maxSaid {
		return fmt.Sprintf("%d characters", len(s))
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' || r == '%' {
			return '?'
		}
		return r
	}, s)
}

// Path shows a path, each part as a Word, and how many arguments follow it.
func Path(s string) string {
	path, query, asked := strings.Cut(s, "?")
	if path == "" && !asked {
		return ""
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) > 3 {
		return fmt.Sprintf("%d parts", len(parts))
	}
	for i, p := range parts {
		if parts[i] = Word(p); parts[i] != p {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	out := strings.Join(parts, "/")
	if asked {
		out += fmt.Sprintf("?(%d characters)", len(query))
	}
	return out
}

// Address shows a URL: its scheme and host, and its path as Path does.
func Address(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || Word(scheme) != scheme {
		return fmt.Sprintf("%d characters", len(s))
	}
	host, path, _ := strings.Cut(rest, "/")
	if _, after, user := strings.Cut(host, "@"); user {
		host = after
	}
	if len(host) > maxSaid || strings.Trim(host, letters+"-.:[]") != "" {
		host = fmt.Sprintf("(%d characters)", len(host))
	}
	return scheme + "://" + host + "/" + Path(path)
}

// Arguments shows those arguments that are known, if they are short, and how many
// others there are.
func Arguments(q url.Values, known ...string) string {
	if len(q) == 0 {
		return "no arguments"
	}
	var out []string
	others := 0
	for name := range q {
		if slices.Contains(known, name) {
			out = append(out, name+"="+Word(q.Get(name)))
		} else {
			others++
		}
	}
	slices.Sort(out)
	if others > 0 {
		out = append(out, fmt.Sprintf("%d others", others))
	}
	return "arguments: " + strings.Join(out, ", ")
}

// Host shows an address without its port.
func Host(remote string) string {
	if h, _, err := net.SplitHostPort(remote); err == nil {
		return h
	}
	return remote
}

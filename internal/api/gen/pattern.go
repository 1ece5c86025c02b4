package main

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// matcher writes the body of a function that matches all of s against a pattern
// of the model. It knows alternatives of sequences of literals and of classes,
// repeated or not, and refuses patterns that would have to try more than one way.
func matcher(pattern string) (string, error) {
	var all []string
	for alternative := range strings.SplitSeq(pattern, "|") {
		text := strings.TrimSuffix(strings.TrimPrefix(alternative, "^"), "$")
		re, err := syntax.Parse(text, syntax.Perl)
		if err != nil {
			return "", fmt.Errorf("pattern %q: %w", pattern, err)
		}
		steps, err := chain(re, text)
		if err != nil {
			return "", fmt.Errorf("pattern %q: %w", pattern, err)
		}
		if len(steps) == 0 {
			all = append(all, `s == ""`)
			continue
		}
		all = append(all, "restjson.Match(s)."+strings.Join(steps, ".")+".Done()")
	}
	return "return " + strings.Join(all, " || "), nil
}

// chain is a sequence as calls of restjson.Text.
func chain(re *syntax.Regexp, text string) ([]string, error) {
	parts := flatten(re)
	var out []string
	for i, part := range parts {
		switch part.Op {
		case syntax.OpLiteral:
			out = append(out, fmt.Sprintf("Literal(%q)", string(part.Rune)))
		case syntax.OpCharClass:
			c, tables, err := class(part, text)
			if err != nil || tables != "" {
				return nil, errors.Join(err, errors.New("a single character must be ASCII"))
			}
			out = append(out, fmt.Sprintf("One(%s)", c))
		case syntax.OpPlus, syntax.OpStar:
			least := 0
			if part.Op == syntax.OpPlus {
				least = 1
			}
			c, tables, err := class(part.Sub[0], text)
			if err != nil {
				return nil, err
			}
			if i+1 < len(parts) && overlap(part.Sub[0], parts[i+1]) {
				return nil, errors.New("a repeated class is followed by what it may contain")
			}
			if tables != "" {
				out = append(out, fmt.Sprintf("ManyIn(%s, %d%s)", c, least, tables))
			} else {
				out = append(out, fmt.Sprintf("Many(%s, %d)", c, least))
			}
		default:
			return nil, fmt.Errorf("%s is not known here", part)
		}
	}
	return out, nil
}

// flatten returns the parts of a sequence, without groups.
func flatten(re *syntax.Regexp) []*syntax.Regexp {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return nil
	case syntax.OpCapture:
		return flatten(re.Sub[0])
	case syntax.OpConcat:
		var out []*syntax.Regexp
		for _, s := range re.Sub {
			out = append(out, flatten(s)...)
		}
		return out
	default:
		return []*syntax.Regexp{re}
	}
}

// categoryName finds the Unicode categories that a pattern names.
var categoryName = regexp.MustCompile(`\\p\{([A-Z][a-z]?)\}`)

// class writes a class as a restjson.Class and, if it goes beyond ASCII, as the
// tables of Unicode that are in it.
func class(re *syntax.Regexp, text string) (ascii, tables string, err error) {
	if re.Op != syntax.OpCharClass {
		return "", "", fmt.Errorf("%s is not a class", re)
	}
	var bits [2]uint64
	for r := range rune(utf8.RuneSelf) {
		if has(re, r) {
			bits[r>>6] |= 1 << (r & 63)
		}
	}
	ascii = fmt.Sprintf("restjson.Class{%#x, %#x}", bits[0], bits[1])
	if re.Rune[len(re.Rune)-1] < utf8.RuneSelf {
		return ascii, "", nil
	}
	var named strings.Builder
	for _, m := range categoryName.FindAllStringSubmatch(text, -1) {
		named.WriteString(m[0])
		tables += ", unicode." + m[1]
	}
	only, err := syntax.Parse("["+named.String()+"]", syntax.Perl)
	if err != nil || !slices.Equal(beyondASCII(only.Rune), beyondASCII(re.Rune)) {
		return "", "", fmt.Errorf("%s: beyond ASCII only categories are known here", re)
	}
	return ascii, tables, nil
}

// beyondASCII cuts what is ASCII off the ranges of a class.
func beyondASCII(ranges []rune) []rune {
	var out []rune
	for i := 0; i+1 < len(ranges); i += 2 {
		if ranges[i+1] >= utf8.RuneSelf {
			out = append(out, max(ranges[i], utf8.RuneSelf), ranges[i+1])
		}
	}
	return out
}

func has(re *syntax.Regexp, r rune) bool {
	for i := 0; i+1 < len(re.Rune); i += 2 {
		if re.Rune[i] <= r && r <= re.Rune[i+1] {
			return true
		}
	}
	return false
}

// overlap reports whether next may begin with a character of class.
func overlap(class, next *syntax.Regexp) bool {
	switch next.Op {
	case syntax.OpLiteral:
		return has(class, next.Rune[0])
	default:
		return true
	}
}

func join(values []string) string { return strings.Join(values, ", ") }

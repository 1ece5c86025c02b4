package restjson

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Violation is a rule of the model that a member breaks. Generated code makes
// one at the value and names the members around it on the way out.
type Violation struct {
	path string // such as .s3.bucketName
	rule string
}

// In says that the value belongs to a member.
func (v *Violation) In(member string) *Violation {
	v.path = "." + member + v.path
	return v
}

// At says that the value is the i-th element of a list.
func (v *Violation) At(i int) *Violation {
	v.path = "[" + strconv.Itoa(i) + "]" + v.path
	return v
}

// ofKey says that the value is a key of a map.
func (v *Violation) ofKey(key string) *Violation {
	v.path = " key " + quote(key) + v.path
	return v
}

// of says that the value belongs to the key of a map.
func (v *Violation) of(key string) *Violation {
	v.path = "[" + quote(key) + "]" + v.path
	return v
}

// Entries holds the keys and values of a map to rules; nil is no rule. Of several
// violations it returns that of the first key in order.
func Entries(m map[string]string, key, value func(string) *Violation) *Violation {
	var first *Violation
	var at string
	for k, e := range m {
		if first != nil && k > at {
			continue
		}
		if key != nil {
			if v := key(k); v != nil {
				first, at = v.ofKey(k), k
				continue
			}
		}
		if value != nil {
			if v := value(e); v != nil {
				first, at = v.of(k), k
			}
		}
	}
	return first
}

// fault says which operation was asked.
func (v *Violation) fault(operation string) Fault {
	return Invalid(operation + v.path + " " + v.rule)
}

// maxQuoted is how much of a client's own text a message repeats, in bytes.
const maxQuoted = 64

func quote(s string) string {
	if len(s) > maxQuoted {
		s = strings.ToValidUTF8(s[:maxQuoted], "") + "…"
	}
	return strconv.Quote(s)
}

func missing() *Violation { return &Violation{rule: "is a required attribute"} }

// Length holds the number of characters of s to a rule. A negative most is no limit.
func Length[S ~string](s S, least, most int) *Violation {
	if most >= 0 && len(s) <= most && (len(s) > 0 && least <= 1 || least == 0) {
		return nil // no character is shorter than a byte
	}
	return bounded(utf8.RuneCountInString(string(s)), least, most, "characters")
}

// Count holds the number of elements of a list or entries of a map to a rule.
// A negative most is no limit.
func Count(n, least, most int) *Violation { return bounded(n, least, most, "elements") }

func bounded(n, least, most int, what string) *Violation {
	switch {
	case n < least:
		return &Violation{rule: "has " + strconv.Itoa(n) + " " + what + ", at least " + strconv.Itoa(least) + " are needed"}
	case most >= 0 && n > most:
		return &Violation{rule: "has " + strconv.Itoa(n) + " " + what + ", at most " + strconv.Itoa(most) + " are allowed"}
	default:
		return nil
	}
}

// AtLeast holds a number to a rule.
func AtLeast[N ~int | ~int64](n, least N) *Violation {
	if n >= least {
		return nil
	}
	return &Violation{rule: "is " + strconv.FormatInt(int64(n), 10) + ", must be at least " + strconv.FormatInt(int64(least), 10)}
}

// AtMost holds a number to a rule.
func AtMost[N ~int | ~int64](n, most N) *Violation {
	if n <= most {
		return nil
	}
	return &Violation{rule: "is " + strconv.FormatInt(int64(n), 10) + ", must be at most " + strconv.FormatInt(int64(most), 10)}
}

// Unmatched is the violation of a pattern.
func Unmatched(pattern string) *Violation { return &Violation{rule: "must match " + pattern} }

// NotOneOf is the violation of an enum.
func NotOneOf(values string) *Violation { return &Violation{rule: "must be one of " + values} }

package restjson

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text is what a pattern has not matched yet. Generated code writes a pattern
// as a chain: Text(s).Literal("sk_").Many(digits, 1).Done().
type Text struct {
	rest   string
	failed bool
}

// Class is a set of ASCII characters, a bit for each.
type Class [2]uint64

func (c Class) has(b byte) bool { return b < utf8.RuneSelf && c[b>>6]>>(b&63)&1 != 0 }

// Match begins to match all of s.
func Match(s string) Text { return Text{rest: s} }

// Literal matches a string.
func (t Text) Literal(s string) Text {
	rest, ok := strings.CutPrefix(t.rest, s)
	return Text{rest: rest, failed: t.failed || !ok}
}

// One matches one character of a class.
func (t Text) One(c Class) Text {
	if t.rest == "" || !c.has(t.rest[0]) {
		return Text{failed: true}
	}
	t.rest = t.rest[1:]
	return t
}

// Many matches as many characters of a class as there are, at least some.
func (t Text) Many(c Class, least int) Text {
	n := 0
	for n < len(t.rest) && c.has(t.rest[n]) {
		n++
	}
	return Text{rest: t.rest[n:], failed: t.failed || n < least}
}

// ManyIn is Many for a class that has characters of Unicode's categories too.
func (t Text) ManyIn(c Class, least int, tables ...*unicode.RangeTable) Text {
	n, size := 0, 0
	for n < len(t.rest) {
		if c.has(t.rest[n]) {
			size++
			n++
			continue
		}
		r, width := utf8.DecodeRuneInString(t.rest[n:])
		if r < utf8.RuneSelf || !unicode.In(r, tables...) {
			break
		}
		size++
		n += width
	}
	return Text{rest: t.rest[n:], failed: t.failed || size < least}
}

// Done reports whether everything matched and nothing is left.
func (t Text) Done() bool { return !t.failed && t.rest == "" }

package restjson

import (
	"bytes"
	"slices"
)

// maxMembers is the most members of an object that are looked through for two of
// one name. No object of an API has as many.
const maxMembers = 1000

// A span is a member of an object: its name, and where it stands.
type span struct {
	name       []byte
	begin, end int
}

// lastMembers returns a JSON value in which each object has no two members of one
// name: of those it keeps the last. It reports whether there were any. Objects that
// nest deeper than those of a model are left as they are, and so is what is no JSON.
func lastMembers(data []byte) ([]byte, bool) {
	r := thinner{scanner: scanner{data: data}}
	out := r.last(make([]byte, 0, len(data)), 0)
	r.space()
	if r.broken != "" || r.at < len(data) || !r.found {
		return nil, false
	}
	return out, true
}

// A thinner takes members out that are given again.
type thinner struct {
	scanner
	found bool
}

// last copies a value to dst, but for earlier members of a name.
func (r *thinner) last(dst []byte, depth int) []byte {
	begin := r.at
	r.space()
	switch c := r.peek(); {
	case depth == maxPath || c != '{' && c != '[':
		r.skip()
		return append(dst, r.data[begin:r.at]...)
	case c == '{':
		spans := r.members()
		if r.broken != "" {
			return dst
		}
		end := r.at
		dst = r.kept(append(dst, r.data[begin:bytes.IndexByte(r.data[begin:], '{')+begin+1]...), spans, depth)
		r.at = end
		return append(dst, '}')
	default:
		r.at++
		dst = append(dst, r.data[begin:r.at]...)
		for first := true; r.broken == ""; first = false {
			begin = r.at
			if r.space(); r.peek() == ']' {
				r.at++
				return append(dst, r.data[begin:r.at]...)
			}
			if !first {
				if r.peek() != ',' {
					r.fail("a comma or a bracket is missing")
					return dst
				}
				r.at++
			}
			dst = r.last(append(dst, r.data[begin:r.at]...), depth+1)
		}
		return dst
	}
}

// members reads an object and returns where its members stand.
func (r *thinner) members() []span {
	var spans []span
	r.at++
	for r.broken == "" {
		r.space()
		switch c := r.peek(); {
		case c == '}':
			r.at++
			return spans
		case len(spans) == maxMembers:
			r.fail("an object has too many members to look through")
		case len(spans) > 0 && c == ',':
			r.at++
			r.space()
		case len(spans) > 0:
			r.fail("a comma or a bracket is missing")
		}
		m := span{begin: r.at}
		if m.name = r.name(); r.copied {
			m.name = bytes.Clone(m.name) // or the next string would overwrite it
		}
		r.skip()
		m.end = r.at
		spans = append(spans, m)
	}
	return nil
}

// kept copies the last member of each name, in their order.
func (r *thinner) kept(dst []byte, spans []span, depth int) []byte {
	byName := slices.Clone(spans)
	slices.SortStableFunc(byName, func(a, b span) int { return bytes.Compare(a.name, b.name) })
	var last []span
	for i, m := range byName {
		if i+1 == len(byName) || !bytes.Equal(m.name, byName[i+1].name) {
			last = append(last, m)
		}
	}
	r.found = r.found || len(last) < len(spans)
	slices.SortFunc(last, func(a, b span) int { return a.begin - b.begin })
	for i, m := range last {
		if i > 0 {
			dst = append(dst, ',')
		}
		r.at = m.begin
		r.name()
		dst = r.last(append(dst, r.data[m.begin:r.at]...), depth+1)
	}
	return dst
}

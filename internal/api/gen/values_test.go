package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// A value is JSON for a shape, and whether the shape's rules allow it.
type value struct {
	name string
	json any
	ok   bool
}

// object is a JSON object.
type object = map[string]any

// null is JSON's null, as opposed to nothing.
var null = raw("null")

// valid is a value that a shape's rules allow, with every member it has.
func valid(m *Model, shape string) any {
	s := m.shape(shape)
	switch s.Type {
	case "structure":
		o := object{}
		for _, n := range s.Members.Names {
			member, _ := s.Members.Get(n)
			o[n] = valid(m, member.Shape)
		}
		return o
	case "list":
		return []any{valid(m, s.Member)}
	case "map":
		return object{valid(m, s.Key).(string): valid(m, s.Value)}
	case "boolean":
		return true
	case "integer", "long":
		if s.Min != nil {
			return *s.Min
		}
		return int64(0)
	default:
		if len(s.Enum) > 0 {
			return s.Enum[0]
		}
		return text(s, max(1, least(s)))
	}
}

func least(s Shape) int {
	if s.Min == nil {
		return 0
	}
	return int(*s.Min)
}

// text is a string of n characters, or of as few more as the pattern needs.
func text(s Shape, n int) string {
	if s.Pattern == "" {
		return strings.Repeat("é", n)
	}
	alternatives := strings.Split(s.Pattern, "|")
	last := strings.TrimSuffix(strings.TrimPrefix(alternatives[len(alternatives)-1], "^"), "$")
	re, err := syntax.Parse(last, syntax.Perl)
	if err != nil {
		panic(err)
	}
	var b strings.Builder
	for _, part := range flatten(re) {
		switch part.Op {
		case syntax.OpLiteral:
			b.WriteString(string(part.Rune))
		case syntax.OpCharClass:
			b.WriteRune(part.Rune[0])
		default: // repeated
			b.WriteRune(part.Sub[0].Rune[1])
		}
	}
	out := b.String()
	if missing := n - utf8.RuneCountInString(out); missing > 0 {
		_, size := utf8.DecodeLastRuneInString(out)
		out += strings.Repeat(out[len(out)-size:], missing)
	}
	return out
}

// longest is a string that takes as many bytes as the shape allows.
func longest(s Shape) string {
	if letters := strings.Repeat("𠀀", int(*s.Max)); len(s.Enum) == 0 && (s.Pattern == "" || whole(s.Pattern).MatchString(letters)) {
		return letters
	}
	return text(s, int(*s.Max))
}

// values are values at and beyond the limits of a shape, of every wrong type
// too. Those of what a shape is made of are among them.
func values(m *Model, shape string) []value {
	s := m.shape(shape)
	switch s.Type {
	case "structure":
		return structures(m, s)
	case "list":
		return lists(m, s)
	case "map":
		return mapValues(m, s)
	case "boolean":
		return append(wrong("boolean"), value{"true", true, true}, value{"false", false, true})
	case "integer", "long":
		return integers(s)
	default:
		return stringValues(s)
	}
}

// wrong are values of every type but one.
func wrong(right string) []value {
	all := map[string][]any{
		"string":    {"", "true", "1"},
		"boolean":   {true, false},
		"integer":   {0, 1, -1},
		"list":      {[]any{}, []any{1}},
		"structure": {object{}, object{"a": 1}},
	}
	delete(all, right)
	out := []value{{"a fraction", 1.5, false}}
	for _, t := range slices.Sorted(maps.Keys(all)) {
		for _, v := range all[t] {
			out = append(out, value{fmt.Sprintf("the %s %#v", t, v), v, false})
		}
	}
	return out
}

func integers(s Shape) []value {
	out := wrong("integer")
	lo, hi := int64(-1)<<31, int64(1)<<31-1
	if s.Type == "long" {
		lo, hi = -1<<63, 1<<63-1
	}
	out = append(out, value{"an exponent", raw("1e1"), false}, value{"far too much", raw("123456789012345678901234567890"), false})
	if s.Min != nil {
		lo = *s.Min
		out = append(out, value{"below the minimum", lo - 1, false})
	}
	if s.Max != nil {
		hi = *s.Max
		out = append(out, value{"above the maximum", hi + 1, false})
	}
	return append(out, value{"the minimum", lo, true}, value{"the maximum", hi, true})
}

// raw is JSON as it stands.
type raw = json.RawMessage

func stringValues(s Shape) []value {
	out := wrong("string")
	if len(s.Enum) > 0 {
		for _, e := range s.Enum {
			out = append(out, value{e, e, true}, value{"lower case", strings.ToLower(e), false}, value{"with a space", e + " ", false})
		}
		return append(out, value{"no value", "", s.Empty})
	}
	out = append(out, value{"a usual one", text(s, max(1, least(s))), true})
	empty := least(s) == 0 && (s.Pattern == "" || whole(s.Pattern).MatchString(""))
	out = append(out, value{"empty", "", empty})
	if n := least(s); n > 1 {
		out = append(out, value{"too short", text(Shape{}, n-1), false})
	}
	if s.Max != nil {
		n := int(*s.Max)
		out = append(out, value{"the longest", text(s, n), true}, value{"too long", text(s, n+1), false})
	}
	if s.Pattern != "" {
		v := text(s, max(1, least(s)))
		out = append(out, value{"beyond the pattern", v[:len(v)-1] + "!", false}, value{"before the pattern", "!" + v[1:], false},
			value{"a line after the pattern", v[:len(v)-1] + "\n", false})
	}
	return out
}

func lists(m *Model, s Shape) []value {
	out := wrong("list")
	element := valid(m, s.Member)
	repeat := func(n int64) []any { return slices.Repeat([]any{element}, int(n)) }
	if s.Min != nil {
		out = append(out, value{"as few elements as may be", repeat(*s.Min), true})
		if *s.Min > 0 {
			out = append(out, value{"too few elements", repeat(*s.Min - 1), false})
		}
	}
	if s.Max != nil {
		out = append(out, value{"as many elements as may be", repeat(*s.Max), true}, value{"too many elements", repeat(*s.Max + 1), false})
	}
	if e := m.shape(s.Member); s.Max != nil && e.Type == "string" && e.Max != nil {
		out = append(out, value{"as many of the longest as may be", slices.Repeat([]any{longest(e)}, int(*s.Max)), true})
	}
	out = append(out, value{"a null element", []any{null}, false})
	for _, e := range values(m, s.Member) {
		out = append(out, value{"an element: " + e.name, []any{element, e.json}, e.ok && (s.Max == nil || *s.Max > 1)})
	}
	return out
}

func mapValues(m *Model, s Shape) []value {
	out := wrong("structure")
	entries := func(n int64) object {
		o := object{}
		for i := range n {
			o[fmt.Sprint("k", i)] = "v"
		}
		return o
	}
	out = append(out, value{"no entries", object{}, true}, value{"as many entries as may be", entries(*s.Max), true},
		value{"too many entries", entries(*s.Max + 1), false}, value{"a null entry", object{"k": null}, false})
	for _, k := range values(m, s.Key) {
		if text, ok := k.json.(string); ok {
			out = append(out, value{"a key: " + k.name, object{text: "v"}, whole(m.shape(s.Key).Pattern).MatchString(text) && k.ok || text == "true" || text == "1"})
		}
	}
	for _, v := range values(m, s.Value) {
		ok := v.ok
		if text, is := v.json.(string); is && !ok {
			ok = text == "" || text == "true" || text == "1" // of the wrong types of an enum, but legal text
		}
		out = append(out, value{"an entry: " + v.name, object{"k": v.json}, ok})
	}
	return out
}

func structures(m *Model, s Shape) []value {
	out := wrong("structure")
	whole := object{}
	for _, n := range s.Members.Names {
		member, _ := s.Members.Get(n)
		whole[n] = valid(m, member.Shape)
	}
	out = append(out, value{"whole", whole, true}, value{"with a member that nobody knows", with(whole, "unknown", []any{object{}, null}), true})
	for _, n := range s.Members.Names {
		member, _ := s.Members.Get(n)
		optional := !slices.Contains(s.Required, n)
		without := maps.Clone(whole)
		delete(without, n)
		out = append(out, value{"without " + n, without, optional}, value{"with null for " + n, with(whole, n, null), optional})
		for _, v := range values(m, member.Shape) {
			out = append(out, value{n + ": " + v.name, with(whole, n, v.json), v.ok})
		}
	}
	return out
}

func with(o object, name string, v any) object {
	o = maps.Clone(o)
	o[name] = v
	return o
}

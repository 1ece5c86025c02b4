package restjson

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSkip(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, tt := range []struct {
		name, in string
		rest     string // what is left after the value
		broken   string
	}{
		{name: "a word", in: "true,", rest: ","},
		{name: "a number", in: "-1.5e+7 ", rest: " "},
		{name: "a string", in: `"a\"b\u00e9" x`, rest: " x"},
		{name: "an empty object", in: "{ }]", rest: "]"},
		{name: "an empty list", in: "[ ]}", rest: "}"},
		{name: "all of it", in: `{"a" : [1,{"b":null} , "c" ],"d":{}} ]`, rest: " ]"},
		{name: "64 levels", in: nested(64)},
		{name: "65 levels", in: nested(65), broken: "it nests deeper than 64 levels"},
		{name: "10,000 levels", in: strings.Repeat(`{"a":[`, 5000), broken: "it nests deeper than 64 levels"},
		{name: "nothing", in: "", broken: "a value is missing"},
		{name: "a comma too many in a list", in: "[1,]", broken: "a value is missing"},
		{name: "a comma too many in an object", in: `{"a":1,}`, broken: "the name of a member is missing"},
		{name: "a comma too early", in: "[,1]", broken: "a value is missing"},
		{name: "no comma", in: "[1 2]", broken: "a comma or a bracket is missing"},
		{name: "the wrong bracket", in: "[1}", broken: "a comma or a bracket is missing"},
		{name: "no colon", in: `{"a" 1}`, broken: "a colon is missing"},
		{name: "no end", in: `{"a":[`, broken: "a value is missing"},
		{name: "a leading zero", in: "[01]", broken: "a comma or a bracket is missing"},
		{name: "no digit after the point", in: "1.", broken: "a digit is missing in a number"},
		{name: "no digit in the exponent", in: "1e+", broken: "a digit is missing in a number"},
		{name: "a plus sign", in: "+1", broken: "a value is missing"},
		{name: "half a word", in: "nul", broken: "a word other than true, false and null"},
		{name: "a string without an end", in: `"abc`, broken: "a string does not end"},
		{name: "an escape without an end", in: `"\`, broken: "an escape that does not exist"},
		{name: "an unknown escape", in: `"\x"`, broken: "an escape that does not exist"},
		{name: "digits missing in an escape", in: `"\u12"`, broken: "an escape does not end"},
		{name: "an escape that is not hexadecimal", in: `"\u12g4"`, broken: "an escape with a digit that is not hexadecimal"},
		{name: "half of a surrogate pair", in: `"\ud83d"`, broken: "half of a surrogate pair"},
		{name: "the wrong half", in: `"\ude00\ud83d"`, broken: "half of a surrogate pair"},
		{name: "a line break in a string", in: "\"a\nb\"", broken: "a control character in a string"},
		{name: "and after an escape", in: "\"\\t\nb\"", broken: "a control character in a string"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := scanner{data: []byte(tt.in)}
			s.skip()
			if s.broken != tt.broken {
				t.Fatalf("skip(%.40q) says %q, want %q", tt.in, s.broken, tt.broken)
			}
			if rest := tt.in[min(s.at, len(tt.in)):]; s.broken == "" && rest != tt.rest {
				t.Errorf("skip(%q) leaves %q, want %q", tt.in, rest, tt.rest)
			}
		})
	}
}

func TestNestedValuesCostNothing(t *testing.T) {
	deep := []byte(strings.Repeat(`{"a":[`, 5000))
	var s scanner
	allocs := testing.AllocsPerRun(100, func() {
		s = scanner{data: deep}
		s.skip()
	})
	if allocs != 0 || s.at > 1000 {
		t.Errorf("10,000 levels took %v allocations and %d bytes of input, want none and an early end", allocs, s.at)
	}
}

// FuzzSkip holds the scanner to encoding/json: what one accepts, so does the
// other, but for the limits that are ours.
func FuzzSkip(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e-3,"\u00e9\ud83d\ude00",null,true,{}]}`, `[[]]`, `"\n"`, `-0`, `{"a":1,"a":2}`, ` 1 `} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if !utf8.Valid(in) {
			t.Skip("refused before it is scanned")
		}
		s := scanner{data: in}
		s.skip()
		s.space()
		accepted := s.broken == "" && s.at == len(in)
		switch want := json.Valid(in); {
		case accepted && !want:
			t.Errorf("accepted %q", in)
		case !accepted && want && !strings.Contains(s.broken, "64 levels") && !strings.Contains(s.broken, "surrogate"):
			t.Errorf("refused %q: %s", in, s.broken)
		}
	})
}

// FuzzString holds the reading and writing of strings to encoding/json.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "plain", "a\"b\\c\n\x00\u2028é😀", "\xff\xfe", `\u00e9`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		b := appendQuoted(nil, in)
		var want string
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatalf("encoding/json cannot read %s: %v", b, err)
		}
		if valid := strings.ToValidUTF8(in, "\ufffd"); utf8.ValidString(in) && want != valid {
			t.Errorf("%q was written as %s", in, b)
		}
		s := scanner{data: b}
		if got := s.quoted(); s.broken != "" || string(got) != want || s.at != len(b) {
			t.Errorf("%s was read as %q, %s, want %q", b, got, s.broken, want)
		}
		theirs, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		s = scanner{data: theirs}
		if got := s.quoted(); s.broken != "" || !bytes.Equal(got, []byte(want)) {
			t.Errorf("%s was read as %q, %s, want %q", theirs, got, s.broken, want)
		}
	})
}

// FuzzLastMembers holds what is kept of members that are given again to what
// encoding/json reads, where the last counts too.
func FuzzLastMembers(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"a":2}`, `{"a":[{"b":1,"b":2},{}],"c":"x"}`, ` { "a" : 1 , "\u0061" : { } } `, `[1,{"a":1}]`, `{"a":1,"a":}`, `{}`, `[{"a":1,"a":2}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out, ok := lastMembers(in)
		if !ok || !utf8.Valid(in) {
			return
		}
		var got, want any
		if err := json.Unmarshal(in, &want); err != nil {
			t.Fatalf("thinned %q, which is no JSON: %v", in, err)
		}
		if err := json.Unmarshal(out, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q became %q: %v", in, out, err)
		}
		if _, again := lastMembers(out); again {
			t.Errorf("%q became %q, which has members twice", in, out)
		}
	})
}

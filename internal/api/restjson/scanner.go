package restjson

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// A scanner reads the tokens of JSON (RFC 8259). After the first error it stays
// where it is and peek returns 0.
type scanner struct {
	data   []byte
	at     int
	text   []byte // the last string that had escapes; reused
	copied bool   // the last string is in text, not in data
	broken string // what is not JSON about it
}

func (s *scanner) fail(why string) {
	if s.broken == "" {
		s.broken = why
	}
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) peek() byte {
	if s.broken != "" || s.at >= len(s.data) {
		return 0
	}
	return s.data[s.at]
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// word reads true, false or null.
func (s *scanner) word(w string) {
	end := s.at + len(w)
	if end > len(s.data) || string(s.data[s.at:end]) != w {
		s.fail("a word other than true, false and null")
		return
	}
	s.at = end
}

// number reads a number and returns its text.
func (s *scanner) number() []byte {
	begin := s.at
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
	} else {
		s.digits()
	}
	if s.peek() == '.' {
		s.at++
		s.digits()
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		s.digits()
	}
	return s.data[begin:s.at]
}

func (s *scanner) digits() {
	if !digit(s.peek()) {
		s.fail("a digit is missing in a number")
		return
	}
	for digit(s.peek()) {
		s.at++
	}
}

// name reads the name of a member and the colon after it.
func (s *scanner) name() []byte {
	if s.peek() != '"' {
		s.fail("the name of a member is missing")
		return nil
	}
	n := s.quoted()
	if s.space(); s.peek() != ':' {
		s.fail("a colon is missing")
		return nil
	}
	s.at++
	return n
}

// quoted reads a string. What it returns is good until the next string.
func (s *scanner) quoted() []byte {
	s.at++
	s.copied = false
	begin := s.at
	for ; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; {
		case c == '"':
			s.at++
			return s.data[begin : s.at-1]
		case c == '\\':
			return s.escaped(begin)
		case c < ' ':
			s.fail("a control character in a string")
			return nil
		}
	}
	s.fail("a string does not end")
	return nil
}

// escaped reads the rest of a string that has an escape here.
func (s *scanner) escaped(begin int) []byte {
	s.copied = true
	s.text = append(s.text[:0], s.data[begin:s.at]...)
	for s.at < len(s.data) && s.broken == "" {
		c := s.data[s.at]
		s.at++
		switch {
		case c == '"':
			return s.text
		case c == '\\':
			s.escape()
		case c < ' ':
			s.fail("a control character in a string")
		default:
			s.text = append(s.text, c)
		}
	}
	s.fail("a string does not end")
	return nil
}

// escape reads what follows a backslash.
func (s *scanner) escape() {
	c := s.peek()
	s.at++
	switch c {
	case '"', '\\', '/':
		s.text = append(s.text, c)
	case 'b':
		s.text = append(s.text, '\b')
	case 'f':
		s.text = append(s.text, '\f')
	case 'n':
		s.text = append(s.text, '\n')
	case 'r':
		s.text = append(s.text, '\r')
	case 't':
		s.text = append(s.text, '\t')
	case 'u':
		s.text = utf8.AppendRune(s.text, s.unicode())
	default:
		s.fail("an escape that does not exist")
	}
}

// unicode reads the digits of one \u escape, or of the two that make a pair.
func (s *scanner) unicode() rune {
	r := s.hex4()
	if !utf16.IsSurrogate(r) {
		return r
	}
	if s.at+1 < len(s.data) && s.data[s.at] == '\\' && s.data[s.at+1] == 'u' {
		s.at += 2
		if p := utf16.DecodeRune(r, s.hex4()); p != utf8.RuneError {
			return p
		}
	}
	s.fail("half of a surrogate pair")
	return utf8.RuneError
}

func (s *scanner) hex4() rune {
	end := s.at + 4
	if end > len(s.data) {
		s.fail("an escape does not end")
		return 0
	}
	n, err := strconv.ParseUint(string(s.data[s.at:end]), 16, 16)
	if err != nil {
		s.fail("an escape with a digit that is not hexadecimal")
		return 0
	}
	s.at = end
	return rune(n)
}

// maxDepth is how deep a skipped value may nest.
const maxDepth = 64

// skip reads a value of any kind, without recursion.
func (s *scanner) skip() {
	var open [maxDepth]byte // the brackets we are in
	for depth := 0; s.broken == ""; {
		s.space()
		switch c := s.peek(); c {
		case '{', '[':
			if depth == maxDepth {
				s.fail("it nests deeper than 64 levels")
				return
			}
			s.at++
			open[depth] = c
			depth++
			if s.space(); s.peek() == c+2 { // the closing bracket, in ASCII
				break
			}
			if c == '{' {
				s.name()
			}
			continue
		default:
			s.scalar(c)
		}
		if depth = s.after(open[:depth]); depth == 0 {
			return
		}
	}
}

// scalar reads a value that is neither object nor list.
func (s *scanner) scalar(c byte) {
	switch {
	case c == '"':
		s.quoted()
	case c == 't':
		s.word("true")
	case c == 'f':
		s.word("false")
	case c == 'n':
		s.word("null")
	case c == '-' || digit(c):
		s.number()
	default:
		s.fail("a value is missing")
	}
}

// after reads what follows a value inside open: closing brackets, or a comma
// and the next member's name. It returns how many brackets are open then.
func (s *scanner) after(open []byte) int {
	for depth := len(open); depth > 0; depth-- {
		s.space()
		switch s.peek() {
		case ',':
			s.at++
			if s.space(); open[depth-1] == '{' {
				s.name()
			}
			return depth
		case open[depth-1] + 2: // the closing bracket, in ASCII
			s.at++
		default:
			s.fail("a comma or a bracket is missing")
			return 0
		}
	}
	return 0
}

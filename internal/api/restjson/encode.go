package restjson

import (
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Generated code writes an object as an opening brace, then each member with
// its name, its value and a comma, then EndObject, which takes the last comma
// back. The same goes for lists.

// EndObject closes the object that b ends in.
func EndObject(b []byte) []byte { return end(b, '}') }

// EndList closes the list that b ends in.
func EndList(b []byte) []byte { return end(b, ']') }

func end(b []byte, bracket byte) []byte {
	if b[len(b)-1] == ',' {
		b[len(b)-1] = bracket
		return b
	}
	return append(b, bracket)
}

// AppendString appends s and a comma. What is not UTF-8 in it becomes U+FFFD.
func AppendString[S ~string](b []byte, s S) []byte {
	return append(appendQuoted(b, string(s)), ',')
}

// AppendBool appends v and a comma.
func AppendBool(b []byte, v bool) []byte { return append(strconv.AppendBool(b, v), ',') }

// AppendInt appends n and a comma.
func AppendInt[N ~int | ~int64](b []byte, n N) []byte {
	return append(strconv.AppendInt(b, int64(n), 10), ',')
}

// timestamp is how the protocol writes a time: whole seconds in UTC.
const timestamp = "2006-01-02T15:04:05Z"

// AppendTime appends t, without its fraction of a second, and a comma.
func AppendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, timestamp)
	return append(b, '"', ',')
}

// AppendMap appends m, in the order of its keys, and a comma.
func AppendMap(b []byte, m map[string]string) []byte {
	b = append(b, '{')
	if len(m) > 0 {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			b = append(appendQuoted(b, k), ':')
			b = AppendString(b, m[k])
		}
	}
	return append(EndObject(b), ',')
}

// AppendList appends each element as item does, in brackets, and a comma.
func AppendList[T any](b []byte, list []T, item func([]byte, *T) []byte) []byte {
	b = append(b, '[')
	for i := range list {
		b = append(item(b, &list[i]), ',')
	}
	return append(EndList(b), ',')
}

// AppendStrings appends a list of strings and a comma.
func AppendStrings[S ~string](b []byte, list []S) []byte {
	b = append(b, '[')
	for _, s := range list {
		b = AppendString(b, s)
	}
	return append(EndList(b), ',')
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends s as a JSON string (RFC 8259, section 7).
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	begin := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[begin:i]...), "\ufffd"...)
				begin = i + n
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[begin:i]...)
		i++
		begin = i
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(b, s[begin:]...), '"')
}

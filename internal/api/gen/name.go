package main

import (
	"strings"
	"unicode"
)

// goName writes a name of the model as Go writes it: streamId becomes StreamID.
func goName(name string) string {
	var b strings.Builder
	for _, w := range words(name) {
		b.WriteString(capital(w))
	}
	return b.String()
}

// enumName writes a value of an enum as Go writes it: FULL_HD becomes FullHD.
func enumName(value string) string {
	var b strings.Builder
	for w := range strings.SplitSeq(value, "_") {
		b.WriteString(capital(strings.ToLower(w)))
	}
	return b.String()
}

// words cuts a name before each capital: streamId is stream, Id.
func words(name string) []string {
	var out []string
	begin := 0
	for i, r := range name {
		if i > begin && unicode.IsUpper(r) && !unicode.IsUpper(rune(name[i-1])) {
			out = append(out, name[begin:i])
			begin = i
		}
	}
	return append(out, name[begin:])
}

// capital gives a word its capital letter, or all of them.
func capital(word string) string {
	switch strings.ToLower(word) {
	case "arn", "avc", "hd", "id", "mp4", "s3", "sd", "srt", "ts", "url":
		return strings.ToUpper(word)
	case "arns":
		return "ARNs"
	default:
		return strings.ToUpper(word[:1]) + word[1:]
	}
}

// Package schema has the steps that make the database's tables, as files.
//
// It reads them; package store applies them.
package schema

import (
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed *.sql
var files embed.FS

// A Step is one numbered migration, applied once and never undone.
type Step struct {
	Version int
	Name    string
	Text    string
}

// Steps returns the program's own.
func Steps() ([]Step, error) { return Read(files) }

// Read reads files named NNNN_what.sql, numbered from 1 without a gap.
func Read(dir fs.FS) ([]Step, error) {
	names, err := fs.Glob(dir, "*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var out []Step
	for _, name := range names {
		number, what, _ := strings.Cut(strings.TrimSuffix(name, ".sql"), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != len(out)+1 || what == "" {
			return nil, fmt.Errorf("migration %s: want number %04d and a name", name, len(out)+1)
		}
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		out = append(out, Step{Version: version, Name: strings.TrimSuffix(name, ".sql"), Text: string(text)})
	}
	return out, nil
}

// Statements splits the text of a migration. A statement ends with a semicolon
// at the end of a line; lines that begin with -- are comments.
func Statements(text string) []string {
	var code strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "--") {
			code.WriteString(line)
		}
	}
	var out []string
	for q := range strings.SplitSeq(code.String()+"\n", ";\n") {
		if q = strings.TrimSpace(q); q != "" {
			out = append(out, q)
		}
	}
	return out
}

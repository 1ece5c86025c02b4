package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// An evidence is which tests show what of the API, read from the tests
// themselves: scripts of requests and answers, answers kept whole, and the
// scenario that AWS clients go through.
type evidence struct {
	paths map[string]string              // METHOD PATH, the label left away: operation
	shown map[string]map[string][]string // operation, then what: names of tests
}

// What of an operation can be shown: "request.MEMBER" and "response.MEMBER" at
// any depth, "error.NAME", and "" for the operation.
const (
	inRequest  = "request."
	inResponse = "response."
	anError    = "error."
)

const scenarioName = "scenario"

// readEvidence reads the scripts and kept answers in a directory and a scenario.
func readEvidence(m *Model, scripts, scenario string) (*evidence, error) {
	e := &evidence{paths: make(map[string]string), shown: make(map[string]map[string][]string)}
	for _, name := range m.Operations.Names {
		op, _ := m.Operations.Get(name)
		path, _, _ := strings.Cut(op.Path, "{")
		e.paths[op.Method+" "+path] = name
		e.shown[name] = make(map[string][]string)
	}
	files, err := filepath.Glob(filepath.Join(scripts, "*"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no scripts in %s: %w", scripts, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		switch name := filepath.Base(file); filepath.Ext(name) {
		case ".txtar":
			e.script(name, string(b))
		case ".golden":
			e.kept(name, b)
		}
	}
	return e, e.scenario(scenario)
}

func (e *evidence) add(op, what, test string) {
	shown, ok := e.shown[op]
	if ok && !slices.Contains(shown[what], test) {
		shown[what] = append(shown[what], test)
	}
}

// members adds the names of all members of a value, at any depth.
func (e *evidence) members(op, where, test string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, value := range v {
			e.add(op, where+k, test)
			if k != "tags" { // what is in there are no members
				e.members(op, where, test, value)
			}
		}
	case []any:
		for _, value := range v {
			e.members(op, where, test, value)
		}
	}
}

var (
	sectionForm = regexp.MustCompile(`(?m)^-- (request|answer).*--\n((?:[^-].*\n|-[^-].*\n|\n)*)`)
	errorForm   = regexp.MustCompile(`(?i)x-amzn-errortype: (\w+)`)
)

// script reads pairs of request and answer (internal/control/script_test.go).
func (e *evidence) script(name, text string) {
	op := ""
	for _, s := range sectionForm.FindAllStringSubmatch(text, -1) {
		head, body, _ := strings.Cut(s[2], "\n")
		var v any
		if i := strings.Index(s[2], "\n{"); i >= 0 {
			_ = json.Unmarshal([]byte(s[2][i:]), &v) // what is no JSON shows no member
		}
		if s[1] == "request" {
			op = e.request(name, head)
			e.members(op, inRequest, name, v)
			continue
		}
		if failed := errorForm.FindStringSubmatch(body); failed != nil {
			e.add(op, anError+failed[1], name)
			continue
		}
		e.add(op, "", name)
		e.members(op, inResponse, name, v)
	}
}

// request finds the operation of a request line, and what the line shows of it.
func (e *evidence) request(name, line string) (op string) {
	method, target, _ := strings.Cut(strings.TrimSpace(line), " ")
	path, query, _ := strings.Cut(target, "?")
	if strings.HasPrefix(path, "/tags/") {
		path = "/tags/"
	}
	op = e.paths[method+" "+path]
	if path == "/tags/" {
		e.add(op, inRequest+"resourceArn", name)
	}
	if values, err := url.ParseQuery(query); err == nil && values.Has("tagKeys") {
		e.add(op, inRequest+"tagKeys", name)
	}
	return op
}

// kept reads an answer whose file is named for its operation.
func (e *evidence) kept(name string, body []byte) {
	var v any
	lower, _, _ := strings.Cut(strings.TrimSuffix(name, ".golden"), "-")
	for op := range e.shown {
		if strings.ToLower(op) == lower && json.Unmarshal(body, &v) == nil {
			e.members(op, inResponse, name, v)
		}
	}
}

// scenario reads the steps that AWS clients go through (e2e/operations_test.go).
func (e *evidence) scenario(file string) error {
	var steps []struct {
		Op, Error string
		Items     string
		Input     map[string]any
		Save      map[string]string
		Want      map[string]any
		Until     map[string]any
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &steps); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, s := range steps {
		if s.Error != "" {
			e.add(s.Op, anError+s.Error, scenarioName)
			continue
		}
		e.add(s.Op, "", scenarioName)
		e.members(s.Op, inRequest, scenarioName, s.Input)
		paths := []string{s.Items}
		for _, p := range s.Save {
			paths = append(paths, p)
		}
		for _, m := range []map[string]any{s.Want, s.Until} {
			for p := range m {
				paths = append(paths, p)
			}
		}
		for _, p := range paths {
			for member := range strings.SplitSeq(p, ".") {
				e.add(s.Op, inResponse+member, scenarioName)
			}
		}
		if s.Items != "" {
			e.add(s.Op, inRequest+"nextToken", scenarioName)
			e.add(s.Op, inResponse+"nextToken", scenarioName)
		}
	}
	return nil
}

// tests names the tests that show something of one of the operations, a few of
// them if there are many.
func (e *evidence) tests(what string, operations ...string) string {
	const few = 3
	var all []string
	for _, op := range operations {
		all = append(all, e.shown[op][what]...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) > few {
		all = append(all[:few], "…")
	}
	return strings.Join(all, ", ")
}

package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

const (
	prefix   = "OPENIVS_"
	fileName = "openivs.yaml"
	maxFile  = 1 << 20 // bytes of a configuration file; a full one has about 3,000
)

// notSetting reports whether an OPENIVS_ variable means something else: where
// the file is, or what "openivs env" exports.
func notSetting(name string) bool {
	switch name {
	case "OPENIVS_CONFIG", "OPENIVS_API", "OPENIVS_RTMP", "OPENIVS_RTMPS", "OPENIVS_PLAYBACK", "OPENIVS_CONSOLE":
		return true
	}
	return false
}

// injected reports whether Kubernetes sets a variable for a service that is
// called openivs.
func injected(name string) bool {
	return strings.HasPrefix(name, "OPENIVS_SERVICE_") || strings.HasPrefix(name, "OPENIVS_PORT_") || name == "OPENIVS_PORT"
}

func find(name string) (Setting, bool) {
	for _, s := range Settings() {
		if s.Name == name {
			return s, true
		}
	}
	return Setting{}, false
}

func variable(environ []string, name string) string {
	for _, e := range slices.Backward(environ) {
		if v, found := strings.CutPrefix(e, name+"="); found {
			return v
		}
	}
	return ""
}

func fromFlags(flags map[string][]string, probs *SettingErrors) map[string]given {
	out := map[string]given{}
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		s, known := find(name)
		switch {
		case !known:
			probs.add(name, "--"+name, "there is no such setting", meant("--", name, names()))
		case len(flags[name]) > 1 && !s.Repeats:
			probs.add(name, "--"+name, "it is given twice", "give it once")
		case len(flags[name]) > 0:
			out[name] = given{flags[name], "--" + name}
		}
	}
	return out
}

// fromEnvironment reads the OPENIVS_ variables. An empty one counts as not set.
func fromEnvironment(environ []string, probs *SettingErrors) map[string]given {
	out := map[string]given{}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, prefix) || value == "" || notSetting(name) || injected(name) {
			continue
		}
		setting := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, prefix), "_", "-"))
		s, known := find(setting)
		if !known || s.Env() != name {
			var all []string
			for _, s := range Settings() {
				all = append(all, s.Env())
			}
			probs.add(name, "environment", "there is no such setting", meant("$", name, all))
			continue
		}
		values := []string{value}
		if s.Repeats {
			values = splitList(value)
		}
		out[s.Name] = given{values, "$" + name}
	}
	return out
}

func splitList(v string) []string {
	parts := strings.Split(v, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// fileIn returns where the configuration file of a data directory is.
func fileIn(data string) string { return filepath.Join(data, fileName) }

func fromFile(path string, required bool, probs *SettingErrors) map[string]given {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && !required {
		return nil
	}
	if err != nil {
		probs.add("config", path, "it cannot be read: "+err.Error(), "name a file that exists, or leave --config and $OPENIVS_CONFIG away")
		return nil
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		probs.add("config", path, "it cannot be read: "+err.Error(), "name a file, not a directory")
		return nil
	}
	return parseFile(path, text, probs)
}

// parseFile reads the settings in the text of a file.
func parseFile(path string, text []byte, probs *SettingErrors) map[string]given {
	if len(text) > maxFile {
		probs.add("config", path, fmt.Sprintf("it has more than %d bytes", maxFile), "name a configuration file")
		return nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		probs.add("config", path, strings.ReplaceAll(err.Error(), "\n", " "), "write one NAME: VALUE a line, as openivs.example.yaml does")
		return nil
	}
	if len(doc.Content) == 0 { // nothing but comments
		return nil
	}
	top := doc.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return nil
	}
	if top.Kind != yaml.MappingNode {
		probs.add("config", path, "it is not a list of settings", "write one NAME: VALUE a line, as openivs.example.yaml does")
		return nil
	}
	out := map[string]given{}
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		origin := fmt.Sprintf("%s:%d", path, key.Line)
		s, known := find(key.Value)
		_, again := out[key.Value]
		switch {
		case !known:
			probs.add(key.Value, origin, "there is no such setting", meant("", key.Value, names()))
		case again:
			probs.add(s.Name, origin, "it is there twice", "remove one of the lines")
		default:
			if values, wrong, cure := scalars(s, value); wrong != "" {
				probs.add(s.Name, origin, wrong, cure)
			} else {
				out[s.Name] = given{values, origin}
			}
		}
	}
	return out
}

// scalars returns the values at a node.
func scalars(s Setting, n *yaml.Node) (values []string, wrong, cure string) {
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		if !s.Repeats {
			return nil, "it is a list", "give one value"
		}
		nodes = n.Content
	}
	for _, v := range nodes {
		if s.Fields && v.Kind == yaml.MappingNode {
			text, wrong, cure := words(v)
			if wrong != "" {
				return nil, wrong, cure
			}
			values = append(values, text)
			continue
		}
		if v.Kind != yaml.ScalarNode || v.Tag == "!!null" {
			return nil, "it has no plain value", "give one, or remove the line"
		}
		values = append(values, v.Value)
	}
	return values, "", ""
}

// words turns a mapping into NAME=VALUE words. A list of values has commas.
func words(n *yaml.Node) (text, wrong, cure string) {
	const form = "give one value to each name, or a list of values"
	var out []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		nodes := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			nodes = value.Content
		}
		var values []string
		for _, v := range nodes {
			if v.Kind != yaml.ScalarNode || v.Tag == "!!null" {
				return "", fmt.Sprintf("%q has no plain value", clip(key.Value)), form
			}
			if strings.Contains(v.Value, `"`) {
				return "", fmt.Sprintf("%q has a quotation mark in it", clip(key.Value)), "leave it away"
			}
			values = append(values, v.Value)
		}
		out = append(out, joinWord(key.Value, strings.Join(values, ",")))
	}
	return strings.Join(out, " "), "", ""
}

func names() []string {
	var out []string
	for _, s := range Settings() {
		out = append(out, s.Name)
	}
	return out
}

// meant returns a cure for a name that is not among known.
func meant(mark, name string, known []string) string {
	best, least := "", 4 // more than three edits away is another word
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return `see "openivs config" for all there are, or remove it`
	}
	return "did you mean " + mark + best + "?"
}

// maxWord bounds the work of distance; no setting's name is near as long.
const maxWord = 64

// distance is how many characters have to change to make b of a (Levenshtein).
func distance(a, b string) int {
	if len(a) > maxWord {
		return maxWord
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

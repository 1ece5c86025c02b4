package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The committed inputs and outputs of the generator.
const (
	modelFile  = "../model/ivs-api.json"
	notesFile  = "../model/compat.json"
	serviceDir = "../../control"
	outDir     = "../ivsapi"

	testsDir     = "../../control/testdata"
	scenarioFile = "../../../e2e/sdk/scenario.json"
	clientsFile  = "../model/clients.json"
	compatFile   = "../../../docs/compat.md"
)

func TestGeneratedFilesAreUpToDate(t *testing.T) {
	dir := t.TempDir()
	o := options{
		model: modelFile, notes: notesFile, service: serviceDir, tests: testsDir, scenario: scenarioFile, clients: clientsFile, out: dir, compat: filepath.Join(dir, "compat.md"),
	}
	if err := o.run(); err != nil {
		t.Fatal(err)
	}
	fresh, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range fresh {
		committed := filepath.Join(outDir, filepath.Base(name))
		if strings.HasSuffix(name, ".md") {
			committed = compatFile
		}
		if got, want := read(t, committed), read(t, name); !bytes.Equal(got, want) {
			t.Errorf("%s differs from what the generator writes: run make gen", committed)
		}
	}
	there, err := os.ReadDir(outDir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(there), len(fresh)-1; got != want {
		t.Errorf("%s has %d files, the generator writes %d", outDir, got, want)
	}
}

func TestRunRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, model, want string
	}{
		{"another protocol", `{"protocol":"query"}`, `protocol "query" is not rest-json`},
		{"an unknown member of the format", `{"protocol":"rest-json","extra":1}`, `unknown field "extra"`},
		{"a name given twice", `{"protocol":"rest-json","shapes":{"A":{"type":"string"},"A":{"type":"string"}}}`, "A is there twice"},
		{"a shape that does not exist", `{"protocol":"rest-json","operations":{"Get":{"input":"None"}}}`, `Get: shape "None" does not exist`},
		{"an unknown type", `{"protocol":"rest-json","shapes":{"A":{"type":"blob"}}}`, `A: type "blob" is not known here`},
		{"another form of time", `{"protocol":"rest-json","shapes":{"A":{"type":"timestamp"}}}`, `A: timestamp format "" is not known here`},
		{
			"a required member that does not exist",
			`{"protocol":"rest-json","shapes":{"A":{"type":"structure","required":["b"]}}}`, "A: required member b does not exist",
		},
		{
			"an unknown binding",
			operation(`{"a":{"shape":"S","in":"host"}}`, `{"S":{"type":"string"}}`), `In.a: bound to "host"`,
		},
		{
			"a label that is not a string",
			operation(`{"a":{"shape":"S","in":"uri"}}`, `{"S":{"type":"long"}}`), "In.a: a label is a required string",
		},
		{
			"a query that is not a list",
			operation(`{"a":{"shape":"S","in":"querystring"}}`, `{"S":{"type":"long"}}`), "In.a: only lists of strings are known in a query",
		},
		{
			"a map of something else",
			operation(`{"a":{"shape":"S"}}`, `{"S":{"type":"map","key":"K","value":"L"},"K":{"type":"string"},"L":{"type":"long"}}`),
			"S: only maps of strings are known here",
		},
		{
			"a pattern with more than one way",
			operation(`{"a":{"shape":"S"}}`, `{"S":{"type":"string","pattern":"[a-z]+abc"}}`),
			"a repeated class is followed by what it may contain",
		},
		{
			"a pattern beyond sequences",
			operation(`{"a":{"shape":"S"}}`, `{"S":{"type":"string","pattern":"a{2,3}"}}`), "is not known here",
		},
		{
			"a class beyond ASCII without a category",
			operation(`{"a":{"shape":"S"}}`, `{"S":{"type":"string","pattern":"[a-zé]+"}}`), "beyond ASCII only categories are known here",
		},
		{
			"a pattern that is none",
			operation(`{"a":{"shape":"S"}}`, `{"S":{"type":"string","pattern":"["}}`), "missing closing ]",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			model := filepath.Join(dir, "model.json")
			if err := os.WriteFile(model, []byte(tt.model), 0o600); err != nil {
				t.Fatal(err)
			}
			err := options{model: model, notes: notesFile, service: serviceDir, out: dir, compat: filepath.Join(dir, "c.md")}.run()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("run = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// operation is a model of one operation whose input has members.
func operation(members, shapes string) string {
	return `{"protocol":"rest-json","operations":{"Get":{"method":"POST","path":"/Get","status":200,"input":"In"}},` +
		`"shapes":{"In":{"type":"structure","members":` + members + `},` + shapes[1:] + `}`
}

func TestNotesAreAboutMembers(t *testing.T) {
	m := model(t)
	file := filepath.Join(t.TempDir(), "notes.json")
	if err := os.WriteFile(file, []byte(`{"Channel.colour":"blue"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readNotes(file, m); err == nil || !strings.Contains(err.Error(), "the model has no Channel.colour") {
		t.Errorf("readNotes = %v, want a refusal", err)
	}
}

func TestGoName(t *testing.T) {
	for name, want := range map[string]string{
		"arn": "ARN", "arns": "ARNs", "channelArn": "ChannelARN", "streamId": "StreamID", "playbackUrl": "PlaybackURL",
		"s3": "S3", "S3DestinationConfiguration": "S3DestinationConfiguration", "avcLevel": "AVCLevel", "name": "Name",
		"viewerSessionVersionsLessThanOrEqualTo": "ViewerSessionVersionsLessThanOrEqualTo", "PlaybackURL": "PlaybackURL",
	} {
		if got := goName(name); got != want {
			t.Errorf("goName(%q) = %q, want %q", name, got, want)
		}
	}
	for value, want := range map[string]string{"FULL_HD": "FullHD", "FRAGMENTED_MP4": "FragmentedMP4", "LIVE": "Live", "TS": "TS"} {
		if got := enumName(value); got != want {
			t.Errorf("enumName(%q) = %q, want %q", value, got, want)
		}
	}
}

func TestMatcher(t *testing.T) {
	for _, tt := range []struct{ pattern, want string }{
		{"[0-9]+", "return restjson.Match(s).Many(restjson.Class{0x3ff000000000000, 0x0}, 1).Done()"},
		{"^$|^a[bc]d$", `return s == "" || restjson.Match(s).Literal("a").One(restjson.Class{0x0, 0xc00000000}).Literal("d").Done()`},
		{`(x[\p{L}]*)`, `return restjson.Match(s).Literal("x").ManyIn(restjson.Class{0x0, 0x7fffffe07fffffe}, 0, unicode.L).Done()`},
	} {
		if got, err := matcher(tt.pattern); err != nil || got != tt.want {
			t.Errorf("matcher(%q) = %s, %v, want %s", tt.pattern, got, err, tt.want)
		}
	}
}

// whole is a pattern of the model as a regular expression for all of a string.
func whole(pattern string) *regexp.Regexp { return regexp.MustCompile(`\A(?:` + pattern + `)\z`) }

func model(tb testing.TB) *Model {
	tb.Helper()
	m, err := ReadModel(modelFile)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

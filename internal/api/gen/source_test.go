package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// What a package does with a member of the API is told by the member's type: a
// field of its own by the same name is no such thing, and neither is the member of
// another type.
func TestASourceKnowsMembersByTheirTypes(t *testing.T) {
	s, err := readSource("testdata/service", outDir) // it does not compile, which does not matter
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Channel.ARN", "CreateChannelInput.Name", "CreateChannelOutput.Channel"}
	if got := slices.Sorted(maps.Keys(s.knows)); !slices.Equal(got, want) {
		t.Errorf("it knows %v, want %v", got, want)
	}
	if got := slices.Collect(maps.Keys(s.methods)); !slices.Equal(got, []string{"CreateChannel"}) {
		t.Errorf("it has methods %v", got)
	}
}

// A member that no test shows is not called done.
func TestThePageNeedsATestOfEveryMember(t *testing.T) {
	p, err := newPlan(model(t))
	if err != nil {
		t.Fatal(err)
	}
	notes, err := readNotes(notesFile, p.model)
	if err != nil {
		t.Fatal(err)
	}
	src, err := readSource(serviceDir, outDir)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := readEvidence(p.model, testsDir, scenarioFile)
	if err != nil {
		t.Fatal(err)
	}
	delete(shown.shown["CreateChannel"], inRequest+"insecureIngest")
	c := &compat{plan: p, file: new(file), source: src, notes: notes, shown: shown}
	if _, err := c.page(); err == nil || !strings.HasSuffix(err.Error(), "no test shows CreateChannelRequest.insecureIngest") {
		t.Errorf("page: %v, want an error about the member", err)
	}
}

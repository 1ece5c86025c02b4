package transcode_test

import (
	"testing"

	"openivs/internal/ivs"
	"openivs/internal/transcode"
)

func TestNoMoreIsAdmittedThanThereAreCores(t *testing.T) {
	e := transcode.Engine{Cores: 2}
	in := transcode.Input{Width: 1920, Height: 1080, Framerate: 30}
	cost := transcode.LadderOf(ivs.Standard, "", in).Cost(in)
	if cost < 0.5 || cost > 2 {
		t.Fatalf("1080p30 costs %.2f cores", cost)
	}
	var releases []func()
	for {
		release, ok := e.Admit(cost)
		if !ok {
			break
		}
		releases = append(releases, release)
	}
	if n := int(2 / cost); len(releases) != n {
		t.Errorf("%d streams of %.2f cores were admitted to 2, want %d", len(releases), cost, n)
	}
	releases[0]()
	releases[0]()
	if _, ok := e.Admit(cost); !ok {
		t.Error("nothing is admitted where one has left")
	}
	if _, ok := e.Admit(cost); ok {
		t.Error("one too many is admitted, as one left twice")
	}
	big := transcode.Engine{Cores: 0.1}
	if _, ok := big.Admit(cost); !ok {
		t.Error("a server with few cores admits not even one")
	}
}

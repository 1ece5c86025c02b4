package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCommand struct{}

// Run prints the version, what it was built from and with what.
func (versionCommand) Run(p *program) error {
	_, err := fmt.Fprintf(p.stdout, "openivs %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// version is the module's version, or the revision it was built from.
func version() string {
	info, known := debug.ReadBuildInfo()
	if !known {
		return "unknown"
	}
	var revision, modified string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case "vcs.modified":
			if s.Value == "true" {
				modified = " (modified)"
			}
		}
	}
	v := cmp.Or(info.Main.Version, "(devel)")
	if v == "(devel)" && revision != "" {
		return "devel-" + revision + modified
	}
	return v
}

// Command gen writes package ivsapi and docs/compat.md from the model of the API.
//
// It holds no rule of the API itself: what it writes calls package restjson, and
// what it cannot express it refuses.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

//go:generate go run . -model ../model/ivs-api.json -out ../ivsapi

func main() {
	var o options
	flag.StringVar(&o.model, "model", "", "the model to read")
	flag.StringVar(&o.out, "out", "", "the directory of the generated package")
	flag.Parse()
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// options say where to read and where to write.
type options struct {
	model string
	out   string
}

func (o options) run() error {
	m, err := ReadModel(o.model)
	if err != nil {
		return err
	}
	p, err := newPlan(m)
	if err != nil {
		return err
	}
	for name, f := range map[string]*file{
		"shapes.gen.go":  shapesFile(p),
		"service.gen.go": serviceFile(p),
	} {
		src, err := f.source()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(o.out, name), src, 0o644); err != nil {
			return err
		}
	}
	return nil
}

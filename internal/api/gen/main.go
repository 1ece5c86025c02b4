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

//go:generate go run . -model ../model/ivs-api.json -notes ../model/compat.json -service ../../control -tests ../../control/testdata -scenario ../../../e2e/sdk/scenario.json -clients ../model/clients.json -out ../ivsapi -compat ../../../docs/compat.md

func main() {
	var o options
	flag.StringVar(&o.model, "model", "", "the model to read")
	flag.StringVar(&o.notes, "notes", "", "what to say about single members")
	flag.StringVar(&o.service, "service", "", "the directory of the package whose type Plane has the operations")
	flag.StringVar(&o.tests, "tests", "", "the directory of that package's scripts of requests and answers")
	flag.StringVar(&o.scenario, "scenario", "", "the steps that AWS clients go through")
	flag.StringVar(&o.clients, "clients", "", "what clients of Debian do not know")
	flag.StringVar(&o.out, "out", "", "the directory of the generated package")
	flag.StringVar(&o.compat, "compat", "", "the page about compatibility to write")
	flag.Parse()
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1) //nolint:forbidigo // a program of its own, run by go generate
	}
}

// options say where to read and where to write.
type options struct{ model, notes, service, tests, scenario, clients, out, compat string }

func (o options) run() error {
	m, err := ReadModel(o.model)
	if err != nil {
		return err
	}
	p, err := newPlan(m)
	if err != nil {
		return err
	}
	files, err := p.files()
	if err != nil {
		return err
	}
	for name, f := range files {
		src, err := f.source()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(o.out, name), src, 0o644); err != nil {
			return err
		}
	}
	return o.writeCompat(p)
}

func (o options) writeCompat(p *plan) error {
	notes, err := readNotes(o.notes, p.model)
	if err != nil {
		return err
	}
	src, err := readSource(o.service, o.out)
	if err != nil {
		return err
	}
	shown, err := readEvidence(p.model, o.tests, o.scenario)
	if err != nil {
		return err
	}
	clients, err := readClients(o.clients)
	if err != nil {
		return err
	}
	c := &compat{plan: p, file: new(file), source: src, notes: notes, shown: shown, clients: clients}
	page, err := c.page()
	if err != nil {
		return err
	}
	return os.WriteFile(o.compat, page, 0o644)
}

// files writes the generated package.
func (p *plan) files() (map[string]*file, error) {
	decode, err := decodeFile(p)
	if err != nil {
		return nil, err
	}
	validate, err := validateFile(p)
	if err != nil {
		return nil, err
	}
	routes, err := routesFile(p)
	if err != nil {
		return nil, err
	}
	return map[string]*file{
		"shapes.gen.go":   shapesFile(p),
		"service.gen.go":  serviceFile(p),
		"decode.gen.go":   decode,
		"validate.gen.go": validate,
		"encode.gen.go":   encodeFile(p),
		"routes.gen.go":   routes,
		"faults.gen.go":   faultsFile(p),
	}, nil
}

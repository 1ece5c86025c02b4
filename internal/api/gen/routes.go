package main

import (
	"fmt"
	"strings"
)

// routesFile joins each operation with its route, codec and implementation.
func routesFile(p *plan) (*file, error) {
	f := newFile("openivs/internal/api/restjson")
	f.line("\n// SigningName is what a signature is made for, in its credential scope.")
	f.line("const SigningName = %q", p.model.SigningName)
	f.line("\n// Operations returns the operations of s for a restjson.Handler.")
	f.line("func Operations(s Service) []restjson.Operation {\nreturn []restjson.Operation{")
	for _, c := range p.operations {
		if strings.Contains(c.Path, "{") && !strings.HasSuffix(c.Path, "}") {
			return nil, fmt.Errorf("%s: a label is known only at the end of a path", c.name)
		}
		f.line("restjson.NewOperation(restjson.Operation{")
		f.line("Name: %q, Method: %q, Path: %q, Status: %d,", c.name, c.Method, c.Path, c.Status)
		if p.byName(c.out).headers {
			f.line("Headers: true,")
		}
		f.line("Errors: %#v,", c.Errors)
		f.line("}, restjson.Codec[%s, %s]{Decode: decode%s, Validate: validate%s, Encode: encode%s}, s.%s),", c.in, c.out, c.in, c.in, c.out, c.name)
	}
	f.line("}\n}")
	return f, nil
}

func (p *plan) byName(name string) *structure {
	for _, s := range p.structs {
		if s.name == name {
			return s
		}
	}
	return nil
}

// faultsFile makes each exception of the model a function.
func faultsFile(p *plan) *file {
	f := newFile("openivs/internal/api/restjson")
	for _, name := range p.model.Shapes.Names {
		s := p.model.shape(name)
		if s.Error == nil {
			continue
		}
		f.line("\n// %s is answered with status %d.", name, s.Error.Status)
		f.line("func %s(message string) restjson.Fault {", name)
		f.line("return restjson.Fault{Name: %q, Status: %d, Message: message}\n}", name, s.Error.Status)
	}
	return f
}

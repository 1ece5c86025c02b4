package main

import (
	"fmt"
	"slices"
	"strings"
)

// A plan is the model as the generated package will see it: what is generated,
// under which Go name, in the order of the model.
type plan struct {
	model      *Model
	operations []call
	structs    []*structure // inputs and outputs first, then what they use
	enums      []string     // shapes
	names      map[string]string
	seen       map[string]bool
}

// A call is an operation with its Go types.
type call struct {
	Operation
	name    string
	in, out string // Go types
}

// A structure becomes a Go struct.
type structure struct {
	shape   string
	name    string // in Go
	comment string
	fields  []field
	input   bool // is decoded
	output  bool // is encoded
	headers bool // the answer has the headers that go with the protocol
}

// A field is a member of a structure.
type field struct {
	Member
	member   string // as the model names it
	name     string // as Go does
	required bool
}

// newPlan resolves all names, and refuses what the generator cannot express.
func newPlan(m *Model) (*plan, error) {
	p := &plan{model: m, names: make(map[string]string), seen: make(map[string]bool)}
	for _, name := range m.Operations.Names {
		op, _ := m.Operations.Get(name)
		c := call{Operation: op, name: name, in: name + "Input", out: name + "Output"}
		p.operations = append(p.operations, c)
		if err := p.top(op.Input, c.in, "is what "+name+" is asked."); err != nil {
			return nil, err
		}
		if err := p.top(op.Output, c.out, "is what "+name+" answers."); err != nil {
			return nil, err
		}
	}
	for _, s := range slices.Clone(p.structs) {
		input := strings.HasSuffix(s.name, "Input")
		if err := p.use(s, input, !input); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// top adds the structure of an input or output, which has its own name.
func (p *plan) top(shape, name, comment string) error {
	s := &structure{shape: shape, name: name, comment: comment}
	if shape != "" {
		if p.names[shape] != "" {
			return fmt.Errorf("%s is used by two operations", shape)
		}
		p.names[shape] = name
		if err := p.fill(s); err != nil {
			return err
		}
	}
	p.structs = append(p.structs, s)
	return nil
}

func (p *plan) fill(s *structure) error {
	shape := p.model.shape(s.shape)
	for _, n := range shape.Members.Names {
		m, _ := shape.Members.Get(n)
		switch m.In {
		case "", "uri", "querystring":
		case "header":
			s.headers = true // written by the protocol's runtime
			continue
		default:
			return fmt.Errorf("%s.%s: bound to %q, which is not known here", s.shape, n, m.In)
		}
		s.fields = append(s.fields, field{
			Member: m, member: n, name: goName(n), required: slices.Contains(shape.Required, n),
		})
	}
	return nil
}

// use marks what s is made of as decoded, encoded or both, and adds what is new.
func (p *plan) use(s *structure, input, output bool) error {
	if (s.input || !input) && (s.output || !output) {
		return nil
	}
	s.input, s.output = s.input || input, s.output || output
	for _, f := range s.fields {
		if err := p.useShape(f.Shape, input, output); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) useShape(name string, input, output bool) error {
	switch s := p.model.shape(name); s.Type {
	case "list":
		return p.useShape(s.Member, input, output)
	case "map":
		if p.model.shape(s.Key).Type != "string" || p.model.shape(s.Value).Type != "string" {
			return fmt.Errorf("%s: only maps of strings are known here", name)
		}
		return nil
	case "structure":
		t := p.structOf(name)
		if t == nil {
			t = &structure{shape: name, name: goName(name), comment: "is " + name + " of the model."}
			p.names[name] = t.name
			if err := p.fill(t); err != nil {
				return err
			}
			p.structs = append(p.structs, t)
		}
		return p.use(t, input, output)
	default:
		if len(s.Enum) > 0 && !p.seen[name] {
			p.seen[name] = true
			p.enums = append(p.enums, name)
		}
		return nil
	}
}

func (p *plan) structOf(shape string) *structure {
	for _, s := range p.structs {
		if s.shape == shape {
			return s
		}
	}
	return nil
}

// goType is the type of a value of a shape.
func (p *plan) goType(name string) string {
	s := p.model.shape(name)
	switch s.Type {
	case "list":
		return "[]" + p.goType(s.Member)
	case "map":
		return "map[string]string"
	case "structure":
		return p.names[name]
	case "boolean":
		return "bool"
	case "integer":
		return "int"
	case "long":
		return "int64"
	case "timestamp":
		return "time.Time"
	}
	switch {
	case len(s.Enum) > 0:
		return goName(name)
	case s.Sensitive:
		return "restjson.Secret"
	default:
		return "string"
	}
}

// pointer says whether a field is a pointer, nil meaning absent. Lists and maps
// are absent as nil without one.
func (p *plan) pointer(f field) bool {
	t := p.model.shape(f.Shape).Type
	return !f.required && t != "list" && t != "map"
}

// fieldType is the type of a field.
func (p *plan) fieldType(f field) string {
	if p.pointer(f) {
		return "*" + p.goType(f.Shape)
	}
	return p.goType(f.Shape)
}

// rules says in words what a shape demands.
func (p *plan) rules(name string) string {
	s := p.model.shape(name)
	var out []string
	unit := map[string]string{"string": " characters", "list": " elements", "map": " entries"}[s.Type]
	switch {
	case s.Min != nil && s.Max != nil && *s.Min == *s.Max:
		out = append(out, fmt.Sprintf("%d%s", *s.Min, unit))
	case s.Min != nil && s.Max != nil:
		out = append(out, fmt.Sprintf("%d to %d%s", *s.Min, *s.Max, unit))
	case s.Min != nil:
		out = append(out, fmt.Sprintf("at least %d%s", *s.Min, unit))
	case s.Max != nil:
		out = append(out, fmt.Sprintf("at most %d%s", *s.Max, unit))
	}
	if s.Pattern != "" {
		out = append(out, s.Pattern)
	}
	if len(s.Enum) > 0 {
		values := strings.Join(s.Enum, ", ")
		if s.Empty {
			values += ` or ""`
		}
		out = append(out, values)
	}
	return strings.Join(out, "; ")
}

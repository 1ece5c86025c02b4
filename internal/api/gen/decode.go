package main

import "fmt"

// decodeFile reads inputs, and what they are made of, from requests.
func decodeFile(p *plan) (*file, error) {
	f := newFile("openivs/internal/api/restjson")
	for _, s := range p.structs {
		if !s.input {
			continue
		}
		if err := writeDecode(f, p, s); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func writeDecode(f *file, p *plan, s *structure) error {
	if len(s.fields) == 0 {
		f.line("\nfunc decode%s(d *restjson.Decoder, _ *%s) { for d.Open(); d.Next(); { d.Skip() } }", s.name, s.name)
		return nil
	}
	f.line("\nfunc decode%s(d *restjson.Decoder, v *%s) {", s.name, s.name)
	var body []field
	for _, m := range s.fields {
		switch m.In {
		case "uri":
			if p.goType(m.Shape) != "string" || !m.required {
				return fmt.Errorf("%s.%s: a label is a required string", s.shape, m.member)
			}
			f.line("v.%s = d.Label(%q)", m.name, m.member)
		case "querystring":
			if p.goType(m.Shape) != "[]string" {
				return fmt.Errorf("%s.%s: only lists of strings are known in a query", s.shape, m.member)
			}
			f.line("v.%s = d.Query(%q, %q, %d)", m.name, m.member, m.Name, p.most(m.Shape))
		default:
			body = append(body, m)
		}
	}
	if len(body) > 0 {
		writeMembers(f, p, body)
	}
	for _, m := range s.fields {
		if !m.required || m.In == "uri" {
			continue
		}
		test := "!has" + m.name
		if !p.tracked(m) {
			test = "v." + m.name + " == nil"
		}
		f.line("if %s {\nd.Missing(%q)\n}", test, m.member)
	}
	f.line("}")
	return nil
}

// tracked says whether presence needs a variable of its own.
func (p *plan) tracked(m field) bool {
	t := p.model.shape(m.Shape).Type
	return m.required && t != "list" && t != "map"
}

func writeMembers(f *file, p *plan, body []field) {
	for _, m := range body {
		if p.tracked(m) {
			f.line("var has%s bool", m.name)
		}
	}
	f.line("for d.Open(); d.Next(); {\nswitch string(d.Name()) {")
	for _, m := range body {
		f.line("case %q:", m.member)
		if p.tracked(m) {
			writeRequired(f, p, m)
		} else {
			f.line("v.%s = %s", m.name, p.read(m.Shape))
		}
	}
	f.line("default:\nd.Skip()\n}\n}")
}

// writeRequired reads a value that has no nil to say that it is absent.
func writeRequired(f *file, p *plan, m field) {
	t := p.goType(m.Shape)
	switch p.model.shape(m.Shape).Type {
	case "structure":
		f.line("has%s = restjson.Struct(d, &v.%s, decode%s)", m.name, m.name, t)
	case "boolean":
		f.line("v.%s, has%s = d.Bool()", m.name, m.name)
	case "integer":
		f.line("v.%s, has%s = d.Int()", m.name, m.name)
	case "long":
		f.line("v.%s, has%s = d.Long()", m.name, m.name)
	default:
		f.line("v.%s, has%s = restjson.String[%s](d)", m.name, m.name, t)
	}
}

// read is the expression that reads an optional value, a list or a map.
func (p *plan) read(shape string) string {
	s, t := p.model.shape(shape), p.goType(shape)
	switch s.Type {
	case "structure":
		return fmt.Sprintf("restjson.StructPointer(d, decode%s)", t)
	case "list":
		element := "decode" + p.goType(s.Member)
		if p.model.shape(s.Member).Type == "string" {
			element = fmt.Sprintf("restjson.StringElement[%s]", p.goType(s.Member))
		}
		return fmt.Sprintf("restjson.List(d, %d, %s)", p.most(shape), element)
	case "map":
		return fmt.Sprintf("d.Map(%d)", p.most(shape))
	case "boolean":
		return "d.BoolPointer()"
	case "integer":
		return "d.IntPointer()"
	case "long":
		return "d.LongPointer()"
	default:
		return fmt.Sprintf("restjson.StringPointer[%s](d)", t)
	}
}

// most is the limit of a list or map, or 0 if the model has none.
func (p *plan) most(shape string) int64 {
	if n := p.model.shape(shape).Max; n != nil {
		return *n
	}
	return 0
}

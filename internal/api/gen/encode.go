package main

import "fmt"

// encodeFile writes outputs, and what they are made of, as answers.
func encodeFile(p *plan) *file {
	f := newFile("openivs/internal/api/restjson")
	for _, s := range p.structs {
		if s.output {
			writeEncode(f, p, s)
		}
	}
	return f
}

func writeEncode(f *file, p *plan, s *structure) {
	if len(s.fields) == 0 {
		f.line("\nfunc encode%s(b []byte, _ *%s) []byte { return append(b, '{', '}') }", s.name, s.name)
		return
	}
	f.line("\nfunc encode%s(b []byte, v *%s) []byte {\nb = append(b, '{')", s.name, s.name)
	for _, m := range s.fields {
		name := fmt.Sprintf("b = append(b, `%q:`...)", m.member)
		value, isStruct := "v."+m.name, p.model.shape(m.Shape).Type == "structure"
		switch {
		case m.required && isStruct:
			value = "&" + value
		case p.pointer(m) && !isStruct:
			value = "*" + value
		}
		if m.required {
			f.line("%s\n%s", name, p.write(m.Shape, value))
			continue
		}
		f.line("if v.%s != nil {\n%s\n%s\n}", m.name, name, p.write(m.Shape, value))
	}
	f.line("return restjson.EndObject(b)\n}")
}

// write is the statement that appends a value and a comma. A structure is given
// by its address.
func (p *plan) write(shape, value string) string {
	s := p.model.shape(shape)
	switch s.Type {
	case "structure":
		return fmt.Sprintf("b = append(encode%s(b, %s), ',')", p.goType(shape), value)
	case "list":
		if p.model.shape(s.Member).Type == "string" {
			return fmt.Sprintf("b = restjson.AppendStrings(b, %s)", value)
		}
		return fmt.Sprintf("b = restjson.AppendList(b, %s, encode%s)", value, p.goType(s.Member))
	case "map":
		return fmt.Sprintf("b = restjson.AppendMap(b, %s)", value)
	case "boolean":
		return fmt.Sprintf("b = restjson.AppendBool(b, %s)", value)
	case "integer", "long":
		return fmt.Sprintf("b = restjson.AppendInt(b, %s)", value)
	case "timestamp":
		return fmt.Sprintf("b = restjson.AppendTime(b, %s)", value)
	default:
		return fmt.Sprintf("b = restjson.AppendString(b, %s)", value)
	}
}

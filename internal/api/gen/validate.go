package main

import "fmt"

// validateFile holds inputs to the rules of the model. What is required has
// been checked when they were decoded.
func validateFile(p *plan) (*file, error) {
	f := newFile("unicode", "", "openivs/internal/api/restjson")
	v := &validator{plan: p, file: f, ruled: make(map[string]bool)}
	for _, s := range p.structs {
		if s.input {
			v.structure(s)
		}
	}
	for _, name := range p.model.Shapes.Names {
		if v.ruled[name] {
			if err := v.shape(name); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

type validator struct {
	*plan
	*file
	ruled map[string]bool // shapes that a written function checks
}

// rule says whether values of a shape can break a rule, and remembers that
// their check is needed.
func (v *validator) rule(name string) bool {
	s := v.model.shape(name)
	has := s.Min != nil || s.Max != nil || s.Pattern != "" || len(s.Enum) > 0
	switch s.Type {
	case "list":
		has = v.rule(s.Member) || has
	case "map":
		k, val := v.rule(s.Key), v.rule(s.Value)
		has = k || val || has
	case "structure":
		return v.ruledStructure(v.structOf(name))
	}
	if has {
		v.ruled[name] = true
	}
	return has
}

func (v *validator) ruledStructure(s *structure) bool {
	for _, m := range s.fields {
		if v.rule(m.Shape) {
			return true
		}
	}
	return false
}

// check is the call that checks a value; a structure is given by its address.
func (v *validator) check(shape, value string) string {
	if v.model.shape(shape).Type == "structure" {
		return fmt.Sprintf("validate%s(%s)", v.goType(shape), value)
	}
	return fmt.Sprintf("check%s(%s)", goName(shape), value)
}

func (v *validator) structure(s *structure) {
	if !v.ruledStructure(s) {
		v.line("\nfunc validate%s(*%s) *restjson.Violation { return nil }", s.name, s.name)
		return
	}
	v.line("\nfunc validate%s(in *%s) *restjson.Violation {", s.name, s.name)
	for _, m := range s.fields {
		if !v.rule(m.Shape) {
			continue
		}
		value, isStruct := "in."+m.name, v.model.shape(m.Shape).Type == "structure"
		if v.pointer(m) {
			v.line("if in.%s != nil {", m.name)
			if !isStruct {
				value = "*" + value
			}
		} else if isStruct {
			value = "&" + value
		}
		v.line("if v := %s; v != nil {\nreturn v.In(%q)\n}", v.check(m.Shape, value), m.member)
		if v.pointer(m) {
			v.line("}")
		}
	}
	v.line("return nil\n}")
}

// shape writes the check of one shape.
func (v *validator) shape(name string) error {
	s := v.model.shape(name)
	if s.Pattern != "" {
		code, err := matcher(s.Pattern)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		v.line("\n// match%s matches %s.", goName(name), s.Pattern)
		v.line("func match%s(s string) bool {\n%s\n}", goName(name), code)
	}
	v.line("\nfunc check%s(s %s) *restjson.Violation {", goName(name), v.goType(name))
	switch s.Type {
	case "string":
		v.stringRules(name, s)
	case "integer", "long":
		v.bound("restjson.AtLeast(s, %d)", s.Min)
		v.bound("restjson.AtMost(s, %d)", s.Max)
	case "list":
		v.line("if s == nil {\nreturn nil\n}")
		v.size("restjson.Count(len(s), %d, %d)", s)
		if v.rule(s.Member) {
			v.line("for i := range s {")
			value := "s[i]"
			if v.model.shape(s.Member).Type == "structure" {
				value = "&s[i]"
			}
			v.line("if v := %s; v != nil {\nreturn v.At(i)\n}\n}", v.check(s.Member, value))
		}
	case "map":
		v.line("if s == nil {\nreturn nil\n}")
		v.size("restjson.Count(len(s), %d, %d)", s)
		v.line("return restjson.Entries(s, %s, %s)\n}", v.entry(s.Key), v.entry(s.Value))
		return nil
	default:
		return fmt.Errorf("%s: no rules are known for type %s", name, s.Type)
	}
	v.line("return nil\n}")
	return nil
}

// entry is the function that checks the keys or values of a map, or nil.
func (v *validator) entry(shape string) string {
	if v.rule(shape) {
		return "check" + goName(shape)
	}
	return "nil"
}

func (v *validator) stringRules(name string, s Shape) {
	v.size("restjson.Length(s, %d, %d)", s)
	if s.Pattern != "" {
		v.line("if !match%s(string(s)) {\nreturn restjson.Unmatched(%q)\n}", goName(name), s.Pattern)
	}
	if len(s.Enum) == 0 {
		return
	}
	v.line("switch s {")
	if s.Empty {
		v.line("case \"\":")
	}
	for _, e := range s.Enum {
		v.line("case %s%s:", goName(name), enumName(e))
	}
	v.line("default:\nreturn restjson.NotOneOf(%q)\n}", join(s.Enum))
}

// size checks a length; a missing upper limit is written as -1.
func (v *validator) size(call string, s Shape) {
	if s.Min == nil && s.Max == nil {
		return
	}
	least, most := int64(0), int64(-1)
	if s.Min != nil {
		least = *s.Min
	}
	if s.Max != nil {
		most = *s.Max
	}
	v.line("if v := "+call+"; v != nil {\nreturn v\n}", least, most)
}

func (v *validator) bound(call string, limit *int64) {
	if limit != nil {
		v.line("if v := "+call+"; v != nil {\nreturn v\n}", *limit)
	}
}

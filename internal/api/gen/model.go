package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
)

// A Model describes one API, as the file it was read from does.
type Model struct {
	Service     string             `json:"service"`
	Version     string             `json:"version"`
	Protocol    string             `json:"protocol"`
	SigningName string             `json:"signingName"`
	Operations  Ordered[Operation] `json:"operations"`
	Shapes      Ordered[Shape]     `json:"shapes"`
}

// An Operation is one call of the API.
type Operation struct {
	Method     string   `json:"method"`
	Path       string   `json:"path"`
	Status     int      `json:"status"` // of success
	Input      string   `json:"input"`
	Output     string   `json:"output"` // "" if it answers nothing
	Errors     []string `json:"errors"`
	Idempotent bool     `json:"idempotent"`
}

// A Shape is a type of the API with its rules. Which members mean something
// depends on Type.
type Shape struct {
	Type            string          `json:"type"`
	Members         Ordered[Member] `json:"members"`
	Required        []string        `json:"required"`
	Member          string          `json:"member"` // of a list
	Key             string          `json:"key"`    // of a map
	Value           string          `json:"value"`  // of a map
	Min             *int64          `json:"min"`
	Max             *int64          `json:"max"`
	Pattern         string          `json:"pattern"`
	Enum            []string        `json:"enum"`
	Empty           bool            `json:"empty"` // "" is taken beside Enum, as documented
	Sensitive       bool            `json:"sensitive"`
	TimestampFormat string          `json:"timestampFormat"`
	Error           *ErrorTrait     `json:"error"`
}

// An ErrorTrait makes a structure an exception.
type ErrorTrait struct {
	Status int    `json:"status"`
	Fault  string `json:"fault"`
}

// A Member is a part of a structure.
type Member struct {
	Shape string `json:"shape"`
	In    string `json:"in"` // "" is the body
	Name  string `json:"name"`
}

// Ordered is a JSON object whose members keep the order of the file.
type Ordered[T any] struct {
	Names []string
	of    map[string]T
}

// Get returns what name stands for.
func (o Ordered[T]) Get(name string) (T, bool) {
	v, ok := o.of[name]
	return v, ok
}

// UnmarshalJSON reads an object and refuses a name given twice.
func (o *Ordered[T]) UnmarshalJSON(b []byte) error {
	o.of = make(map[string]T)
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name, ok := t.(string)
		if !ok {
			return fmt.Errorf("%v is not a name", t)
		}
		if _, twice := o.of[name]; twice {
			return fmt.Errorf("%s is there twice", name)
		}
		var v T
		if err := d.Decode(&v); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		o.Names = append(o.Names, name)
		o.of[name] = v
	}
	return nil
}

// ReadModel reads a model and checks that every name in it leads somewhere.
func ReadModel(file string) (*Model, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	m := new(Model)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return m, nil
}

func (m *Model) check() error {
	var errs []error
	if m.Protocol != "rest-json" {
		errs = append(errs, fmt.Errorf("protocol %q is not rest-json", m.Protocol))
	}
	for _, name := range m.Operations.Names {
		op, _ := m.Operations.Get(name)
		used := slices.Concat([]string{op.Input}, op.Errors)
		if op.Output != "" {
			used = append(used, op.Output)
		}
		errs = append(errs, m.known(name, used...))
	}
	for _, name := range m.Shapes.Names {
		errs = append(errs, m.checkShape(name))
	}
	return errors.Join(errs...)
}

func (m *Model) checkShape(name string) error {
	s, _ := m.Shapes.Get(name)
	switch s.Type {
	case "list":
		return m.known(name, s.Member)
	case "map":
		return m.known(name, s.Key, s.Value)
	case "structure":
		for _, r := range s.Required {
			if _, ok := s.Members.Get(r); !ok {
				return fmt.Errorf("%s: required member %s does not exist", name, r)
			}
		}
		for _, n := range s.Members.Names {
			member, _ := s.Members.Get(n)
			if err := m.known(name+"."+n, member.Shape); err != nil {
				return err
			}
		}
		return nil
	case "timestamp":
		if s.TimestampFormat != "iso8601" {
			return fmt.Errorf("%s: timestamp format %q is not known here", name, s.TimestampFormat)
		}
		return nil
	case "string", "boolean", "integer", "long":
		return nil
	default:
		return fmt.Errorf("%s: type %q is not known here", name, s.Type)
	}
}

func (m *Model) known(user string, shapes ...string) error {
	for _, s := range shapes {
		if _, ok := m.Shapes.Get(s); !ok {
			return fmt.Errorf("%s: shape %q does not exist", user, s)
		}
	}
	return nil
}

// shape returns a shape that check has seen to exist.
func (m *Model) shape(name string) Shape {
	s, _ := m.Shapes.Get(name)
	return s
}

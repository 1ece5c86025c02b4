// Package iam evaluates IAM policy documents: may this key do this action on
// this resource?
//
// It knows the language of policies (IAM User Guide, "IAM JSON policy elements
// reference"), not which actions there are, who calls or where policies are kept.
package iam

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxPolicy is the longest document Parse reads, in bytes, as for a managed
// policy (IAM and STS quotas).
const MaxPolicy = 6144

const (
	maxStatements = 64
	maxDepth      = 16 // levels of brackets; a policy needs five
)

// A Policy is a document that has been read and checked.
type Policy struct{ statements []statement }

type statement struct {
	deny       bool
	actions    matcher
	resources  matcher
	conditions []condition
}

// matcher holds the patterns of Action or NotAction, Resource or NotResource.
type matcher struct {
	patterns []string
	not      bool
	fold     bool // compare without regard to case
}

func (m matcher) matches(s string) bool {
	if m.fold {
		s = strings.ToLower(s)
	}
	hit := slices.ContainsFunc(m.patterns, func(p string) bool { return like(p, s) })
	return hit != m.not
}

// Parse reads a policy document. It refuses what Evaluate would not honour, so
// that no statement is ever passed over in silence.
func Parse(doc []byte) (*Policy, error) {
	if len(doc) > MaxPolicy {
		return nil, fmt.Errorf("a policy has at most %d bytes, this one has %d", MaxPolicy, len(doc))
	}
	if err := plain(doc); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	var d document
	if err := strict(doc, &d); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	if d.Version != "" && d.Version != "2012-10-17" && d.Version != "2008-10-17" {
		return nil, fmt.Errorf("policy: Version %q is unknown, use 2012-10-17", d.Version)
	}
	if len(d.Statement) == 0 || len(d.Statement) > maxStatements {
		return nil, fmt.Errorf("policy: Statement has %d entries, 1 to %d are allowed", len(d.Statement), maxStatements)
	}
	p := new(Policy)
	for i, s := range d.Statement {
		st, err := s.parse()
		if err != nil {
			return nil, fmt.Errorf("policy: statement %d: %w", i+1, err)
		}
		p.statements = append(p.statements, st)
	}
	return p, nil
}

// plain refuses JSON that two readers may understand differently: a member
// given twice, in whatever capitals, of which one would be passed over; null;
// and what follows the document.
func plain(doc []byte) error {
	dec := json.NewDecoder(bytes.NewReader(doc))
	if err := plainValue(dec, 0); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something behind the document")
	}
	return nil
}

func plainValue(dec *json.Decoder, depth int) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token == nil {
		return errors.New("null stands for nothing here")
	}
	bracket, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	if depth == maxDepth {
		return fmt.Errorf("it nests deeper than %d levels", maxDepth)
	}
	seen := make(map[string]bool)
	for dec.More() {
		if bracket == '{' {
			name, err := dec.Token()
			if err != nil {
				return err
			}
			folded := strings.ToLower(fmt.Sprint(name))
			if seen[folded] {
				return fmt.Errorf("%q is there twice", name)
			}
			seen[folded] = true
		}
		if err := plainValue(dec, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token() // the closing bracket
	return err
}

type document struct {
	Version   string
	ID        string `json:"Id"`
	Statement oneOrMore[rawStatement]
}

type rawStatement struct {
	Sid         string
	Effect      string
	Action      oneOrMore[string]
	NotAction   oneOrMore[string]
	Resource    oneOrMore[string]
	NotResource oneOrMore[string]
	Condition   map[string]map[string]oneOrMore[scalar]
}

// oneOrMore is a JSON value that may stand alone or in a list.
type oneOrMore[T any] []T

// UnmarshalJSON reads a value or a list of values.
func (o *oneOrMore[T]) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return strict(b, (*[]T)(o))
	}
	var one T
	if err := strict(b, &one); err != nil {
		return err
	}
	*o = []T{one}
	return nil
}

func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// scalar is a string, or a boolean or number that is read as one.
type scalar string

// UnmarshalJSON reads a string, a boolean or a number.
func (s *scalar) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(s))
	}
	if len(b) > 0 && strings.IndexByte("tf-0123456789", b[0]) >= 0 {
		*s = scalar(b)
		return nil
	}
	return fmt.Errorf("a condition's value is a string, a boolean or a number, not %s", b)
}

func (s rawStatement) parse() (statement, error) {
	var st statement
	switch s.Effect {
	case "Allow":
	case "Deny":
		st.deny = true
	default:
		return st, fmt.Errorf("the Effect is %q, it is Allow or Deny", s.Effect)
	}
	var err error
	if st.actions, err = oneOf("Action", s.Action, s.NotAction); err != nil {
		return st, err
	}
	if st.resources, err = oneOf("Resource", s.Resource, s.NotResource); err != nil {
		return st, err
	}
	for _, r := range st.resources.patterns {
		if r != "*" && !strings.HasPrefix(r, "arn:") {
			return st, fmt.Errorf("the Resource %q is neither * nor an ARN", r)
		}
	}
	st.actions.fold = true
	for i, a := range st.actions.patterns {
		if a != "*" && !strings.Contains(a, ":") {
			return st, fmt.Errorf("the Action %q names no service, write it as ivs:%s", a, a)
		}
		st.actions.patterns[i] = strings.ToLower(a)
	}
	st.conditions, err = parseConditions(s.Condition)
	return st, err
}

func oneOf(name string, yes, no []string) (matcher, error) {
	if (len(yes) == 0) == (len(no) == 0) {
		return matcher{}, fmt.Errorf("exactly one of %s and Not%s is needed", name, name)
	}
	m := matcher{patterns: slices.Concat(yes, no), not: len(no) > 0}
	for _, p := range m.patterns {
		if p == "" {
			return m, fmt.Errorf("%s is empty", name)
		}
		if strings.Contains(p, "${") {
			return m, fmt.Errorf("%s %q: policy variables are not supported", name, p)
		}
	}
	return m, nil
}

// Keys returns the condition keys that the policy asks about, in lower case,
// each once and sorted.
func (p *Policy) Keys() []string {
	var keys []string
	for _, s := range p.statements {
		for _, c := range s.conditions {
			keys = append(keys, c.key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// A Request is a call to be judged.
type Request struct {
	Action   string // such as ivs:GetChannel
	Resource string // an ARN, or one with wildcards for what has no single resource
	Context  Context
}

// Context has the values of condition keys. The keys are in lower case, as are
// the values of aws:tagkeys. A key without values is as good as absent.
type Context map[string][]string

// A Decision is the outcome for a request.
type Decision int

// The decisions. An explicit denial beats any permission.
const (
	NotAllowed Decision = iota // nothing allows it
	Allowed
	Denied // a statement forbids it
)

// Evaluate judges a request by all of a caller's policies.
func Evaluate(policies []*Policy, r Request) Decision {
	d := NotAllowed
	for _, p := range policies {
		for _, s := range p.statements {
			if !s.applies(r) {
				continue
			}
			if s.deny {
				return Denied
			}
			d = Allowed
		}
	}
	return d
}

func (s statement) applies(r Request) bool {
	return s.actions.matches(r.Action) && s.resources.matches(r.Resource) &&
		!slices.ContainsFunc(s.conditions, func(c condition) bool { return !c.holds(r.Context) })
}

// like reports whether s matches a pattern in which * stands for any run of
// characters and ? for any one. It takes time in proportion to the product of
// the lengths at worst.
func like(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == '?':
			_, size := utf8.DecodeRuneInString(s[i:])
			p++
			i += size
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			_, size := utf8.DecodeRuneInString(s[mark:])
			mark += size
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

package iam

import (
	"fmt"
	"slices"
	"strings"
)

// condition is one line of a Condition element: an operator, a key, values.
type condition struct {
	key      string // lower case
	test     func(want, got string) bool
	negated  bool // the test must fail for every wanted value
	null     bool // the operator is Null; want says whether the key must be absent
	absent   bool
	ifExists bool // holds when the key is absent
	set      setOperator
	want     []string
}

type setOperator int

const (
	single setOperator = iota
	forAll             // ForAllValues: every value of the request matches; none is fine
	forAny             // ForAnyValue: at least one does
)

func operator(name string) (condition, bool) {
	switch name {
	case "StringEquals":
		return condition{test: equal}, true
	case "StringNotEquals":
		return condition{test: equal, negated: true}, true
	case "StringEqualsIgnoreCase":
		return condition{test: strings.EqualFold}, true
	case "StringNotEqualsIgnoreCase":
		return condition{test: strings.EqualFold, negated: true}, true
	case "StringLike":
		return condition{test: like}, true
	case "StringNotLike":
		return condition{test: like, negated: true}, true
	case "Null":
		return condition{null: true}, true
	default:
		return condition{}, false
	}
}

// tagKeys is the condition key whose values are names of tags, which compare
// without regard to case.
const tagKeys = "aws:tagkeys"

func equal(want, got string) bool { return want == got }

func parseConditions(raw map[string]map[string]oneOrMore[scalar]) ([]condition, error) {
	var all []condition
	for name, lines := range raw {
		c, err := parseOperator(name)
		if err != nil {
			return nil, err
		}
		for key, want := range lines {
			line := c
			line.key = strings.ToLower(key)
			for _, w := range want {
				if strings.Contains(string(w), "${") {
					return nil, fmt.Errorf("condition %s on %s: policy variables are not supported", name, key)
				}
				if line.key == tagKeys {
					w = scalar(strings.ToLower(string(w)))
				}
				line.want = append(line.want, string(w))
			}
			if err := line.checkValues(name, key); err != nil {
				return nil, err
			}
			all = append(all, line)
		}
	}
	return all, nil
}

func parseOperator(name string) (condition, error) {
	bare, set := name, single
	if after, ok := strings.CutPrefix(bare, "ForAllValues:"); ok {
		bare, set = after, forAll
	} else if after, ok := strings.CutPrefix(bare, "ForAnyValue:"); ok {
		bare, set = after, forAny
	}
	bare, ifExists := strings.CutSuffix(bare, "IfExists")
	c, ok := operator(bare)
	if !ok || c.null && (set != single || ifExists) {
		return c, fmt.Errorf("condition operator %q is not supported", name)
	}
	c.set, c.ifExists = set, ifExists
	return c, nil
}

func (c *condition) checkValues(name, key string) error {
	if len(c.want) == 0 {
		return fmt.Errorf("condition %s on %s has no value", name, key)
	}
	if !c.null {
		return nil
	}
	if len(c.want) != 1 || c.want[0] != "true" && c.want[0] != "false" {
		return fmt.Errorf("condition Null on %s is true or false", key)
	}
	c.absent = c.want[0] == "true"
	return nil
}

func (c condition) holds(context Context) bool {
	got := context[c.key]
	present := len(got) > 0
	switch {
	case c.null:
		return c.absent != present
	case !present && (c.ifExists || c.set == forAll):
		return true
	case c.set == forAll, c.negated && c.set == single:
		return !slices.ContainsFunc(got, func(g string) bool { return !c.accepts(g) })
	default:
		return slices.ContainsFunc(got, c.accepts)
	}
}

// accepts reports whether one value of the request passes.
func (c condition) accepts(got string) bool {
	hit := slices.ContainsFunc(c.want, func(w string) bool { return c.test(w, got) })
	return hit != c.negated
}

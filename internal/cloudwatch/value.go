package cloudwatch

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// An input is a structure as a client sent it, by whatever protocol: its members
// are strings, numbers, times, inputs and lists of these.
type input map[string]any

// text returns a member that is a string.
func (in input) text(name string) string {
	s, _ := in[name].(string)
	return s
}

// child returns a member that is a structure.
func (in input) child(name string) input {
	m, _ := in[name].(input)
	return m
}

// children returns a member that is a list of structures.
func (in input) children(name string) []input {
	list, _ := in[name].([]any)
	var out []input
	for _, v := range list {
		m, ok := v.(input)
		if !ok {
			m = input{}
		}
		out = append(out, m)
	}
	return out
}

// texts returns a member that is a list of strings.
func (in input) texts(name string) []string {
	list, _ := in[name].([]any)
	var out []string
	for _, v := range list {
		s, _ := v.(string)
		out = append(out, s)
	}
	return out
}

// number returns a member that is a whole number, or what is meant without it.
func (in input) number(name string, byDefault int64) (int64, error) {
	switch v := in[name].(type) {
	case nil:
		return byDefault, nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), nil
		}
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, wrong("The value for parameter %s is not a whole number.", name)
}

// moment returns a member that is a time, which has to be there.
func (in input) moment(name string) (time.Time, error) {
	const limit = 1 << 40 // seconds since 1970
	switch v := in[name].(type) {
	case nil:
		return time.Time{}, missing("The parameter %s is required.", name)
	case time.Time:
		return v, nil
	case float64:
		if math.Abs(v) < limit {
			sec, frac := math.Modf(v)
			return time.Unix(int64(sec), int64(frac*1e9)).UTC(), nil
		}
	case string:
		for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
			if t, err := time.Parse(form, v); err == nil {
				return t.UTC(), nil
			}
		}
	}
	return time.Time{}, wrong("The value for parameter %s is not a time.", name)
}

// flag returns a member that is true or false, or what is meant without it.
func (in input) flag(name string, byDefault bool) bool {
	switch v := in[name].(type) {
	case bool:
		return v
	case string:
		return v == "true"
	default:
		return byDefault
	}
}

const (
	maxDepth   = 12  // levels of a name such as MetricDataQueries.member.1.Id
	maxMembers = 500 // of a list
)

// fromForm reads the body of the AWS query protocol.
func fromForm(body []byte) (input, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, wrong("The request cannot be read.")
	}
	root := input{}
	for name, values := range form {
		parts := strings.Split(name, ".")
		if len(parts) > maxDepth {
			return nil, wrong("%s is too deep.", clip(name))
		}
		at := root
		for _, p := range parts[:len(parts)-1] {
			next, ok := at[p].(input)
			if !ok {
				next = input{}
				at[p] = next
			}
			at = next
		}
		if _, taken := at[parts[len(parts)-1]].(input); !taken {
			at[parts[len(parts)-1]] = values[0]
		}
	}
	return lists(root)
}

// lists turns {"member": {"1": a, "2": b}} into [a, b].
func lists(in input) (input, error) {
	for name, v := range in {
		m, ok := v.(input)
		if !ok {
			continue
		}
		members, isList := m["member"].(input)
		if !isList || len(m) != 1 {
			if _, err := lists(m); err != nil {
				return nil, err
			}
			continue
		}
		list, err := listOf(members)
		if err != nil {
			return nil, err
		}
		in[name] = list
	}
	return in, nil
}

func listOf(members input) ([]any, error) {
	var at []int
	for k := range members {
		n, err := strconv.Atoi(k)
		if err != nil || n < 1 || n > maxMembers {
			return nil, wrong("A list has at most %d members.", maxMembers)
		}
		at = append(at, n)
	}
	slices.Sort(at)
	var list []any
	for _, n := range at {
		v := members[strconv.Itoa(n)]
		if m, ok := v.(input); ok {
			var err error
			if v, err = lists(m); err != nil {
				return nil, err
			}
		}
		list = append(list, v)
	}
	return list, nil
}

// fromJSON makes inputs of what encoding/json made.
func fromJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := input{}
		for k, m := range v {
			out[k] = fromJSON(m)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = fromJSON(v[i])
		}
		return out
	default:
		return v
	}
}

// fromCBOR makes inputs of what the CBOR decoder made.
func fromCBOR(v cbor.Value) any {
	switch v := v.(type) {
	case cbor.Map:
		out := input{}
		for k, m := range v {
			out[k] = fromCBOR(m)
		}
		return out
	case cbor.List:
		out := make([]any, len(v))
		for i := range v {
			out[i] = fromCBOR(v[i])
		}
		return out
	case cbor.String:
		return string(v)
	case cbor.Bool:
		return bool(v)
	case cbor.Uint:
		return float64(v)
	case cbor.NegInt:
		return -float64(v)
	case cbor.Float32:
		return float64(v)
	case cbor.Float64:
		return float64(v)
	case *cbor.Tag:
		return fromCBOR(v.Value) // of a time: seconds since 1970
	default:
		return nil
	}
}

// An output is a structure as it is answered: its members in order, each a
// string, a float64, a time.Time, an output or a []any of these.
type output []member

type member struct {
	name  string
	value any
}

// toJSON makes what encoding/json writes.
func toJSON(v any) any {
	switch v := v.(type) {
	case output:
		out := make(map[string]any, len(v))
		for _, m := range v {
			out[m.name] = toJSON(m.value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = toJSON(v[i])
		}
		return out
	case time.Time:
		return v.Unix()
	default:
		return v
	}
}

// toCBOR makes what the CBOR encoder writes.
func toCBOR(v any) cbor.Value {
	switch v := v.(type) {
	case output:
		out := make(cbor.Map, len(v))
		for _, m := range v {
			out[m.name] = toCBOR(m.value)
		}
		return out
	case []any:
		out := make(cbor.List, len(v))
		for i := range v {
			out[i] = toCBOR(v[i])
		}
		return out
	case time.Time:
		return &cbor.Tag{ID: 1, Value: cbor.Float64(v.Unix())}
	case float64:
		return cbor.Float64(v)
	case string:
		return cbor.String(v)
	default:
		return &cbor.Nil{}
	}
}

// appendXML writes the members of a structure as the AWS query protocol does.
func appendXML(b []byte, v any) []byte {
	switch v := v.(type) {
	case output:
		for _, m := range v {
			b = append(append(append(b, '<'), m.name...), '>')
			b = appendXML(b, m.value)
			b = append(append(append(b, "</"...), m.name...), '>')
		}
	case []any:
		for _, e := range v {
			b = append(b, "<member>"...)
			b = appendXML(b, e)
			b = append(b, "</member>"...)
		}
	case time.Time:
		b = v.UTC().AppendFormat(b, time.RFC3339)
	case float64:
		b = strconv.AppendFloat(b, v, 'f', -1, 64)
	case string:
		b = appendText(b, v)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(b, strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)...)
}

func clip(s string) string {
	const most = 100
	return s[:min(len(s), most)]
}

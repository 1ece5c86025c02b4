package restjson

import (
	"bytes"
	"math"
	"net/url"
	"strconv"
	"unicode/utf8"
)

// A Decoder reads one request: its body, the label in its path and its query.
// Generated code calls it in the order of the body:
//
//	for d.Open(); d.Next(); {
//		switch string(d.Name()) {
//		case "arn":
//			v.ARN, hasARN = restjson.String[string](d)
//		default:
//			d.Skip()
//		}
//	}
//
// null is the same as absent. A value of another type is never converted. Of
// members given twice the last one counts. After the first error every method
// returns its zero value and Next false.
type Decoder struct {
	scanner
	label string // the raw part of the path, or ""
	query string // raw

	path   [maxPath]step // where the decoder is, for messages
	depth  int
	opened bool       // the operation reads the body
	wrong  *Violation // the first rule broken
}

// maxPath is how deep the structures of a model may nest. What a client sends
// does not reach deeper: members that the model lacks are skipped.
const maxPath = 8

// A step is a member of an object, an entry of a map or an element of a list.
type step struct {
	name  []byte
	index int
	kind  stepKind
	first bool // nothing of it has been read yet
}

type stepKind uint8

const (
	inObject stepKind = iota
	inMap
	inList
)

// reset makes the decoder ready for a request.
func (d *Decoder) reset(body []byte, label, query string) {
	text := d.text[:0]
	*d = Decoder{label: label, query: query}
	d.data, d.text = body, text
}

// again reports whether what was read broke a rule and has members that are given
// again. If so it is ready to read the last of each.
func (d *Decoder) again() bool {
	if d.broken != "" || d.wrong == nil {
		return false
	}
	data, ok := lastMembers(d.data)
	if ok {
		d.reset(data, d.label, d.query)
	}
	return ok
}

// fault returns the first error as operation's answer.
func (d *Decoder) fault(operation string) error {
	switch {
	case d.broken != "":
		return Invalid("The body of " + operation + " is not JSON: " + d.broken + ", at byte " + strconv.Itoa(d.at))
	case d.wrong != nil:
		return d.wrong.fault(operation)
	default:
		return nil
	}
}

// finish refuses what follows the body's object.
func (d *Decoder) finish() {
	if !d.ok() || !d.opened {
		return
	}
	if d.space(); d.at < len(d.data) {
		d.fail("something follows the object")
	}
}

func (d *Decoder) ok() bool { return d.broken == "" && d.wrong == nil }

// violate records a broken rule of the value being read.
func (d *Decoder) violate(v *Violation) {
	if !d.ok() {
		return
	}
	for i := d.depth - 1; i >= 0; i-- {
		switch s := &d.path[i]; s.kind {
		case inList:
			v = v.At(s.index)
		case inMap:
			v = v.of(string(s.name))
		case inObject:
			v = v.In(string(s.name))
		}
	}
	d.wrong = v
}

// mismatch records a value of the wrong type, or what is no value at all.
func (d *Decoder) mismatch(want string) {
	if c := d.peek(); c != '{' && c != '[' {
		d.scalar(c)
	}
	if d.ok() {
		d.violate(&Violation{rule: "must be " + want})
	}
}

// Missing records that a required member is absent from the object just read.
func (d *Decoder) Missing(member string) { d.violate(missing().In(member)) }

// Null reports whether the value is null, and reads it if so.
func (d *Decoder) Null() bool {
	if !d.ok() {
		return true
	}
	d.space()
	if d.peek() != 'n' {
		return false
	}
	d.word("null")
	return true
}

// Open begins to read an object.
func (d *Decoder) Open() { d.open('{', "an object", inObject) }

func (d *Decoder) open(bracket byte, want string, kind stepKind) {
	if !d.opened {
		d.begin()
	}
	if !d.ok() {
		return
	}
	d.space()
	if d.peek() != bracket {
		d.mismatch(want)
		return
	}
	if d.depth == maxPath {
		d.fail("it nests too deep")
		return
	}
	d.at++
	d.path[d.depth] = step{kind: kind, first: true}
	d.depth++
}

// begin looks at the body as a whole. An empty one is an empty object.
func (d *Decoder) begin() {
	d.opened = true
	if !utf8.Valid(d.data) {
		d.fail("it is not UTF-8")
		return
	}
	if d.space(); d.at == len(d.data) {
		d.data, d.at = []byte("{}"), 0
	}
}

// Next goes to the next member of the object and reports whether there is one.
func (d *Decoder) Next() bool {
	if !d.ok() {
		return false
	}
	s := &d.path[d.depth-1]
	if d.closing(s, '}') {
		return false
	}
	s.name = d.name()
	if d.copied {
		s.name = bytes.Clone(s.name) // or the next string would overwrite it
	}
	return d.ok()
}

// closing reads what stands between two members or elements, and reports
// whether it was the end.
func (d *Decoder) closing(s *step, bracket byte) bool {
	d.space()
	switch c := d.peek(); {
	case c == bracket:
		d.at++
		d.depth--
		return true
	case s.first:
		s.first = false
	case c == ',':
		d.at++
		d.space()
	default:
		d.fail("a comma or a bracket is missing")
	}
	return !d.ok()
}

// Name returns the name of the member that Next went to.
func (d *Decoder) Name() []byte { return d.path[d.depth-1].name }

// Skip reads a value that nobody asks for, of any kind.
func (d *Decoder) Skip() {
	if d.ok() {
		d.skip()
	}
}

// String reads a string, and reports whether there is one.
func String[S ~string](d *Decoder) (S, bool) {
	if d.Null() {
		return "", false
	}
	if d.peek() != '"' {
		d.mismatch("a string")
		return "", false
	}
	s := S(d.quoted())
	return s, d.ok()
}

// Bool reads a boolean, and reports whether there is one.
func (d *Decoder) Bool() (value, ok bool) {
	if d.Null() {
		return false, false
	}
	switch d.peek() {
	case 't':
		d.word("true")
		return true, d.ok()
	case 'f':
		d.word("false")
		return false, d.ok()
	default:
		d.mismatch("a boolean")
		return false, false
	}
}

// Int reads an integer of 32 bits, and reports whether there is one.
func (d *Decoder) Int() (int, bool) {
	n, ok := d.integer(math.MinInt32, math.MaxInt32)
	return int(n), ok
}

// Long reads an integer of 64 bits, and reports whether there is one.
func (d *Decoder) Long() (int64, bool) { return d.integer(math.MinInt64, math.MaxInt64) }

func (d *Decoder) integer(least, most int64) (int64, bool) {
	if d.Null() {
		return 0, false
	}
	if c := d.peek(); c != '-' && !digit(c) {
		d.mismatch("an integer")
		return 0, false
	}
	text := d.number()
	if !d.ok() {
		return 0, false
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n < least || n > most {
		d.violate(&Violation{rule: "must be an integer from " + strconv.FormatInt(least, 10) + " to " + strconv.FormatInt(most, 10)})
		return 0, false
	}
	return n, true
}

// StringPointer reads a string; nil if it is absent.
func StringPointer[S ~string](d *Decoder) *S {
	return pointer(String[S](d))
}

// BoolPointer reads a boolean; nil if it is absent.
func (d *Decoder) BoolPointer() *bool { return pointer(d.Bool()) }

// IntPointer reads an integer of 32 bits; nil if it is absent.
func (d *Decoder) IntPointer() *int { return pointer(d.Int()) }

// LongPointer reads an integer of 64 bits; nil if it is absent.
func (d *Decoder) LongPointer() *int64 { return pointer(d.Long()) }

func pointer[T any](v T, ok bool) *T {
	if !ok {
		return nil
	}
	return &v
}

// Struct reads an object into v, which becomes zero if it is absent, and
// reports whether there is one.
func Struct[T any](d *Decoder, v *T, decode func(*Decoder, *T)) bool {
	*v = *new(T)
	if d.Null() {
		return false
	}
	decode(d, v)
	return d.ok()
}

// StructPointer reads an object; nil if it is absent.
func StructPointer[T any](d *Decoder, decode func(*Decoder, *T)) *T {
	if d.Null() {
		return nil
	}
	v := new(T)
	decode(d, v)
	return v
}

// maxElements is the longest list that is read where the model sets no limit.
const maxElements = 1000

// List reads a list; nil if it is absent. No more than most elements are kept
// before the request is refused; 0 stands for a default.
func List[T any](d *Decoder, most int, element func(*Decoder, *T)) []T {
	if d.Null() {
		return nil
	}
	if most == 0 {
		most = maxElements
	}
	list := []T{}
	d.open('[', "a list", inList)
	if !d.ok() {
		return nil
	}
	depth := d.depth
	for ; ; d.path[depth-1].index++ {
		if d.closing(&d.path[depth-1], ']') {
			return list
		}
		if len(list) == most {
			d.depth--
			d.violate(&Violation{rule: "has more than " + strconv.Itoa(most) + " elements"})
			return nil
		}
		if d.Null() {
			d.violate(&Violation{rule: "must not be null"})
			return nil
		}
		var v T
		element(d, &v)
		if !d.ok() {
			return nil
		}
		list = append(list, v)
	}
}

// StringElement reads an element of a list of strings.
func StringElement[S ~string](d *Decoder, v *S) {
	*v, _ = String[S](d)
}

// Map reads a map of strings; nil if it is absent. No more than most entries
// are kept before the request is refused; 0 stands for a default.
func (d *Decoder) Map(most int) map[string]string {
	if d.Null() {
		return nil
	}
	if most == 0 {
		most = maxElements
	}
	m := map[string]string{}
	for d.open('{', "an object", inMap); d.Next(); {
		key := string(d.Name())
		value, ok := String[string](d)
		if !ok {
			d.violate(&Violation{rule: "must not be null"})
			return nil
		}
		m[key] = value
		if len(m) > most {
			d.depth--
			d.violate(&Violation{rule: "has more than " + strconv.Itoa(most) + " entries"})
			return nil
		}
	}
	return m
}

// Label returns the part of the path that the route leaves open.
func (d *Decoder) Label(member string) string {
	s, err := url.PathUnescape(d.label)
	if err != nil || !utf8.ValidString(s) {
		d.violate((&Violation{rule: "is not percent-encoded UTF-8"}).In(member))
		return ""
	}
	return s
}

// Query returns the values of a query parameter in their order, nil if there is
// none. No more than most are returned; 0 stands for a default.
func (d *Decoder) Query(member, name string, most int) []string {
	if most == 0 {
		most = maxElements
	}
	values, err := url.ParseQuery(d.query)
	if err != nil {
		d.violate((&Violation{rule: "cannot be read: the query is not percent-encoded"}).In(member))
		return nil
	}
	list := values[name]
	if len(list) > most {
		d.violate((&Violation{rule: "has more than " + strconv.Itoa(most) + " elements"}).In(member))
		return nil
	}
	for i, s := range list {
		if !utf8.ValidString(s) {
			d.violate((&Violation{rule: "is not UTF-8"}).At(i).In(member))
			return nil
		}
	}
	return list
}

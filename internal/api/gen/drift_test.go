package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivs"

	"openivs/internal/api/ivsapi"
)

// The model is newer than the SDK that the tests use by these.
var (
	newOperations = []string{"UpdateAdConfiguration"}
	newMembers    = []string{
		"CreateAdConfigurationInput.postRollConfiguration",
		"AdConfiguration.postRollConfiguration",
		"AdConfigurationSummary.postRollConfiguration",
	}
)

// TestShapesAreThoseOfTheSDK compares inputs and outputs with those of the AWS
// SDK for Go: the same operations, the same members, the same types.
func TestShapesAreThoseOfTheSDK(t *testing.T) {
	service, client := reflect.TypeFor[ivsapi.Service](), reflect.TypeFor[*ivs.Client]()
	d := &drift{t: t, seen: make(map[[2]reflect.Type]bool)}
	for m := range client.Methods() {
		if m.Name == "Options" {
			continue
		}
		ours, ok := service.MethodByName(m.Name)
		if !ok {
			t.Errorf("the SDK has %s, the model does not", m.Name)
			continue
		}
		d.compare(ours.Type.In(1), m.Type.In(2))
		d.compare(ours.Type.Out(0), m.Type.Out(0))
	}
	for m := range service.Methods() {
		if _, ok := client.MethodByName(m.Name); ok == slices.Contains(newOperations, m.Name) {
			t.Errorf("%s: the SDK has it: %t, contrary to the list of what is newer", m.Name, ok)
		}
	}
	for _, n := range newMembers {
		if !slices.Contains(d.found, n) {
			t.Errorf("%s is no longer missing in the SDK: take it off the list", n)
		}
	}
}

type drift struct {
	t     *testing.T
	seen  map[[2]reflect.Type]bool
	found []string // of newMembers
}

// compare holds a type of ours to one of the SDK's.
func (d *drift) compare(ours, theirs reflect.Type) {
	ours, theirs = bare(ours), bare(theirs)
	if d.seen[[2]reflect.Type{ours, theirs}] {
		return
	}
	d.seen[[2]reflect.Type{ours, theirs}] = true
	if got, want := kind(ours), kind(theirs); got != want {
		d.t.Errorf("%v is %s, the SDK's %v is %s", ours, got, theirs, want)
		return
	}
	switch kind(ours) {
	case "string":
		d.values(ours, theirs)
	case "struct":
		d.members(ours, theirs)
	case "slice":
		d.compare(ours.Elem(), theirs.Elem())
	case "map":
		d.compare(ours.Key(), theirs.Key())
		d.compare(ours.Elem(), theirs.Elem())
	}
}

// values holds the model's enums to the SDK's.
func (d *drift) values(ours, theirs reflect.Type) {
	m, ok := theirs.MethodByName("Values")
	if !ok {
		return
	}
	var want []string
	list := m.Func.Call([]reflect.Value{reflect.Zero(theirs)})[0]
	for i := range list.Len() {
		want = append(want, list.Index(i).String())
	}
	s := model(d.t).shape(ours.Name())
	if got := slices.Sorted(slices.Values(s.Enum)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		d.t.Errorf("%v has the values %q, the SDK's %v has %q", ours, got, theirs, want)
	}
}

func (d *drift) members(ours, theirs reflect.Type) {
	for f := range theirs.Fields() {
		if !f.IsExported() || f.Name == "ResultMetadata" || modelledHeader(f.Name) {
			continue
		}
		o, ok := member(ours, f.Name)
		if !ok {
			d.t.Errorf("%v has no %s", ours, f.Name)
			continue
		}
		d.compare(o.Type, f.Type)
	}
	for f := range ours.Fields() {
		if _, ok := member(theirs, f.Name); ok {
			continue
		}
		name := ours.Name() + "." + strings.ToLower(f.Name[:1]) + f.Name[1:]
		if !slices.Contains(newMembers, name) {
			d.t.Errorf("the SDK's %v has no %s", theirs, f.Name)
		}
		d.found = append(d.found, name)
	}
}

// modelledHeader reports whether a member is a header that restjson writes.
func modelledHeader(name string) bool {
	return slices.Contains([]string{
		"AccessControlAllowOrigin", "AccessControlExposeHeaders", "CacheControl", "ContentSecurityPolicy",
		"StrictTransportSecurity", "XContentTypeOptions", "XFrameOptions",
	}, name)
}

func member(t reflect.Type, name string) (reflect.StructField, bool) {
	return t.FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, name) })
}

func bare(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

func kind(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "time"
	case t.Kind() == reflect.Int32:
		return "int" // as the model's integer is here
	default:
		return t.Kind().String()
	}
}

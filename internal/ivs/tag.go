package ivs

import (
	"maps"
	"strings"
)

// Tags are an operator's own labels on a resource.
type Tags map[string]string

// MaxTags is the most a resource may have.
const MaxTags = 50

// Clone returns a copy that is never nil.
func (t Tags) Clone() Tags {
	if t == nil {
		return Tags{}
	}
	return maps.Clone(t)
}

// Validate checks the rules the API model does not state.
func (t Tags) Validate() error {
	if len(t) > MaxTags {
		return Errorf(Invalid, "a resource has at most %d tags, this one would have %d", MaxTags, len(t))
	}
	for k := range t {
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return Errorf(Invalid, "tag key %q: the prefix aws: is reserved", k)
		}
	}
	return nil
}

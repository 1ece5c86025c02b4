package event

import (
	"slices"
	"strings"

	"openivs/internal/ivs"
)

// A Filter says which events somebody wants. The zero Filter wants all.
type Filter struct {
	Types    []ivs.EventType // none: all
	Channels []string        // ARNs, or the ids at their end; none: all
}

// Wants reports whether an event is wanted.
func (f Filter) Wants(typ ivs.EventType, channel string) bool {
	return (len(f.Types) == 0 || slices.Contains(f.Types, typ)) &&
		(len(f.Channels) == 0 || slices.Contains(f.Channels, channel) || slices.Contains(f.Channels, channelID(channel)))
}

func channelID(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// TypeNamed returns the type of a short name, such as stream-state, or of its
// own name.
func TypeNamed(name string) (ivs.EventType, bool) {
	for _, t := range Types() {
		if name == string(t) || name == ShortName(t) {
			return t, true
		}
	}
	return "", false
}

// Types returns all types of events.
func Types() []ivs.EventType {
	return []ivs.EventType{ivs.StreamStateChange, ivs.StreamHealthChange, ivs.LimitBreach, ivs.RecordingStateChange, ivs.AdBreakStateChange}
}

// ShortName names a type without spaces: "IVS Stream State Change" is stream-state.
func ShortName(t ivs.EventType) string {
	s := strings.TrimSuffix(strings.TrimPrefix(string(t), "IVS "), " Change")
	return strings.ToLower(strings.ReplaceAll(s, " ", "-"))
}
